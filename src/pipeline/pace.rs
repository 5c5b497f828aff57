//! How long chunks are: as suits what was found last.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::arch::contract::TILE_SYMBOLS;

/// How chunks are dealt with: as suits one as dense as the last.
pub(crate) struct Pace {
    bytes: AtomicU64,
    /// The shortest and the longest.
    bounds: Range<u64>,
    /// How many boundaries a chunk is to have at the most, or so.
    boundaries: usize,
}

impl Pace {
    /// Begins with the longest.
    pub(super) const fn new(bounds: Range<u64>, boundaries: usize) -> Self {
        Self { bytes: AtomicU64::new(bounds.end), bounds, boundaries }
    }

    /// How long the next one is to be: no longer than `longest`, as long as there are not so many boundaries.
    pub(super) fn next(&self, longest: u64) -> u64 {
        // Whole tiles: what is left of one takes longer than many of them.
        let bytes = self.bytes.load(Ordering::Relaxed).min(longest);
        (bytes / TILE_SYMBOLS as u64 * TILE_SYMBOLS as u64).max(self.bounds.start)
    }

    /// Takes note of how many boundaries so many bytes had.
    pub(super) fn note(&self, bytes: u64, boundaries: usize) {
        if bytes > 0 {
            let wanted = bytes.saturating_mul(self.boundaries as u64) / (boundaries as u64).max(1);
            self.bytes.store(wanted.clamp(self.bounds.start, self.bounds.end), Ordering::Relaxed);
        }
    }
}
