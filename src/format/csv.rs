//! Comma-separated values under a header line.

use super::extent_format::ExtentFormat;
use super::lines::push_lines;
use super::totals::Totals;
use crate::arch::contract::Line;
use crate::{ByteRange, Geometry};

/// `offset,length`, and then one extent a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Csv;

impl ExtentFormat for Csv {
    fn head(&self, _geometry: &Geometry, _totals: Option<&Totals>, to: &mut Vec<u8>) {
        to.extend_from_slice(b"offset,length\n");
    }

    fn ranges(&self, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_lines::<Self>(ranges, to);
    }
}

impl Line for Csv {
    const BEFORE: &'static [u8] = b"";
    const BETWEEN: &'static [u8] = b",";
    const AFTER: &'static [u8] = b"\n";
}
