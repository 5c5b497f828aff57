//! Chunks scanned by several threads and stitched in order.
//!
//! ```text
//! each worker:
//!     take the next chunk of the input
//!     scan it into a list of its own, which stays in its cache; or, if it is dense, decode it to words and count
//!     wait for its turn; stitch it: find its place, take its slot of the joined list; end the turn
//!     copy the list to the slot, or scan the words to there, while others go on
//! ```
//!
//! So no thread waits for the slowest of a group. A worker only ever waits for chunks that others have already taken and
//! are working at, so some worker always goes on. The scan ends at the end of its range, or at the first chunk that does
//! not fit into the list, that is an error, or that was not dealt with whole.

use std::mem::{self, MaybeUninit};
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::buffers::BOUNDARY_LISTS;
use super::chunk::{self, ChunkLayout, ChunkResult, ChunkSpan, ScanOptions};
use super::plan::Plan;
use super::sequencer::Sequencer;
use super::stitch::{BoundarySummary, Placement, StitchState};
use super::tuning::{
    DENSE_BYTES_PER_BOUNDARY, MAX_CHUNK_BOUNDARIES, MAX_CHUNK_BYTES, MIN_CHUNK_BYTES, MIN_LAST_CHUNK_BYTES,
    SCRATCH_BYTES, SHARED_CACHE_BOUNDARIES, TARGET_CHUNK_BOUNDARIES, TARGET_DENSE_BOUNDARIES,
};
use crate::arch::contract::{CacheHint, Density, MAX_TILE_BOUNDARIES, TILE_SYMBOLS, TILE_WORDS};
use crate::arch::{count_boundaries, scan_words};
use crate::decode::Segment;
use crate::source::{Input, Scratch};
use crate::verified::Verified;
use crate::word_list::WordList;
use crate::{Error, Result};

/// With room for fewer words than these, a whole tile is scanned to a scratch list and copied: one call instead of many.
const MIN_WORDS: usize = 32;

/// How many more boundaries a list takes at the least: those of one chunk, and one for the end of a run at its start.
pub(super) const LEAST_CAPACITY: usize = MAX_CHUNK_BOUNDARIES + MAX_TILE_BOUNDARIES + 1;

/// The memory of one thread, used again and again.
pub(super) struct Worker {
    scratch: Scratch,
    boundaries: Vec<u64>,
    words: WordList,
    density: Density,
}

impl Worker {
    pub(super) fn new() -> Self {
        Self {
            scratch: Scratch::default(),
            boundaries: BOUNDARY_LISTS.take(),
            words: WordList::after(BOUNDARY_LISTS.take()),
            density: Density::default(),
        }
    }

    /// The most memory that it takes: for boundaries, for words (a raw bitmap has as many bytes of them as of input), and to
    /// read a file.
    pub(super) const MAX_BYTES: u64 =
        (MAX_CHUNK_BOUNDARIES + MAX_TILE_BOUNDARIES) as u64 * 8 + MAX_CHUNK_BYTES + SCRATCH_BYTES;

    /// Writes the boundaries of the words to their slot, of just as many. Returns how many were written.
    fn write_words(
        &mut self,
        tier: Verified,
        chunk: &BoundarySummary,
        placement: &Placement,
        cache: CacheHint,
        slot: &mut [MaybeUninit<u64>],
    ) -> usize {
        let mut position = chunk.assumed.wrapping_add(placement.moved);
        // With the right bit before the chunk, the kernel itself leaves out its first boundary or finds one more.
        let mut carry = placement.skip > 0 || placement.lead == Some(position);
        let (lead, mut out) = slot.split_at_mut(usize::from(placement.lead.is_some() && !carry));
        for (place, boundary) in lead.iter_mut().zip(placement.lead) {
            place.write(boundary);
        }
        let mut written = lead.len();
        self.boundaries.clear();
        self.boundaries.reserve(MAX_TILE_BOUNDARIES);
        let scratch = self.boundaries.spare_capacity_mut();
        let mut words = self.words.as_words();
        while !words.is_empty() {
            // A kernel needs 64 places a word. A slot has only those of its boundaries, so its end is written elsewhere first.
            let fitting = out.len() / 64;
            let is_at_end = fitting < MIN_WORDS.min(words.len());
            let (these, rest) =
                words.split_at(if is_at_end { TILE_WORDS } else { fitting.min(TILE_WORDS) }.min(words.len()));
            let count = if is_at_end {
                let count = scan_words(tier, these, carry, position, CacheHint::Cached, &mut self.density, scratch);
                out[..count].copy_from_slice(&scratch[..count]);
                count
            } else {
                scan_words(tier, these, carry, position, cache, &mut self.density, out)
            };
            written += count;
            out = &mut out[count..];
            carry = these.last().is_some_and(|word| word >> 63 == 1);
            position = position.wrapping_add(these.len() as u64 * 64);
            words = rest;
        }
        assert!(out.is_empty(), "as many boundaries were written as were counted");
        written
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        BOUNDARY_LISTS.give(mem::take(&mut self.boundaries));
        BOUNDARY_LISTS.give(mem::take(&mut self.words).into_words());
    }
}

/// Chooses the length of chunks by the density of those before.
pub(super) struct ChunkSizer {
    bytes: AtomicU64,
    /// Whether the last chunk was dense.
    dense: AtomicBool,
    /// The shortest and the longest.
    bounds: Range<u64>,
}

impl ChunkSizer {
    /// Begins with the longest. All chunks have `fixed` bytes, if that is given.
    pub(super) fn new(fixed: Option<usize>) -> Self {
        let bounds = fixed.map_or(MIN_CHUNK_BYTES..MAX_CHUNK_BYTES, |bytes| bytes as u64..bytes as u64);
        Self { bytes: AtomicU64::new(bounds.end), dense: AtomicBool::new(false), bounds }
    }

    /// The length of the next chunk: at most `longest`, unless the shortest is longer.
    fn next(&self, longest: u64) -> u64 {
        // Whole tiles: the rest of one takes longer than many of them.
        let tile = TILE_SYMBOLS as u64;
        (self.bytes.load(Ordering::Relaxed).min(longest) / tile * tile).max(self.bounds.start)
    }

    /// Takes note of how many boundaries a chunk had.
    pub(super) fn note(&self, bytes: u64, boundaries: usize) {
        if bytes > 0 {
            let dense = boundaries as u64 * DENSE_BYTES_PER_BOUNDARY > bytes;
            let target = if dense { TARGET_DENSE_BOUNDARIES } else { TARGET_CHUNK_BOUNDARIES };
            let wanted = bytes.saturating_mul(target as u64) / (boundaries as u64).max(1);
            self.bytes.store(wanted.clamp(self.bounds.start, self.bounds.end), Ordering::Relaxed);
            self.dense.store(dense, Ordering::Relaxed);
        }
    }
}

/// The chunks that no worker has taken yet.
struct ChunkQueue {
    layout: ChunkLayout,
    /// The number of the next chunk.
    number: usize,
    /// The longest chunk until each worker has taken one more.
    longest: u64,
}

/// A chunk that a worker has taken.
struct ChunkJob {
    number: usize,
    span: ChunkSpan,
}

/// A chunk that was scanned, or decoded and counted, as if it followed an unchanged block at `assumed`.
struct Scanned {
    result: ChunkResult,
    summary: BoundarySummary,
    /// Whether its boundaries are still in its words.
    in_words: bool,
}

/// The joined list and its end, as far as chunks were stitched: changed in their order.
struct Stitched<'s, 'l> {
    state: &'s mut StitchState,
    /// The part of the joined list that has no slots yet.
    rest: &'l mut [MaybeUninit<u64>],
    /// The chunks so far as if they were one, or the first error.
    total: Result<ChunkResult>,
}

struct ParallelScan<'s, 'l, I> {
    plan: &'s Plan,
    input: &'s I,
    range: Range<u64>,
    workers: u64,
    sizer: &'s ChunkSizer,
    /// The position of the first bit.
    start: u64,
    queue: Mutex<ChunkQueue>,
    sequencer: Sequencer<Stitched<'s, 'l>>,
    /// Set in turn when no further chunk is wanted.
    closed: AtomicBool,
    /// How many boundaries the list can take.
    capacity: usize,
    /// How many boundaries were written to slots.
    written: AtomicUsize,
}

/// Scans a range of the input with all workers, as far as the list has capacity, which is grown to `wanted` boundaries and
/// at least to those of one chunk. Appends the boundaries, moves `state`, and returns the chunks as if they were one.
pub(super) fn scan(
    plan: &Plan,
    input: &impl Input,
    range: Range<u64>,
    workers: &mut [Worker],
    sizer: &ChunkSizer,
    wanted: usize,
    (list, state): (&mut Vec<u64>, &mut StitchState),
) -> Result<ChunkResult> {
    let reserved = list.try_reserve_exact(wanted).and_then(|()| list.try_reserve(LEAST_CAPACITY));
    reserved.map_err(|_| Error::OutOfMemory { bytes: (wanted.max(LEAST_CAPACITY) * size_of::<u64>()) as u64 })?;
    let rest = list.spare_capacity_mut();
    let capacity = rest.len();
    let total = Ok(ChunkResult { next: range.start, ..ChunkResult::default() });
    let scan = ParallelScan {
        plan,
        input,
        workers: workers.len() as u64,
        sizer,
        start: state.position,
        queue: Mutex::new(ChunkQueue { layout: ChunkLayout::new(plan.codec, range.clone()), number: 0, longest: 0 }),
        range,
        sequencer: Sequencer::new(Stitched { state, rest, total }),
        closed: AtomicBool::new(false),
        capacity,
        written: AtomicUsize::new(0),
    };
    let shared = &scan;
    // The caller's thread goes ahead while the others are being woken.
    rayon::in_place_scope(|scope| {
        let mut workers = workers.iter_mut();
        let own = workers.next();
        for worker in workers {
            scope.spawn(|_| shared.work(worker));
        }
        if let Some(worker) = own {
            shared.work(worker);
        }
    });
    let Stitched { rest, total, .. } = scan.sequencer.into_inner();
    let added = capacity - rest.len();
    assert_eq!(scan.written.into_inner(), added, "every slot was written");
    let len = list.len() + added;
    // SAFETY: slots were split off the front of the spare capacity without gaps, so together they are its first `added`
    // elements; a slot is written as a whole, once, and the assertion says that each was.
    #[expect(unsafe_code)]
    unsafe {
        list.set_len(len);
    }
    total
}

impl<I: Input> ParallelScan<'_, '_, I> {
    /// Scans one chunk after the other.
    fn work(&self, worker: &mut Worker) {
        let _guard = self.sequencer.abandon_on_panic();
        while let Some(job) = self.next_job() {
            if self.scan_chunk(&job, worker).is_none() {
                return;
            }
        }
    }

    /// Takes the next chunk. Chunks become shorter towards the end, so that all workers end at about the same time.
    fn next_job(&self) -> Option<ChunkJob> {
        if self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let number = queue.number;
        if (number as u64).is_multiple_of(self.workers) {
            let share = queue.layout.left() / (5 * self.workers) * 4;
            queue.longest = share.clamp(MIN_LAST_CHUNK_BYTES, MAX_CHUNK_BYTES);
        }
        let bytes = self.sizer.next(queue.longest);
        let span = queue.layout.next(self.input, bytes)?;
        queue.number += 1;
        Some(ChunkJob { number, span })
    }

    /// Scans a chunk, stitches it in turn, and writes its boundaries to its slot. `None` if the scan has ended before it.
    fn scan_chunk(&self, job: &ChunkJob, worker: &mut Worker) -> Option<()> {
        let scanned =
            if self.sizer.dense.load(Ordering::Relaxed) { self.count(job, worker) } else { self.list(job, worker) };
        let mut stitched = self.sequencer.wait_for(job.number)?;
        if self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let Scanned { result, summary, in_words } = match scanned {
            Ok(scanned) => scanned,
            Err(error) => {
                stitched.total = Err(error);
                self.close();
                return None;
            }
        };
        let mut state = *stitched.state;
        let placement = state.stitch(&summary);
        let added = placement.added(result.boundaries);
        if stitched.rest.len() < added {
            self.close();
            return None;
        }
        let cache = self.cache_hint(stitched.rest.len());
        let (slot, rest) = mem::take(&mut stitched.rest).split_at_mut(added);
        stitched.rest = rest;
        *stitched.state = state;
        self.sizer.note(result.next - job.span.range.start, result.boundaries);
        if let Ok(total) = &mut stitched.total {
            total.add(&result);
        }
        if result.stopped || result.next < job.span.range.end {
            self.close();
        }
        drop(stitched);

        worker.density = result.density;
        let written = if in_words {
            worker.write_words(self.plan.tier, &summary, &placement, cache, slot)
        } else {
            placement.write(&worker.boundaries, slot)
        };
        self.written.fetch_add(written, Ordering::Relaxed);
        Some(())
    }

    /// Scans a chunk into the worker's list.
    fn list(&self, job: &ChunkJob, worker: &mut Worker) -> Result<Scanned> {
        let assumed = self.assumed(job);
        let mut end = StitchState { position: assumed, carry: false };
        let Worker { scratch, boundaries, density, .. } = worker;
        boundaries.clear();
        let options = ScanOptions { limit: MAX_CHUNK_BOUNDARIES, reused: true, density: *density };
        let range = job.span.range.clone();
        let result = chunk::scan(self.plan, self.input, range, scratch, options, &mut end, boundaries)?;
        let starts_with_one = boundaries.first() == Some(&assumed);
        let summary = BoundarySummary { zeros: job.span.hole * 8, assumed, end, starts_with_one };
        Ok(Scanned { result, summary, in_words: false })
    }

    /// Decodes a chunk into the worker's words, and counts its boundaries.
    fn count(&self, job: &ChunkJob, worker: &mut Worker) -> Result<Scanned> {
        let Worker { scratch, words, density, .. } = worker;
        words.clear();
        let span = job.span.range.end - job.span.range.start;
        words.try_reserve(span.saturating_mul(self.plan.codec.bits_per_byte()))?;
        let mut boundaries = 0;
        let mut result = chunk::decode(self.plan, self.input, job.span.range.clone(), scratch, false, |segment| {
            // While they are in the L1 cache.
            if let Segment::Words { words: these, .. } = segment {
                boundaries += count_boundaries(self.plan.tier, these, words.last_bit());
            }
            words.push(segment);
            if boundaries < MAX_CHUNK_BOUNDARIES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        words.fill_up();
        result.boundaries = boundaries;
        result.density = *density;
        let assumed = self.assumed(job);
        let end = StitchState { position: assumed + words.bits(), carry: words.last_bit() };
        let starts_with_one = words.as_words().first().is_some_and(|word| word & 1 == 1);
        let summary = BoundarySummary { zeros: job.span.hole * 8, assumed, end, starts_with_one };
        Ok(Scanned { result, summary, in_words: true })
    }

    /// The position of a chunk's first bit, unless there are line breaks or holes before it.
    fn assumed(&self, job: &ChunkJob) -> u64 {
        self.start + (job.span.range.start - self.range.start) * self.plan.codec.bits_per_byte()
    }

    /// Whether a cache may hold the list where so many boundaries are left.
    const fn cache_hint(&self, left: usize) -> CacheHint {
        if self.capacity - left > SHARED_CACHE_BOUNDARIES { CacheHint::Uncached } else { CacheHint::Unknown }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}
