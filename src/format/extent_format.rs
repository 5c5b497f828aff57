//! The interface of all formats.

use super::totals::Totals;
use crate::{ByteRange, Geometry};

/// A way to write extents down. All numbers are bytes from the start of the disk, in decimal.
pub trait ExtentFormat {
    /// Writes the text before the first extent. The totals may not be known yet.
    fn head(&self, _geometry: &Geometry, _totals: Option<&Totals>, _to: &mut Vec<u8>) {}

    /// The unit in which the format says the size of the disk, in bytes. A disk of another size than a multiple of it cannot be
    /// written down.
    fn size_unit(&self) -> u64 {
        1
    }

    /// The text between two extents.
    fn separator(&self) -> &'static [u8] {
        b""
    }

    /// Several extents, with separators between them. `previous_end` is where the extent before them ends, 0 if there is none:
    /// formats that name every byte of the disk begin there.
    fn ranges(&self, previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>);

    /// One extent.
    fn range(&self, previous_end: u64, range: ByteRange, to: &mut Vec<u8>) {
        self.ranges(previous_end, &[range], to);
    }

    /// Writes the text after the last extent, which ends at `end`, 0 if there is none. `head_knew` tells whether the head was
    /// given the totals.
    fn foot(&self, _geometry: &Geometry, _totals: &Totals, _head_knew: bool, _end: u64, _to: &mut Vec<u8>) {}
}
