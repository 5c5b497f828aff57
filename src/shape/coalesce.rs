//! Ranges that are near each other become one.
//!
//! Invariant: what comes in begins in ascending order and may overlap; what comes out is sorted, disjoint and never
//! adjacent, and covers what came in.
//!
//! ```text
//! current = first
//! for range in the others:
//!     if the gap between current and range <= max_gap: current reaches to the end of both
//!     else: give current; current = range
//! give current
//! ```

use std::iter::FusedIterator;
use std::num::NonZeroU64;

use super::contract::Sorted;
use crate::{ByteRange, VirtualSize};

/// Merges ranges with gaps of at most that many bytes. None that come in may be empty.
pub(super) struct Coalesce<I> {
    ranges: I,
    max_gap: u64,
    /// The range that was taken to see that it is too far from the one before.
    current: Option<ByteRange>,
}

impl<I: FusedIterator<Item = ByteRange>> Coalesce<I> {
    pub(super) const fn new(ranges: I, max_gap: u64) -> Self {
        Self { ranges, max_gap, current: None }
    }
}

impl<I: FusedIterator<Item = ByteRange>> Iterator for Coalesce<I> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        let first = self.current.take().or_else(|| self.ranges.next())?;
        let (start, mut end) = (first.offset_bytes, first.end_bytes());
        for range in self.ranges.by_ref() {
            if range.offset_bytes.saturating_sub(end) > self.max_gap {
                self.current = Some(range);
                break;
            }
            end = end.max(range.end_bytes());
        }
        Some(ByteRange::between(start, end))
    }

    fn fold<B, F: FnMut(B, ByteRange) -> B>(mut self, init: B, mut f: F) -> B {
        let Some(first) = self.current.take().or_else(|| self.ranges.next()) else { return init };
        let state = (init, first.offset_bytes, first.end_bytes());
        let (all, start, end) = self.ranges.fold(state, |(all, start, end), range| {
            if range.offset_bytes.saturating_sub(end) > self.max_gap {
                (f(all, ByteRange::between(start, end)), range.offset_bytes, range.end_bytes())
            } else {
                (all, start, end.max(range.end_bytes()))
            }
        });
        f(all, ByteRange::between(start, end))
    }
}

impl<I: FusedIterator<Item = ByteRange>> FusedIterator for Coalesce<I> {}
impl<I: FusedIterator<Item = ByteRange>> Sorted for Coalesce<I> {}

/// Widens ranges to multiples of a size, which may make them overlap.
pub(super) struct AlignOutward<I> {
    ranges: I,
    size: NonZeroU64,
    /// No range is widened beyond this.
    limit: u64,
}

impl<I: Sorted> AlignOutward<I> {
    pub(super) fn new(ranges: I, size: NonZeroU64, disk_size: Option<VirtualSize>) -> Self {
        Self { ranges, size, limit: disk_size.map_or(u64::MAX, VirtualSize::bytes) }
    }
}

/// The range from the multiple of `size` at or before its start to the one at or after its end. A range that ends beyond
/// `limit` keeps its end: no byte of it is lost.
fn outward(range: ByteRange, size: NonZeroU64, limit: u64) -> ByteRange {
    let (start, end) = (range.offset_bytes, range.end_bytes());
    let aligned_end = round_down(end - 1, size).saturating_add(size.get());
    ByteRange::between(round_down(start, size), end.max(aligned_end.min(limit)))
}

/// The multiple of `size` at or before `byte`.
pub(super) fn round_down(byte: u64, size: NonZeroU64) -> u64 {
    // A division takes several times as long, and sizes are powers of two as a rule.
    if size.is_power_of_two() { byte & !(size.get() - 1) } else { byte - byte % size }
}

impl<I: Sorted> Iterator for AlignOutward<I> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        self.ranges.next().map(|range| outward(range, self.size, self.limit))
    }

    fn fold<B, F: FnMut(B, ByteRange) -> B>(self, init: B, mut f: F) -> B {
        self.ranges.fold(init, |all, range| f(all, outward(range, self.size, self.limit)))
    }
}

impl<I: Sorted> FusedIterator for AlignOutward<I> {}
