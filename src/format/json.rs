//! JSON: one object for all, or one a line.

use super::extent_format::ExtentFormat;
use super::lines::{push_decimal, push_lines, push_separated};
use super::table::{Gaps, ListFormat, Needs};
use super::totals::Totals;
use crate::arch::contract::Line;
use crate::{ByteRange, Geometry, VirtualSize};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "json",
    summary: "One object with the sizes, the totals and all extents",
    has_virtual_size: true,
    has_block_size: true,
    gaps: Gaps::Unchanged,
    needs: Needs::Nothing,
    options: &[],
    #[cfg(feature = "formats")]
    open: Some(super::json_entries::open),
    #[cfg(not(feature = "formats"))]
    open: None,
    writer: Some(&Json),
};

pub(super) const NDJSON: ListFormat = ListFormat {
    name: "ndjson",
    summary: "One object a line",
    has_virtual_size: false,
    has_block_size: false,
    gaps: Gaps::Unchanged,
    needs: Needs::Nothing,
    options: &[],
    #[cfg(feature = "formats")]
    open: Some(super::ndjson_entries::open),
    #[cfg(not(feature = "formats"))]
    open: None,
    writer: Some(&Ndjson),
};

/// One object: `block_size`, `virtual_size` (`null` if not known), `changed_blocks`, `changed_bytes` and `extents`, an
/// array of objects with `offset` and `length`. Where the totals are not known in time, they stand after the extents.
/// The command adds `warnings` at the end, an array of strings, where there are any.
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

/// One object a line, with `offset` and `length`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ndjson;

fn push_totals(totals: &Totals, to: &mut Vec<u8>) {
    to.extend_from_slice(b"\"changed_blocks\":");
    push_decimal(totals.changed_blocks, to);
    to.extend_from_slice(b",\"changed_bytes\":");
    push_decimal(totals.changed_bytes, to);
}

impl ExtentFormat for Json {
    fn head(&self, geometry: &Geometry, totals: Option<&Totals>, to: &mut Vec<u8>) {
        to.extend_from_slice(b"{\"block_size\":");
        push_decimal(geometry.block_size.bytes(), to);
        to.extend_from_slice(b",\"virtual_size\":");
        match geometry.virtual_size.map(VirtualSize::bytes) {
            Some(bytes) => push_decimal(bytes, to),
            None => to.extend_from_slice(b"null"),
        }
        to.push(b',');
        if let Some(totals) = totals {
            push_totals(totals, to);
            to.push(b',');
        }
        to.extend_from_slice(b"\"extents\":[\n");
    }

    fn separator(&self) -> &'static [u8] {
        b",\n"
    }

    fn ranges(&self, _previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_separated::<Self>(ranges, to);
    }

    fn foot(&self, _geometry: &Geometry, totals: &Totals, head_knew: bool, _end: u64, to: &mut Vec<u8>) {
        to.extend_from_slice(if totals.extents > 0 { b"\n]" } else { b"]" });
        if !head_knew {
            to.push(b',');
            push_totals(totals, to);
        }
        to.extend_from_slice(b"}\n");
    }
}

impl ExtentFormat for Ndjson {
    fn ranges(&self, _previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_lines::<Self>(ranges, to);
    }
}

impl Line for Json {
    const BEFORE: &'static [u8] = b"{\"offset\":";
    const BETWEEN: &'static [u8] = b",\"length\":";
    const AFTER: &'static [u8] = b"},\n";
}

impl Line for Ndjson {
    const BEFORE: &'static [u8] = b"{\"offset\":";
    const BETWEEN: &'static [u8] = b",\"length\":";
    const AFTER: &'static [u8] = b"}\n";
}
