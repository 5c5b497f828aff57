//! The list of extents, as a whole or in batches; and what a scan asks of any output.

use super::buffers::BOUNDARY_LISTS;
use super::chunk::{self, ChunkResult, ChunkSpan, ScanOptions};
use super::huge_pages;
use super::parallel::{self, ChunkSizer, Worker};
use super::plan::Plan;
use super::stitch::Stitcher;
use super::tuning::{
    BATCH_BOUNDARIES, BOUNDARY_NS, FEW_BOUNDARIES, FIRST_LOOK_BYTES, MAX_SHARED_VISIT_DENSITY, MAX_WORKERS_BYTES,
    MIN_CHUNK_BYTES, RECHECK_AFTER_BOUNDARIES, SERIAL_CHUNK_BYTES, SHARED_BATCH_BOUNDARIES, SHARED_BATCH_BYTES,
    SMALL_INPUT_BYTES, WORTH_SHARING_NS,
};
use crate::arch::contract::Density;
use crate::source::{Input, Scratch};
use crate::{Extent, Result, threads};

/// The most threads that scan an input.
const MAX_WORKERS: usize = (MAX_WORKERS_BYTES / Worker::MAX_BYTES) as usize;

/// How many threads scan an input together: those of the pool, as far as there are processors for them. Chunks of a given
/// length are for tests, which want to see more threads than that.
pub(crate) fn worker_limit(plan: &Plan) -> usize {
    let limit = if plan.chunk_bytes.is_some() { MAX_WORKERS } else { MAX_WORKERS.min(threads::processors()) };
    threads::count().min(limit)
}

/// Takes the bits of an input, in order.
pub(crate) trait Output {
    /// The position of the next bit.
    fn position(&self) -> u64;

    /// Takes as much of the input from `at` on, which is before its end, as it sees fit, and returns how far it came.
    fn take(&mut self, plan: &Plan, input: &impl Input, at: u64, scratch: &mut Scratch) -> Result<ChunkResult>;

    /// Makes room, if the bitmap is already too long for the disk, which is an error for certain.
    fn drop_if_too_long(&mut self) {}

    /// Ends the bitmap after so many bits, the length of which was judged.
    fn finish(&mut self, bits: u64) -> Result<()>;
}

/// A part of the input that was scanned, for what comes next: it will be about as dense.
#[derive(Clone, Copy)]
struct Part {
    bytes: u64,
    boundaries: usize,
}

impl Part {
    fn boundaries_per_byte(self) -> f64 {
        self.boundaries as f64 / self.bytes as f64
    }
}

/// Finds extents.
pub(crate) struct ExtentOutput {
    stitcher: Stitcher,
    /// How many boundaries there may be on the list before extents are taken off it.
    most: usize,
    workers: Vec<Worker>,
    sizer: ChunkSizer,
    last_part: Option<Part>,
    density: Density,
}

impl ExtentOutput {
    /// An output that leaves all extents of a disk of so many blocks on a list, which is empty.
    pub(crate) fn list(plan: &Plan, blocks: Option<u64>, list: Vec<u64>) -> Self {
        Self {
            stitcher: Stitcher::new(list, blocks),
            most: usize::MAX,
            workers: Vec::new(),
            sizer: ChunkSizer::new(plan.chunk_bytes),
            last_part: None,
            density: Density::default(),
        }
    }

    /// An output whose extents are taken from it in batches: after each step, unless it is to hold more.
    pub(crate) fn batches(plan: &Plan, blocks: Option<u64>) -> Self {
        Self { most: 0, ..Self::list(plan, blocks, BOUNDARY_LISTS.take()) }
    }

    /// Lets extents stay on the list until there are about so many.
    pub(crate) fn hold(&mut self, extents: usize) {
        self.most = extents.saturating_mul(2);
    }

    /// The extents that have ended, unless one of them or of those before lies beyond the disk.
    pub(crate) fn ready(&mut self) -> &[Extent] {
        self.stitcher.ready()
    }

    /// Takes the extents that have ended off the list.
    pub(crate) fn discard_ready(&mut self) {
        self.stitcher.discard_ready();
    }

    /// Whether extents are taken off the list before it is long.
    const fn in_batches(&self) -> bool {
        self.most <= SHARED_BATCH_BOUNDARIES
    }

    /// Whether extents are taken off the list before the end.
    const fn has_limit(&self) -> bool {
        self.most < usize::MAX
    }

    /// Makes room for all boundaries that may come onto the list, if it is to hold many and is going to.
    fn make_room(&mut self, input_left: u64) {
        let Some(part) = self.last_part.filter(|_| self.has_limit() && !self.in_batches()) else { return };
        let expected = part.boundaries_per_byte() * input_left as f64;
        let (list, _) = self.stitcher.end();
        // A chunk more than the most always fits.
        let capacity = self.most + parallel::LEAST_CAPACITY;
        if expected > FEW_BOUNDARIES as f64 && list.capacity() < capacity {
            huge_pages::reserve(list, capacity.next_multiple_of(2) - list.len());
        }
    }

    pub(crate) fn into_boundaries(self) -> Vec<u64> {
        self.stitcher.into_boundaries()
    }

    /// Keeps the list of batches for the next scan.
    pub(crate) fn recycle(self) {
        BOUNDARY_LISTS.give(self.into_boundaries());
    }

    /// How many threads are to scan the rest of an input, as far as its density is known.
    fn threads(&self, plan: &Plan, input: &impl Input, at: u64) -> usize {
        let worth_sharing = match (plan.chunk_bytes, self.last_part) {
            (Some(bytes), _) => input.len() > bytes as u64,
            (None, None) => false,
            (None, Some(part)) => {
                let density = part.boundaries_per_byte();
                let ns = (input.len() - at) as f64 * (input.ns_per_byte() + density * BOUNDARY_NS);
                ns > WORTH_SHARING_NS && (!self.in_batches() || density <= MAX_SHARED_VISIT_DENSITY)
            }
        };
        if plan.parallel && worth_sharing { worker_limit(plan) } else { 1 }
    }

    /// Scans a chunk straight onto the list, or as much of it as has boundaries for a batch.
    fn scan_chunk(&mut self, plan: &Plan, input: &impl Input, at: u64, scratch: &mut Scratch) -> Result<ChunkResult> {
        let may_share = plan.parallel && input.len() - at > SMALL_INPUT_BYTES;
        let bytes = match plan.chunk_bytes {
            Some(bytes) => bytes as u64,
            None if may_share && self.last_part.is_none() => FIRST_LOOK_BYTES,
            None => SERIAL_CHUNK_BYTES,
        };
        let limit = if self.has_limit() {
            BATCH_BOUNDARIES
        } else if may_share {
            // Other threads may be worth it once the input gets denser.
            RECHECK_AFTER_BOUNDARIES
        } else {
            usize::MAX
        };
        let span = ChunkSpan::starting_at(plan.codec, input, at, bytes);
        self.stitcher.skip_zeros(span.hole * 8);
        let options = ScanOptions { limit, reused: self.in_batches(), density: self.density };
        let (list, state) = self.stitcher.end();
        let result = chunk::scan(plan, input, span.range, scratch, options, state, list)?;
        self.sizer.note(result.next - at, result.boundaries);
        Ok(result)
    }

    /// Scans with several threads: all of the rest, or enough for a batch.
    fn scan_shared(&mut self, plan: &Plan, input: &impl Input, at: u64, threads: usize) -> Result<ChunkResult> {
        self.workers.resize_with(threads, Worker::new);
        let (most_bytes, wanted) = match self.last_part {
            // As many bytes as most likely fit into a batch: a chunk that does not fit is scanned again.
            Some(Part { bytes, boundaries }) if self.has_limit() && boundaries > 0 => {
                let room = self.most.saturating_sub(self.stitcher.end().0.len()).max(SHARED_BATCH_BOUNDARIES);
                let bytes = bytes.saturating_mul(room as u64 * 3 / 4) / boundaries as u64;
                (bytes.clamp(MIN_CHUNK_BYTES, SHARED_BATCH_BYTES), SHARED_BATCH_BOUNDARIES)
            }
            _ if self.has_limit() => (SHARED_BATCH_BYTES, SHARED_BATCH_BOUNDARIES),
            _ => (input.len(), 0),
        };
        let end = input.len().min(at.saturating_add(most_bytes));
        parallel::scan(plan, input, at..end, &mut self.workers, &self.sizer, wanted, self.stitcher.end())
    }
}

impl Output for ExtentOutput {
    fn position(&self) -> u64 {
        self.stitcher.position()
    }

    fn take(&mut self, plan: &Plan, input: &impl Input, at: u64, scratch: &mut Scratch) -> Result<ChunkResult> {
        self.make_room(input.len() - at);
        let result = match self.threads(plan, input, at) {
            1 => self.scan_chunk(plan, input, at, scratch)?,
            threads => match self.scan_shared(plan, input, at, threads)? {
                // A chunk that is denser than all before may not fit into the list's capacity.
                result if result.next == at => self.scan_chunk(plan, input, at, scratch)?,
                result => result,
            },
        };
        self.density = result.density;
        if result.next > at {
            self.last_part = Some(Part { bytes: result.next - at, boundaries: result.boundaries });
        }
        Ok(result)
    }

    fn drop_if_too_long(&mut self) {
        self.stitcher.drop_if_too_long();
    }

    fn finish(&mut self, bits: u64) -> Result<()> {
        self.stitcher.finish(bits)
    }
}
