//! Sums over a list of extents.

use crate::{BlockSize, ByteRange, Extent, Geometry};

/// Sums over a list of extents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of extents.
    pub extents: u64,
    /// The number of changed blocks, a partial one included.
    pub changed_blocks: u64,
    /// The number of bytes in changed blocks, where the last block of the disk counts only as far as the disk goes.
    pub changed_bytes: u64,
    /// The longest extent, in bytes.
    pub longest_bytes: u64,
}

impl Totals {
    /// Adds a range of changed bytes that touches no block which an earlier one touched.
    pub fn add(&mut self, range: ByteRange, geometry: &Geometry) {
        self.add_all(&[range], geometry);
    }

    /// Adds several of them: faster than one at a time.
    pub fn add_all(&mut self, ranges: &[ByteRange], geometry: &Geometry) {
        let log2 = geometry.block_size.log2();
        // Sums that stay in registers.
        let mut sums = Self::default();
        for range in ranges {
            let counts = u64::from(range.len_bytes > 0);
            let last_block = range.end_bytes().saturating_sub(counts) >> log2;
            sums.extents += counts;
            sums.changed_blocks += last_block - (range.offset_bytes >> log2) + counts;
            sums.changed_bytes += range.len_bytes;
            sums.longest_bytes = sums.longest_bytes.max(range.len_bytes);
        }
        self.merge(&sums);
    }

    /// Adds extents, none of them empty, that touch no block which earlier ones touched, nor a last block that is partial:
    /// the same as [`add_all`](Self::add_all) of their ranges, at a fraction of the cost.
    pub fn add_whole(&mut self, extents: &[Extent], block_size: BlockSize) {
        let (mut changed_blocks, mut longest_blocks) = (0, 0);
        for extent in extents {
            changed_blocks += extent.len_blocks();
            longest_blocks = extent.len_blocks().max(longest_blocks);
        }
        let log2 = block_size.log2();
        self.merge(&Self {
            extents: extents.len() as u64,
            changed_blocks,
            changed_bytes: changed_blocks << log2,
            longest_bytes: longest_blocks << log2,
        });
    }

    /// Adds the sums over a list none of whose blocks was counted here.
    pub fn merge(&mut self, other: &Self) {
        self.extents += other.extents;
        self.changed_blocks += other.changed_blocks;
        self.changed_bytes += other.changed_bytes;
        self.longest_bytes = self.longest_bytes.max(other.longest_bytes);
    }
}
