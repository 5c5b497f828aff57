//! Parts of ranges: those in a window, those between, pieces, and the first few.

use std::iter::{FusedIterator, Peekable};
use std::num::NonZeroU64;

use super::coalesce::round_down;
use super::contract::Sorted;
use crate::ByteRange;

/// The parts of ranges that lie in a window.
pub(super) struct Window<I> {
    pub(super) ranges: I,
    pub(super) window: ByteRange,
}

impl<I: Sorted> Iterator for Window<I> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        loop {
            let range = self.ranges.next()?;
            // All that follow are beyond the window as well.
            if range.offset_bytes >= self.window.end_bytes() {
                return None;
            }
            let part = range.clip(self.window);
            if part.is_some() {
                return part;
            }
        }
    }
}

impl<I: Sorted> FusedIterator for Window<I> {}
impl<I: Sorted> Sorted for Window<I> {}

/// The gaps between ranges, from the start of a disk to its end.
pub(super) struct Invert<I> {
    ranges: I,
    /// Everything before this was dealt with.
    at: u64,
    end: u64,
}

impl<I: Sorted> Invert<I> {
    pub(super) const fn new(ranges: I, disk: ByteRange) -> Self {
        Self { ranges, at: disk.offset_bytes, end: disk.end_bytes() }
    }
}

impl<I: Sorted> Iterator for Invert<I> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        while self.at < self.end {
            let next = self.ranges.next();
            let gap_end = next.map_or(self.end, |range| range.offset_bytes.min(self.end));
            let gap = ByteRange::between(self.at, gap_end);
            self.at = next.map_or(self.end, |range| range.end_bytes().max(self.at));
            if gap.len_bytes > 0 {
                return Some(gap);
            }
        }
        None
    }
}

impl<I: Sorted> FusedIterator for Invert<I> {}
impl<I: Sorted> Sorted for Invert<I> {}

/// Pieces of ranges, which end on multiples of a size at the latest.
pub(super) struct Split<I> {
    ranges: I,
    max_len: NonZeroU64,
    /// The part of the last range that was not given yet.
    rest: ByteRange,
}

impl<I: Sorted> Split<I> {
    pub(super) const fn new(ranges: I, max_len: NonZeroU64) -> Self {
        Self { ranges, max_len, rest: ByteRange::between(0, 0) }
    }
}

/// Takes the first piece off a range.
fn cut(rest: &mut ByteRange, max_len: NonZeroU64) -> ByteRange {
    let (start, end) = (rest.offset_bytes, rest.end_bytes());
    let border = round_down(start, max_len).saturating_add(max_len.get()).min(end);
    *rest = ByteRange::between(border, end);
    ByteRange::between(start, border)
}

impl<I: Sorted> Iterator for Split<I> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        if self.rest.len_bytes == 0 {
            self.rest = self.ranges.next()?;
        }
        Some(cut(&mut self.rest, self.max_len))
    }

    fn fold<B, F: FnMut(B, ByteRange) -> B>(self, init: B, mut f: F) -> B {
        let mut pieces = |mut all, mut rest: ByteRange| {
            while rest.len_bytes > 0 {
                all = f(all, cut(&mut rest, self.max_len));
            }
            all
        };
        let all = pieces(init, self.rest);
        self.ranges.fold(all, pieces)
    }
}

impl<I: Sorted> FusedIterator for Split<I> {}

/// The first few ranges, and the offset from which to go on.
///
/// ```
/// use changed_blocks::ByteRange;
/// use changed_blocks::shape::{self, Limit};
///
/// let list = [ByteRange::between(0, 10), ByteRange::between(12, 20), ByteRange::between(90, 99)];
/// let mut first = Limit::new(shape::sorted(&list)?, 2);
/// assert!(first.by_ref().eq([list[0], list[1]]));
/// assert_eq!(first.resume_at(), Some(90));
/// # Ok::<(), changed_blocks::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Limit<I: Iterator<Item = ByteRange>> {
    ranges: Peekable<I>,
    left: u64,
}

impl<I: FusedIterator<Item = ByteRange>> Limit<I> {
    /// The first `n` of any ranges, also of pieces, which are not [`SortedRanges`](super::SortedRanges).
    #[must_use]
    pub fn new(ranges: I, n: u64) -> Self {
        Self { ranges: ranges.peekable(), left: n }
    }

    /// The offset of the first range that was not given, or `None` if all were. A [window](super::SortedRanges::window) that
    /// begins there has the rest.
    #[must_use]
    pub fn resume_at(&mut self) -> Option<u64> {
        self.ranges.peek().map(|range| range.offset_bytes)
    }

    /// The ranges that were not given.
    pub fn into_rest(self) -> impl FusedIterator<Item = ByteRange> {
        self.ranges
    }
}

impl<I: FusedIterator<Item = ByteRange>> Iterator for Limit<I> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        self.left = self.left.checked_sub(1)?;
        self.ranges.next()
    }
}

impl<I: FusedIterator<Item = ByteRange>> FusedIterator for Limit<I> {}
impl<I: Sorted> Sorted for Limit<I> {}
