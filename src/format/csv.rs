//! Comma-separated values under a header line.

use super::room::push_lines;
use super::{ExtentFormat, Totals};
use crate::{ByteRange, Geometry};

/// `offset,length`, and then one extent a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Csv;

impl ExtentFormat for Csv {
    fn head(&self, _geometry: &Geometry, _totals: Option<&Totals>, to: &mut Vec<u8>) {
        to.extend_from_slice(b"offset,length\n");
    }

    fn range(&self, range: ByteRange, to: &mut Vec<u8>) {
        self.ranges(&[range], to);
    }

    fn ranges(&self, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_lines::<2>(ranges, to, |range, room| {
            room.decimal(range.offset_bytes);
            room.text(b",");
            room.decimal(range.len_bytes);
            room.text(b"\n");
        });
    }
}
