//! Failures of calls, as JavaScript is told of them.

use std::borrow::Cow;

use changed_blocks::{Consequence, Error};

/// An error of the library, or of a call that does not make sense.
#[derive(Debug)]
pub struct Failure {
    kind: &'static str,
    consequence: Consequence,
    /// Where in the input, in bytes from its start.
    offset: Option<u64>,
    hint: Option<Cow<'static, str>>,
    message: String,
}

impl Failure {
    /// An argument that makes no sense.
    pub(crate) fn argument(message: impl Into<String>) -> Self {
        Self::of_kind("invalid-argument", Consequence::WrongUsage, message.into())
    }

    /// A number that JavaScript's numbers do not hold.
    pub(crate) fn unsafe_integer(end: u64) -> Self {
        let message = format!("a range ends at {end} bytes, beyond the numbers that a Float64Array holds");
        let hint = Some(Cow::Borrowed("ask for a BigUint64Array: bigint: true"));
        Self { hint, ..Self::of_kind("unsafe-integer", Consequence::WrongUsage, message) }
    }

    /// Work that was stopped before it began.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn stopped() -> Self {
        Self::of_kind("stopped", Consequence::Retry, "the work was stopped".to_owned())
    }

    /// A fault of this program.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        let hint = Some(Cow::Borrowed("this is a fault of changed-blocks; please report it, and take a full backup"));
        Self { hint, ..Self::of_kind("internal", Consequence::FullBackup, message.into()) }
    }

    /// A refusal of the system.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) const fn of_system(consequence: Consequence, message: String) -> Self {
        Self::of_kind("system", consequence, message)
    }

    pub(crate) fn out_of_memory(bytes: usize) -> Self {
        Error::OutOfMemory { bytes: bytes as u64 }.into()
    }

    const fn of_kind(kind: &'static str, consequence: Consequence, message: String) -> Self {
        Self { kind, consequence, offset: None, hint: None, message }
    }

    /// Kind, consequence, offset, hint and message, a line each; those that are not there are empty.
    pub(crate) fn to_lines(&self) -> String {
        let offset = self.offset.map(|offset| offset.to_string()).unwrap_or_default();
        let hint = self.hint.as_deref().unwrap_or_default();
        format!("{}\n{}\n{offset}\n{hint}\n{}", self.kind, self.consequence, self.message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            kind: error.kind(),
            consequence: error.consequence(),
            offset: error.offset(),
            hint: error.hint(),
            message: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_library_keeps_all_that_it_says() {
        let lines = Failure::from(Error::InvalidSymbol { offset: 7, byte: b'-' }).to_lines();
        let [kind, consequence, offset, hint, message] = lines.lines().collect::<Vec<_>>()[..] else {
            panic!("{lines}")
        };
        assert_eq!((kind, consequence, offset), ("invalid-symbol", "full-backup", "7"));
        assert!(hint.contains("URL-safe"));
        assert_eq!(message, "'-' (0x2d) at offset 7 is not base64");
    }

    #[test]
    fn what_an_error_does_not_have_is_an_empty_line() {
        assert_eq!(Failure::argument("no").to_lines(), "invalid-argument\nwrong-usage\n\n\nno");
    }
}
