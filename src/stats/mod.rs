//! Figures of what changed: how much, in runs and gaps of which lengths, and what it costs a reader.
//!
//! Invariant: every range that was given is counted once. Parts of a list that are counted one by one and merged in order
//! have the figures of the whole list.
//!
//! A list that is long because of many short gaps is read otherwise than one of a few long runs, and a reader with blocks of
//! its own reads more than what changed. [`Stats`] has the figures that tell, made in one pass; [`SeriesStats`] has those of
//! several lists, of their union, and of what backups at longer intervals would read.
//!
//! | figure | unit |
//! |---|---|
//! | [`totals`](Stats::totals) | ranges, blocks and bytes that changed |
//! | [`runs`](Stats::runs), [`gaps`](Stats::gaps) | how many, and their bytes, for lengths up to each power of two |
//! | [`largest`](Stats::largest) | the longest ranges |
//! | [`block_reads`](Stats::block_reads) | requests and bytes of a reader with blocks of its own |
//! | [`merged_reads`](Stats::merged_reads) | requests and bytes of a reader that reads through gaps up to a length |
//!
//! ```
//! use changed_blocks::stats::{Stats, StatsOptions};
//! use changed_blocks::{Encoding, Scanner};
//!
//! let ranges = Scanner::new(Encoding::Base64).byte_ranges("ygAAAA==")?; // blocks 0, 1, 4 and 6
//! let mut stats = Stats::new(&StatsOptions::default());
//! stats.add(&ranges)?;
//! assert_eq!((stats.totals().extents, stats.totals().changed_blocks), (3, 4));
//!
//! // A reader with blocks of 512 KiB reads one of them: twice as much as changed.
//! let reads = stats.block_reads(None).find(|reads| reads.block_size.bytes() == 512 << 10).expect("a default");
//! assert_eq!((reads.blocks, reads.reads.bytes), (1, 524_288));
//! assert_eq!(reads.reads.amplification(stats.totals().changed_bytes), Some(2.0));
//! # Ok::<(), changed_blocks::Error>(())
//! ```

mod blocks;
mod largest;
mod lengths;
mod list;
mod reads;
mod series;

pub use lengths::Bucket;
pub use list::{Stats, StatsOptions};
pub use reads::{BlockReads, Reads};
pub use series::{Interval, SeriesStats};
