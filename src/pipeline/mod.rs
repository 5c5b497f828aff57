//! Chunks and threads: one code path for one thread and for many.
//!
//! On one thread, one chunk after the other is decoded and scanned straight onto the joined list. On several, each
//! chunk is scanned on its own, as if no run were open before it, and joined in order: see [`round`].

mod chunk;
mod join;
mod round;
mod shares;

use std::io::{self, Read};
use std::ops::ControlFlow;

use chunk::{Chunk, ChunkEnd, Layout};
pub(crate) use join::Joiner;
use round::{Bench, Pace, Round};

use crate::decode::tail::Tail;
use crate::decode::{Alphabet, TILE_SYMBOLS};
use crate::fused::TILE_ROOM;
use crate::source::{Input, Scratch, Slice};
use crate::tier::Verified;
use crate::{BitOrder, Error, Extent, Geometry, Result};

/// How the bytes of an input hold bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Text(Alphabet),
    Raw(BitOrder),
}

/// Everything that is decided before the first byte is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) codec: Codec,
    pub(crate) tier: Verified,
    pub(crate) parallel: bool,
    /// Bytes of input to a chunk, if the caller says so.
    pub(crate) chunk_bytes: Option<usize>,
}

/// How many boundaries a visitor gets at a time, or so, from a single thread: what stays in a cache.
const SERIAL_LIMIT: usize = 16 << 10;
/// How many it gets at the most from several.
const PARALLEL_LIMIT: usize = 256 << 10;
/// How many boundaries all threads together may hold back, those of a few tiles aside. A chunk that has more than its
/// share stops early.
const HELD: usize = 256 << 10;
/// How many boundaries a chunk is to have: what stays in a thread's own cache.
const PACE: usize = 32 << 10;
/// Bytes of a chunk on one thread of many. The shortest keeps a thread busy for longer than it takes to join its chunk.
const SHORTEST_CHUNK: u64 = 4 * TILE_SYMBOLS as u64;
const LONGEST_CHUNK: u64 = 32 * TILE_SYMBOLS as u64;
/// Bytes of a chunk on a single thread.
const SERIAL_CHUNK: u64 = 256 * TILE_SYMBOLS as u64;
/// How many bytes of input make it worth waking another thread.
const WORTH_SHARING: u64 = 2 * LONGEST_CHUNK;
/// How many bytes of input there are between two calls of a visitor, from several threads, at the most.
const ROUND: u64 = 32 << 20;
/// How much of the text is looked at at a time where there are no symbols.
const GLANCE: u64 = 64 << 10;
/// How much of a stream is read before it is scanned.
const STREAM_BUFFER: usize = 1 << 20;

impl Plan {
    /// How many threads an input of that length is worth.
    fn threads(&self, input_len: u64) -> usize {
        let worth = self.chunk_bytes.map_or(WORTH_SHARING, |bytes| bytes as u64 + 1);
        if !self.parallel || input_len < worth { 1 } else { rayon::current_num_threads() }
    }
}

/// Takes extents as they are found.
pub trait Visitor {
    /// What the visitor says when it stops early.
    type Break;

    /// Is told, before the first extents, what turns them into bytes. The virtual size of a `.cbtlog` is known here,
    /// since its header was read.
    fn begin(&mut self, _geometry: &Geometry) {}

    /// Takes the next extents: in ascending order, never adjacent to those before, and not empty.
    fn extents(&mut self, extents: &[Extent]) -> ControlFlow<Self::Break>;

    /// Is told now and then how many bytes of the input have been dealt with.
    fn progress(&mut self, _input_bytes: u64) {}
}

impl<B, F: FnMut(&[Extent]) -> ControlFlow<B>> Visitor for F {
    type Break = B;

    fn extents(&mut self, extents: &[Extent]) -> ControlFlow<B> {
        self(extents)
    }
}

/// The state between one piece of input and the next.
pub(crate) struct Pipeline {
    plan: Plan,
    joiner: Joiner,
    tail: Tail,
    /// For what is read on the caller's thread.
    scratch: Scratch,
    /// One for each thread, if there are several.
    benches: Vec<Bench>,
    pace: Pace,
    /// Bytes of input dealt with before, also by earlier calls of `run`.
    done: u64,
}

impl Pipeline {
    /// A pipeline for an input of which `done` bytes were dealt with before.
    pub(crate) fn new(plan: Plan, joiner: Joiner, done: u64) -> Self {
        let alphabet = match plan.codec {
            Codec::Text(alphabet) => alphabet,
            Codec::Raw(_) => Alphabet::Bits,
        };
        let bounds = plan.chunk_bytes.map_or(SHORTEST_CHUNK..LONGEST_CHUNK, |bytes| bytes as u64..bytes as u64);
        let pace = Pace::new(bounds, PACE);
        Self { plan, joiner, tail: Tail::new(alphabet), scratch: Scratch::default(), benches: Vec::new(), pace, done }
    }

    /// Reads a stream to its end.
    pub(crate) fn run_stream<V: Visitor>(
        &mut self,
        reader: &mut dyn Read,
        visitor: &mut Option<V>,
    ) -> Result<ControlFlow<V::Break>> {
        let mut buffer = vec![0; self.plan.chunk_bytes.unwrap_or(STREAM_BUFFER)];
        loop {
            let filled = fill(reader, &mut buffer, self.done)?;
            if filled == 0 {
                return Ok(ControlFlow::Continue(()));
            }
            if let ControlFlow::Break(value) = self.run(&Slice::new(&buffer[..filled]), visitor)? {
                return Ok(ControlFlow::Break(value));
            }
        }
    }

    /// Takes a further piece of the input, whole.
    pub(crate) fn run<V: Visitor>(
        &mut self,
        input: &impl Input,
        visitor: &mut Option<V>,
    ) -> Result<ControlFlow<V::Break>> {
        let threads = self.plan.threads(input.len());
        let mut at = self.skip_leading_space(input)?;
        if self.tail.is_reached() {
            self.read_tail(input, at)?;
            at = input.len();
        }
        while at < input.len() {
            let limited = visitor.is_some();
            let end = match threads {
                1 => self.scan_alone(input, at, limited)?,
                _ => self.scan_together(input, at, limited, threads)?,
            };
            self.tail.count(end.symbols, end.last_symbol.map(|(place, symbol)| (self.done + place, symbol)));
            at = end.next;
            if let Some(visitor) = visitor
                && let ControlFlow::Break(value) = self.joiner.flush(visitor)
            {
                return Ok(ControlFlow::Break(value));
            }
            if end.stopped {
                self.read_tail(input, at)?;
                at = input.len();
            }
            if let Some(visitor) = visitor {
                visitor.progress(self.done + at);
            }
        }
        self.done += input.len();
        Ok(ControlFlow::Continue(()))
    }

    /// Judges the whole, at its end. Returns the number of bits.
    pub(crate) fn finish(self) -> Result<(u64, Joiner)> {
        let bits = match self.plan.codec {
            Codec::Text(_) => self.tail.finish(self.done)?,
            Codec::Raw(_) => self.joiner.position(),
        };
        Ok((bits, self.joiner))
    }

    /// Where the first symbol of a text is, or the end of the input.
    fn skip_leading_space(&mut self, input: &impl Input) -> Result<u64> {
        let mut at = 0;
        if matches!(self.plan.codec, Codec::Raw(_)) || !self.tail.is_before_text() {
            return Ok(at);
        }
        while at < input.len() {
            let end = input.len().min(at + GLANCE);
            let bytes = input.bytes(at..end, &mut self.scratch)?;
            let white = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
            match bytes.iter().position(|byte| !white(byte)) {
                Some(place) => return Ok(at + place as u64),
                None => at = end,
            }
        }
        Ok(at)
    }

    /// Scans a chunk from `at` straight onto the joined list: as far as a visitor wants to get at a time, if `limited`.
    fn scan_alone(&mut self, input: &impl Input, at: u64, limited: bool) -> Result<ChunkEnd> {
        let bytes = self.plan.chunk_bytes.map_or(SERIAL_CHUNK, |bytes| bytes as u64);
        let Some(place) = Layout::new(self.plan.codec, at..input.len()).next(input, bytes) else {
            return Ok(ChunkEnd { next: at, ..ChunkEnd::default() });
        };
        self.joiner.skip_zeros(place.hole * 8);
        let (list, seam) = self.joiner.list();
        let limit = if limited { SERIAL_LIMIT } else { usize::MAX };
        let chunk = Chunk { plan: &self.plan, range: place.range, limit };
        let end = chunk.scan(input, &mut self.scratch, *seam, list)?;
        *seam = end.seam;
        Ok(end)
    }

    /// Scans chunks from `at` on all threads: as far as there is room in the joined list, which grows unless `limited`.
    fn scan_together(&mut self, input: &impl Input, at: u64, limited: bool, threads: usize) -> Result<ChunkEnd> {
        self.benches.resize_with(threads, Bench::default);
        let limit = (HELD / threads).max(4 * TILE_ROOM);
        // Room for any chunk, with a boundary more at its start.
        let (list, _) = self.joiner.list();
        list.reserve(limit + TILE_ROOM + 1);
        if limited {
            list.reserve_exact(PARALLEL_LIMIT);
        }
        let end = if limited { input.len().min(at + ROUND) } else { input.len() };
        let round = Round { plan: &self.plan, input, range: at..end, pace: &self.pace, limit };
        round.run(&mut self.joiner, &mut self.benches)
    }

    /// Reads what follows the symbols of a text, up to the end of the input.
    fn read_tail(&mut self, input: &impl Input, from: u64) -> Result<()> {
        let mut at = from;
        while at < input.len() {
            let end = input.len().min(at + GLANCE);
            let bytes = input.bytes(at..end, &mut self.scratch)?;
            self.tail.take(bytes, self.done + at)?;
            at = end;
        }
        Ok(())
    }
}

/// Fills a buffer from a stream as far as the stream goes.
fn fill(reader: &mut dyn Read, buffer: &mut [u8], done: u64) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(Error::Read { offset: done + filled as u64, source }),
        }
    }
    Ok(filled)
}
