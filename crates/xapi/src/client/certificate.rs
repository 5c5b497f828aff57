//! The names, the dates and the key in a host's certificate.
//!
//! Certificates that are trusted by name need not be such as an authority may sign: hosts have made theirs in many ways.
//! So this reads more than the checker of chains does, X.509 version 1 above all. That a certificate can be read does not mean that it is trusted.

use std::net::IpAddr;

use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;

pub(super) struct HostCertificate<'a>(X509Certificate<'a>);

/// The public key of a certificate.
pub(super) struct HostKey<'a> {
    /// With its algorithm: the `SubjectPublicKeyInfo`.
    pub(super) info: &'a [u8],
    /// By itself.
    pub(super) key: &'a [u8],
    /// How many bits it has, if it is an RSA key.
    pub(super) rsa_bits: Option<usize>,
}

impl<'a> HostCertificate<'a> {
    pub(super) fn parse(der: &'a CertificateDer<'_>) -> Option<Self> {
        X509Certificate::from_der(der).ok().map(|(_, certificate)| Self(certificate))
    }

    pub(super) fn key(&self) -> HostKey<'_> {
        let info = self.0.public_key();
        let rsa_bits = match info.parsed() {
            Ok(PublicKey::RSA(key)) => Some(key.key_size()),
            _ => None,
        };
        HostKey { info: info.raw, key: &info.subject_public_key.data, rsa_bits }
    }

    /// Why it is not valid at that time, in words.
    pub(super) fn wrong_date(&self, now: UnixTime) -> Option<String> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let validity = self.0.validity();
        if now < validity.not_before.timestamp() {
            Some(format!("it is not valid before {}", validity.not_before))
        } else if now > validity.not_after.timestamp() {
            Some(format!("it expired on {}", validity.not_after))
        } else {
            None
        }
    }

    /// Why it is not one for that host, in words. As curl does it, the names are those among the alternative names; if
    /// there are none, as in X.509 version 1, it is the common name.
    pub(super) fn wrong_name(&self, host: &ServerName<'_>) -> Option<String> {
        let names = self.names();
        let host = host.to_str();
        if names.iter().any(|name| is_for(name, &host)) {
            return None;
        }
        Some(match &*names {
            [] => format!("it has no name in it, and so is not for {host}"),
            names => format!("it is for {}, not for {host}", names.join(", ")),
        })
    }

    fn names(&self) -> Vec<String> {
        let alternatives = match self.0.subject_alternative_name() {
            Ok(extension) => extension.map(|extension| &extension.value.general_names),
            Err(_) => return Vec::new(),
        };
        let names = alternatives.into_iter().flatten().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => ip(bytes).map(|ip| ip.to_string()),
            _ => None,
        });
        let names: Vec<_> = names.collect();
        if !names.is_empty() {
            return names;
        }
        let common = self.0.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        common.last().map(str::to_owned).into_iter().collect()
    }

    /// Whether it is of the first version of X.509.
    pub(super) fn is_version_1(&self) -> bool {
        self.0.version().0 == 0
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// Whether a name in a certificate is that of the host. A `*` stands for the first label of a name, and only for that.
fn is_for(name: &str, host: &str) -> bool {
    if let Ok(host) = host.parse::<IpAddr>() {
        return name.parse() == Ok(host);
    }
    let (name, host) = (name.trim_end_matches('.'), host.trim_end_matches('.'));
    let rest = name.strip_prefix("*.").filter(|rest| rest.contains('.'));
    match (rest, host.split_once('.')) {
        (Some(rest), Some((first, host_rest))) => !first.is_empty() && rest.eq_ignore_ascii_case(host_rest),
        _ => name.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_clock_is_so_wrong_that_dates_do_not_count() {
        let made = rcgen::generate_simple_self_signed(["pool.example".to_owned()]).expect("possible");
        let certificate = HostCertificate::parse(made.cert.der()).expect("a certificate");
        let wrong = |seconds| certificate.wrong_date(UnixTime::since_unix_epoch(Duration::from_secs(seconds)));
        assert!(wrong(0).is_some_and(|reason| reason.contains("not valid before")));
        assert_eq!(wrong(1_800_000_000), None);
        for late in [1 << 40, 1 << 62, u64::MAX] {
            assert!(wrong(late).is_some_and(|reason| reason.contains("expired")), "{late}");
        }
    }

    #[test]
    fn names_are_compared_as_curl_does() {
        for (name, host, same) in [
            ("pool.example", "pool.example", true),
            ("POOL.example", "pool.Example.", true),
            ("*.example.org", "pool.example.org", true),
            ("*.example.org", "a.pool.example.org", false),
            ("*.example.org", "example.org", false),
            ("*.org", "example.org", false),
            ("*", "pool", false),
            ("p*.example.org", "pool.example.org", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.10", "192.0.2.1", false),
            ("*.0.2.1", "192.0.2.1", false),
            ("2001:db8::1", "2001:db8:0::1", true),
            ("pool.example.evil", "pool.example", false),
        ] {
            assert_eq!(is_for(name, host), same, "{name} {host}");
        }
    }
}
