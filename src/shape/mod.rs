//! From what changed to what is read: sorted byte ranges are merged, aligned, cut and combined, as they are asked for.
//!
//! Invariant: what a shape gives covers what it was given, but for what [`window`](SortedRanges::window) and
//! [`limit`](SortedRanges::limit) leave out by request; and it stays on the disk.
//!
//! A list of changes is seldom the best list of reads. Each read has its cost, so short unchanged gaps may be cheaper to read
//! through; some readers want whole blocks of their own, at most so many ranges, or pieces of at most some length. These
//! are the shapes, in the order in which [`Shape`] applies them:
//!
//! | shape | result |
//! |---|---|
//! | [`window`](SortedRanges::window) | only what lies in a part of the disk |
//! | [`merge_gaps`](SortedRanges::merge_gaps) | unchanged gaps up to a length are read through; [`CostModel`] says up to which |
//! | [`align`](SortedRanges::align) | outward to multiples of a size, never beyond the end of the disk |
//! | [`at_most`](SortedRanges::at_most) | at most so many ranges, for the fewest bytes |
//! | [`split`](SortedRanges::split) | pieces of at most some length, with borders on its multiples |
//!
//! Lists are combined by [`union`](SortedRanges::union), [`intersection`](SortedRanges::intersection),
//! [`difference`](SortedRanges::difference) and [`symmetric_difference`](SortedRanges::symmetric_difference), and many at once
//! by [`union_all`]. [`invert`](SortedRanges::invert) gives what did not change, [`limit`](SortedRanges::limit) the first few.
//!
//! ```
//! use changed_blocks::shape::{self, SortedRanges};
//! use changed_blocks::{ByteRange, Encoding, Scanner};
//!
//! let scanner = Scanner::new(Encoding::Base64);
//! let monday = scanner.byte_ranges("ygAAAA==")?;
//! let tuesday = scanner.byte_ranges("AQAAAA==")?;
//! let both_days = shape::sorted(&monday)?.union(shape::sorted(&tuesday)?);
//! let reads: Vec<ByteRange> = both_days.merge_gaps(65_536).collect();
//! assert_eq!(reads, [ByteRange::between(0, 2 * 65_536), ByteRange::between(4 * 65_536, 8 * 65_536)]);
//! # Ok::<(), changed_blocks::Error>(())
//! ```

mod budget;
mod coalesce;
mod combine;
mod contract;
mod cost;
mod cut;
mod options;
mod ranges;
mod sources;

pub(crate) use contract::Sorted;
pub use cost::CostModel;
pub use cut::Limit;
pub use options::Shape;
pub use ranges::{SortedRanges, union_all};
pub use sources::{check, from_unsorted, pieces, sorted};
