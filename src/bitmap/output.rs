//! An input into a bitmap: chunk after chunk on one thread, or chunks by all threads, added in order.
//!
//! ```text
//! each worker:  take the next chunk of the input
//!               decode it into a bitmap of its own, at the position that it has if there is no line break before it
//!               wait for its turn; if that is its position, add its bitmap to the whole; end the turn
//! ```
//!
//! A chunk that is somewhere else has other large blocks, so it ends the work of all threads: it is decoded again, in order,
//! and so is all that follows, since line breaks seldom come alone.
//!
//! Threads share larger blocks only, whose bitmaps are short beside the input. One thread makes a bitmap at the block size of
//! the input about as fast as several could put it together.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::merge::{Merger, Target};
use super::words::Bitmap;
use crate::Result;
use crate::pipeline::{ChunkLayout, ChunkResult, ChunkSpan, Output, Plan, Sequencer, worker_limit};
use crate::source::{Input, Scratch};

/// Bytes of input that one thread decodes at a time.
const CHUNK_BYTES: u64 = 1 << 20;
/// Bytes of input to a chunk of several threads: what takes some ten times as long as adding it.
const SHARED_CHUNK_BYTES: u64 = 256 << 10;
/// The least input that is worth another thread.
const MIN_SHARED_BYTES: u64 = 4 * SHARED_CHUNK_BYTES;

/// Marks the blocks as changed that an input has marked.
pub(crate) struct MergeOutput<'b> {
    target: Target,
    merger: Merger<'b>,
    /// Whether chunks are decoded one after the other, since they may be anywhere.
    in_order: bool,
}

impl<'b> MergeOutput<'b> {
    /// An output to a bitmap each of whose blocks has 2 to the power of `ratio_log2` blocks of the input, of which the disk
    /// has `disk_blocks`, where that is known.
    pub(crate) const fn new(plan: &Plan, bitmap: &'b mut Bitmap, ratio_log2: u8, disk_blocks: Option<u64>) -> Self {
        let target = Target { tier: plan.tier, ratio_log2, disk_blocks };
        Self { target, merger: Merger::new(target, bitmap), in_order: ratio_log2 == 0 }
    }

    /// How many threads decode the rest of an input.
    fn threads(&self, plan: &Plan, left: u64) -> usize {
        let least = plan.chunk_bytes.map_or(MIN_SHARED_BYTES, |bytes| bytes as u64 + 1);
        if plan.parallel && !self.in_order && left >= least { worker_limit(plan) } else { 1 }
    }
}

impl Output for MergeOutput<'_> {
    fn position(&self) -> u64 {
        self.merger.position()
    }

    fn take(&mut self, plan: &Plan, input: &impl Input, at: u64, scratch: &mut Scratch) -> Result<ChunkResult> {
        let workers = self.threads(plan, input.len() - at);
        if workers > 1 {
            let (result, in_order) = ParallelMerge::new(plan, input, at, self.target, &mut self.merger).run(workers)?;
            self.in_order = in_order;
            return Ok(result);
        }
        let bytes = plan.chunk_bytes.map_or(CHUNK_BYTES, |bytes| bytes as u64);
        let span = ChunkSpan::starting_at(plan.codec, input, at, bytes);
        self.merger.skip_zeros(span.hole * 8);
        self.merger.read(plan, input, span.range, scratch)
    }

    fn finish(&mut self, _bits: u64) -> Result<()> {
        self.merger.require_on_disk()
    }
}

/// The rest of an input, of which each thread decodes chunks.
struct ParallelMerge<'m, 'b, I> {
    plan: &'m Plan,
    target: Target,
    input: &'m I,
    /// The offset, and the position of its first bit.
    at: u64,
    start: u64,
    /// The chunks that no worker has taken yet, and the number of the next one.
    queue: Mutex<(ChunkLayout, usize)>,
    sequencer: Sequencer<Merged<'m, 'b>>,
    /// Set in turn when no further chunk is wanted.
    closed: AtomicBool,
}

/// The whole, as far as chunks were added: changed in their order.
struct Merged<'m, 'b> {
    merger: &'m mut Merger<'b>,
    /// The chunks so far as if they were one, or the first error.
    total: Result<ChunkResult>,
    /// Whether a chunk is not where it would be without line breaks.
    displaced: bool,
}

impl<'m, 'b, I: Input> ParallelMerge<'m, 'b, I> {
    fn new(plan: &'m Plan, input: &'m I, at: u64, target: Target, merger: &'m mut Merger<'b>) -> Self {
        let total = Ok(ChunkResult { next: at, ..ChunkResult::default() });
        Self {
            plan,
            target,
            input,
            at,
            start: merger.position(),
            queue: Mutex::new((ChunkLayout::new(plan.codec, at..input.len()), 0)),
            sequencer: Sequencer::new(Merged { merger, total, displaced: false }),
            closed: AtomicBool::new(false),
        }
    }

    /// Decodes as much as can be added. Returns it as one chunk, and whether the next one is not where it would be without
    /// line breaks.
    fn run(self, workers: usize) -> Result<(ChunkResult, bool)> {
        let shared = &self;
        // The caller's thread goes ahead while the others are being woken.
        rayon::in_place_scope(|scope| {
            for _ in 1..workers {
                scope.spawn(|_| shared.work());
            }
            shared.work();
        });
        let Merged { total, displaced, .. } = self.sequencer.into_inner();
        total.map(|total| (total, displaced))
    }

    /// Decodes one chunk after the other.
    fn work(&self) {
        let _guard = self.sequencer.abandon_on_panic();
        let (mut bitmap, mut scratch) = (Bitmap::default(), Scratch::default());
        while let Some((number, span)) = self.next_chunk() {
            if self.merge(number, &span, &mut bitmap, &mut scratch).is_none() {
                return;
            }
        }
    }

    fn next_chunk(&self) -> Option<(usize, ChunkSpan)> {
        if self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (layout, number) = &mut *queue;
        let bytes = self.plan.chunk_bytes.map_or(SHARED_CHUNK_BYTES, |bytes| bytes as u64);
        let span = layout.next(self.input, bytes)?;
        *number += 1;
        Some((*number - 1, span))
    }

    /// Decodes a chunk into a bitmap of its own, and adds that in turn. `None` if no further chunk is wanted.
    fn merge(&self, number: usize, span: &ChunkSpan, bitmap: &mut Bitmap, scratch: &mut Scratch) -> Option<()> {
        let position = self.start + (span.range.start - self.at) * self.plan.codec.bits_per_byte();
        let bits = (span.range.end - span.range.start) * self.plan.codec.bits_per_byte();
        let decoded = Merger::of_chunk(self.target, bitmap, position, bits).and_then(|mut own| {
            let result = own.read(self.plan, self.input, span.range.clone(), scratch)?;
            Ok((result, own))
        });
        let mut whole = self.sequencer.wait_for(number)?;
        if self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let goes_on = whole.add(span, position, decoded);
        if !goes_on {
            self.closed.store(true, Ordering::Relaxed);
        }
        goes_on.then_some(())
    }
}

impl Merged<'_, '_> {
    /// Adds the next chunk, if its first bit is at that position. Returns whether one more is wanted.
    fn add(&mut self, span: &ChunkSpan, position: u64, decoded: Result<(ChunkResult, Merger<'_>)>) -> bool {
        self.displaced = self.merger.position() + span.hole * 8 != position;
        if self.displaced {
            return false;
        }
        let added = decoded.and_then(|(result, own)| self.merger.add(&own).map(|()| result));
        match (added, &mut self.total) {
            (Ok(result), Ok(total)) => {
                total.add(&result);
                result.next == span.range.end && !result.stopped
            }
            (added, total) => {
                *total = added;
                false
            }
        }
    }
}
