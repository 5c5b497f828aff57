//! The requests and bytes of a reader, and what they cost it.

use std::time::Duration;

use crate::BlockSize;
use crate::shape::CostModel;

/// The requests and the bytes that a reader needs for a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Reads {
    /// How many requests.
    pub requests: u64,
    /// How many bytes in all.
    pub bytes: u64,
}

impl Reads {
    /// The bytes that are read for each byte that changed; `None` if none did.
    #[must_use]
    pub fn amplification(&self, changed_bytes: u64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a few digits of a ratio")]
        let ratio = || self.bytes as f64 / changed_bytes as f64;
        (changed_bytes > 0).then(ratio)
    }

    /// An estimate of the time: see [`CostModel`].
    #[must_use]
    pub fn time(&self, model: &CostModel) -> Duration {
        model.time(self.requests, self.bytes)
    }
}

/// The reads of one who reads whole blocks of a size of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockReads {
    /// The size of its blocks.
    pub block_size: BlockSize,
    /// How many of its blocks have a byte that changed.
    pub blocks: u64,
    /// Its reads, if neighbouring blocks are read by one request. The last block ends where the disk does.
    pub reads: Reads,
}
