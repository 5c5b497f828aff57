//! The constants that decide how the work is cut up, each with its reason. None of them changes a result.

use crate::arch::contract::TILE_SYMBOLS;

const TILE_BYTES: u64 = TILE_SYMBOLS as u64;

/// Bytes of input to a chunk on one thread.
pub(super) const SERIAL_CHUNK_BYTES: u64 = 256 * TILE_BYTES;

/// The shortest chunk of several threads: it keeps a thread busy for longer than it takes to stitch it.
pub(super) const MIN_CHUNK_BYTES: u64 = 4 * TILE_BYTES;
/// The shortest chunk near the end of an input that is not dense.
pub(super) const MIN_LAST_CHUNK_BYTES: u64 = 16 * TILE_BYTES;
/// The longest chunk of several threads: each costs some microseconds, whatever its length.
pub(super) const MAX_CHUNK_BYTES: u64 = 256 * TILE_BYTES;

/// How many boundaries a chunk of several threads is to have: as many as stay in a core's own cache.
pub(super) const TARGET_CHUNK_BOUNDARIES: usize = 64 << 10;
/// How many a dense chunk is to have, which is kept as words until its boundaries are written to their place.
pub(super) const TARGET_DENSE_BOUNDARIES: usize = 128 << 10;
/// How many a chunk may have, those of one tile aside. A chunk with more stops early. Bounds the memory of a worker.
pub(super) const MAX_CHUNK_BOUNDARIES: usize = 192 << 10;

/// A chunk with a boundary in fewer bytes than this is dense: it takes less memory as words, which are scanned once its place
/// is known, and then it is not copied.
pub(super) const DENSE_BYTES_PER_BOUNDARY: u64 = 8;
/// How many boundaries of a list a cache holds that all threads share, or so.
pub(super) const SHARED_CACHE_BOUNDARIES: usize = 1 << 20;

/// Memory for the chunks of all workers together, and with that the number of workers: some 20, as many as read faster than
/// most memories can be read.
pub(super) const MAX_WORKERS_BYTES: u64 = 64 << 20;
/// How much of a file a worker reads at a time, or so.
pub(super) const SCRATCH_BYTES: u64 = 256 << 10;

/// Bytes that one thread scans without asking whether others should help.
pub(super) const SMALL_INPUT_BYTES: u64 = 16 * TILE_BYTES;
/// How much of a longer input is scanned before its density is known.
pub(super) const FIRST_LOOK_BYTES: u64 = 4 * TILE_BYTES;
/// How many boundaries one thread finds before it asks again whether others should help.
pub(super) const RECHECK_AFTER_BOUNDARIES: usize = 16 << 10;
/// How much work of one thread, in nanoseconds, makes it worth waking another: some ten times what that takes.
pub(super) const WORTH_SHARING_NS: f64 = 100_000.0;
/// Nanoseconds to find and write a boundary, or so.
pub(super) const BOUNDARY_NS: f64 = 1.0;
/// Boundaries to a byte of input up to which several threads find them sooner for a visitor than one thread does: what
/// several find is put together first, while one finds it where the visitor sees it.
pub(super) const MAX_SHARED_VISIT_DENSITY: f64 = 1.0;

/// Boundaries to a batch of a visitor from one thread: what stays in a cache.
pub(super) const BATCH_BOUNDARIES: usize = 64 << 10;
/// Boundaries to a batch from several threads, or so.
pub(super) const SHARED_BATCH_BOUNDARIES: usize = 256 << 10;
/// The longest list for which small pages are cheaper: to clear a huge one takes as long as some fifty faults.
pub(super) const FEW_BOUNDARIES: usize = 16 << 10;
/// Bytes of input to a batch from several threads, so that a visitor hears of progress.
pub(super) const SHARED_BATCH_BYTES: u64 = 32 << 20;

/// How much of a text is read at a time where there are no symbols.
pub(super) const SPACE_BYTES: u64 = 64 << 10;
/// How much white space a stream may have, however short its bitmap is.
pub(super) const MAX_STREAM_SPACE: u64 = 1 << 20;
/// How much of a stream is read before it is scanned.
pub(super) const STREAM_BUFFER_BYTES: usize = 1 << 20;
/// The least that is read of a stream at a time where it ought to end.
pub(super) const MIN_STREAM_READ_BYTES: usize = 4 << 10;

/// How many buffers are kept for later calls, and how long each may be. No chunk of a usual bitmap needs a longer one.
pub(super) const MAX_POOLED_BUFFERS: usize = 16;
pub(super) const MAX_POOLED_BYTES: usize = 1 << 20;
