//! Shapes and set operations against an oracle that looks at each byte.

mod adaptors;
mod budget;
mod cost;
mod extremes;
mod operations;
mod process;
mod sources;

use std::num::{NonZeroU64, NonZeroUsize};

use changed_blocks::shape::{self, SortedRanges};
use changed_blocks::{ByteRange, VirtualSize};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::naive::{Region, Spans};

fn range(start: u64, end: u64) -> ByteRange {
    ByteRange::between(start, end)
}

fn ranges(spans: &[(u64, u64)]) -> Vec<ByteRange> {
    spans.iter().map(|&(start, end)| range(start, end)).collect()
}

fn spans(ranges: &[ByteRange]) -> Spans {
    ranges.iter().map(|range| (range.offset_bytes, range.end_bytes())).collect()
}

fn nonzero(n: u64) -> NonZeroU64 {
    NonZeroU64::new(n).expect("not 0")
}

fn count(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("not 0")
}

fn size(bytes: u64) -> VirtualSize {
    VirtualSize::new(bytes).expect("not 0")
}

fn sorted(list: &[ByteRange]) -> impl SortedRanges + Clone {
    shape::sorted(list).expect("a sorted list")
}

/// All that an iterator gives, which has to be the same one by one, at once, and partly so; and nothing after its end.
fn all<I: Iterator<Item = ByteRange>>(make: impl Fn() -> I) -> Vec<ByteRange> {
    let mut iterator = make();
    let one_by_one: Vec<ByteRange> = std::iter::from_fn(|| iterator.next()).collect();
    assert!(iterator.next().is_none() && iterator.next().is_none());
    for taken in 0..=one_by_one.len().min(3) {
        let mut iterator = make();
        let mut partly: Vec<ByteRange> = iterator.by_ref().take(taken).collect();
        iterator.for_each(|range| partly.push(range));
        assert_eq!(partly, one_by_one, "{taken} one by one");
    }
    one_by_one
}

/// As [`all`], of an iterator that has to keep the promise.
fn all_sorted<I: SortedRanges>(make: impl Fn() -> I) -> Spans {
    let all = all(make);
    assert!(shape::sorted(&all).is_ok(), "{all:?}");
    spans(&all)
}

/// Which bytes of a few changed: with long and short runs and gaps.
fn bits() -> impl Strategy<Value = Vec<bool>> {
    let stretch = || prop_oneof![3 => 1..3usize, 2 => 1..10usize, 1 => 1..50usize];
    (any::<bool>(), vec(stretch(), 0..16)).prop_map(|(first, stretches)| {
        let of = |(index, len): (usize, usize)| std::iter::repeat_n(first ^ (index % 2 == 1), len);
        stretches.into_iter().enumerate().flat_map(of).collect()
    })
}

/// Such bytes at the start of a disk, somewhere, and at the very end of the largest one.
fn region() -> impl Strategy<Value = Region> {
    (bits(), 0..3u8, 1..1000u64).prop_map(|(bits, place, offset)| {
        let base = match place {
            0 => 0,
            1 => offset,
            _ => u64::MAX - bits.len() as u64,
        };
        Region { base, bits }
    })
}
