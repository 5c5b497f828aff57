//! The cheapest superset with at most so many ranges.
//!
//! With n ranges there are n - 1 gaps between them, and each byte of a gap that does not stay is read for nothing. So the
//! n - 1 widest gaps stay, and of gaps that are equally wide the first ones.
//!
//! ```text
//! kept = []                                 // in the order of the disk
//! for gap in gaps:
//!     if gap is wider than the narrowest that is sure to be better: add it to kept
//!     if kept has 2 × (n - 1) gaps: keep the n - 1 widest of them
//! keep the n - 1 widest
//! give what lies between the gaps
//! ```
//!
//! To find the widest of 2 × (n - 1) gaps takes as many steps, and is due after n - 1 more: the time is linear.

use std::num::NonZeroUsize;
use std::vec;

use super::contract::{Sorted, Trusted};
use crate::ByteRange;

/// Reads all ranges, and gives at most `n` that cover them.
pub(super) fn at_most<I: Sorted>(mut ranges: I, n: NonZeroUsize) -> Trusted<vec::IntoIter<ByteRange>> {
    let Some(first) = ranges.next() else { return Trusted(Vec::new().into_iter()) };
    let mut gaps = WidestGaps { kept: Vec::new(), limit: n.get() - 1, floor: 0 };
    let end = ranges.fold(first.end_bytes(), |end, range| {
        gaps.add(ByteRange::between(end, range.offset_bytes));
        range.end_bytes()
    });
    let mut gaps = gaps.widest();
    // Each gap is replaced by the range before it, and the last range follows.
    let mut start = first.offset_bytes;
    for gap in &mut gaps {
        let next = gap.end_bytes();
        *gap = ByteRange::between(start, gap.offset_bytes);
        start = next;
    }
    gaps.push(ByteRange::between(start, end));
    Trusted(gaps.into_iter())
}

/// Finds the widest gaps among many.
struct WidestGaps {
    /// The widest gaps up to now, and some more, in the order of the disk.
    kept: Vec<ByteRange>,
    /// How many are asked for.
    limit: usize,
    /// A gap that is not wider than this is not among the widest.
    floor: u64,
}

impl WidestGaps {
    fn add(&mut self, gap: ByteRange) {
        if gap.len_bytes > self.floor {
            self.kept.push(gap);
            if self.kept.len() >= self.limit.saturating_mul(2) {
                self.narrow();
            }
        }
    }

    /// Leaves only as many gaps as are asked for.
    fn narrow(&mut self) {
        if self.kept.len() <= self.limit {
            return;
        }
        let Some(last) = self.limit.checked_sub(1) else {
            self.kept.clear();
            self.floor = u64::MAX;
            return;
        };
        let mut lengths: Vec<u64> = self.kept.iter().map(|gap| gap.len_bytes).collect();
        let (wider, &mut narrowest, _) = lengths.select_nth_unstable_by(last, |a, b| b.cmp(a));
        let mut ties = self.limit - wider.iter().filter(|&&len| len > narrowest).count();
        self.kept.retain(|gap| {
            let tie = gap.len_bytes == narrowest && ties > 0;
            ties -= usize::from(tie);
            tie || gap.len_bytes > narrowest
        });
        self.floor = narrowest;
    }

    fn widest(mut self) -> Vec<ByteRange> {
        self.narrow();
        self.kept
    }
}
