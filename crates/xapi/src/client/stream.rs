//! The stream of bytes to a host: TCP, and TLS on it.
//!
//! There is no stream of TLS before the host has shown that it is one that is trusted.

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::TLS12;
use tokio_rustls::rustls::{self, AlertDescription, ClientConfig, PeerIncompatible};

use super::error::Error;
use super::handshake::Handshake;
use super::options::Address;
use super::trust::{Trust, Verifier};

/// How TLS is begun.
#[derive(Clone)]
pub(super) struct Tls {
    usual: TlsConnector,
    /// For hosts with weak keys that are trusted by name.
    weak: TlsConnector,
}

impl Tls {
    pub(super) fn new(trust: &Trust) -> Result<Self, Error> {
        // Named here, so that it does not matter what the process has chosen as its default.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(trust, Arc::clone(&provider))?;
        let connector = |verifier, versions| {
            let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_protocol_versions(versions)
                .map_err(|error| Error::Trust { reason: error.to_string() })?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth();
            Ok(TlsConnector::from(Arc::new(config)))
        };
        Ok(Self {
            weak: connector(verifier.for_weak_keys(), &[&TLS12])?,
            usual: connector(verifier, rustls::DEFAULT_VERSIONS)?,
        })
    }

    /// A stream to a host that has proven who it is. `via` is who named it, if it was not asked for itself.
    pub(super) async fn connect(&self, address: &Address, via: Option<&str>) -> Result<TlsStream<TcpStream>, Error> {
        let name = ServerName::try_from(address.host.clone())
            .map_err(|_| Error::Url { reason: "the host is no name that a certificate could have" })?;
        let first = match self.usual.connect(name.clone(), tcp(address).await?).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        if !cause(&first).is_some_and(Verifier::is_worth_another_try) {
            return Err(explain(first, address, via));
        }
        let again = self.weak.connect(name, tcp(address).await?).await;
        // A host without TLS 1.2 does not come to terms then. What is wrong with it is its weak key.
        again.map_err(|second| explain(if is_no_agreement(&second) { first } else { second }, address, via))
    }
}

/// A stream that nobody has proven anything on.
pub(super) async fn tcp(address: &Address) -> Result<TcpStream, Error> {
    let failed = |source| Error::Connect { address: address.to_string(), source };
    let tcp = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(failed)?;
    // A request is one small packet, and the answer waits for it.
    tcp.set_nodelay(true).map_err(failed)?;
    Ok(tcp)
}

/// The error of the TLS library, if the handshake failed by it.
fn cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Whether the two sides found no way of TLS in common, as opposed to one of them being turned away or broken off.
fn is_no_agreement(error: &io::Error) -> bool {
    cause(error).is_some_and(|cause| !matches!(cause, rustls::Error::InvalidCertificate(_)))
}

/// The error for a handshake that failed.
fn explain(error: io::Error, address: &Address, via: Option<&str>) -> Error {
    let shown = address.to_string();
    let Some(tls) = cause(&error) else {
        // The TLS library reports in its own words that the connection was closed.
        let source = match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), "it closed the connection before TLS was begun")
            }
            _ => error,
        };
        return Error::Connect { address: shown, source };
    };
    if let Some(refused) = Verifier::explain(tls, &shown, via) {
        return refused;
    }
    let cause = match tls {
        rustls::Error::InvalidMessage(_) => Handshake::NotTls { is_local: address.is_loopback() },
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => Handshake::OldVersion,
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity)
        | rustls::Error::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon
            | PeerIncompatible::NoKxGroupsInCommon
            | PeerIncompatible::NoSignatureSchemesInCommon,
        ) => Handshake::NoCommonCipher,
        rustls::Error::AlertReceived(alert) => {
            Handshake::Other(format!("it ended the TLS handshake with alert {}", u8::from(*alert)))
        }
        _ => Handshake::Other("its TLS handshake does not follow the protocol".to_owned()),
    };
    Error::Handshake { address: shown, cause }
}
