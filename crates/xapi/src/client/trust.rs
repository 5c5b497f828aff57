//! Whether the host is the one that it says it is.
//!
//! A certificate is trusted by its chain, as an authority vouches for it, or by name: it is the pinned one, it stands
//! itself in the file of authorities, or the user wants no check. Trust by name does not depend on what stands in the
//! certificate, except for dates and names where it comes from a file. In each case the host has to prove that it has
//! the key.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};

use super::certificate::HostCertificate;
use super::error::Error;
use super::handshake::Handshake;
use super::proof::{self, NoProof};
use crate::{Fingerprint, Plain, pem};

/// Which certificates are trusted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Trust {
    /// Those that lead to an authority that this system trusts, and name the host.
    System,
    /// Those that lead to a certificate in this PEM file, or are in it, and name the host.
    ///
    /// A host's own certificate in the file is trusted for what it is: only its dates and its names are looked at, the
    /// common name if it has no others. So it may be of X.509 version 1, or an authority's.
    Authorities(PathBuf),
    /// Only the one with this fingerprint. Nothing that stands in it is looked at, neither dates nor names: a host makes
    /// its own certificate, and no authority stands behind that.
    Fingerprint(Fingerprint),
    /// Every certificate. A program on the way can read and change everything, the password included.
    Insecure,
}

/// Trust, made ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    rule: Rule,
    /// Whether the host is asked to sign only in ways in which a weak key can be checked.
    weak: bool,
}

#[derive(Clone, Debug)]
enum Rule {
    Chain {
        /// Nothing, if no chain can lead to any of them.
        chain: Option<Arc<WebPkiServerVerifier>>,
        /// The certificates that are trusted, each also as a host's own.
        own: Arc<[CertificateDer<'static>]>,
    },
    Pin(Fingerprint),
    Any,
}

/// Why a host was turned away, on its way through the TLS library.
#[derive(Debug)]
enum Refused {
    Certificate { found: Fingerprint, reason: String },
    Pin { found: Fingerprint, pinned: Fingerprint },
    NoProof(NoProof),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate of the host is not trusted")
    }
}

impl std::error::Error for Refused {}

impl From<Refused> for rustls::Error {
    fn from(refused: Refused) -> Self {
        CertificateError::Other(OtherError(Arc::new(refused))).into()
    }
}

/// Why the TLS library gave up, if that was decided here.
fn refused(error: &rustls::Error) -> Option<&Refused> {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(error))) => error.downcast_ref(),
        _ => None,
    }
}

impl Verifier {
    pub(super) fn new(trust: &Trust, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let chain = |(roots, own): Roots, whence: String| {
            let chain = (!roots.is_empty())
                .then(|| WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build());
            chain
                .transpose()
                .map(|chain| Rule::Chain { chain, own: own.into() })
                .map_err(|error| Error::Trust { reason: format!("{whence}: {error}") })
        };
        let rule = match trust {
            Trust::System => chain(system_roots()?, "the certificates that this system trusts".to_owned())?,
            Trust::Authorities(path) => chain(file_roots(path)?, shown(path))?,
            Trust::Fingerprint(pinned) => Rule::Pin(*pinned),
            Trust::Insecure => Rule::Any,
        };
        Ok(Self { provider, rule, weak: false })
    }

    /// A verifier for a second attempt with a host whose key is weak. Such a key can be checked in TLS 1.2 only.
    pub(super) fn for_weak_keys(&self) -> Self {
        Self { weak: true, ..self.clone() }
    }

    /// Whether a handshake failed only because the key is weak, and may succeed [in another way](Self::for_weak_keys).
    pub(super) fn is_worth_another_try(error: &rustls::Error) -> bool {
        matches!(refused(error), Some(Refused::NoProof(NoProof::WeakKey { bits: 1024.. })))
    }

    /// Why a handshake failed, if it did because of the certificate.
    pub(super) fn explain(error: &rustls::Error, address: &str, via: Option<&str>) -> Option<Error> {
        let address = address.to_owned();
        let handshake = |address, cause| Error::Handshake { address, cause };
        Some(match refused(error)? {
            Refused::Certificate { found, reason } => {
                Error::Certificate { address, found: *found, reason: reason.clone() }
            }
            Refused::Pin { found, pinned } => {
                Error::Pin { address, via: via.map(str::to_owned), found: *found, pinned: *pinned }
            }
            Refused::NoProof(NoProof::WeakKey { bits }) => handshake(address, Handshake::WeakKey { bits: *bits }),
            Refused::NoProof(NoProof::Unreadable) => handshake(address, Handshake::UnreadableCertificate),
            Refused::NoProof(NoProof::Wrong) => handshake(address, Handshake::NoProof),
        })
    }

    /// Whether a certificate is trusted for what it is.
    fn trusts_by_name(&self, certificate: &CertificateDer<'_>) -> bool {
        match &self.rule {
            Rule::Chain { own, .. } => own.iter().any(|own| **own == **certificate),
            Rule::Pin(_) | Rule::Any => true,
        }
    }

    fn verify_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
        is_tls13: bool,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        if self.trusts_by_name(certificate) {
            let proven = proof::check(certificate, message, signed, algorithms, is_tls13);
            return proven.map(|()| HandshakeSignatureValid::assertion()).map_err(|why| Refused::NoProof(why).into());
        }
        let verify = if is_tls13 { verify_tls13_signature } else { verify_tls12_signature };
        verify(message, certificate, signed, algorithms).map_err(|_| {
            let key_bits = HostCertificate::parse(certificate).and_then(|certificate| certificate.key().rsa_bits);
            match key_bits {
                Some(bits) if bits < proof::USUAL_RSA_BITS => {
                    let reason = format!("its key is too weak: RSA of {bits} bits");
                    Refused::Certificate { found: Fingerprint::of(certificate), reason }.into()
                }
                _ => Refused::NoProof(NoProof::Wrong).into(),
            }
        })
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
        let because = |reason: Option<String>| match reason {
            None => Ok(ServerCertVerified::assertion()),
            Some(reason) => Err(Refused::Certificate { found, reason }.into()),
        };
        match &self.rule {
            Rule::Pin(pinned) if found != *pinned => Err(Refused::Pin { found, pinned: *pinned }.into()),
            Rule::Pin(_) | Rule::Any => because(None),
            Rule::Chain { .. } if self.trusts_by_name(end_entity) => {
                because(match HostCertificate::parse(end_entity) {
                    Some(own) => own.wrong_date(now).or_else(|| own.wrong_name(server_name)),
                    None => Some(UNREADABLE.to_owned()),
                })
            }
            Rule::Chain { chain, .. } => {
                let verified = match chain {
                    Some(chain) => chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
                    None => Err(CertificateError::UnknownIssuer.into()),
                };
                verified.or_else(|error| because(Some(chain_reason(&error, end_entity, server_name, now))))
            }
        }
    }

    // The certificate is public. Only the signature shows that the other side has the key that belongs to it.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify_signature(message, certificate, signed, false)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verify_signature(message, certificate, signed, true)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        if self.weak {
            return proof::WEAK_SCHEMES.to_vec();
        }
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

const UNREADABLE: &str = "it cannot be read as an X.509 certificate";

/// Why no chain leads to a certificate, in words.
fn chain_reason(
    error: &rustls::Error,
    certificate: &CertificateDer<'_>,
    host: &ServerName<'_>,
    now: UnixTime,
) -> String {
    let parsed = HostCertificate::parse(certificate);
    let rustls::Error::InvalidCertificate(error) = error else { return error.to_string() };
    let inner = match error {
        CertificateError::Other(OtherError(error)) => error.downcast_ref(),
        _ => None,
    };
    let reason = match (error, inner) {
        (CertificateError::UnknownIssuer, _) => "no authority that is trusted here has signed it",
        (CertificateError::Expired | CertificateError::ExpiredContext { .. }, _)
        | (CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }, _) => {
            let date = parsed.and_then(|parsed| parsed.wrong_date(now));
            return date.unwrap_or_else(|| "an authority's certificate before it is out of date".to_owned());
        }
        (CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }, _) => {
            let name = parsed.and_then(|parsed| parsed.wrong_name(host));
            return name
                .unwrap_or_else(|| format!("{} is only its common name, which counts no longer", host.to_str()));
        }
        (CertificateError::BadSignature, _) => "it is not signed by the authority that it names",
        (
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
            _,
        ) => "it is signed in a way that is no longer safe, such as with SHA-1, or by a key that is too weak",
        (CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. }, _) => {
            "it is not for servers, as its extended key usage says"
        }
        (CertificateError::Revoked, _) => "it was revoked",
        (_, Some(webpki::Error::CaUsedAsEndEntity)) => {
            "it is that of an authority (CA:TRUE), and none that is trusted here"
        }
        (CertificateError::BadEncoding, _) | (_, Some(_)) => match parsed {
            Some(parsed) if parsed.is_version_1() => "it is of X.509 version 1, which no authority can vouch for",
            Some(_) => "something in it is not as X.509 has it today",
            None => UNREADABLE,
        },
        _ => "it does not pass the checks for a chain of certificates",
    };
    reason.to_owned()
}

/// The certificates that chains may lead to, and all certificates as they are.
type Roots = (RootCertStore, Vec<CertificateDer<'static>>);

fn system_roots() -> Result<Roots, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems carry some certificates that cannot be read. They vouch for nobody.
    roots.add_parsable_certificates(found.certs.iter().cloned());
    if !found.certs.is_empty() {
        return Ok((roots, found.certs));
    }
    let because = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
    Err(Error::Trust { reason: format!("this system has no certificates of authorities{because}") })
}

fn shown(path: &Path) -> String {
    Plain::new(&path.to_string_lossy()).to_string()
}

fn file_roots(path: &Path) -> Result<Roots, Error> {
    let wrong = |what: String| Error::Trust { reason: format!("{}: {what}", shown(path)) };
    let pem = pem::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    let mut own = Vec::new();
    for (index, certificate) in CertificateDer::pem_slice_iter(&pem).enumerate() {
        let nth = index + 1;
        let certificate = certificate
            .map_err(|_| wrong(format!("certificate {nth} is cut off, or is not base64 between its two lines")))?;
        // It may still be a host's own that no chain can lead to.
        if roots.add(certificate.clone()).is_err() && HostCertificate::parse(&certificate).is_none() {
            return Err(wrong(format!("certificate {nth} cannot be read as an X.509 certificate")));
        }
        own.push(certificate);
    }
    if own.is_empty() { Err(wrong("there is no certificate in it".to_owned())) } else { Ok((roots, own)) }
}
