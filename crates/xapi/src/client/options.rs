//! Which pool, who asks, and how patiently.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::error::Error;
use super::trust::Trust;
use crate::Secret;

/// Which pool is asked, by whom, and how long is waited for it.
#[derive(Debug)]
pub struct Options {
    pub(super) address: Address,
    pub(super) user: String,
    pub(super) password: Secret,
    pub(super) trust: Trust,
    pub(super) originator: String,
    pub(super) connect_timeout: Duration,
    pub(super) answer_timeout: Duration,
    pub(super) busy_limit: Duration,
    pub(super) away_limit: Duration,
    pub(super) time_limit: Option<Duration>,
    pub(super) answer_limit: u64,
    pub(super) text_limit: u64,
}

impl Options {
    /// The pool at `https://HOST` or `https://HOST:PORT`, asked by a user with that password.
    ///
    /// A host without a scheme is reached by `https://`. An IPv6 address is in brackets. `http://` is for this machine
    /// only, unless [`Trust::Insecure`] is set: everyone on the way would see the password.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] if there is anything else in the address.
    pub fn new(url: &str, user: &str, password: Secret) -> Result<Self, Error> {
        Ok(Self {
            address: Address::parse(url)?,
            user: user.to_owned(),
            password,
            trust: Trust::System,
            originator: "changed-blocks".to_owned(),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(300),
            busy_limit: Duration::from_secs(120),
            away_limit: Duration::from_secs(120),
            time_limit: None,
            answer_limit: 1 << 28,
            text_limit: 1 << 20,
        })
    }

    /// Which certificates are trusted. [`Trust::System`] if it is not set.
    #[must_use]
    pub fn trust(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// The longest time that making a connection may take, TLS included: 10 s if it is not set.
    #[must_use]
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self }
    }

    /// The longest wait for the next bytes of an answer: 5 minutes if it is not set. A listing that is not a task
    /// sends nothing until it is complete.
    #[must_use]
    pub fn answer_timeout(self, answer_timeout: Duration) -> Self {
        Self { answer_timeout, ..self }
    }

    /// How long a call is repeated, in all, while the pool says that it is busy: 2 minutes if it is not set.
    #[must_use]
    pub fn busy_limit(self, busy_limit: Duration) -> Self {
        Self { busy_limit, ..self }
    }

    /// How long a pool that cannot be asked about a task that it runs is asked again: 2 minutes if it is not set.
    #[must_use]
    pub fn away_limit(self, away_limit: Duration) -> Self {
        Self { away_limit, ..self }
    }

    /// How long [`changed_blocks`](super::changed_blocks) may take, from the login to the size, before it gives up and
    /// destroys the task: without a limit if it is not set. Destroying the task and logging out are over 5 s later.
    #[must_use]
    pub fn time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit: Some(time_limit), ..self }
    }

    /// How many bytes an answer with a bitmap may have: 256 MiB if it is not set. That for the largest disk of XCP-ng has
    /// 45 MB.
    #[must_use]
    pub fn answer_limit(self, answer_limit: u64) -> Self {
        Self { answer_limit, ..self }
    }

    /// How many bytes there may be in an answer beside the bitmap, so in one without a bitmap: 1 MiB if it is not set. It
    /// is for [other calls](super::Client::call) whose answers are long.
    #[must_use]
    pub fn text_limit(self, text_limit: u64) -> Self {
        Self { text_limit, ..self }
    }

    /// By what name the pool lists the session: `changed-blocks` if it is not set.
    #[must_use]
    pub fn originator(self, originator: &str) -> Self {
        Self { originator: originator.to_owned(), ..self }
    }
}

/// Where a host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) tls: bool,
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    fn parse(url: &str) -> Result<Self, Error> {
        let wrong = |reason| Error::Url { reason };
        let (scheme, rest) = url.trim().split_once("://").unwrap_or(("https", url.trim()));
        let (tls, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return Err(wrong("only https:// and http:// are known")),
        };
        if rest.contains('@') {
            return Err(wrong("a user name or password in it is not taken; pass them apart from it"));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(wrong("there is something after the host and the port"));
        }
        let (host, port) = if let Some(rest) = rest.strip_prefix('[') {
            let (host, port) = rest.split_once(']').ok_or(wrong("a bracket is not closed"))?;
            host.parse::<Ipv6Addr>().map_err(|_| wrong("what is in brackets is no IPv6 address"))?;
            match port.strip_prefix(':') {
                None if !port.is_empty() => return Err(wrong("there is something after the bracket")),
                port => (host, port),
            }
        } else {
            match rest.split_once(':') {
                Some((_, port)) if port.contains(':') => return Err(wrong("an IPv6 address has to be in brackets")),
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        let port = match port {
            None => default_port,
            // `u16` would take a plus sign too.
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                port.parse().ok().filter(|&port| port != 0).ok_or(wrong("the port is not 1 to 65535"))?
            }
            Some(_) => return Err(wrong("the port is no number")),
        };
        if !is_host(host) {
            return Err(wrong("the host is neither a name nor an IP address"));
        }
        Ok(Self { tls, host: host.to_owned(), port })
    }

    /// Another host, reached in the same way.
    pub(super) fn at(&self, host: &str) -> Option<Self> {
        is_host(host).then(|| Self { host: host.to_owned(), ..self.clone() })
    }

    /// Whether it is this machine, so that nobody else sees what is sent.
    pub(super) fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost") || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

/// As it stands in the `Host` field.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(f, "[{host}]")?;
        } else {
            f.write_str(host)?;
        }
        if *port == if self.tls { 443 } else { 80 } { Ok(()) } else { write!(f, ":{port}") }
    }
}

/// Whether it is a name or an IP address, and nothing that changes its meaning in a header.
fn is_host(text: &str) -> bool {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| matches!(label.len(), 1..=63) && label.bytes().all(name);
    let full = text.strip_suffix('.').unwrap_or(text);
    text.parse::<IpAddr>().is_ok() || (full.len() <= 253 && full.split('.').all(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (url, tls, host, port, shown) in [
            ("https://pool.example", true, "pool.example", 443, "pool.example"),
            ("pool.example", true, "pool.example", 443, "pool.example"),
            ("pool", true, "pool", 443, "pool"),
            (" HTTPS://pool.example/ ", true, "pool.example", 443, "pool.example"),
            ("https://192.0.2.7:8443/", true, "192.0.2.7", 8443, "192.0.2.7:8443"),
            ("https://[2001:db8::7]:444", true, "2001:db8::7", 444, "[2001:db8::7]:444"),
            ("[::1]", true, "::1", 443, "[::1]"),
            ("http://localhost:8080", false, "localhost", 8080, "localhost:8080"),
            ("http://127.0.0.1", false, "127.0.0.1", 80, "127.0.0.1"),
        ] {
            let address = Address::parse(url).expect(url);
            assert_eq!((address.tls, address.host.as_str(), address.port), (tls, host, port), "{url}");
            assert_eq!(address.to_string(), shown, "{url}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_does_not_repeat_it() {
        for url in [
            "",
            "https://",
            "ftp://pool",
            "https://root:sesame@pool",
            "root:sesame@pool",
            "https://root:ses/ame@pool",
            "https://pool?password=sesame",
            "https://pool/jsonrpc",
            "https://pool//",
            "https://pool#sesame",
            "https://pool:",
            "https://pool:x",
            "https://pool:+1",
            "https://pool:0",
            "https://pool:65536",
            "2001:db8::7",
            "https://[pool]",
            "https://[::1",
            "https://[::1]8",
            "https://[fe80::1%eth0]",
            "https://po ol",
            "https://po\r\nol",
            "https://pöol",
            "https://.",
            "https://.pool",
            "https://pool..example",
            concat!("https://", "a234567890123456789012345678901234567890123456789012345678901234"),
        ] {
            let error = Address::parse(url).expect_err(url);
            assert_eq!((error.kind(), error.hint().is_some()), ("url", true));
            assert!(!format!("{error} {error:?}").contains("sesame"));
        }
    }
}
