//! The figures of one list of byte ranges, made in one pass.

use super::blocks::BlockCounter;
use super::largest::LargestRanges;
use super::lengths::{Bucket, LengthCounter};
use super::reads::{BlockReads, Reads};
use crate::format::Totals;
use crate::shape;
use crate::{BlockSize, ByteRange, Error, Result, VirtualSize};

/// The figures to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsOptions {
    /// The size of the blocks in which changes are counted.
    pub block_size: BlockSize,
    /// The block sizes of readers that read whole blocks of their own.
    pub reader_blocks: Vec<BlockSize>,
    /// The lengths up to which unchanged gaps may be read through, in bytes.
    pub merge_gaps: Vec<u64>,
    /// How many of the longest ranges to keep.
    pub largest: usize,
}

impl Default for StatsOptions {
    /// Blocks of 64 KiB; readers with blocks of 64 and 512 KiB, 1, 2 and 4 MiB; gaps of none, and of 64 KiB to 4 MiB; the ten
    /// longest ranges.
    fn default() -> Self {
        const KIB: u64 = 1 << 10;
        let reader_blocks = [64 * KIB, 512 * KIB, KIB * KIB, 2 * KIB * KIB, 4 * KIB * KIB];
        let size = |bytes| BlockSize::new(bytes).expect("a power of two");
        Self {
            block_size: BlockSize::DEFAULT,
            reader_blocks: reader_blocks.map(size).to_vec(),
            merge_gaps: std::iter::once(0).chain((6..=12).map(|log2| KIB << log2)).collect(),
            largest: 10,
        }
    }
}

/// The figures of a list of byte ranges that are sorted, disjoint and never adjacent.
///
/// A long list may be counted in parts, on many threads, and the parts merged in order:
///
/// ```
/// use changed_blocks::ByteRange;
/// use changed_blocks::stats::{Stats, StatsOptions};
///
/// let list = [ByteRange::between(0, 65_536), ByteRange::between(131_072, 196_608)];
/// let options = StatsOptions::default();
/// let [mut first, mut second] = [Stats::new(&options), Stats::new(&options)];
/// first.add(&list[..1])?;
/// second.add(&list[1..])?;
/// first.merge(&second)?;
/// assert_eq!(first.totals().changed_blocks, 2);
/// // To read through the gap saves a request.
/// let reads: Vec<_> = first.merged_reads().map(|(gap, reads)| (gap, reads.requests, reads.bytes)).collect();
/// assert_eq!(reads[..2], [(0, 2, 131_072), (65_536, 1, 196_608)]);
/// # Ok::<(), changed_blocks::Error>(())
/// ```
///
/// # Complexity
///
/// Linear in the number of ranges times that of the readers. Memory is constant: some KiB, and the longest ranges.
#[derive(Clone, Debug)]
pub struct Stats {
    /// The first range, and where the last one ends.
    bounds: Option<(ByteRange, u64)>,
    ranges: u64,
    bytes: u64,
    runs: LengthCounter,
    gaps: LengthCounter,
    own_blocks: BlockCounter,
    readers: Vec<BlockCounter>,
    merge_gaps: Vec<u64>,
    largest: LargestRanges,
    longest_bytes: u64,
}

impl Stats {
    /// The figures of an empty list.
    #[must_use]
    pub fn new(options: &StatsOptions) -> Self {
        Self {
            bounds: None,
            ranges: 0,
            bytes: 0,
            runs: LengthCounter::new(&[]),
            gaps: LengthCounter::new(&options.merge_gaps),
            own_blocks: BlockCounter::new(options.block_size),
            readers: options.reader_blocks.iter().copied().map(BlockCounter::new).collect(),
            merge_gaps: options.merge_gaps.clone(),
            largest: LargestRanges::new(options.largest),
            longest_bytes: 0,
        }
    }

    /// Adds the next ranges of the list.
    ///
    /// # Errors
    ///
    /// [`Error::ByteRange`] names the first range that is empty, reaches beyond 2^64 - 1, or does not begin after the end of
    /// the one before it. Nothing is added then.
    pub fn add(&mut self, ranges: &[ByteRange]) -> Result<()> {
        let (Some(&first), Some(last)) = (ranges.first(), ranges.last()) else { return Ok(()) };
        shape::sorted(ranges).map(drop)?;
        self.refuse_overlap(first)?;
        let end = self.end();
        self.own_blocks.add(ranges, end);
        self.readers.iter_mut().for_each(|reader| reader.add(ranges, end));
        self.largest.add(ranges);
        if let Some(end) = end {
            self.gaps.add(first.offset_bytes - end);
        }
        let mut previous_end = None;
        for range in ranges {
            if let Some(end) = previous_end {
                self.gaps.add(range.offset_bytes - end);
            }
            previous_end = Some(range.end_bytes());
            self.runs.add(range.len_bytes);
            self.bytes += range.len_bytes;
            self.longest_bytes = self.longest_bytes.max(range.len_bytes);
        }
        self.ranges += ranges.len() as u64;
        self.bounds = Some((self.bounds.map_or(first, |(first, _)| first), last.end_bytes()));
        Ok(())
    }

    /// Adds the figures of the next part of the list, for the same options.
    ///
    /// # Errors
    ///
    /// [`Error::ByteRange`] if it does not begin after the end of the part before it. Nothing is added then.
    ///
    /// # Panics
    ///
    /// If it was made for other options.
    pub fn merge(&mut self, next: &Self) -> Result<()> {
        assert_eq!(self.merge_gaps, next.merge_gaps, "the options are the same");
        let sizes = |stats: &Self| stats.counters().map(|counter| counter.block_size).collect::<Vec<_>>();
        assert_eq!(sizes(self), sizes(next), "the options are the same");
        let Some((first, end)) = next.bounds else { return Ok(()) };
        let Some((own_first, own_end)) = self.bounds else {
            self.clone_from(next);
            return Ok(());
        };
        self.refuse_overlap(first)?;
        let others = next.readers.iter();
        self.own_blocks.merge(&next.own_blocks, own_end, first.offset_bytes);
        self.readers.iter_mut().zip(others).for_each(|(own, other)| own.merge(other, own_end, first.offset_bytes));
        self.gaps.merge(&next.gaps);
        self.gaps.add(first.offset_bytes - own_end);
        self.runs.merge(&next.runs);
        self.largest.merge(&next.largest);
        self.ranges += next.ranges;
        self.bytes += next.bytes;
        self.longest_bytes = self.longest_bytes.max(next.longest_bytes);
        self.bounds = Some((own_first, end));
        Ok(())
    }

    /// Refuses a range that does not come after all so far.
    fn refuse_overlap(&self, next: ByteRange) -> Result<()> {
        match self.end() {
            Some(end) if next.offset_bytes <= end => Err(Error::ByteRange {
                index: self.ranges,
                offset_bytes: next.offset_bytes,
                len_bytes: next.len_bytes,
                previous_end_bytes: Some(end),
            }),
            _ => Ok(()),
        }
    }

    /// Where the last range ends.
    fn end(&self) -> Option<u64> {
        self.bounds.map(|(_, end)| end)
    }

    fn counters(&self) -> impl Iterator<Item = &BlockCounter> {
        std::iter::once(&self.own_blocks).chain(&self.readers)
    }

    /// Ranges, blocks and bytes that changed, and the length of the longest range. A block with two ranges in it counts once.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        Totals {
            extents: self.ranges,
            changed_blocks: self.own_blocks.blocks,
            changed_bytes: self.bytes,
            longest_bytes: self.longest_bytes,
        }
    }

    /// The lengths of ranges, by powers of two.
    #[must_use]
    pub fn runs(&self) -> Vec<Bucket> {
        self.runs.buckets()
    }

    /// The lengths of gaps between two ranges, by powers of two. What lies before the first range and after the last is
    /// none.
    #[must_use]
    pub fn gaps(&self) -> Vec<Bucket> {
        self.gaps.buckets()
    }

    /// The longest ranges, the longest first, of equally long ones the first.
    #[must_use]
    pub fn largest(&self) -> Vec<ByteRange> {
        self.largest.ranges()
    }

    /// The reads of readers with blocks of their own, on a disk of that size. If that is not known, the last block is read as
    /// if it was whole.
    pub fn block_reads(&self, disk_size: Option<VirtualSize>) -> impl Iterator<Item = BlockReads> {
        let disk_end = disk_size.map(VirtualSize::bytes);
        self.readers.iter().map(move |reader| reader.reads(self.end(), disk_end))
    }

    /// The reads with gaps read through, for each of the lengths that were asked for: those that
    /// [`merge_gaps`](shape::SortedRanges::merge_gaps) gives.
    pub fn merged_reads(&self) -> impl Iterator<Item = (u64, Reads)> {
        self.merge_gaps.iter().map(|&gap| {
            let (count, bytes) = self.gaps.up_to(gap);
            (gap, Reads { requests: self.ranges - count, bytes: self.bytes + bytes })
        })
    }
}
