//! The advice for each error. It never leads to a list that lacks a change: where it is in doubt, it says to take a full
//! backup.

use std::borrow::Cow;

use super::{BlockSizes, Error, ListFault};

const DAMAGED: &str = "the text is damaged or is not a bitmap; ask for it again, or take a full backup";

impl Error {
    /// Advice in a sentence, where there is more to say than the error itself says.
    #[must_use]
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            &Self::InvalidSymbol { offset, byte } => symbol_hint(offset, byte),
            Self::InvalidBit { .. } => DAMAGED,
            Self::MisplacedPadding { .. } => {
                "characters are missing before it, or two texts follow each other: pass one answer of the call at a time"
            }
            Self::MissingPadding { .. } | Self::IncompleteGroup { .. } => {
                "the text was cut short; ask for it again, or take a full backup"
            }
            Self::TrailingBits { .. } => {
                "the last characters were changed or cut; ask for the bitmap again, or take a full backup"
            }
            Self::Empty => "some storage answers so when it fails; ask again, or take a full backup",
            Self::TooShort { fitting, .. } => {
                let advice = "the bitmap was cut short or is another disk's: ask for it again, or take a full backup";
                return Some(length_hint(advice, fitting));
            }
            Self::TooLong { fitting, .. } => {
                let advice = "it is another disk's, or the disk has another size by now: give the size that it has, or \
                              take a full backup";
                return Some(length_hint(advice, fitting));
            }
            Self::UnknownBlockSize { fitting, .. } if fitting.is_empty() => {
                "the bitmap was cut short or is another disk's; take a full backup"
            }
            Self::UnknownBlockSize { .. } => {
                "if it is not known which of them its storage tracks, take a full backup; else give that block size"
            }
            Self::NoVirtualSize => "give the virtual size, or the block size itself",
            Self::NotABitmap { .. } => "the call gave no answer: see why it failed, ask again, or take a full backup",
            Self::BlockBeyondEnd { .. } | Self::VirtualSizeMismatch { .. } => {
                "the bitmap is another disk's, or the disk was resized; take a full backup"
            }
            Self::OffsetOverflow { .. } => {
                "the block size is wrong, or the bitmap is another disk's: give the size that the storage tracks, or take a \
                 full backup"
            }
            Self::HeaderTooShort { .. } | Self::ConsistentFlag { .. } | Self::HeaderVirtualSize { .. } => {
                "the file is damaged or is no .cbtlog; take a full backup"
            }
            Self::BlockSizeMismatch { .. } => "leave out the block size: the format has only one",
            Self::Inconsistent { .. } => {
                "if the disk is attached, detach it or take a snapshot first; if its host failed, take a full backup"
            }
            Self::Shrunk { .. } => {
                "something else changes the file, or it is shorter than the system says; try a copy of it"
            }
            Self::Grown { .. } => "something is still writing to the file; wait until it is complete",
            Self::Changed => "try again, once nothing writes to the file, or with a copy",
            Self::ByteRange { .. } => "sort the ranges, and merge those that overlap or touch each other",
            Self::UnequalBlockSizes { .. } => "bring one of them to the block size of the other first",
            Self::EmptyList => {
                "a program that failed leaves an empty list, too; only if it is sure that nothing changed, allow an empty list"
            }
            Self::List { fault, .. } => list_hint(fault),
            Self::OutOfMemory { .. } => "is the size of the disk right? if it is, more memory is needed",
            _ => return None,
        }))
    }
}

/// The advice for a fault of a list.
const fn list_hint(fault: &ListFault) -> &'static str {
    match fault {
        ListFault::Unsuitable { hint, .. } => hint,
        ListFault::Overlap(_) => {
            "it is not sorted, or not one list: sort it by offset and merge ranges that overlap, or make it again"
        }
        ListFault::OtherSize { .. } | ListFault::BeyondEnd(_) => {
            "it is another disk's, or the disk was resized: give the size that it has, or take a full backup"
        }
        _ => "the list is damaged or is no list: make it again, or take a full backup",
    }
}

/// The advice for a byte that is no symbol of base64.
const fn symbol_hint(offset: u64, byte: u8) -> &'static str {
    match (offset, byte) {
        (_, b'-' | b'_') => "this is the URL-safe alphabet; the call answers in the standard one, with '+' and '/'",
        (0, b'<' | b'"' | b'{' | b'[') => "this looks like XML or JSON; pass only the string inside it",
        (0, 0xef | 0xfe | 0xff) => "this looks like a byte order mark; save the text as plain ASCII",
        (_, 0..=8 | 14..=31 | 127..=255) => {
            "this looks like binary data: read it as a raw bitmap or as a .cbtlog if it is one"
        }
        _ => DAMAGED,
    }
}

/// The advice for a length that does not fit. Another block size comes last: a bitmap that was cut to a half fits
/// blocks of twice the size, too.
fn length_hint(advice: &'static str, fitting: &[u64]) -> Cow<'static, str> {
    if fitting.is_empty() {
        return Cow::Borrowed(advice);
    }
    let sizes = BlockSizes(fitting, "or");
    Cow::Owned(format!("{advice}; only if its storage is known to track {sizes}, give that block size"))
}
