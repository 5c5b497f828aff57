//! The map of `borg create --map`: every byte of the disk, one range a line, `START LENGTH data` or `same`.
//!
//! borg trusts the map: what is `same` is not read, but taken from the archive given with `--reuse-from`. That has to be of the
//! older snapshot, the `vdi_from` of the list. What became zeros is `data` here; `zero` is never written, since a list of
//! changes does not know of zeros.

use super::extent_format::ExtentFormat;
use super::lines::{push_covering_lines, push_last_gap};
use super::table::{Gaps, ListFormat, Needs};
use super::totals::Totals;
use crate::arch::contract::Line;
use crate::{ByteRange, Geometry};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "borg",
    summary: "Map for borg create --map and --reuse-from",
    has_virtual_size: true,
    has_block_size: false,
    gaps: Gaps::None,
    needs: Needs::VirtualSize,
    options: &[],
    open: None,
    writer: Some(&Borg),
};

/// `START LENGTH STATE` a line: `data` has changed, `same` has not. Covers the disk, whose size must be known.
struct Borg;

impl ExtentFormat for Borg {
    fn ranges(&self, previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_covering_lines::<Self, Same>(previous_end, ranges, to);
    }

    fn foot(&self, geometry: &Geometry, _totals: &Totals, _head_knew: bool, end: u64, to: &mut Vec<u8>) {
        push_last_gap::<Same>(end, geometry, to);
    }
}

impl Line for Borg {
    const BEFORE: &'static [u8] = b"";
    const BETWEEN: &'static [u8] = b" ";
    const AFTER: &'static [u8] = b" data\n";
}

/// A range that has not changed.
struct Same;

impl Line for Same {
    const BEFORE: &'static [u8] = b"";
    const BETWEEN: &'static [u8] = b" ";
    const AFTER: &'static [u8] = b" same\n";
}
