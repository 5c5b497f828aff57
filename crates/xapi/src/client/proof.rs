//! The proof that a host has the key to the certificate that it presents, where that certificate is trusted by name.
//!
//! The certificate is public; without the proof, anyone could present it. So the signature under the handshake is always
//! checked. Only two things that the usual check asks for are left out: that the certificate can be parsed as X.509
//! version 3, and that an RSA key has at least 2048 bits.

use ring::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RsaParameters,
    UnparsedPublicKey,
};
use tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms;
use tokio_rustls::rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use tokio_rustls::rustls::{DigitallySignedStruct, SignatureScheme};
use webpki::RawPublicKeyEntity;

use super::certificate::HostCertificate;

/// From how many bits on an RSA key passes the usual check.
pub(super) const USUAL_RSA_BITS: usize = 2048;

/// The schemes in which a weaker RSA key can be checked, all of them of TLS 1.2. The library has no others.
pub(super) const WEAK_SCHEMES: [SignatureScheme; 2] =
    [SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PKCS1_SHA512];

/// Why there is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoProof {
    /// The certificate cannot be read.
    Unreadable,
    /// The key has too few bits to be checked in this scheme.
    WeakKey { bits: usize },
    /// The signature is not that of the key.
    Wrong,
}

/// Checks the signature under a handshake.
pub(super) fn check(
    certificate: &CertificateDer<'_>,
    message: &[u8],
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
    is_tls13: bool,
) -> Result<(), NoProof> {
    let certificate = HostCertificate::parse(certificate).ok_or(NoProof::Unreadable)?;
    let key = certificate.key();
    if let Some(bits) = key.rsa_bits.filter(|&bits| bits < USUAL_RSA_BITS) {
        let parameters = weak(signed.scheme).filter(|_| !is_tls13 && bits >= 1024).ok_or(NoProof::WeakKey { bits })?;
        let key = UnparsedPublicKey::new(parameters, key.key);
        return key.verify(message, signed.signature()).map_err(|_| NoProof::Wrong);
    }
    let of_scheme = algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme);
    let (_, algorithms) = of_scheme.ok_or(NoProof::Wrong)?;
    // As the usual check does it: TLS 1.3 knows no PKCS #1, and ties each curve to one hash.
    if is_tls13 && is_pkcs1(signed.scheme) {
        return Err(NoProof::Wrong);
    }
    let tried = if is_tls13 { 1 } else { algorithms.len() };
    let info = SubjectPublicKeyInfoDer::from(key.info);
    let entity = RawPublicKeyEntity::try_from(&info).map_err(|_| NoProof::Unreadable)?;
    let mut tried = algorithms.iter().take(tried);
    let proven = tried.any(|algorithm| entity.verify_signature(*algorithm, message, signed.signature()).is_ok());
    if proven { Ok(()) } else { Err(NoProof::Wrong) }
}

fn weak(scheme: SignatureScheme) -> Option<&'static RsaParameters> {
    match scheme {
        SignatureScheme::RSA_PKCS1_SHA256 => Some(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        SignatureScheme::RSA_PKCS1_SHA512 => Some(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        _ => None,
    }
}

fn is_pkcs1(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA256 | SignatureScheme::RSA_PKCS1_SHA384 | SignatureScheme::RSA_PKCS1_SHA512
    )
}
