//! Comma-separated values under a header line.

use super::extent_format::ExtentFormat;
use super::lines::push_lines;
use super::table::{Gaps, ListFormat, Needs};
use super::totals::Totals;
use crate::arch::contract::Line;
use crate::{ByteRange, Geometry};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "csv",
    summary: "offset,length under a header line",
    has_virtual_size: false,
    has_block_size: false,
    gaps: Gaps::Unchanged,
    needs: Needs::Nothing,
    options: &[],
    open: None,
    writer: Some(&Csv),
};

/// `offset,length`, and then one extent a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Csv;

impl ExtentFormat for Csv {
    fn head(&self, _geometry: &Geometry, _totals: Option<&Totals>, to: &mut Vec<u8>) {
        to.extend_from_slice(b"offset,length\n");
    }

    fn ranges(&self, _previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_lines::<Self>(ranges, to);
    }
}

impl Line for Csv {
    const BEFORE: &'static [u8] = b"";
    const BETWEEN: &'static [u8] = b",";
    const AFTER: &'static [u8] = b"\n";
}
