//! Ways in: lists and iterators become [`SortedRanges`] only by being judged, or by being put in order.

use std::iter::{Fuse, FusedIterator};

use super::SortedRanges;
use super::coalesce::Coalesce;
use super::contract::{Sorted, Trusted};
use crate::{ByteRange, Error, Result};

/// A list that is sorted already, without a copy.
///
/// Complexity: the list is read once to judge it, and once more as it is used.
///
/// # Errors
///
/// [`Error::ByteRange`] names the first range that is empty, reaches beyond 2^64 - 1, or does not begin after the end of the
/// one before it. Of such a list, [`from_unsorted`] makes a good one.
///
/// ```
/// use changed_blocks::ByteRange;
/// use changed_blocks::shape::{self, SortedRanges};
///
/// let list = [ByteRange::between(0, 10), ByteRange::between(12, 20), ByteRange::between(90, 99)];
/// let merged: Vec<_> = shape::sorted(&list)?.merge_gaps(2).collect();
/// assert_eq!(merged, [ByteRange::between(0, 20), ByteRange::between(90, 99)]);
///
/// let error = shape::sorted(&[list[1], list[0]]).err().expect("they are not in order");
/// assert_eq!(error.kind(), "byte-range");
/// # Ok::<(), changed_blocks::Error>(())
/// ```
pub fn sorted(ranges: &[ByteRange]) -> Result<impl SortedRanges + Clone> {
    let mut judge = Judge::default();
    for &range in ranges {
        judge.judge(range)?;
    }
    Ok(Trusted(ranges.iter().copied()))
}

/// As [`sorted`], of a list whose ranges may touch each other, as the pieces of a [`split`](super::SortedRanges::split) do:
/// those become one again.
///
/// # Errors
///
/// [`Error::ByteRange`] names the first range that is empty, reaches beyond 2^64 - 1, or begins before the end of the one
/// before it.
///
/// ```
/// use changed_blocks::ByteRange;
/// use changed_blocks::shape::{self, SortedRanges};
///
/// let list = [ByteRange::between(0, 25)];
/// let pieces: Vec<_> = shape::sorted(&list)?.split(std::num::NonZeroU64::new(10).expect("not 0")).collect();
/// assert_eq!(pieces.len(), 3);
/// assert!(shape::pieces(&pieces)?.eq(list));
/// # Ok::<(), changed_blocks::Error>(())
/// ```
pub fn pieces(ranges: &[ByteRange]) -> Result<impl SortedRanges> {
    let mut judge = Judge { may_touch: true, ..Judge::default() };
    for &range in ranges {
        judge.judge(range)?;
    }
    Ok(Coalesce::new(ranges.iter().copied(), 0))
}

/// An iterator that is said to be sorted already. Each range is judged as it passes.
///
/// # Panics
///
/// As it is iterated, at the first range for which [`sorted`] would have an error: what came before must not be used.
///
/// ```should_panic
/// use changed_blocks::{ByteRange, shape};
///
/// let list = [ByteRange::between(12, 20), ByteRange::between(0, 10)];
/// for range in shape::check(list) {
///     println!("read {} bytes at {}", range.len_bytes, range.offset_bytes);
/// }
/// ```
pub fn check<I: IntoIterator<Item = ByteRange>>(ranges: I) -> impl SortedRanges + use<I> {
    Check { ranges: ranges.into_iter().fuse(), judge: Judge::default() }
}

/// Any ranges at all: they are sorted, and those that overlap or touch each other are merged. Empty ones are left out, and
/// a range that would reach beyond 2^64 - 1 ends there. No disk has a byte beyond; where such a range can only be a mistake,
/// look for it with `checked_add` first.
///
/// Complexity: n log n, and linear if they are in order already. The memory is that of the list.
///
/// ```
/// use changed_blocks::{ByteRange, shape};
///
/// let list = vec![ByteRange::between(12, 20), ByteRange::between(0, 10), ByteRange::between(8, 12)];
/// assert!(shape::from_unsorted(list).eq([ByteRange::between(0, 20)]));
/// ```
#[must_use]
pub fn from_unsorted(mut ranges: Vec<ByteRange>) -> impl SortedRanges {
    ranges.retain(|range| range.offset_bytes < range.end_bytes());
    ranges.sort_unstable();
    Coalesce::new(ranges.into_iter(), 0)
}

/// Judges ranges one after the other.
#[derive(Default)]
struct Judge {
    /// How many were good.
    judged: u64,
    /// Where the last one ends.
    end: Option<u64>,
    /// Whether the next one may begin there.
    may_touch: bool,
}

impl Judge {
    fn judge(&mut self, range: ByteRange) -> Result<()> {
        let ByteRange { offset_bytes, len_bytes } = range;
        let after = self.end.is_none_or(|end| offset_bytes > end || (self.may_touch && offset_bytes == end));
        match offset_bytes.checked_add(len_bytes) {
            Some(end) if after && len_bytes > 0 => {
                self.judged += 1;
                self.end = Some(end);
                Ok(())
            }
            _ => Err(Error::ByteRange { index: self.judged, offset_bytes, len_bytes, previous_end_bytes: self.end }),
        }
    }
}

/// See [`check`].
struct Check<I> {
    ranges: Fuse<I>,
    judge: Judge,
}

impl<I: Iterator<Item = ByteRange>> Iterator for Check<I> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        let range = self.ranges.next()?;
        if let Err(error) = self.judge.judge(range) {
            panic!("{error}");
        }
        Some(range)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranges.size_hint()
    }
}

impl<I: Iterator<Item = ByteRange>> FusedIterator for Check<I> {}
impl<I: Iterator<Item = ByteRange>> Sorted for Check<I> {}
