//! The faults of a list of ranges, and their places.

use std::borrow::Cow;
use std::fmt;

/// The place of a fault in a list, by offsets in bytes from the start of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A line.
    Line {
        /// Its number, counted from 1.
        number: u64,
        /// Where it begins.
        offset: u64,
    },
    /// A range of a format without lines.
    Entry {
        /// Its number, counted from 1.
        number: u64,
        /// Where it begins.
        offset: u64,
    },
    /// A byte.
    Byte {
        /// Where it is.
        offset: u64,
    },
    /// A byte of a qcow2 image.
    Image {
        /// Where it is.
        offset: u64,
    },
    /// The end of the list.
    End {
        /// The length of the input.
        offset: u64,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { number, offset } => write!(f, "line {number} at offset {offset}"),
            Self::Entry { number, offset } => write!(f, "entry {number} at offset {offset}"),
            Self::Byte { offset } => write!(f, "the list at offset {offset}"),
            Self::Image { offset } => write!(f, "the image at offset {offset}"),
            Self::End { offset } => write!(f, "the list, which ends at offset {offset},"),
        }
    }
}

/// The fault of an entry of a list, or of the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListFault {
    /// It is not written as the format asks for. The text is a predicate: "is not …".
    Syntax(Cow<'static, str>),
    /// A length of 0.
    Empty,
    /// An offset, or the end of the range, is larger than the format can hold.
    TooLarge,
    /// It begins before the end of the entry before it, which is here, in bytes.
    Overlap(u64),
    /// It begins after the end of the entry before it, which is here, in bytes, and the format names every byte of the disk.
    Gap(u64),
    /// It ends after the end of the disk, which is here, in bytes.
    BeyondEnd(u64),
    /// It ends before its format does: it may have been cut short.
    CutShort,
    /// It is for a disk of another size than the one asked for.
    OtherSize {
        /// The size that the list says, in bytes.
        found: u64,
        /// The size that was asked for, in bytes.
        expected: u64,
    },
    /// It may lack changes, or says something else than what changed.
    Unsuitable {
        /// A predicate: "is not …", "says nothing of …".
        reason: Cow<'static, str>,
        /// Advice in a sentence.
        hint: &'static str,
    },
}

impl fmt::Display for ListFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(reason) | Self::Unsuitable { reason, .. } => f.write_str(reason),
            Self::Empty => f.write_str("has a length of 0"),
            Self::TooLarge => f.write_str("ends beyond 2^64 - 1 bytes"),
            Self::Overlap(end) => write!(f, "begins before {end}, where the one before it ends"),
            Self::Gap(end) => write!(f, "does not begin at {end}, where the one before it ends"),
            Self::BeyondEnd(size) => write!(f, "ends beyond the disk, which has {size} bytes"),
            Self::CutShort => f.write_str("does not end as it should: it may have been cut short"),
            Self::OtherSize { found, expected } => {
                write!(f, "is for a disk of {found} bytes, not of {expected}")
            }
        }
    }
}
