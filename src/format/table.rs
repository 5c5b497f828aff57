//! The table of all formats of lists.

use std::fmt;
use std::io::BufRead;

use super::entry::Open;
use super::{
    ExtentFormat, ListReader, ReadOptions, blksnap, bmap, borg, csv, ddrescue, extentlist, json, pairs, rbd_v1, text,
};
#[cfg(feature = "formats")]
use super::{azure, csi, ebs, imageio, nbdinfo, qemu_map, rbd, thin_delta, vmware, xapi_intervals};
use crate::Result;

/// Facts about a format, and how it is read and written.
#[non_exhaustive]
pub struct ListFormat {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// A few words on it, for a list of formats.
    pub summary: &'static str,
    /// Whether a file has the size of the disk in it.
    pub has_virtual_size: bool,
    /// Whether a file has the size of a block in it.
    pub has_block_size: bool,
    /// How the programs that own the format take bytes that no entry names.
    pub gaps: Gaps,
    /// The facts that have to be known before the first range is written.
    pub needs: Needs,
    /// The options for reading that are for some formats only, and for this one.
    pub options: &'static [ReadOption],
    pub(super) open: Option<Open>,
    pub(super) writer: Option<&'static (dyn ExtentFormat + Send + Sync)>,
}

/// How bytes are taken that no entry of a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gaps {
    /// They have not changed.
    Unchanged,
    /// There are none: every byte of the disk is in an entry.
    None,
    /// They are zeros.
    Zeros,
    /// They are not used.
    Unused,
}

/// The facts that have to be known before the first range is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// The size of the disk.
    VirtualSize,
}

/// An option for reading that is for some formats only; a field of [`ReadOptions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadOption {
    /// [`ReadOptions::context`].
    Context,
    /// [`ReadOptions::since`].
    Since,
    /// [`ReadOptions::allocation`].
    Allocation,
}

impl ListFormat {
    /// The format of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().copied().find(|format| format.name == name)
    }

    /// Whether lists are read from it.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        self.open.is_some()
    }

    /// The writer, if lists are written in it.
    #[must_use]
    pub fn writer(&self) -> Option<&'static (dyn ExtentFormat + Send + Sync)> {
        self.writer
    }

    /// A reader of a list; `None` if it is only written.
    ///
    /// # Errors
    ///
    /// Options that the format needs are missing.
    pub fn read<'a>(&self, from: impl BufRead + 'a, options: &ReadOptions) -> Result<Option<ListReader<'a>>> {
        let Some(open) = self.open else { return Ok(None) };
        open(Box::new(from), options).map(|entries| Some(ListReader::new(entries, options)))
    }
}

#[cfg(all(test, feature = "formats"))]
impl ListFormat {
    /// The start and the end of all ranges of a text.
    pub(super) fn read_all(&self, text: &str, options: &ReadOptions) -> Result<Vec<(u64, u64)>> {
        let ranges = self.read(text.as_bytes(), options)?.expect("readable");
        ranges.map(|range| range.map(|range| (range.offset_bytes, range.end_bytes()))).collect()
    }

    /// The message of the error of a text.
    #[track_caller]
    pub(super) fn message(&self, text: &str, options: &ReadOptions) -> String {
        self.read_all(text, options).expect_err(text).to_string()
    }
}

impl fmt::Debug for ListFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListFormat").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All formats of lists.
pub static FORMATS: &[&ListFormat] = &[
    &text::FORMAT,
    &json::FORMAT,
    &json::NDJSON,
    &csv::FORMAT,
    &pairs::FORMAT,
    &extentlist::FORMAT,
    &ddrescue::FORMAT,
    &borg::FORMAT,
    &blksnap::FORMAT,
    &bmap::FORMAT,
    &rbd_v1::FORMAT,
    #[cfg(feature = "formats")]
    &azure::FORMAT,
    #[cfg(feature = "formats")]
    &imageio::FORMAT,
    #[cfg(feature = "formats")]
    &nbdinfo::FORMAT,
    #[cfg(feature = "formats")]
    &qemu_map::FORMAT,
    #[cfg(feature = "formats")]
    &rbd::FORMAT,
    #[cfg(feature = "formats")]
    &thin_delta::FORMAT,
    #[cfg(feature = "formats")]
    &csi::FORMAT,
    #[cfg(feature = "formats")]
    &vmware::FORMAT,
    #[cfg(feature = "formats")]
    &ebs::FORMAT,
    #[cfg(feature = "formats")]
    &xapi_intervals::FORMAT,
];
