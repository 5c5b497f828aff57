//! Shapes and set operations on ten million ranges, each beside a copy of the ranges: `cargo bench --bench shape`. Prints how
//! long each takes for a range that it reads, into a new list and into one that was used before, and its rate as a part of the
//! copy's. Without `--bench`, as tests run it, each runs on fewer ranges. Each result is checked before it is timed.
//!
//! Lists are of two kinds. In `sparse` ones, 1 % of the blocks changed, in runs of 4 on average: most of what a shape has to
//! decide is the same for the next range. In `dense` ones, 10 % changed, and gaps are as often shorter as longer than the one
//! that is read through: processors guess wrong as often as they can.

#![allow(missing_docs)]
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::{Duration, Instant};

use changed_blocks::shape::{self, Shape, SortedRanges};
use changed_blocks::{BlockSize, ByteRange};

use inputs::Random;

#[allow(dead_code, reason = "the bitmaps are not needed here")]
mod inputs;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Runs of 4 blocks on average, and gaps of `gap`.
fn ranges(seed: u64, count: usize, gap: u64) -> Vec<ByteRange> {
    const BLOCK: u64 = BlockSize::DEFAULT.bytes();
    let mut random = Random(seed);
    let mut at = 0;
    let range = |_| {
        let start = at + random.around(gap);
        at = start + random.around(4);
        ByteRange::between(start * BLOCK, at * BLOCK)
    };
    (0..count).map(range).collect()
}

/// Something to measure: adds ranges to a list, and says how long that took.
type Way<'a> = (&'static str, Box<dyn Fn(&mut Vec<ByteRange>) -> Duration + 'a>);

/// The way of `make`, which is given a copy of `input` each time. To make that copy does not count.
fn way<'a, T: Clone + 'a, I>(name: &'static str, input: &T, make: impl Fn(T) -> I + 'a) -> Way<'a>
where
    I: Iterator<Item = ByteRange>,
{
    let input = input.clone();
    let run = move |list: &mut Vec<ByteRange>| {
        let input = input.clone();
        let start = Instant::now();
        // Faster than `extend`, which asks for one after the other.
        make(input).for_each(|range| list.push(range));
        start.elapsed()
    };
    (name, Box::new(run))
}

fn shapes(list: &[ByteRange]) -> Vec<Way<'_>> {
    let size = |bytes| NonZeroU64::new(bytes).expect("not 0");
    let count = |n| NonZeroUsize::new(n).expect("not 0");
    let sorted = |list| shape::sorted(list).expect("they were made so");
    let all = sorted(list);
    let disk = ByteRange::between(0, list.last().map_or(0, |range| range.end_bytes()));
    let (align, max_extent) = (Some(size(64 * KIB)), Some(size(4 * MIB)));
    let shape = Shape { merge_gap: 256 * KIB, align, max_extent, ..Shape::default() };
    vec![
        way("as it is", &all, |all| all),
        way("sorted", &list, sorted),
        way("check", &list, |list| shape::check(list.iter().copied())),
        way("from_unsorted", &list.to_vec(), shape::from_unsorted),
        way("window", &all, move |all| all.window(disk)),
        way("merge_gaps of 64 KiB", &all, |all| all.merge_gaps(64 * KIB)),
        way("merge_gaps of 2.25 MiB", &all, |all| all.merge_gaps(36 * 64 * KIB)),
        way("align to 64 KiB", &all, move |all| all.align(size(64 * KIB), None)),
        way("align to 2 MiB", &all, move |all| all.align(size(2 * MIB), None)),
        way("align to 3 MiB", &all, move |all| all.align(size(3 * MIB), None)),
        way("at_most 1,000", &all, move |all| all.at_most(count(1000))),
        way("at_most half", &all, move |all| all.at_most(count(list.len() / 2))),
        way("split to 4 MiB", &all, move |all| all.split(size(4 * MIB))),
        way("invert", &all, move |all| all.invert(disk)),
        way("limit", &all, |all| all.limit(u64::MAX)),
        way("merge, align and split", &all, move |all| shape.apply(all, None)),
    ]
}

fn operations<'a>(a: &'a [ByteRange], b: &'a [ByteRange]) -> Vec<Way<'a>> {
    let sorted = |list| shape::sorted(list).expect("they were made so");
    let pair = (sorted(a), sorted(b));
    vec![
        way("union", &pair, |(a, b)| a.union(b)),
        way("intersection", &pair, |(a, b)| a.intersection(b)),
        way("difference", &pair, |(a, b)| a.difference(b)),
        way("symmetric_difference", &pair, |(a, b)| a.symmetric_difference(b)),
        way("union_all of 2", &pair, |(a, b)| shape::union_all([a, b])),
    ]
}

/// The shortest of some runs, each with the list that the one before used if that is asked for, else with a new one.
fn shortest(runs: u32, reuse: bool, way: &dyn Fn(&mut Vec<ByteRange>) -> Duration) -> Duration {
    let mut list = Vec::new();
    let mut run = || {
        if reuse {
            list.clear();
        } else {
            list = Vec::new();
        }
        let time = way(&mut list);
        black_box(&list);
        time
    };
    (0..runs).map(|_| run()).min().expect("at least one run")
}

fn main() {
    let measured = std::env::args().any(|arg| arg == "--bench");
    let (count, runs) = if measured { (10_000_000, 7) } else { (10_000, 1) };
    for (kind, gap) in [("sparse", 396), ("dense", 36)] {
        println!("{kind:<24} {:>7} {:>7} {:>6}   {:>7} {:>7} {:>6}", "new, ns", "copy", "rate", "used", "copy", "rate");
        let all = ranges(1, count, gap);
        let (a, b) = (ranges(2, count / 2, gap), ranges(3, count / 2, gap));
        let copy = |list: &mut Vec<ByteRange>| {
            let start = Instant::now();
            list.extend_from_slice(black_box(&all));
            start.elapsed()
        };
        for (name, way) in shapes(&all).into_iter().chain(operations(&a, &b)) {
            let mut list = Vec::new();
            way(&mut list);
            assert!(!list.is_empty() && list.is_sorted_by(|a, b| a.end_bytes() <= b.offset_bytes), "{name}");
            drop(list);
            // Beside each, as the machine may be slower at another time.
            let [new, used] = [false, true].map(|reuse| {
                let nanos = |way| shortest(runs, reuse, way).as_secs_f64() * 1e9 / count as f64;
                let (copied, taken) = (nanos(&copy), nanos(&*way));
                format!("{taken:>7.2} {copied:>7.2} {:>6.2}", copied / taken)
            });
            println!("{name:<24} {new}   {used}");
        }
    }
}
