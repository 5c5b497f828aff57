//! An input into a bitmap: chunk after chunk on one thread, or in waves of chunks on all threads.
//!
//! ```text
//! wave:   each thread, for a chunk after the other:  decode it into a bitmap of its own, at the place where it ought to be
//!         then, in the order of chunks:              add that to the bitmap, as long as each chunk is where it ought to be
//! ```
//!
//! A chunk of text is elsewhere if there are line breaks before it. Then its large blocks are other ones, so it is decoded
//! again, in order; and so is all that follows, since line breaks seldom come alone.
//!
//! Waves are for larger blocks, whose bitmaps are short beside the input. One thread writes a bitmap at the block size of
//! the input as fast as several put it together.

use rayon::prelude::*;

use super::merge::Merger;
use super::words::Bitmap;
use crate::pipeline::{ChunkLayout, ChunkResult, ChunkSpan, Output, Plan};
use crate::source::{Input, Scratch};
use crate::{Error, Result, threads};

/// Bytes of input that one thread decodes at a time: their words stay in a cache.
const CHUNK_BYTES: u64 = 1 << 20;
/// Bytes of input to a chunk of a wave.
const WAVE_CHUNK_BYTES: u64 = 256 << 10;
/// The least input that is worth another thread.
const MIN_WAVE_BYTES: u64 = 4 * WAVE_CHUNK_BYTES;
/// How many chunks of a wave there are for each thread, so that all threads end at about the same time.
const CHUNKS_PER_THREAD: usize = 8;
/// The most chunks of a wave: bounds the memory beside the bitmap.
const MAX_CHUNKS: usize = 96;

/// Marks the blocks as changed that an input has marked.
pub(crate) struct MergeOutput<'b> {
    merger: Merger<'b>,
    ratio_log2: u8,
    disk_blocks: Option<u64>,
    workers: Vec<Worker>,
    /// Whether chunks are not where they ought to be.
    in_order: bool,
}

/// The memory for a chunk of a wave, used again and again.
#[derive(Default)]
struct Worker {
    scratch: Scratch,
    bitmap: Bitmap,
}

/// A chunk of a wave that was decoded.
struct Decoded {
    result: ChunkResult,
    /// The positions where it ought to begin, and where it ends.
    start: u64,
    end: u64,
    beyond: Option<u64>,
}

impl<'b> MergeOutput<'b> {
    /// An output to a bitmap each of whose blocks has 2 to the power of `ratio_log2` blocks of the input, of which the disk
    /// has `disk_blocks`, where that is known.
    pub(crate) const fn new(bitmap: &'b mut Bitmap, ratio_log2: u8, disk_blocks: Option<u64>) -> Self {
        let merger = Merger::new(bitmap, ratio_log2, disk_blocks, 0);
        Self { merger, ratio_log2, disk_blocks, workers: Vec::new(), in_order: ratio_log2 == 0 }
    }

    /// Whether to decode the rest of an input with all threads.
    fn shares(&self, plan: &Plan, left: u64) -> bool {
        let least = plan.chunk_bytes.map_or(MIN_WAVE_BYTES, |bytes| bytes as u64 + 1);
        plan.parallel && !self.in_order && left >= least && threads::count() > 1
    }

    /// Decodes some chunks with all threads, and adds them in order.
    fn take_wave(&mut self, plan: &Plan, input: &impl Input, at: u64) -> Result<ChunkResult> {
        let bytes = plan.chunk_bytes.map_or(WAVE_CHUNK_BYTES, |bytes| bytes as u64);
        let mut layout = ChunkLayout::new(plan.codec, at..input.len());
        let most = (CHUNKS_PER_THREAD * threads::count()).min(MAX_CHUNKS);
        let spans: Vec<_> = std::iter::from_fn(|| layout.next(input, bytes)).take(most).collect();
        self.workers.resize_with(most, Worker::default);
        let first = self.merger.position();
        let (ratio_log2, disk_blocks) = (self.ratio_log2, self.disk_blocks);
        let decode = |(worker, span): (&mut Worker, &ChunkSpan)| {
            let start = first + (span.range.start - at) * plan.codec.bits_per_byte();
            worker.decode(plan, input, span, ratio_log2, disk_blocks, start)
        };
        let decoded: Vec<_> = self.workers.par_iter_mut().zip(&spans).with_max_len(1).map(decode).collect();

        let mut total = ChunkResult { next: at, ..ChunkResult::default() };
        for ((worker, span), decoded) in self.workers.iter().zip(&spans).zip(decoded) {
            let Decoded { result, start, end, beyond } = decoded?;
            self.in_order = start != self.merger.position() + span.hole * 8;
            if self.in_order {
                break;
            }
            self.merger.add(&worker.bitmap, start, end, beyond)?;
            total.add(&result);
            if result.next < span.range.end || result.stopped {
                break;
            }
        }
        Ok(total)
    }
}

impl Worker {
    /// Decodes a chunk into the worker's bitmap, of which the first word is the one that the bit `start` is in.
    fn decode(
        &mut self,
        plan: &Plan,
        input: &impl Input,
        span: &ChunkSpan,
        ratio_log2: u8,
        disk_blocks: Option<u64>,
        start: u64,
    ) -> Result<Decoded> {
        self.bitmap.empty();
        let before = start - start % (64 << ratio_log2);
        let disk_blocks = disk_blocks.map(|blocks| blocks.saturating_sub(before));
        let mut merger = Merger::new(&mut self.bitmap, ratio_log2, disk_blocks, start - before);
        let result = merger.read(plan, input, (0, span.range.clone()), &mut self.scratch)?;
        let beyond = merger.beyond().map(|block| before + block);
        Ok(Decoded { result, start, end: before + merger.position(), beyond })
    }
}

impl Output for MergeOutput<'_> {
    fn position(&self) -> u64 {
        self.merger.position()
    }

    fn take(&mut self, plan: &Plan, input: &impl Input, at: u64, scratch: &mut Scratch) -> Result<ChunkResult> {
        if self.shares(plan, input.len() - at) {
            return self.take_wave(plan, input, at);
        }
        let bytes = plan.chunk_bytes.map_or(CHUNK_BYTES, |bytes| bytes as u64);
        let span = ChunkSpan::starting_at(plan.codec, input, at, bytes);
        self.merger.read(plan, input, (span.hole * 8, span.range), scratch)
    }

    fn finish(&mut self, _bits: u64) -> Result<()> {
        match (self.merger.beyond(), self.disk_blocks) {
            (Some(block), Some(blocks)) => Err(Error::BlockBeyondEnd { block, blocks }),
            _ => Ok(()),
        }
    }
}
