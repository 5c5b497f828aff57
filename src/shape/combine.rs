//! Set operations on sorted ranges: those of two lists by one sweep over both, and the union of many by a heap.
//!
//! ```text
//! while a list has ranges:
//!     a, b = the next range of each
//!     start = where the first of them begins
//!     end = the next place after start at which one of them begins or ends
//!     give start to end if the operation takes what only a has, only b, or both
//!     cut off what lies before end from both
//! ```
//!
//! Invariant: ranges come out in the order of their starts. They may be adjacent, and those of the heap may overlap, so
//! [`Coalesce`](super::coalesce::Coalesce) follows.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::iter::FusedIterator;

use super::contract::Sorted;
use crate::ByteRange;

/// Segments of two lists for which `wanted` is true; it is told whether the first list has them, and whether the second.
pub(super) struct Segments<A, B, F> {
    a: Side<A>,
    b: Side<B>,
    wanted: F,
}

/// A list, and the bounds of its next range, less what was dealt with. A list that has ended has an empty range after
/// everything.
struct Side<I> {
    ranges: I,
    start: u64,
    end: u64,
}

impl<I: Sorted> Side<I> {
    fn new(ranges: I) -> Self {
        let mut side = Self { ranges, start: 0, end: 0 };
        side.take_next();
        side
    }

    fn take_next(&mut self) {
        (self.start, self.end) = match self.ranges.next() {
            Some(range) => (range.offset_bytes, range.end_bytes()),
            None => (u64::MAX, u64::MAX),
        };
    }

    /// The next bound after `start`, which is not after the range's own start.
    const fn bound_after(&self, start: u64) -> u64 {
        if self.start == start { self.end } else { self.start }
    }

    /// Cuts off the part of the range that lies before `at`, which is not after its end.
    fn skip_to(&mut self, at: u64) {
        if self.end == at {
            self.take_next();
        } else {
            self.start = self.start.max(at);
        }
    }
}

impl<A: Sorted, B: Sorted, F: Fn(bool, bool) -> bool> Segments<A, B, F> {
    pub(super) fn new(a: A, b: B, wanted: F) -> Self {
        Self { a: Side::new(a), b: Side::new(b), wanted }
    }
}

impl<A: Sorted, B: Sorted, F: Fn(bool, bool) -> bool> Iterator for Segments<A, B, F> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        loop {
            let start = self.a.start.min(self.b.start);
            if start == u64::MAX {
                return None;
            }
            let (in_a, in_b) = (self.a.start == start, self.b.start == start);
            let end = self.a.bound_after(start).min(self.b.bound_after(start));
            self.a.skip_to(end);
            self.b.skip_to(end);
            if (self.wanted)(in_a, in_b) {
                return Some(ByteRange::between(start, end));
            }
        }
    }
}

impl<A: Sorted, B: Sorted, F: Fn(bool, bool) -> bool> FusedIterator for Segments<A, B, F> {}

/// The ranges of many lists in the order of their starts.
pub(super) struct MergeByStart<I> {
    lists: Vec<I>,
    /// The next range of each list that has one, and the number of the list.
    next: BinaryHeap<Reverse<(ByteRange, usize)>>,
}

impl<I: Sorted> MergeByStart<I> {
    pub(super) fn new(mut lists: Vec<I>) -> Self {
        let firsts = lists.iter_mut().enumerate().filter_map(|(list, ranges)| Some(Reverse((ranges.next()?, list))));
        let next = firsts.collect();
        Self { lists, next }
    }
}

impl<I: Sorted> Iterator for MergeByStart<I> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        let mut top = self.next.peek_mut()?;
        let Reverse((range, list)) = *top;
        match self.lists[list].next() {
            Some(next) => *top = Reverse((next, list)),
            None => drop(PeekMut::pop(top)),
        }
        Some(range)
    }
}

impl<I: Sorted> FusedIterator for MergeByStart<I> {}
