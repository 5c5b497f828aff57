//! The blocks of a reader that ranges touch, without a bitmap of them.
//!
//! ```text
//! for each range: the blocks from that of its first byte to that of its last byte are touched
//! for each two ranges in a row: from the last block of the one to the first block of the other
//!     if it is the same block: it was counted twice
//!     if there is a block between: a request begins
//! ```

use super::reads::{BlockReads, Reads};
use crate::{BlockSize, ByteRange};

/// Counts the blocks of one size that ranges touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlockCounter {
    pub(super) block_size: BlockSize,
    /// The blocks that are touched.
    pub(super) blocks: u64,
    /// The runs of them.
    requests: u64,
}

impl BlockCounter {
    pub(super) const fn new(block_size: BlockSize) -> Self {
        Self { block_size, blocks: 0, requests: 0 }
    }

    /// The block of a byte.
    const fn block(&self, byte: u64) -> u64 {
        byte >> self.block_size.log2()
    }

    /// Adds ranges, at least one, that come after one that ends at `previous_end`.
    pub(super) fn add(&mut self, ranges: &[ByteRange], previous_end: Option<u64>) {
        let log2 = self.block_size.log2();
        let mut sum = Self::new(self.block_size);
        for range in ranges {
            let last = (range.offset_bytes + (range.len_bytes - 1)) >> log2;
            sum.blocks += last - (range.offset_bytes >> log2) + 1;
        }
        for pair in ranges.windows(2) {
            sum.step(pair[0].offset_bytes + (pair[0].len_bytes - 1), pair[1].offset_bytes);
        }
        match previous_end {
            Some(end) => sum.step(end - 1, ranges[0].offset_bytes),
            None => sum.requests += 1,
        }
        self.blocks += sum.blocks;
        self.requests += sum.requests;
    }

    /// Goes from the last byte of a range to the first byte of the next: a block that has both was counted twice, and a
    /// request begins if there is a block between them.
    #[inline]
    fn step(&mut self, last_byte: u64, first_byte: u64) {
        let distance = self.block(first_byte) - self.block(last_byte);
        // The highest bit of a difference that is negative: several of them are found at once, unlike by comparing.
        self.blocks -= distance.wrapping_sub(1) >> 63;
        self.requests += 1u64.wrapping_sub(distance) >> 63;
    }

    /// Adds what another counter has counted after a range that ends at `end`, from a range on that begins at `start`.
    pub(super) fn merge(&mut self, other: &Self, end: u64, start: u64) {
        self.blocks += other.blocks;
        // The first request of the other may go on from here.
        self.requests += other.requests - 1;
        self.step(end - 1, start);
    }

    /// The reads, of which the last range ends at `end`, on a disk that ends at `disk_end`.
    pub(super) fn reads(&self, end: Option<u64>, disk_end: Option<u64>) -> BlockReads {
        let size = u128::from(self.block_size.bytes());
        let whole = u128::from(self.blocks) * size;
        // No byte that changed is left out, wherever the disk is said to end.
        let limit = end.zip(disk_end).map(|(end, disk_end)| u128::from(end.max(disk_end)));
        let last_end = end.map_or(0, |end| (u128::from(self.block(end - 1)) + 1) * size);
        let beyond = limit.map_or(0, |limit| last_end.saturating_sub(limit));
        let bytes = u64::try_from(whole - beyond).unwrap_or(u64::MAX);
        let reads = Reads { requests: self.requests, bytes };
        BlockReads { block_size: self.block_size, blocks: self.blocks, reads }
    }
}
