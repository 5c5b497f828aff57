//! The verdict of the oracle on an input, and how the library's errors compare with it.

use std::fmt;

use changed_blocks::Error;

/// An error: its kind, and all that it says of place and size.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// As [`Error::kind`] names it.
    pub(crate) kind: &'static str,
    pub(crate) offset: Option<u64>,
    pub(crate) byte: Option<u8>,
    /// The figure that was found and the one that was expected; for a block beyond the end, the block and the number of
    /// blocks.
    pub(crate) figures: Option<(u64, u64)>,
}

impl Verdict {
    pub(crate) const fn kind(kind: &'static str) -> Self {
        Self { kind, offset: None, byte: None, figures: None }
    }

    pub(crate) const fn at(kind: &'static str, offset: u64) -> Self {
        Self { offset: Some(offset), ..Self::kind(kind) }
    }

    pub(crate) const fn byte(kind: &'static str, offset: u64, byte: u8) -> Self {
        Self { byte: Some(byte), ..Self::at(kind, offset) }
    }

    pub(crate) const fn figures(self, found: u64, expected: u64) -> Self {
        Self { figures: Some((found, expected)), ..self }
    }

    /// The verdict of an error of the library. Each variant is taken apart by name, so that a field that changes its
    /// meaning does not go unnoticed.
    pub(crate) fn of(error: &Error) -> Self {
        let kind = error.kind();
        match *error {
            Error::InvalidSymbol { offset, byte }
            | Error::TrailingBits { offset, byte }
            | Error::InvalidBit { offset, byte } => Self::byte(kind, offset, byte),
            Error::MisplacedPadding { offset }
            | Error::IncompleteGroup { offset }
            | Error::Inconsistent { offset }
            | Error::ConsistentFlag { offset, .. }
            | Error::HeaderVirtualSize { offset }
            | Error::Read { offset, .. } => Self::at(kind, offset),
            Error::MissingPadding { offset, expected, found } => {
                Self::at(kind, offset).figures(u64::from(found), u64::from(expected))
            }
            Error::Shrunk { offset, expected } => Self::at(kind, offset).figures(offset, expected),
            Error::Empty | Error::NotABitmap { .. } => Self::kind(kind),
            Error::TooShort { found, expected, .. }
            | Error::TooLong { found, expected, .. }
            | Error::HeaderTooShort { found, expected }
            | Error::VirtualSizeMismatch { found, expected }
            | Error::BlockSizeMismatch { found, expected } => Self::kind(kind).figures(found, expected),
            Error::BlockBeyondEnd { block, blocks } => Self::kind(kind).figures(block, blocks),
            Error::LengthMismatch { left, right } => Self::kind(kind).figures(left, right),
            Error::BlockSize { bytes } | Error::VirtualSize { bytes } => Self::kind(kind).figures(bytes, bytes),
            ref other => panic!("no bitmap leads to this error: {other}"),
        }
    }
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)?;
        if let Some(offset) = self.offset {
            write!(f, " at {offset}")?;
        }
        if let Some(byte) = self.byte {
            write!(f, " byte 0x{byte:02x}")?;
        }
        if let Some((found, expected)) = self.figures {
            write!(f, " ({found} of {expected})")?;
        }
        Ok(())
    }
}
