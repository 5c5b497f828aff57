//! The parts of messages of errors that are more than a number.

use std::fmt;

use super::refusal::Refusal;
use crate::Plain;

/// The most parameters of an error that are kept. No code has so many.
pub(super) const MOST_PARAMS: usize = 64;

/// The parameters of a code, unless one of them lets others in.
pub(super) struct Params<'a>(pub(super) &'a Refusal, pub(super) &'a [String]);

impl fmt::Display for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(kind, params) = self;
        if **kind == Refusal::SessionInvalid {
            return Ok(());
        }
        const SHOWN: usize = 8;
        let mut before = " (";
        for param in params.iter().take(SHOWN).filter(|param| !param.is_empty()) {
            write!(f, "{before}{}", Plain::new(param))?;
            before = ", ";
        }
        if params.len() > SHOWN {
            let or = if params.len() == MOST_PARAMS { " or" } else { "" };
            write!(f, "{before}and {}{or} more", params.len() - SHOWN)?;
            before = ", ";
        }
        if before == ", " { f.write_str(")") } else { Ok(()) }
    }
}

pub(super) struct Via<'a>(pub(super) &'a Option<String>);

impl fmt::Display for Via<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(member) => write!(f, " (the pool's master, as {} says)", Plain::new(member)),
            None => Ok(()),
        }
    }
}

/// A task that may still be running.
pub(super) struct Left<'a>(pub(super) &'a Option<String>);

impl fmt::Display for Left<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(task) => write!(f, ", and its task {} could not be destroyed", Plain::new(task)),
            None => Ok(()),
        }
    }
}

pub(super) struct Received(pub(super) u64, pub(super) Option<u64>);

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(0, None) => f.write_str("before the answer"),
            Self(received, None) => write!(f, "after {received} bytes of the answer"),
            Self(received, Some(expected)) => write!(f, "after {received} of {expected} bytes of the answer"),
        }
    }
}

pub(super) struct At(pub(super) Option<u64>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |offset| write!(f, " at offset {offset} of the answer"))
    }
}

/// An error and what it came from.
pub(super) struct Chain<'a>(pub(super) &'a (dyn std::error::Error + Send + Sync));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        let mut source = self.0.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        write!(f, "{}", Plain::new(&text))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Error, Refusal};
    use crate::Fingerprint;

    #[test]
    fn no_text_of_the_other_side_is_obeyed_by_a_terminal() {
        let evil = || "\u{1b}[2Jall is well\r\n".to_owned();
        let (address, limit) = (|| "pool".to_owned(), Duration::from_secs(1));
        let found = Fingerprint::of(b"");
        let refused = || Error::Refused { kind: Refusal::Other, code: evil(), params: vec![evil()] };
        for error in [
            refused(),
            Error::Certificate { address: address(), found, reason: evil() },
            Error::NoMaster { hosts: vec![address(), evil()] },
            Error::Away { address: address(), task: evil(), limit, source: Box::new(refused()) },
            Error::TimeLimit { limit, task: Some(evil()) },
            Error::Stopped { task: Some(evil()) },
        ] {
            let text = error.to_string();
            assert!(text.contains("all is well") && !text.contains(char::is_control), "{text:?}");
        }
    }
}
