//! Why TLS with a host does not come about, in words that say the cause.

use std::fmt;

/// Why a host that answers does not come to terms with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handshake {
    /// It answers in something else than TLS.
    NotTls {
        /// Whether it is this machine, where `http://` is good enough.
        is_local: bool,
    },
    /// It has only versions of TLS that are no longer safe.
    OldVersion,
    /// It has no cipher suite, or no kind of signature, in common with this client.
    NoCommonCipher,
    /// The key of its certificate cannot be checked.
    WeakKey {
        /// How many bits the RSA key has.
        bits: usize,
    },
    /// Its certificate cannot be read, so there is no key to check anything with.
    UnreadableCertificate,
    /// It has not shown that it has the key to its certificate.
    NoProof,
    /// Anything else.
    Other(String),
}

impl Handshake {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::NotTls { .. } => "not-tls",
            Self::OldVersion => "old-tls",
            Self::NoCommonCipher => "no-common-cipher",
            Self::WeakKey { .. } => "weak-key",
            Self::UnreadableCertificate => "unreadable-certificate",
            Self::NoProof => "no-proof",
            Self::Other(_) => "tls",
        }
    }

    pub(super) const fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotTls { is_local: true } => "a server on this machine that has no TLS is reached by http://",
            Self::NotTls { is_local: false } => "is it the right port? pools have TLS on port 443",
            Self::OldVersion | Self::NoCommonCipher => {
                "update the host; until then, go through SSH to the pool's master: ssh -N -L 8080:localhost:80 \
                 root@HOST, and ask http://localhost:8080"
            }
            Self::WeakKey { .. } | Self::UnreadableCertificate => {
                "give the host a new certificate, with an RSA key of 2048 bits or more, and trust that"
            }
            Self::NoProof => "someone else may be answering in its place: trust nothing here",
            Self::Other(_) => "is it a host of XenServer or XCP-ng, and what does its log say?",
        })
    }
}

impl fmt::Display for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls { .. } => f.write_str("it does not speak TLS"),
            Self::OldVersion => f.write_str("it has only TLS 1.1 or older, which is no longer safe"),
            Self::NoCommonCipher => f.write_str(
                "it has no cipher suite or signature in common with this client; hosts from before 2018 offer only RSA \
                 key exchange, which is no longer safe",
            ),
            Self::WeakKey { bits } => {
                write!(f, "the key of its certificate is too weak to be checked: RSA of {bits} bits")
            }
            Self::UnreadableCertificate => f.write_str("its certificate cannot be read as an X.509 certificate"),
            Self::NoProof => f.write_str("it has not shown that it has the key to its certificate"),
            Self::Other(cause) => f.write_str(cause),
        }
    }
}
