//! Whether the host is the one that it says it is.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::rustls;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::Error;
use crate::Fingerprint;

/// Which certificates are trusted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Trust {
    /// Those that lead to an authority that this system trusts, and name the host.
    System,
    /// Those that lead to a certificate in this PEM file, and name the host.
    Authorities(PathBuf),
    /// Only the one with this fingerprint. Neither its dates nor the names in it are looked at: a host makes its own
    /// certificate, and no authority stands behind that.
    Fingerprint(Fingerprint),
    /// Every one. Whoever is on the way can read and change everything, the password included.
    Insecure,
}

/// Trust, made ready to be asked.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    rule: Rule,
    /// The last certificate that was presented, for messages.
    seen: Mutex<Option<Fingerprint>>,
}

#[derive(Debug)]
enum Rule {
    Chain(Arc<WebPkiServerVerifier>),
    Pin(Fingerprint),
    Any,
}

impl Verifier {
    pub(super) fn new(trust: &Trust, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let chain = |roots: RootCertStore, whence: String| {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map(Rule::Chain)
                .map_err(|error| Error::Trust { reason: format!("{whence}: {error}") })
        };
        let rule = match trust {
            Trust::System => chain(system_roots()?, "the certificates that this system trusts".to_owned())?,
            Trust::Authorities(path) => chain(file_roots(path)?, path.display().to_string())?,
            Trust::Fingerprint(pinned) => Rule::Pin(*pinned),
            Trust::Insecure => Rule::Any,
        };
        Ok(Self { provider, rule, seen: Mutex::new(None) })
    }

    /// Why a handshake failed, if it did because of the certificate.
    pub(super) fn explain(&self, error: &rustls::Error, address: &str, via: Option<&str>) -> Option<Error> {
        let found = (*self.seen.lock().unwrap_or_else(PoisonError::into_inner))?;
        let address = address.to_owned();
        match (error, &self.rule) {
            (
                rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure),
                Rule::Pin(pinned),
            ) => Some(Error::Pin { address, via: via.map(str::to_owned), found, pinned: *pinned }),
            (rustls::Error::InvalidCertificate(reason), _) => {
                Some(Error::Certificate { address, found, reason: reason.to_string() })
            }
            _ => None,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = Fingerprint::of(end_entity);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        match &self.rule {
            Rule::Chain(chain) => chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            Rule::Pin(pinned) if found != *pinned => Err(CertificateError::ApplicationVerificationFailure.into()),
            Rule::Pin(_) | Rule::Any => Ok(ServerCertVerified::assertion()),
        }
    }

    // The certificate is public. Only the signature shows that the other side has the key that belongs to it.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn system_roots() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry some certificates that cannot be read. They vouch for nobody.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added > 0 {
        return Ok(roots);
    }
    let because = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
    Err(Error::Trust { reason: format!("this system has no certificates of authorities{because}") })
}

fn file_roots(path: &Path) -> Result<RootCertStore, Error> {
    let wrong = |what: String| Error::Trust { reason: format!("{}: {what}", path.display()) };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(&pem).enumerate() {
        let nth = index + 1;
        let certificate = certificate.map_err(|error| wrong(format!("certificate {nth} cannot be read: {error}")))?;
        roots.add(certificate).map_err(|error| wrong(format!("certificate {nth} is of no use: {error}")))?;
    }
    if roots.is_empty() { Err(wrong("there is no certificate in it".to_owned())) } else { Ok(roots) }
}
