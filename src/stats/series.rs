//! The figures of several lists of one disk, in the order of time, and of their union.
//!
//! ```text
//! while a list has ranges:
//!     start = where the first of them begins
//!     end = the next place after start at which one of them begins or ends
//!     the union has start to end
//!     for each list that has it and the one before that has it: so many bytes more are read if a backup comes between
//!     cut off what lies before end from all
//! ```
//!
//! A backup every k-th time reads a byte once for each group of k lists in a row in which it changed. So it reads the union,
//! and a byte again where it changed in two lists with the border of a group between them. It is enough to know, for each
//! two lists, the bytes that changed in both and in none between: one pass tells for every k.

use std::collections::HashMap;

use super::list::{Stats, StatsOptions};
use crate::ByteRange;
use crate::shape::SortedRanges;

/// The figures of lists that follow each other: what changed from backup to backup.
///
/// ```
/// use changed_blocks::stats::{Interval, SeriesStats, StatsOptions};
/// use changed_blocks::{ByteRange, shape};
///
/// // Tuesday changes the half of what Monday changed.
/// let (monday, tuesday) = ([ByteRange::between(0, 200)], [ByteRange::between(100, 200)]);
/// let options = StatsOptions::default();
/// let lists = vec![(shape::sorted(&monday)?, &options), (shape::sorted(&tuesday)?, &options)];
/// let series = SeriesStats::count(lists, &options);
/// assert_eq!(series.inputs[1].totals().changed_bytes, 100);
/// assert_eq!(series.union.totals().changed_bytes, 200);
/// let intervals = [Interval { every: 1, backups: 2, bytes: 300 }, Interval { every: 2, backups: 1, bytes: 200 }];
/// assert_eq!(series.intervals(), intervals);
/// # Ok::<(), changed_blocks::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SeriesStats {
    /// The figures of each list.
    pub inputs: Vec<Stats>,
    /// The figures of what is in any of them.
    pub union: Stats,
    /// For two lists, the bytes that are in both and in none between them.
    again: HashMap<(usize, usize), u64>,
}

/// The reads of backups at some interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interval {
    /// Of how many lists each backup reads the union; the last one may have fewer.
    pub every: usize,
    /// How many backups there are.
    pub backups: usize,
    /// The bytes that all of them read.
    pub bytes: u64,
}

impl Interval {
    /// The bytes that each backup reads on average, rounded down.
    #[must_use]
    pub const fn mean_bytes(&self) -> u64 {
        match self.bytes.checked_div(self.backups as u64) {
            Some(mean) => mean,
            None => 0,
        }
    }
}

impl SeriesStats {
    /// Counts lists, each with options of its own, and their union.
    ///
    /// Complexity: linear in the number of ranges times that of the lists; for each two lists that have bytes in common, a
    /// few words of memory.
    #[must_use]
    pub fn count<I: SortedRanges>(lists: Vec<(I, &StatsOptions)>, union: &StatsOptions) -> Self {
        let mut lists: Vec<CountedList<I>> =
            lists.into_iter().map(|(ranges, options)| CountedList::new(ranges, options)).collect();
        let mut union = RangeBuffer::new(union);
        let mut again = HashMap::new();
        while let Some(start) = lists.iter().filter_map(|list| list.next).map(|range| range.offset_bytes).min() {
            let bound = |range: ByteRange| match range.offset_bytes {
                offset if offset == start => range.end_bytes(),
                offset => offset,
            };
            let end = lists.iter().filter_map(|list| list.next).map(bound).min().unwrap_or(start);
            let mut previous = None;
            for (number, list) in lists.iter_mut().enumerate() {
                if list.next.is_some_and(|range| range.offset_bytes == start) {
                    if let Some(previous) = previous.replace(number) {
                        *again.entry((previous, number)).or_default() += end - start;
                    }
                    list.skip_to(end);
                }
            }
            union.add(ByteRange::between(start, end));
        }
        let inputs = lists.into_iter().map(|list| list.counted.into_stats()).collect();
        Self { inputs, union: union.into_stats(), again }
    }

    /// The reads of a backup every time, every second time and so on: each reads the union of as many lists in a
    /// row.
    #[must_use]
    pub fn intervals(&self) -> Vec<Interval> {
        let once = self.union.totals().changed_bytes;
        let interval = |every: usize| {
            let is_cut = |&(a, b): &(usize, usize)| a / every != b / every;
            let again: u64 = self.again.iter().filter(|(lists, _)| is_cut(lists)).map(|(_, bytes)| bytes).sum();
            Interval { every, backups: self.inputs.len().div_ceil(every), bytes: once.saturating_add(again) }
        };
        (1..=self.inputs.len()).map(interval).collect()
    }
}

/// A list whose ranges are counted as they are taken.
struct CountedList<I> {
    ranges: I,
    counted: RangeBuffer,
    /// The next range, less what was dealt with.
    next: Option<ByteRange>,
}

impl<I: SortedRanges> CountedList<I> {
    fn new(ranges: I, options: &StatsOptions) -> Self {
        let mut list = Self { ranges, counted: RangeBuffer::new(options), next: None };
        list.take_next();
        list
    }

    fn take_next(&mut self) {
        self.next = self.ranges.next();
        self.next.into_iter().for_each(|range| self.counted.add(range));
    }

    /// Cuts off what lies before `at`, which is in the next range or at its end.
    fn skip_to(&mut self, at: u64) {
        match self.next {
            Some(range) if range.end_bytes() > at => self.next = Some(ByteRange::between(at, range.end_bytes())),
            _ => self.take_next(),
        }
    }
}

/// Counts ranges many at a time, after those that touch each other were put together.
struct RangeBuffer {
    stats: Stats,
    buffer: Vec<ByteRange>,
}

impl RangeBuffer {
    const LEN: usize = 512;

    fn new(options: &StatsOptions) -> Self {
        Self { stats: Stats::new(options), buffer: Vec::with_capacity(Self::LEN) }
    }

    fn add(&mut self, mut range: ByteRange) {
        if let Some(last) = self.buffer.pop_if(|last| last.end_bytes() == range.offset_bytes) {
            range = ByteRange::between(last.offset_bytes, range.end_bytes());
        } else if self.buffer.len() == Self::LEN {
            self.flush();
        }
        self.buffer.push(range);
    }

    fn flush(&mut self) {
        self.stats.add(&self.buffer).expect("the lists are sorted");
        self.buffer.clear();
    }

    fn into_stats(mut self) -> Stats {
        self.flush();
        self.stats
    }
}
