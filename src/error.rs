//! The one error type. Every variant says where (an offset and a byte) or names both figures that disagree.

mod hint;
mod list_fault;
mod offset;

use std::fmt;
use std::io;

use crate::Consequence;

pub use list_fault::{ListFault, Place};

/// An error of a bitmap, with its place. Offsets are bytes from the start of the input, any white space included.
///
#[doc = include_str!("error_table.md")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A byte that is neither a base64 symbol nor a line break, or a space between symbols.
    #[error("{} at offset {offset} is not base64", Byte(*byte))]
    InvalidSymbol {
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A `=` that is not at the end of the text, or one too many.
    #[error("padding '=' at offset {offset} is not at the end of a group at the end of the text")]
    MisplacedPadding {
        /// Where the first `=` is that should not be there.
        offset: u64,
    },
    /// The last group has two or three symbols, and not the padding that belongs to them.
    #[error("the text ends at offset {offset} with {found} of {expected} padding characters '='")]
    MissingPadding {
        /// The length of the input.
        offset: u64,
        /// How many `=` the last group needs.
        expected: u8,
        /// How many it has.
        found: u8,
    },
    /// The last group has a single symbol, which is not even one byte.
    #[error("the text ends at offset {offset} in the middle of a group: 1 of 4 symbols")]
    IncompleteGroup {
        /// The length of the input.
        offset: u64,
    },
    /// The last symbol before the padding has bits that belong to no byte.
    #[error("{} at offset {offset} has bits under the padding that are not zero", Byte(*byte))]
    TrailingBits {
        /// Where the symbol is.
        offset: u64,
        /// The symbol.
        byte: u8,
    },
    /// A byte of a 0/1 text that is neither `0` nor `1` nor a line break.
    #[error("{} at offset {offset} is neither '0' nor '1'", Byte(*byte))]
    InvalidBit {
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// The input holds no bitmap at all.
    #[error("the bitmap is empty, but a disk has at least one block")]
    Empty,
    /// The bitmap is shorter than the disk needs.
    #[error("the bitmap has {found} {unit}, but a disk of {virtual_size} bytes needs {expected}")]
    TooShort {
        /// How many there are.
        found: u64,
        /// How many the disk needs.
        expected: u64,
        /// The unit of the figures: bytes, or bits of a 0/1 text.
        unit: Unit,
        /// The size of the disk in bytes.
        virtual_size: u64,
        /// The block sizes that this length would fit, in bytes, in ascending order.
        fitting: Vec<u64>,
    },
    /// The bitmap is longer than the disk.
    #[error("the bitmap has {found} {unit}, but a disk of {virtual_size} bytes has only {expected}")]
    TooLong {
        /// How many there are.
        found: u64,
        /// How many the disk has.
        expected: u64,
        /// The unit of the figures: bytes, or bits of a 0/1 text.
        unit: Unit,
        /// The size of the disk in bytes.
        virtual_size: u64,
        /// The block sizes that this length would fit, in bytes, in ascending order.
        fitting: Vec<u64>,
    },
    /// The length of the bitmap fits several block sizes, or none.
    #[error(
        "the bitmap has {found} {unit}, which for a disk of {virtual_size} bytes fits {}",
        BlockSizes(fitting, "and")
    )]
    UnknownBlockSize {
        /// How many there are.
        found: u64,
        /// The unit of the figures: bytes, or bits of a 0/1 text.
        unit: Unit,
        /// The size of the disk in bytes.
        virtual_size: u64,
        /// The block sizes that fit, in bytes, in ascending order.
        fitting: Vec<u64>,
    },
    /// The block size was to be found from the length of the bitmap, but without the virtual size that cannot be done.
    #[error("the block size can be found only where the virtual size is known")]
    NoVirtualSize,
    /// A word that programs print where there is no answer, and that happens to be good base64.
    #[error("this is the word {word}, not a bitmap")]
    NotABitmap {
        /// The word.
        word: &'static str,
    },
    /// A block is marked as changed that the disk does not have.
    #[error("block {block} is marked as changed, but the disk has only {blocks} blocks")]
    BlockBeyondEnd {
        /// The first such block.
        block: u64,
        /// The number of blocks of the disk.
        blocks: u64,
    },
    /// A byte offset that no 64-bit number holds.
    #[error("block {block} of {block_size} bytes ends beyond 2^64 bytes")]
    OffsetOverflow {
        /// The block.
        block: u64,
        /// The size of a block in bytes.
        block_size: u64,
    },
    /// A block size that is not a power of two from 512 B to 1 GiB.
    #[error("{bytes} bytes is no block size: it must be a power of two from 512 to 1073741824")]
    BlockSize {
        /// The size asked for.
        bytes: u64,
    },
    /// A virtual size of 0 was asked for.
    #[error("{bytes} bytes is no virtual size: a disk has at least one byte")]
    VirtualSize {
        /// The size asked for.
        bytes: u64,
    },
    /// A `.cbtlog` whose virtual size is 0.
    #[error("the virtual size at offset {offset} of the .cbtlog is 0, but a disk has at least one byte")]
    HeaderVirtualSize {
        /// The offset of the size.
        offset: u64,
    },
    /// A `.cbtlog` that ends within its header.
    #[error("the .cbtlog has {found} bytes, but its header alone has {expected}")]
    HeaderTooShort {
        /// The length of the input in bytes.
        found: u64,
        /// The length of a header in bytes.
        expected: u64,
    },
    /// A `.cbtlog` whose consistent flag is neither 0 nor 1.
    #[error("the consistent flag at offset {offset} is {value}, but only 0 and 1 are ever written")]
    ConsistentFlag {
        /// Where the flag is.
        offset: u64,
        /// The value of the flag.
        value: i32,
    },
    /// A `.cbtlog` that is not marked as consistent: the disk was being written, or the host failed meanwhile, and
    /// changes may be missing.
    #[error("the .cbtlog is not marked as consistent (flag at offset {offset} is 0): changes may be missing from it")]
    Inconsistent {
        /// Where the flag is.
        offset: u64,
    },
    /// A `.cbtlog` for a disk of another size than the one asked for.
    #[error("the .cbtlog is for a disk of {found} bytes, not of {expected}")]
    VirtualSizeMismatch {
        /// The size in the header, in bytes.
        found: u64,
        /// The size that was asked for, in bytes.
        expected: u64,
    },
    /// A `.cbtlog` was to be read with another block size than the one that all of them have.
    #[error("a .cbtlog has blocks of {expected} bytes, not of {found}")]
    BlockSizeMismatch {
        /// The block size that was asked for, in bytes.
        found: u64,
        /// The block size of the format, in bytes.
        expected: u64,
    },
    /// A file became shorter while it was read.
    #[error("the file ends at offset {offset}, but had {expected} bytes when it was opened")]
    Shrunk {
        /// Where reading met the end.
        offset: u64,
        /// The length that it had, in bytes.
        expected: u64,
    },
    /// A file became longer while it was read.
    #[error("the file had {expected} bytes when it was opened, and has more now")]
    Grown {
        /// The length that it had, in bytes.
        expected: u64,
    },
    /// A file was written to while it was read.
    #[error("the file was changed while it was read")]
    Changed,
    /// There is not as much memory as a bitmap takes. Its size was claimed by the header of a `.cbtlog`, by who called, or
    /// by the length of a file.
    #[error("there is no memory for a bitmap of {bytes} bytes")]
    OutOfMemory {
        /// The length of the bitmap in bytes.
        bytes: u64,
    },
    /// Two bitmaps of different lengths, where that is to be refused.
    #[error("one bitmap has {left} blocks and the other has {right}")]
    LengthMismatch {
        /// The length of the first, in blocks.
        left: u64,
        /// The length of the second, in blocks.
        right: u64,
    },
    /// A byte range of a list that is said to be sorted, but this one is empty, reaches beyond 2^64 - 1, or does not begin
    /// after the end of the one before it.
    #[error(
        "byte range {index}, {len_bytes} bytes at offset {offset_bytes}, {}",
        RangeFault(*offset_bytes, *len_bytes, *previous_end_bytes)
    )]
    ByteRange {
        /// How many ranges are before it.
        index: u64,
        /// Where it begins, in bytes.
        offset_bytes: u64,
        /// Its length in bytes.
        len_bytes: u64,
        /// Where the one before it ends, if there is one.
        previous_end_bytes: Option<u64>,
    },
    /// Two bitmaps with blocks of different sizes, which cannot be combined block by block.
    #[error("one bitmap has blocks of {left} bytes and the other of {right}")]
    UnequalBlockSizes {
        /// The block size of the first, in bytes.
        left: u64,
        /// The block size of the second, in bytes.
        right: u64,
    },
    /// A list of ranges without any: it may never have been written.
    #[error("the list is empty")]
    EmptyList,
    /// A list of ranges is wrong at a place.
    #[error("{place} {fault}")]
    List {
        /// The place in the list.
        place: Place,
        /// The fault.
        fault: ListFault,
    },
    /// A qcow2 image cannot hold a bitmap.
    #[error("a qcow2 image cannot hold the bitmap: {reason}")]
    ImageLimit {
        /// The limit: a sentence without a full stop.
        reason: &'static str,
    },
    /// A name that is no encoding's.
    #[error("{name:?} is no encoding; known are: {known}")]
    UnknownEncoding {
        /// The name that was asked for.
        name: String,
        /// The names of the encodings.
        known: String,
    },
    /// A name that is no tier's in this build.
    #[error("{name:?} is no tier; known are: {known}")]
    UnknownTier {
        /// The name that was asked for.
        name: String,
        /// The names of the tiers of this build.
        known: String,
    },
    /// A tier that this processor cannot run.
    #[error("this processor lacks what the tier {tier} needs; it can run: {available}")]
    UnavailableTier {
        /// The tier that was asked for.
        tier: crate::Tier,
        /// The names of the tiers that can run here.
        available: String,
    },
    /// The input could not be read.
    #[error("reading at offset {offset} failed: {source}")]
    Read {
        /// How far reading had come.
        offset: u64,
        /// The system's error.
        source: io::Error,
    },
}

/// A result of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The unit in which the length of a bitmap is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of the decoded bitmap, each for eight blocks.
    Bytes,
    /// Characters of a 0/1 text, each for one block.
    Bits,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Bits => "bits",
        })
    }
}

impl Error {
    /// A stable name of the kind of error, for programs: lower case, words joined by hyphens.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::InvalidSymbol { .. } => "invalid-symbol",
            Self::MisplacedPadding { .. } => "misplaced-padding",
            Self::MissingPadding { .. } => "missing-padding",
            Self::IncompleteGroup { .. } => "incomplete-group",
            Self::TrailingBits { .. } => "trailing-bits",
            Self::InvalidBit { .. } => "invalid-bit",
            Self::Empty => "empty",
            Self::TooShort { .. } => "too-short",
            Self::TooLong { .. } => "too-long",
            Self::UnknownBlockSize { .. } => "unknown-block-size",
            Self::NoVirtualSize => "no-virtual-size",
            Self::NotABitmap { .. } => "not-a-bitmap",
            Self::BlockBeyondEnd { .. } => "block-beyond-end",
            Self::OffsetOverflow { .. } => "offset-overflow",
            Self::BlockSize { .. } => "block-size",
            Self::VirtualSize { .. } => "virtual-size",
            Self::HeaderVirtualSize { .. } => "header-virtual-size",
            Self::HeaderTooShort { .. } => "header-too-short",
            Self::ConsistentFlag { .. } => "consistent-flag",
            Self::Inconsistent { .. } => "inconsistent",
            Self::VirtualSizeMismatch { .. } => "virtual-size-mismatch",
            Self::BlockSizeMismatch { .. } => "block-size-mismatch",
            Self::Shrunk { .. } => "shrunk",
            Self::Grown { .. } => "grown",
            Self::Changed => "changed",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::LengthMismatch { .. } => "length-mismatch",
            Self::ByteRange { .. } => "byte-range",
            Self::UnequalBlockSizes { .. } => "unequal-block-sizes",
            Self::EmptyList => "empty-list",
            Self::List { .. } => "list",
            Self::ImageLimit { .. } => "image-limit",
            Self::UnknownEncoding { .. } => "unknown-encoding",
            Self::UnknownTier { .. } => "unknown-tier",
            Self::UnavailableTier { .. } => "unavailable-tier",
            Self::Read { .. } => "read",
        }
    }

    /// The caller's next step: see the table above.
    #[must_use]
    pub fn consequence(&self) -> Consequence {
        match self {
            Self::BlockSize { .. }
            | Self::VirtualSize { .. }
            | Self::NoVirtualSize
            | Self::BlockSizeMismatch { .. }
            | Self::ByteRange { .. }
            | Self::ImageLimit { .. }
            | Self::UnknownEncoding { .. }
            | Self::UnknownTier { .. }
            | Self::UnavailableTier { .. }
            | Self::LengthMismatch { .. }
            | Self::UnequalBlockSizes { .. } => Consequence::WrongUsage,
            Self::Shrunk { .. } | Self::Grown { .. } | Self::Changed => Consequence::Retry,
            Self::OutOfMemory { .. } => Consequence::Operator,
            Self::Read { source, .. } => Consequence::of_io(source),
            _ => Consequence::FullBackup,
        }
    }
}

/// Block sizes as a list in words.
struct BlockSizes<'a>(&'a [u64], &'static str);

impl fmt::Display for BlockSizes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(sizes, word) = self;
        let Some((last, others)) = sizes.split_last() else { return f.write_str("no block size") };
        f.write_str("blocks of ")?;
        for (index, size) in others.iter().enumerate() {
            write!(f, "{}{size}", if index == 0 { "" } else { ", " })?;
        }
        if !others.is_empty() {
            write!(f, " {word} ")?;
        }
        write!(f, "{last} bytes")
    }
}

/// The fault of a byte range, from its offset, its length, and the end of the one before it.
struct RangeFault(u64, u64, Option<u64>);

impl fmt::Display for RangeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self(_, 0, _) => f.write_str("is empty"),
            Self(offset, _, Some(end)) if offset <= end => {
                write!(f, "does not begin after the one before it, which ends at {end}")
            }
            Self(..) => f.write_str("ends beyond 2^64 - 1 bytes"),
        }
    }
}

/// A byte as people can read it: printable ones in quotes, all in hexadecimal.
struct Byte(u8);

impl fmt::Display for Byte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b' ' => f.write_str("a space (0x20)"),
            byte if byte.is_ascii_graphic() => write!(f, "'{}' (0x{byte:02x})", char::from(byte)),
            byte => write!(f, "byte 0x{byte:02x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_where_and_what() {
        let text = Error::InvalidSymbol { offset: 1 << 40, byte: b'#' }.to_string();
        assert_eq!(text, "'#' (0x23) at offset 1099511627776 is not base64");
        let text = Error::InvalidSymbol { offset: 7, byte: 0 }.to_string();
        assert_eq!(text, "byte 0x00 at offset 7 is not base64");
        let (unit, fitting) = (Unit::Bytes, Vec::new());
        let error = Error::TooShort { found: 3, expected: 4, unit, virtual_size: 2_000_000, fitting };
        assert_eq!(error.to_string(), "the bitmap has 3 bytes, but a disk of 2000000 bytes needs 4");
        assert_eq!((error.kind(), error.consequence()), ("too-short", Consequence::FullBackup));
        assert!(error.hint().is_some());
    }
}
