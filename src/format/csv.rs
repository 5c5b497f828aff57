//! Comma-separated values under a header line.

use super::{ExtentFormat, Totals, push_decimal};
use crate::{ByteRange, Geometry};

/// `offset,length`, and then one extent a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Csv;

impl ExtentFormat for Csv {
    fn head(&self, _geometry: &Geometry, _totals: Option<&Totals>, to: &mut Vec<u8>) {
        to.extend_from_slice(b"offset,length\n");
    }

    fn range(&self, range: ByteRange, to: &mut Vec<u8>) {
        push_decimal(range.offset_bytes, to);
        to.push(b',');
        push_decimal(range.len_bytes, to);
        to.push(b'\n');
    }
}
