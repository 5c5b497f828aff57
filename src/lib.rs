//! Changed-block bitmaps of XenServer and XCP-ng, turned into extents.
//!
//! XenServer and XCP-ng track which blocks of 64 KiB of a virtual disk were written. Their call
//! `VDI.list_changed_blocks(vdi_from, vdi_to)` answers with a bitmap, one bit a block, as one base64 string. This
//! library turns that string, and every other form such a bitmap comes in, into the list of runs that a backup has
//! to read.
//!
//! ```
//! use changed_blocks::{Encoding, Scanner, VirtualSize};
//!
//! let answer = "ygAAAA=="; // the call's answer: 11001010 and 24 zeros
//! let scanner = Scanner::new(Encoding::Base64).virtual_size(VirtualSize::new(32 * 65_536)?);
//! let ranges = scanner.byte_ranges(answer)?;
//! for range in &ranges {
//!     println!("read {} bytes at {}", range.len_bytes, range.offset_bytes);
//! }
//! assert_eq!(ranges.len(), 3);
//! # Ok::<(), changed_blocks::Error>(())
//! ```
//!
//! # The promise
//!
//! Never a false negative: a block that changed is never missing from the list. Input that could hide a change
//! (damaged, cut short, another disk's) is an error that says where, never a shorter list. One thing no decoder can
//! see: a base64 text cut short at a multiple of four characters is still good base64. Give the
//! [virtual size](Scanner::virtual_size) wherever it is known; then that is an error too.
//!
//! # Where to look
//!
//! * [`Scanner`]: from a [`Source`] in some [`Encoding`] to byte ranges or extents: all at once, into a list that is used
//!   again, lazily by an iterator ([`Extents`], [`ByteRanges`]), or in batches to a [`Visitor`], also one that has work done
//!   by all threads ([`parallel`]).
//! * [`Extent`]: a run of changed blocks. [`ByteRange`]: the same in bytes. [`Geometry`]: from the one to the other.
//! * [`Bitmap`]: an owned bitmap, at the block size of the input or at a consumer's own ([`Scanner::bitmap_at`]); asked
//!   block by block, by ranges, or with a [`Cursor`]; with set algebra, and back to base64.
//! * [`shape`]: from what changed to what is read: gaps read through, aligned, at most so many, split; set operations on
//!   sorted ranges; a cost model.
//! * [`stats`]: figures of what changed: totals, runs and gaps by length, and what a reader of larger blocks, or one that
//!   reads through gaps, has to read.
//! * [`mod@format`]: writers for extents and bitmaps, and a reader of lists.
//! * [`cbtlog`]: the log files from which a host answers the call.
//! * [`Error`]: what can be wrong with a bitmap, and where.
//! * [`Tier`]: the implementation of the hot path for one kind of processor.
//! * [`release_buffers`]: gives back the memory that is kept between scans.

#![deny(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod arch;
mod bitmap;
mod boundaries;
pub mod cbtlog;
mod consequence;
mod decode;
mod encoding;
mod error;
mod extent;
pub mod format;
mod geometry;
#[doc(hidden)]
pub mod internals;
mod iter;
mod length;
mod not_a_bitmap;
pub mod parallel;
mod pipeline;
mod scan;
mod scanner;
pub mod shape;
mod source;
pub mod stats;
mod summary;
mod threads;
mod tier;
mod verified;
mod word_list;

pub use bitmap::{Bitmap, BitmapWriter, Cursor, Lengths};
pub use consequence::Consequence;
pub use encoding::Encoding;
pub use error::{Error, ListFault, Place, Result, Unit};
pub use extent::{Extent, from_boundaries, is_canonical};
pub use geometry::{BitOrder, BlockSize, ByteRange, Geometry, VirtualSize};
pub use iter::{ByteRanges, Extents, ValidRanges};
pub use pipeline::{Visitor, release_buffers};
pub use scanner::Scanner;
pub use source::{Mapped, Source, Stamp};
pub use summary::Summary;
pub use tier::Tier;
pub use verified::TIER_VARIABLE;

/// The README's example is tested like those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
