//! The faults of a line of a list of ranges.

use std::fmt;

/// The fault of a line of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineFault {
    /// It is not two decimal numbers with one space between them.
    NotTwoNumbers,
    /// A length of 0.
    Empty,
    /// An offset, or the end of the range, is not a number of 64 bits.
    TooLarge,
    /// It begins before the end of the line before it, which is here, in bytes.
    Overlap(u64),
    /// It ends after the end of the disk, which is here, in bytes.
    BeyondEnd(u64),
    /// The last line has no line break.
    CutShort,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTwoNumbers => {
                f.write_str("is not an offset and a length, two decimal numbers with a space between")
            }
            Self::Empty => f.write_str("has a length of 0"),
            Self::TooLarge => f.write_str("ends beyond 2^64 - 1 bytes"),
            Self::Overlap(end) => write!(f, "begins before {end}, where the line before it ends"),
            Self::BeyondEnd(size) => write!(f, "ends beyond the disk, which has {size} bytes"),
            Self::CutShort => f.write_str("does not end with a line break: it may have been cut short"),
        }
    }
}
