//! The figures of `cbt stats`, before they are written in one of the formats.

use changed_blocks::shape::CostModel;
use changed_blocks::stats::{Interval, Stats};
use changed_blocks::{BlockSize, VirtualSize};

/// The figures of all inputs.
pub(crate) struct StatsReport {
    pub(crate) model: CostModel,
    pub(crate) inputs: Vec<InputStats>,
    /// All inputs together, if there are several.
    pub(crate) series: Option<Series>,
}

/// The union of several inputs, and the reads of backups at some interval.
pub(crate) struct Series {
    pub(crate) union: InputStats,
    pub(crate) intervals: Vec<Interval>,
}

/// The figures of an input, or of a union of some.
pub(crate) struct InputStats {
    pub(crate) name: String,
    pub(crate) block_size: BlockSize,
    pub(crate) virtual_size: Option<VirtualSize>,
    /// The size of the disk; where it is not known, that of what a bitmap covers.
    pub(crate) covered: Option<VirtualSize>,
    pub(crate) stats: Stats,
}

impl InputStats {
    /// The number of blocks of the disk, as far as it is known.
    pub(crate) fn blocks(&self) -> Option<u64> {
        self.covered.map(|size| size.blocks(self.block_size))
    }

    /// The share of the disk that changed, as far as its size is known.
    pub(crate) fn share(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a few digits of a percentage")]
        self.covered.map(|size| self.stats.totals().changed_bytes as f64 / size.bytes() as f64)
    }
}
