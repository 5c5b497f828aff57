//! Set operations on sorted ranges. Each holds one range of each list, and takes the next as it is needed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::iter::FusedIterator;

use super::contract::Sorted;
use crate::ByteRange;

/// The ranges of two lists in the order of their starts.
pub(super) struct MergeByStart<A, B> {
    pair: Pair<A, B>,
}

/// Two lists, and the range of each that is next.
struct Pair<A, B> {
    a: A,
    b: B,
    next_a: Option<ByteRange>,
    next_b: Option<ByteRange>,
}

impl<A: Sorted, B: Sorted> Pair<A, B> {
    fn new(mut a: A, mut b: B) -> Self {
        let (next_a, next_b) = (a.next(), b.next());
        Self { a, b, next_a, next_b }
    }

    fn take_a(&mut self) -> Option<ByteRange> {
        std::mem::replace(&mut self.next_a, self.a.next())
    }

    fn take_b(&mut self) -> Option<ByteRange> {
        std::mem::replace(&mut self.next_b, self.b.next())
    }
}

impl<A: Sorted, B: Sorted> MergeByStart<A, B> {
    pub(super) fn new(a: A, b: B) -> Self {
        Self { pair: Pair::new(a, b) }
    }
}

impl<A: Sorted, B: Sorted> Iterator for MergeByStart<A, B> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        match (self.pair.next_a, self.pair.next_b) {
            (Some(a), Some(b)) if b.offset_bytes < a.offset_bytes => self.pair.take_b(),
            (None, _) => self.pair.take_b(),
            _ => self.pair.take_a(),
        }
    }
}

impl<A: Sorted, B: Sorted> FusedIterator for MergeByStart<A, B> {}

/// The ranges of many lists in the order of their starts.
pub(super) struct MergeAllByStart<I> {
    lists: Vec<I>,
    /// The next range of each list that has one, and the number of the list.
    next: BinaryHeap<Reverse<(ByteRange, usize)>>,
}

impl<I: Sorted> MergeAllByStart<I> {
    pub(super) fn new(mut lists: Vec<I>) -> Self {
        let firsts = lists.iter_mut().enumerate().filter_map(|(list, ranges)| Some(Reverse((ranges.next()?, list))));
        let next = firsts.collect();
        Self { lists, next }
    }
}

impl<I: Sorted> Iterator for MergeAllByStart<I> {
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

impl<I: Sorted> FusedIterator for MergeAllByStart<I> {}

/// The bytes that are in both of two lists. They are never adjacent: where a range ends, one of the lists has a gap.
pub(super) struct Intersection<A, B> {
    pair: Pair<A, B>,
}

impl<A: Sorted, B: Sorted> Intersection<A, B> {
    pub(super) fn new(a: A, b: B) -> Self {
        Self { pair: Pair::new(a, b) }
    }
}

impl<A: Sorted, B: Sorted> Iterator for Intersection<A, B> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        loop {
            let (a, b) = (self.pair.next_a?, self.pair.next_b?);
            // The other one may reach into the next range.
            if a.end_bytes() <= b.end_bytes() {
                self.pair.take_a();
            } else {
                self.pair.take_b();
            }
            let both = a.clip(b);
            if both.is_some() {
                return both;
            }
        }
    }
}

impl<A: Sorted, B: Sorted> FusedIterator for Intersection<A, B> {}
impl<A: Sorted, B: Sorted> Sorted for Intersection<A, B> {}

/// The bytes that are in exactly one of two lists, in order. Ranges may be adjacent: one ends where a range of the other list
/// begins.
pub(super) struct ExactlyOne<A, B> {
    pair: Pair<A, B>,
}

impl<A: Sorted, B: Sorted> ExactlyOne<A, B> {
    pub(super) fn new(a: A, b: B) -> Self {
        Self { pair: Pair::new(a, b) }
    }
}

impl<A: Sorted, B: Sorted> Iterator for ExactlyOne<A, B> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        loop {
            let Pair { a, b, next_a, next_b } = &mut self.pair;
            let (Some(range_a), Some(range_b)) = (*next_a, *next_b) else {
                return self.pair.take_a().or_else(|| self.pair.take_b());
            };
            let (start_a, start_b) = (range_a.offset_bytes, range_b.offset_bytes);
            if start_a == start_b {
                let common_end = range_a.end_bytes().min(range_b.end_bytes());
                skip_to(common_end, next_a, a);
                skip_to(common_end, next_b, b);
            } else if start_a < start_b {
                let end = range_a.end_bytes().min(start_b);
                skip_to(end, next_a, a);
                return Some(ByteRange::between(start_a, end));
            } else {
                let end = range_b.end_bytes().min(start_a);
                skip_to(end, next_b, b);
                return Some(ByteRange::between(start_b, end));
            }
        }
    }
}

/// Cuts off the part of the next range of a list that lies before `byte`; if that is all of it, takes the one after it.
fn skip_to(byte: u64, next: &mut Option<ByteRange>, list: &mut impl Sorted) {
    let rest = next.map(|range| ByteRange::between(byte, range.end_bytes()));
    *next = rest.filter(|range| range.len_bytes > 0).or_else(|| list.next());
}

impl<A: Sorted, B: Sorted> FusedIterator for ExactlyOne<A, B> {}
