//! The fingerprint by which a certificate is known.

use std::fmt;
use std::str::FromStr;

use tokio_rustls::rustls::SupportedCipherSuite;
use tokio_rustls::rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

/// The SHA-256 fingerprint of a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER form.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        // The SHA-256 that TLS itself uses here; another implementation would be one more dependency.
        let sha256 = match TLS13_AES_128_GCM_SHA256 {
            SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
            SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
        };
        let mut bytes = [0; 32];
        bytes.copy_from_slice(sha256.hash(der).as_ref());
        Self(bytes)
    }
}

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no SHA-256 fingerprint: {reason}; it has the 64 hexadecimal digits that openssl x509 -fingerprint -sha256 prints"
)]
pub struct FingerprintError {
    reason: &'static str,
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// 64 hexadecimal digits in upper or lower case, with or without a colon between each two, also with what openssl
    /// prints before them.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let wrong = |reason| FingerprintError { reason };
        let text = text.trim();
        let digits = ["sha256:", "sha256 fingerprint="]
            .into_iter()
            .find_map(|prefix| {
                text.split_at_checked(prefix.len()).filter(|(start, _)| start.eq_ignore_ascii_case(prefix))
            })
            .map_or(text, |(_, rest)| rest.trim());
        let mut pairs = Vec::with_capacity(32);
        if digits.contains(':') {
            pairs.extend(digits.split(':').map(str::as_bytes));
        } else {
            pairs.extend(digits.as_bytes().chunks(2));
        }
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return Err(wrong("it needs 32 bytes"));
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let [high, low] = *pair else { return Err(wrong("each byte needs two digits")) };
            let digit = |char: u8| char::from(char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let (Some(high), Some(low)) = (digit(high), digit(low)) else {
                return Err(wrong("a digit is not hexadecimal"));
            };
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of no bytes at all, as `sha256sum </dev/null` prints it.
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn every_usual_form_is_read() {
        let empty = Fingerprint::of(b"");
        let colons = empty.to_string();
        assert!(colons.starts_with("E3:B0:C4:42:") && colons.len() == 95, "{colons}");
        for text in [
            EMPTY.to_owned(),
            EMPTY.to_uppercase(),
            format!("SHA256:{EMPTY}"),
            format!("sha256:{colons}"),
            format!("SHA256 Fingerprint={colons}\n"),
            format!("sha256 Fingerprint={colons}"),
            colons.to_lowercase(),
        ] {
            assert_eq!(text.parse::<Fingerprint>().ok(), Some(empty), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let colons = Fingerprint::of(b"").to_string();
        for text in [
            "",
            "sha256:",
            &EMPTY[1..],
            &format!("{EMPTY}0"),
            &format!("{EMPTY}00"),
            &EMPTY.replace('e', "g"),
            &colons.replacen("E3", "+3", 1),
            &colons.replacen("E3:B0", "E3B0", 1),
            &colons.replacen(':', "", 1),
            &format!("{colons}:"),
            &format!("sha1:{EMPTY}"),
            "ééééééééééééééééééééééééééééééé",
        ] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }
}
