//! The summary of a scan.

use crate::Geometry;

/// The number of blocks and the units of a bitmap, known once all of it was read and judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The number of blocks: those of the disk where its size is known, else the bits of the bitmap, which are a
    /// multiple of eight unless it is a 0/1 text.
    pub blocks: u64,
    /// The block size, and the virtual size if it was given or found in the header of a `.cbtlog`.
    pub geometry: Geometry,
}
