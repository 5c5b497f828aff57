//! From the bytes of an input to an output: chunk after chunk on one thread, or chunks scanned by several and stitched.
//!
//! ```text
//! Pipeline::step, again and again (Stream::step reads a part of a stream first)
//!     skip the space before a text
//!     output.take(…)   one chunk on this thread, or many on all threads
//!     read the tail of a text, byte by byte
//! Pipeline::finish: judge the text as a whole; its number of bits
//! ```
//!
//! Invariant: an output gets the bits of an input in order, each once, and none after the first error.

mod buffers;
mod chunk;
mod driver;
mod huge_pages;
mod output;
mod parallel;
mod plan;
mod sequencer;
mod stitch;
mod stream;
mod tuning;
mod visitor;

pub(crate) use buffers::BOUNDARY_LISTS;
pub(crate) use chunk::{ChunkLayout, ChunkResult, ChunkSpan, decode};
pub(crate) use driver::Pipeline;
pub(crate) use output::{ExtentOutput, Output, worker_limit};
pub(crate) use plan::{Codec, Plan};
pub(crate) use sequencer::Sequencer;
pub(crate) use stream::Stream;
pub use visitor::Visitor;

/// Gives back the memory that scans keep for the next one: at most 16 MiB, usually less than one.
pub fn release_buffers() {
    BOUNDARY_LISTS.release();
}
