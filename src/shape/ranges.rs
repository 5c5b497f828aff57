//! The trait of sorted ranges, with all that can be made of them.

use std::iter::FusedIterator;
use std::num::{NonZeroU64, NonZeroUsize};

use super::budget::at_most;
use super::coalesce::{AlignOutward, Coalesce};
use super::combine::{MergeByStart, Segments};
use super::contract::Sorted;
use super::cut::{Invert, Limit, Split, Window};
use crate::{ByteRange, VirtualSize};

/// Byte ranges that are sorted, disjoint and never adjacent, none of them empty, none reaching beyond 2^64 - 1; and after the
/// first `None`, there is nothing more.
///
/// Only this library makes them, since an order that nobody judged could lose a change: [`sorted`](super::sorted) takes a
/// list, [`check`](super::check) an iterator, [`from_unsorted`](super::from_unsorted) anything, and
/// [`ByteRanges::process`](crate::ByteRanges::process) a bitmap as it is scanned. Adaptors keep the promise. A list of them
/// may be of different kinds as `Box<dyn SortedRanges>`.
///
/// Complexity: every adaptor takes linear time and constant memory, unless it says otherwise. `for_each` and `fold` are
/// faster than `next`.
pub trait SortedRanges: Sorted {
    /// The parts that lie in a window. It ends at the first range beyond it.
    ///
    /// ```
    /// use changed_blocks::ByteRange;
    /// use changed_blocks::shape::{self, SortedRanges};
    ///
    /// let list = [ByteRange::between(0, 10), ByteRange::between(12, 20)];
    /// let parts = shape::sorted(&list)?.window(ByteRange::between(5, 13));
    /// assert!(parts.eq([ByteRange::between(5, 10), ByteRange::between(12, 13)]));
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    fn window(self, window: ByteRange) -> impl SortedRanges
    where
        Self: Sized,
    {
        Window { ranges: self, window }
    }

    /// Unchanged gaps of at most `max_gap` bytes are read through: the ranges on both sides become one.
    ///
    /// ```
    /// use changed_blocks::ByteRange;
    /// use changed_blocks::shape::{self, SortedRanges};
    ///
    /// let list = [ByteRange::between(0, 10), ByteRange::between(12, 20), ByteRange::between(23, 30)];
    /// let merged = shape::sorted(&list)?.merge_gaps(2);
    /// assert!(merged.eq([ByteRange::between(0, 20), ByteRange::between(23, 30)]));
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    fn merge_gaps(self, max_gap: u64) -> impl SortedRanges
    where
        Self: Sized,
    {
        Coalesce::new(self, max_gap)
    }

    /// Starts and ends move outward to multiples of `size` bytes; ranges that meet are merged. No end moves beyond the end
    /// of the disk, or beyond 2^64 - 1 if that is not known. An end that is there already stays: no byte is lost.
    ///
    /// ```
    /// use std::num::NonZeroU64;
    ///
    /// use changed_blocks::shape::{self, SortedRanges};
    /// use changed_blocks::{ByteRange, VirtualSize};
    ///
    /// let list = [ByteRange::between(5, 10), ByteRange::between(12, 20), ByteRange::between(95, 99)];
    /// let size = NonZeroU64::new(10).expect("not 0");
    /// let aligned = shape::sorted(&list)?.align(size, Some(VirtualSize::new(99)?));
    /// assert!(aligned.eq([ByteRange::between(0, 20), ByteRange::between(90, 99)]));
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    fn align(self, size: NonZeroU64, disk_size: Option<VirtualSize>) -> impl SortedRanges
    where
        Self: Sized,
    {
        Coalesce::new(AlignOutward::new(self, size, disk_size), 0)
    }

    /// The fewest bytes that cover all ranges in at most `n`: the n - 1 widest gaps stay, of equally wide ones those that
    /// come first.
    ///
    /// Reads all ranges at once. Complexity: linear, also in memory, but never for more than 2 × n ranges.
    ///
    /// ```
    /// use std::num::NonZeroUsize;
    ///
    /// use changed_blocks::ByteRange;
    /// use changed_blocks::shape::{self, SortedRanges};
    ///
    /// let list = [ByteRange::between(0, 10), ByteRange::between(12, 20), ByteRange::between(23, 30)];
    /// let two = shape::sorted(&list)?.at_most(NonZeroUsize::new(2).expect("not 0"));
    /// assert!(two.eq([ByteRange::between(0, 20), ByteRange::between(23, 30)]));
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    fn at_most(self, n: NonZeroUsize) -> impl SortedRanges
    where
        Self: Sized,
    {
        at_most(self, n)
    }

    /// Pieces of at most `max_len` bytes, which end where their range ends or on multiples of `max_len`, counted from the
    /// start of the disk. They may be adjacent, so they are no `SortedRanges` any more.
    ///
    /// ```
    /// use std::num::NonZeroU64;
    ///
    /// use changed_blocks::ByteRange;
    /// use changed_blocks::shape::{self, SortedRanges};
    ///
    /// let list = [ByteRange::between(5, 23)];
    /// let pieces = shape::sorted(&list)?.split(NonZeroU64::new(10).expect("not 0"));
    /// assert!(pieces.eq([(5, 10), (10, 20), (20, 23)].map(|(start, end)| ByteRange::between(start, end))));
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    fn split(self, max_len: NonZeroU64) -> impl FusedIterator<Item = ByteRange>
    where
        Self: Sized,
    {
        Split::new(self, max_len)
    }

    /// The parts of `disk` that are in no range: what did not change.
    ///
    /// ```
    /// use changed_blocks::ByteRange;
    /// use changed_blocks::shape::{self, SortedRanges};
    ///
    /// let list = [ByteRange::between(0, 10), ByteRange::between(12, 20)];
    /// let unchanged = shape::sorted(&list)?.invert(ByteRange::between(0, 30));
    /// assert!(unchanged.eq([ByteRange::between(10, 12), ByteRange::between(20, 30)]));
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    fn invert(self, disk: ByteRange) -> impl SortedRanges
    where
        Self: Sized,
    {
        Invert::new(self, disk)
    }

    /// The first `n` ranges, and the [offset to go on from](Limit::resume_at).
    fn limit(self, n: u64) -> Limit<Self>
    where
        Self: Sized,
    {
        Limit::new(self, n)
    }

    /// The bytes that are in either.
    ///
    /// ```
    /// use changed_blocks::ByteRange;
    /// use changed_blocks::shape::{self, SortedRanges};
    ///
    /// let (a, b) = ([ByteRange::between(0, 10)], [ByteRange::between(5, 15)]);
    /// let union = shape::sorted(&a)?.union(shape::sorted(&b)?);
    /// assert!(union.eq([ByteRange::between(0, 15)]));
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    fn union<B: SortedRanges>(self, other: B) -> impl SortedRanges
    where
        Self: Sized,
    {
        combine(self, other, |a, b| a || b)
    }

    /// The bytes that are in both.
    ///
    /// ```
    /// use changed_blocks::ByteRange;
    /// use changed_blocks::shape::{self, SortedRanges};
    ///
    /// let (a, b) = ([ByteRange::between(0, 10)], [ByteRange::between(5, 15)]);
    /// let both = shape::sorted(&a)?.intersection(shape::sorted(&b)?);
    /// assert!(both.eq([ByteRange::between(5, 10)]));
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    fn intersection<B: SortedRanges>(self, other: B) -> impl SortedRanges
    where
        Self: Sized,
    {
        combine(self, other, |a, b| a && b)
    }

    /// The bytes that are here and not in the other.
    ///
    /// ```
    /// use changed_blocks::ByteRange;
    /// use changed_blocks::shape::{self, SortedRanges};
    ///
    /// let (a, b) = ([ByteRange::between(0, 10)], [ByteRange::between(5, 15)]);
    /// let only_a = shape::sorted(&a)?.difference(shape::sorted(&b)?);
    /// assert!(only_a.eq([ByteRange::between(0, 5)]));
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    fn difference<B: SortedRanges>(self, other: B) -> impl SortedRanges
    where
        Self: Sized,
    {
        combine(self, other, |a, b| a && !b)
    }

    /// The bytes that are in exactly one of the two.
    ///
    /// ```
    /// use changed_blocks::ByteRange;
    /// use changed_blocks::shape::{self, SortedRanges};
    ///
    /// let (a, b) = ([ByteRange::between(0, 10)], [ByteRange::between(5, 15)]);
    /// let one = shape::sorted(&a)?.symmetric_difference(shape::sorted(&b)?);
    /// assert!(one.eq([ByteRange::between(0, 5), ByteRange::between(10, 15)]));
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    fn symmetric_difference<B: SortedRanges>(self, other: B) -> impl SortedRanges
    where
        Self: Sized,
    {
        combine(self, other, |a, b| a != b)
    }
}

impl<I: Sorted> SortedRanges for I {}

/// The bytes that are in any of many lists.
///
/// Complexity: n log k for n ranges in k lists.
///
/// ```
/// use changed_blocks::ByteRange;
/// use changed_blocks::shape;
///
/// let days = [[ByteRange::between(0, 10)], [ByteRange::between(30, 40)], [ByteRange::between(8, 12)]];
/// let lists = days.iter().map(|day| shape::sorted(day)).collect::<Result<Vec<_>, _>>()?;
/// assert!(shape::union_all(lists).eq([ByteRange::between(0, 12), ByteRange::between(30, 40)]));
/// # Ok::<(), changed_blocks::Error>(())
/// ```
pub fn union_all<I: IntoIterator<Item: SortedRanges>>(lists: I) -> impl SortedRanges + use<I> {
    Coalesce::new(MergeByStart::new(lists.into_iter().collect()), 0)
}

/// The bytes for which `wanted` is true; it is told whether each list has them.
fn combine<A: SortedRanges, B: SortedRanges>(a: A, b: B, wanted: impl Fn(bool, bool) -> bool) -> impl SortedRanges {
    Coalesce::new(Segments::new(a, b, wanted), 0)
}
