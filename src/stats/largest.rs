//! The longest ranges of a list.
//!
//! Invariant: of ranges of one length, those that come first are kept.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::ByteRange;

/// Keeps the longest ranges, so many.
#[derive(Clone, Debug)]
pub(super) struct LargestRanges {
    count: usize,
    /// The shortest on top, of equally long ones the last: length and offset.
    kept: BinaryHeap<Reverse<(u64, Reverse<u64>)>>,
}

impl LargestRanges {
    pub(super) const fn new(count: usize) -> Self {
        Self { count, kept: BinaryHeap::new() }
    }

    /// The length that a range has to exceed, if there are as many as wanted.
    fn floor(&self) -> Option<u64> {
        if self.kept.len() < self.count { None } else { Some(self.kept.peek().map_or(u64::MAX, |kept| kept.0.0)) }
    }

    /// Adds ranges that come after those before.
    pub(super) fn add(&mut self, ranges: &[ByteRange]) {
        let mut floor = self.floor();
        for range in ranges {
            if floor.is_none_or(|floor| range.len_bytes > floor) {
                self.kept.push(Reverse((range.len_bytes, Reverse(range.offset_bytes))));
                if self.kept.len() > self.count {
                    self.kept.pop();
                }
                floor = self.floor();
            }
        }
    }

    /// Adds those of ranges that come after.
    pub(super) fn merge(&mut self, other: &Self) {
        let mut ranges = other.ranges();
        ranges.sort_unstable();
        self.add(&ranges);
    }

    /// The ranges, the longest first, of equally long ones the first.
    pub(super) fn ranges(&self) -> Vec<ByteRange> {
        // Ascending order of what is reversed: the longest comes first.
        let sorted = self.kept.clone().into_sorted_vec();
        let range = |Reverse((len_bytes, Reverse(offset_bytes)))| ByteRange { offset_bytes, len_bytes };
        sorted.into_iter().map(range).collect()
    }
}
