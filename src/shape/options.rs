//! All shapes in their order, each only if it is asked for.

use std::iter::FusedIterator;
use std::num::{NonZeroU64, NonZeroUsize};

use super::SortedRanges;
use super::contract::Sorted;
use crate::{ByteRange, VirtualSize};

/// The way from what changed to what is read: options that are applied in the order of the fields.
///
/// The default changes nothing.
///
/// ```
/// use std::num::NonZeroU64;
///
/// use changed_blocks::shape::{self, Shape};
/// use changed_blocks::{ByteRange, VirtualSize};
///
/// let changed = [ByteRange::between(10, 20), ByteRange::between(25, 30), ByteRange::between(95, 99)];
/// let shape = Shape { merge_gap: 5, align: NonZeroU64::new(8), max_extent: NonZeroU64::new(16), ..Shape::default() };
/// let reads = shape.apply(shape::sorted(&changed)?, Some(VirtualSize::new(100)?));
/// assert!(reads.eq([(8, 16), (16, 32), (88, 96), (96, 100)].map(|(start, end)| ByteRange::between(start, end))));
/// # Ok::<(), changed_blocks::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Only what lies in this part of the disk: see [`SortedRanges::window`].
    pub window: Option<ByteRange>,
    /// Gaps of at most that many bytes are read through: see [`SortedRanges::merge_gaps`].
    pub merge_gap: u64,
    /// Outward to multiples of that many bytes: see [`SortedRanges::align`].
    pub align: Option<NonZeroU64>,
    /// At most that many ranges, before they are split: see [`SortedRanges::at_most`].
    pub max_extents: Option<NonZeroUsize>,
    /// Only the gaps that all this leaves, in the window and on the disk, so that no changed byte is called unchanged: see
    /// [`SortedRanges::invert`].
    pub invert: bool,
    /// Pieces of at most that many bytes: see [`SortedRanges::split`].
    pub max_extent: Option<NonZeroU64>,
}

impl Shape {
    /// Applies what is asked for. The result covers the input as far as it is in the window, unless it is inverted, and stays on
    /// a disk of that size.
    /// It is sorted and disjoint; pieces of a range that was split are adjacent.
    ///
    /// With [`max_extents`](Self::max_extents), all of the input is read at once. Else this is lazy, in constant memory.
    pub fn apply<I: SortedRanges>(
        &self,
        ranges: I,
        disk_size: Option<VirtualSize>,
    ) -> impl FusedIterator<Item = ByteRange> + use<I> {
        let window = self.window.unwrap_or(ByteRange::between(0, u64::MAX));
        let align = self.align.unwrap_or(NonZeroU64::MIN);
        // The others are fastest with ranges that they can have one after the other without a question between.
        let ranges = match self.window {
            Some(window) => Either::Left(ranges.window(window)),
            None => Either::Right(ranges),
        };
        let ranges = ranges.merge_gaps(self.merge_gap).align(align, disk_size);
        let ranges = match self.max_extents {
            Some(n) => Either::Left(ranges.at_most(n)),
            None => Either::Right(ranges),
        };
        let end = window.end_bytes().min(disk_size.map_or(u64::MAX, VirtualSize::bytes));
        let ranges = match self.invert {
            true => Either::Left(ranges.invert(ByteRange::between(window.offset_bytes.min(end), end))),
            false => Either::Right(ranges),
        };
        ranges.split(self.max_extent.unwrap_or(NonZeroU64::MAX))
    }
}

/// One of two kinds of sorted ranges.
enum Either<L, R> {
    Left(L),
    Right(R),
}

impl<L: Sorted, R: Sorted> Iterator for Either<L, R> {
    type Item = ByteRange;

    fn next(&mut self) -> Option<ByteRange> {
        match self {
            Self::Left(ranges) => ranges.next(),
            Self::Right(ranges) => ranges.next(),
        }
    }

    fn fold<B, F: FnMut(B, ByteRange) -> B>(self, init: B, f: F) -> B {
        match self {
            Self::Left(ranges) => ranges.fold(init, f),
            Self::Right(ranges) => ranges.fold(init, f),
        }
    }
}

impl<L: Sorted, R: Sorted> FusedIterator for Either<L, R> {}
impl<L: Sorted, R: Sorted> Sorted for Either<L, R> {}
