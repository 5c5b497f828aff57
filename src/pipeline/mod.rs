//! Chunks and threads: one code path for one thread and for many.
//!
//! On one thread, one chunk after the other is decoded and scanned straight onto the joined list. On several, each
//! chunk is scanned on its own, as if no run were open before it, and joined in order: see [`round`].

mod chunk;
mod join;
mod kept;
mod outlet;
mod pace;
mod round;
mod shares;
mod turns;
mod visit;

use std::io::{self, Read};
use std::ops::ControlFlow;

use chunk::{Chunk, ChunkEnd, Layout};
pub(crate) use join::Joiner;
pub(crate) use kept::LISTS;
pub use outlet::Visitor;
pub(crate) use outlet::{Call, Collect, Outlet};
use pace::Pace;
use round::{Bench, Round};
pub(crate) use visit::Prepared;
pub use visit::{ParallelVisitor, Prepare};

use crate::arch::contract::Density;
use crate::arch::contract::MAX_TILE_BOUNDARIES;
use crate::arch::contract::TILE_SYMBOLS;
use crate::decode::Alphabet;
use crate::decode::tail::Tail;
use crate::source::{Buffer, Input, Scratch, Slice};
use crate::verified::Verified;
use crate::{BitOrder, Encoding, Error, Result, threads};

/// How the bytes of an input hold bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Text(Alphabet),
    Raw(BitOrder),
}

impl From<Encoding> for Codec {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Base64 => Codec::Text(Alphabet::Base64),
            Encoding::Bits => Codec::Text(Alphabet::Bits),
            Encoding::Raw(order) => Codec::Raw(order),
            Encoding::CbtLog => Codec::Raw(BitOrder::Lsb0),
        }
    }
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

/// How many boundaries all threads together may hold back, those of a few tiles aside. A chunk that has more than its
/// share stops early.
const HELD: usize = 256 << 10;
/// How many boundaries a chunk is to have at the most: what stays in a thread's own cache.
const PACE: usize = 64 << 10;
/// How many threads are given work at the most. Each has some 3 MiB of its own if the bitmap is dense, and memory is
/// to stay bounded on any machine; as many as this read faster than most memories can be read.
const MOST_THREADS: usize = 6;
/// Bytes of a chunk on one thread of many. The shortest keeps a thread busy for longer than it takes to join its chunk.
const SHORTEST_CHUNK: u64 = 4 * TILE_SYMBOLS as u64;
/// The shortest of those near the end, if they are not dense.
const SHORT_CHUNK: u64 = 16 * TILE_SYMBOLS as u64;
/// The longest, where it matters little how many there are.
const LONG_CHUNK: u64 = 64 * TILE_SYMBOLS as u64;
/// The longest of all: each has an overhead of some microseconds.
const LONGEST_CHUNK: u64 = 256 * TILE_SYMBOLS as u64;
/// Bytes of a chunk on a single thread.
const SERIAL_CHUNK: u64 = 256 * TILE_SYMBOLS as u64;
/// What one thread deals with in one go, whatever it finds.
const SMALL: u64 = 16 * TILE_SYMBOLS as u64;
/// How much of an input that is not small is scanned before it is known how dense it is.
const FIRST_GLANCE: u64 = 4 * TILE_SYMBOLS as u64;
/// How many boundaries one thread finds before it asks itself again whether others should help.
const SOON: usize = 16 << 10;
/// How much work, in nanoseconds of one thread, makes it worth waking another: some ten times what that takes.
const WORTH_SHARING: f64 = 100_000.0;
/// How much of the text is looked at at a time where there are no symbols.
const GLANCE: u64 = 64 << 10;
/// How much white space there may be in a stream, however short its bitmap is.
const MOST_SPACE: u64 = 1 << 20;
/// How much of a stream is read at a time at the least, where it ought to end.
const NEAR_THE_END: usize = 4 << 10;
/// How much of a stream is read before it is scanned.
const STREAM_BUFFER: usize = 1 << 20;

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
    /// Boundaries for each byte of input, where it was looked at last.
    density: Option<f64>,
    /// The same, as far as kernels mind.
    expected: Density,
    /// Bytes of input dealt with before, also by earlier calls of `run`.
    done: u64,
    /// Whether a stream was left before its end, since it is too long.
    cut_short: bool,
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
        Self {
            plan,
            joiner,
            tail: Tail::new(alphabet),
            scratch: Scratch::default(),
            benches: Vec::new(),
            pace,
            density: None,
            expected: Density::default(),
            done,
            cut_short: false,
        }
    }

    /// Reads a stream to its end, or until it has more bits than the most that a bitmap may have.
    pub(crate) fn run_stream<O: Outlet>(
        &mut self,
        reader: &mut dyn Read,
        outlet: &mut O,
        most_bits: Option<u64>,
    ) -> Result<ControlFlow<O::Break>> {
        let buffer = Buffer::new(self.plan.chunk_bytes.unwrap_or(STREAM_BUFFER));
        let mut buffer = buffer.map_err(|source| Error::Read { offset: self.done, source })?;
        let buffer = buffer.bytes_mut();
        loop {
            let filled = match most_bits.map(|most| self.bytes_beyond(most)) {
                // What is one too many is seen as soon as it comes.
                Some(beyond) if beyond < buffer.len() as u64 => {
                    let len = buffer.len().min(NEAR_THE_END.max(usize::try_from(beyond).unwrap_or(usize::MAX)));
                    read(reader, &mut buffer[..len], self.done)?
                }
                _ => fill(reader, buffer, self.done)?,
            };
            if filled == 0 {
                return Ok(ControlFlow::Continue(()));
            }
            if let ControlFlow::Break(value) = self.run(&Slice::new(&buffer[..filled]), outlet)? {
                return Ok(ControlFlow::Break(value));
            }
            self.joiner.drop_if_too_long();
            if most_bits.is_some_and(|most| self.joiner.whole_bytes() > most / 8) {
                self.cut_short = true;
                return Ok(ControlFlow::Continue(()));
            }
            // Two bytes of line break after each symbol. More white space than that has no end.
            let most_bytes = self.tail.symbols().saturating_mul(3).saturating_add(MOST_SPACE);
            if matches!(self.plan.codec, Codec::Text(_)) && self.done > most_bytes {
                return Err(Error::InvalidSymbol { offset: self.done - 1, byte: buffer[filled - 1] });
            }
        }
    }

    /// How many more bytes it takes, at the least, until there are more bits than that.
    fn bytes_beyond(&self, most_bits: u64) -> u64 {
        let left = most_bits.saturating_sub(self.joiner.position());
        let each = match self.plan.codec {
            Codec::Text(alphabet) => alphabet.bits_per_symbol() as u64,
            Codec::Raw(_) => 8,
        };
        left / each + 1
    }

    /// Takes a further piece of the input, whole.
    pub(crate) fn run<O: Outlet>(&mut self, input: &impl Input, outlet: &mut O) -> Result<ControlFlow<O::Break>> {
        let mut at = self.skip_leading_space(input)?;
        if self.tail.is_reached() {
            self.read_tail(input, at)?;
            at = input.len();
        }
        while at < input.len() {
            let worth_sharing = self.plan.parallel && self.is_worth_sharing::<O>(input, at);
            let threads = if worth_sharing { threads::count().min(MOST_THREADS) } else { 1 };
            let end = if threads == 1 {
                let limit = match O::SERIAL_LIMIT {
                    // It may be worth it once it gets denser.
                    None if self.plan.parallel && !worth_sharing && input.len() - at > SMALL => SOON,
                    limit => limit.unwrap_or(usize::MAX),
                };
                let end = self.scan_alone(input, at, limit, O::SERIAL_LIMIT.is_some())?;
                self.pace.note(end.next - at, end.boundaries);
                end
            } else {
                let Self { plan, joiner, benches, pace, done, .. } = self;
                benches.resize_with(threads, Bench::new);
                let limit = (HELD / threads).max(4 * MAX_TILE_BOUNDARIES);
                let round = Round { plan, input, range: at..input.len(), pace, longest: O::LONGEST, limit };
                match outlet.run(round, joiner, benches, *done)? {
                    ControlFlow::Continue(end) => end,
                    ControlFlow::Break(value) => return Ok(ControlFlow::Break(value)),
                }
            };
            self.tail.count(end.symbols, end.last_symbol.map(|(place, symbol)| (self.done + place, symbol)));
            self.expected = end.density;
            if end.next > at {
                self.density = Some(end.boundaries as f64 / (end.next - at) as f64);
            }
            at = end.next;
            if let ControlFlow::Break(value) = outlet.flush(&mut self.joiner) {
                return Ok(ControlFlow::Break(value));
            }
            outlet.progress(self.done + at);
            if end.stopped {
                self.read_tail(input, at)?;
                at = input.len();
            }
        }
        self.done += input.len();
        Ok(ControlFlow::Continue(()))
    }

    /// Whether the rest of an input is worth several threads, as far as is known.
    fn is_worth_sharing<O: Outlet>(&self, input: &impl Input, at: u64) -> bool {
        match (self.plan.chunk_bytes, self.density) {
            (Some(bytes), _) => input.len() > bytes as u64,
            (None, None) => false,
            (None, Some(density)) => {
                let each = input.ns_per_byte() + density * O::NS_PER_BOUNDARY;
                density <= O::MOST_DENSE && (input.len() - at) as f64 * each > WORTH_SHARING
            }
        }
    }

    /// Whether a stream was left before its end.
    pub(crate) const fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    /// Judges the whole, at its end. Returns the number of bits.
    pub(crate) fn finish(self) -> Result<(u64, Joiner)> {
        let bits = match self.plan.codec {
            Codec::Text(_) if !self.cut_short => self.tail.finish(self.done)?,
            _ => self.joiner.position(),
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

    /// Scans a chunk from `at` straight onto the joined list, or as much of it as has so many boundaries, or so.
    fn scan_alone(&mut self, input: &impl Input, at: u64, limit: usize, reused: bool) -> Result<ChunkEnd> {
        let bytes = match self.plan.chunk_bytes {
            Some(bytes) => bytes as u64,
            None if self.plan.parallel && self.density.is_none() && input.len() - at > SMALL => FIRST_GLANCE,
            None => SERIAL_CHUNK,
        };
        let Some(place) = Layout::new(self.plan.codec, at..input.len()).next(input, bytes) else {
            return Ok(ChunkEnd { next: at, ..ChunkEnd::default() });
        };
        self.joiner.skip_zeros(place.hole * 8);
        let chunk = Chunk { plan: &self.plan, range: place.range, limit, reused, density: self.expected };
        self.joiner.append(|list, seam| {
            let end = chunk.scan(input, &mut self.scratch, *seam, list)?;
            *seam = end.seam;
            Ok(end)
        })
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
        match read(reader, &mut buffer[filled..], done + filled as u64)? {
            0 => break,
            more => filled += more,
        }
    }
    Ok(filled)
}

/// What a stream has to give now, from that place of the input on; 0 at its end.
fn read(reader: &mut dyn Read, buffer: &mut [u8], offset: u64) -> Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.map_err(|source| Error::Read { offset, source }),
        }
    }
}
