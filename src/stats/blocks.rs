//! The blocks of a reader that ranges touch, without a bitmap of them.
//!
//! ```text
//! for each range: from the block of its first byte to the block of its last byte
//!     all of these are touched; the first one was before, if it is the last one of the range before
//!     a request begins, unless the first one is that block or the next
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

    /// Adds ranges that come after one that ends at `previous_end`.
    pub(super) fn add(&mut self, ranges: &[ByteRange], previous_end: Option<u64>) {
        // The block after the last one that is touched.
        let mut next_block = previous_end.map_or(0, |end| self.block(end - 1) + 1);
        let (mut blocks, mut requests) = (0, 0);
        let mut is_first = previous_end.is_none();
        for range in ranges {
            let first = self.block(range.offset_bytes);
            let end = self.block(range.end_bytes() - 1) + 1;
            // Of a block that was counted already, this counts nothing.
            blocks += end - first.max(next_block);
            requests += u64::from(first > next_block) | u64::from(is_first);
            (next_block, is_first) = (end, false);
        }
        self.blocks += blocks;
        self.requests += requests;
    }

    /// Adds what another counter has counted after a range that ends at `end`, from a range on that begins at `start`.
    pub(super) fn merge(&mut self, other: &Self, end: u64, start: u64) {
        let (last, first) = (self.block(end - 1), self.block(start));
        self.blocks += other.blocks - u64::from(first == last);
        self.requests += other.requests - u64::from(first <= last + 1);
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
