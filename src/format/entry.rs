//! The border between the readers of the formats and the checks that all lists have in common.
//!
//! A reader of a format finds entries and says nothing of their order: [`ListReader`](super::ListReader) checks that.

use std::borrow::Cow;

use super::{Identity, ReadOptions};
use crate::error::{ListFault, Place};
use crate::{Error, Result, VirtualSize};

/// An entry as the file has it, nothing checked but its syntax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) offset_bytes: u64,
    pub(super) len_bytes: u64,
    /// Whether it is a change, or says that these bytes did not change.
    pub(super) is_changed: bool,
}

/// The facts about the disk that the file says, as far as it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) virtual_size: Option<u64>,
    pub(super) block_size: Option<u64>,
}

/// How many entries a reader appends at a time, or a few more.
pub(super) const BATCH: usize = 512;

/// A reader of one format.
///
/// Invariant: where it is not sure that it has understood the file, it fails. Nothing in the file is passed over that may be
/// a change.
pub(super) trait Entries {
    /// Appends the next entries, some hundred at a time. Appends nothing only at the end, once the file was found to be whole.
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()>;

    /// The number of bytes that were read.
    fn bytes_read(&self) -> u64;

    /// The sizes in the file. All of them are known at the end; those that are known earlier are used earlier.
    fn disk(&self) -> Disk {
        Disk::default()
    }

    /// The origin of the list, as far as the file says it. It is known at the end.
    fn identity(&self) -> Identity {
        Identity::default()
    }

    /// Whether a list without entries says by itself that it is whole, as a document does that is closed.
    fn is_whole_without_any(&self) -> bool {
        false
    }

    /// How the entries have to lie.
    fn layout(&self) -> Layout {
        Layout::Listed
    }
}

/// How the entries of a format lie on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each is of a format that may not be in this build")]
pub(super) enum Layout {
    /// In order, and bytes between them have not changed.
    Listed,
    /// As `Listed`, of whole blocks of at most so many bytes: the last may reach beyond the end of the disk, by less than a
    /// block, and is cut off there.
    WholeBlocks(u64),
    /// One after the other from 0 to the end of the disk.
    Covering,
    /// As `Covering`, of whole blocks or sectors of so many bytes: the last may reach beyond the end of the disk, by less than
    /// a block, and is cut off there.
    CoveringBlocks(u64),
}

impl Layout {
    pub(super) const fn is_covering(self) -> bool {
        matches!(self, Self::Covering | Self::CoveringBlocks(_))
    }

    /// The unit in which entries are.
    pub(super) const fn block_bytes(self) -> u64 {
        match self {
            Self::Listed | Self::Covering => 1,
            Self::WholeBlocks(bytes) | Self::CoveringBlocks(bytes) => bytes,
        }
    }
}

/// Opens a reader of a format. The options were not checked.
pub(super) type Open = for<'a> fn(Box<dyn std::io::BufRead + 'a>, &ReadOptions) -> Result<Box<dyn Entries + 'a>>;

/// The error of a fault at a place.
pub(super) const fn fault(place: Place, fault: ListFault) -> Error {
    Error::List { place, fault }
}

/// The size of the disk from the options, for formats that name every byte of it but do not say how many there are: without
/// it, a list that was cut short between two lines could not be told from a whole one.
pub(super) fn needed_size(options: &ReadOptions) -> Result<VirtualSize> {
    options.virtual_size.ok_or(fault(
        Place::Byte { offset: 0 },
        ListFault::Unsuitable {
            reason: Cow::Borrowed("does not say how large the disk is, so it may have been cut short"),
            hint: "give the size of the disk (--virtual-size)",
        },
    ))
}
