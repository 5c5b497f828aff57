//! The place of each error in the input, where it has one.

use super::{Error, Place};

impl Error {
    /// The place of the fault, in bytes from the start of the input, where it has one.
    ///
    /// ```
    /// use changed_blocks::{Encoding, Scanner};
    /// let error = Scanner::new(Encoding::Base64).extents("YAAA#A==").expect_err("damaged");
    /// assert_eq!((error.kind(), error.offset()), ("invalid-symbol", Some(4)));
    /// ```
    #[must_use]
    pub const fn offset(&self) -> Option<u64> {
        match *self {
            Self::InvalidSymbol { offset, .. }
            | Self::MisplacedPadding { offset }
            | Self::MissingPadding { offset, .. }
            | Self::IncompleteGroup { offset }
            | Self::TrailingBits { offset, .. }
            | Self::InvalidBit { offset, .. }
            | Self::HeaderVirtualSize { offset }
            | Self::ConsistentFlag { offset, .. }
            | Self::Inconsistent { offset }
            | Self::Shrunk { offset, .. }
            | Self::Read { offset, .. } => Some(offset),
            Self::List { place, .. } => Some(place.offset()),
            _ => None,
        }
    }
}

impl Place {
    /// The place in bytes from the start of the input: of a line or an entry, its first byte.
    #[must_use]
    pub const fn offset(self) -> u64 {
        match self {
            Self::Line { offset, .. }
            | Self::Entry { offset, .. }
            | Self::Byte { offset }
            | Self::Image { offset }
            | Self::End { offset } => offset,
        }
    }
}
