//! Chunks, threads and waves: one code path for one thread and for many.
//!
//! A wave is as many chunks as there are places for. Each chunk is decoded and scanned on its own, as if no run were
//! open before it, and the [`Joiner`] puts the results behind each other in order. A wave of one chunk is scanned
//! straight onto the joined list, with what is known by then; that is all that tells the serial way from the parallel
//! one.

mod join;
mod wave;

use std::io::{self, Read};
use std::ops::ControlFlow;

use rayon::prelude::*;

pub(crate) use join::Joiner;
use wave::{ChunkEnd, Slot};

use crate::decode::tail::Tail;
use crate::decode::{Alphabet, TILE_SYMBOLS};
use crate::source::{Input, Slice};
use crate::tier::Verified;
use crate::{BitOrder, Error, Extent, Geometry, Result};

/// How the bytes of an input hold bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Text(Alphabet),
    Raw(BitOrder),
}

impl Codec {
    /// How many bytes of boundaries a byte of input can make at the most: one boundary of 8 bytes for each bit.
    const fn expansion(self) -> usize {
        8 * match self {
            Self::Text(alphabet) => alphabet.bits_per_symbol(),
            Self::Raw(_) => 8,
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

/// What boundaries may take in memory while a wave is under way, if all bits alternate.
const WAVE_BUDGET: usize = 12 << 20;
/// Chunks for one thread, which also bounds what a visitor gets at a time.
const SERIAL_CHUNK: usize = 16 * TILE_SYMBOLS;

impl Plan {
    /// The bytes of a chunk and the number of places for chunks.
    fn wave(&self, input_len: Option<u64>) -> (usize, usize) {
        let small = input_len.is_some_and(|len| len <= self.chunk_bytes.unwrap_or(SERIAL_CHUNK) as u64);
        if !self.parallel || small {
            return (self.chunk_bytes.unwrap_or(SERIAL_CHUNK), 1);
        }
        // Two for each thread, so that the last one to finish waits half as long.
        let slots = 2 * rayon::current_num_threads();
        let affordable = WAVE_BUDGET / slots / self.codec.expansion() / TILE_SYMBOLS * TILE_SYMBOLS;
        (self.chunk_bytes.unwrap_or(affordable.clamp(4 * TILE_SYMBOLS, 64 * TILE_SYMBOLS)), slots)
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
    slots: Vec<Slot>,
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
        Self { plan, joiner, tail: Tail::new(alphabet), slots: Vec::new(), done }
    }

    /// Reads a stream to its end.
    pub(crate) fn run_stream<V: Visitor>(
        &mut self,
        reader: &mut dyn Read,
        visitor: &mut Option<V>,
    ) -> Result<ControlFlow<V::Break>> {
        let (chunk, slots) = self.plan.wave(None);
        let mut buffer = vec![0; chunk * slots];
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
        let (chunk, places) = self.plan.wave(Some(input.len()));
        self.slots.resize_with(places.max(self.slots.len()), Slot::default);
        let mut at = self.skip_leading_space(input, chunk)?;
        if self.tail.is_reached() {
            self.read_tail(input, at, chunk)?;
            at = input.len();
        }
        while at < input.len() {
            let filled;
            (filled, at) = self.fill_slots(input, at, chunk, places);
            let outcome =
                if filled == 1 { self.run_one(input, visitor)? } else { self.run_many(input, filled, visitor)? };
            match outcome {
                ControlFlow::Continue(None) => {}
                ControlFlow::Continue(Some(stop)) => {
                    self.read_tail(input, stop, chunk)?;
                    at = input.len();
                }
                ControlFlow::Break(value) => return Ok(ControlFlow::Break(value)),
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
    fn skip_leading_space(&mut self, input: &impl Input, chunk: usize) -> Result<u64> {
        let mut at = 0;
        if matches!(self.plan.codec, Codec::Raw(_)) || !self.tail.is_before_text() {
            return Ok(at);
        }
        while at < input.len() {
            let end = input.len().min(at + chunk as u64);
            let bytes = input.bytes(at..end, &mut self.slots[0].scratch)?;
            let white = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
            match bytes.iter().position(|byte| !white(byte)) {
                Some(place) => return Ok(at + place as u64),
                None => at = end,
            }
        }
        Ok(at)
    }

    /// Lays out the next chunks, from `at`. Returns how many and where they end.
    fn fill_slots(&mut self, input: &impl Input, at: u64, chunk: usize, places: usize) -> (usize, u64) {
        let mut at = at;
        let mut filled = 0;
        let mut data = at..input.len();
        for slot in &mut self.slots[..places] {
            if at == input.len() {
                break;
            }
            if matches!(self.plan.codec, Codec::Raw(_)) && (filled == 0 || at == data.end) {
                data = input.data(at);
            }
            let start = data.start.max(at);
            slot.hole = start - at;
            at = data.end.min(start + chunk as u64);
            slot.range = start..at;
            filled += 1;
        }
        (filled, at)
    }

    /// Scans a single chunk straight onto the joined list. Returns where a text stopped, if it did.
    fn run_one<V: Visitor>(
        &mut self,
        input: &impl Input,
        visitor: &mut Option<V>,
    ) -> Result<ControlFlow<V::Break, Option<u64>>> {
        let slot = &mut self.slots[0];
        self.joiner.skip_zeros(slot.hole * 8);
        let start = self.joiner.end();
        let bytes = input.bytes(slot.range.clone(), &mut slot.scratch)?;
        let end = wave::scan(&self.plan, bytes, start, self.joiner.boundaries());
        self.joiner.set_end(end.position, end.open);
        let range = slot.range.clone();
        let stop = self.count(&range, &end);
        Ok(self.flush(visitor).map_continue(|()| stop))
    }

    /// Scans chunks on all threads and joins the results. Returns where a text stopped, if it did.
    fn run_many<V: Visitor>(
        &mut self,
        input: &impl Input,
        filled: usize,
        visitor: &mut Option<V>,
    ) -> Result<ControlFlow<V::Break, Option<u64>>> {
        let plan = self.plan;
        let first = self.slots[0].range.start;
        let position = self.joiner.position();
        self.slots[..filled].par_iter_mut().for_each(|slot| {
            // Right unless there are line breaks or holes before it in this wave; the joiner knows by then.
            let before = slot.range.start - first;
            let guess = match plan.codec {
                Codec::Text(alphabet) => position + before * alphabet.bits_per_symbol() as u64,
                Codec::Raw(_) => position + before * 8,
            };
            slot.scan(&plan, input, guess);
        });
        for i in 0..filled {
            let slot = &mut self.slots[i];
            let end = std::mem::replace(&mut slot.end, Ok(ChunkEnd::default()))?;
            self.joiner.skip_zeros(slot.hole * 8);
            self.joiner.append(&slot.boundaries, slot.guess, end.position, end.open);
            let range = slot.range.clone();
            let stop = self.count(&range, &end);
            // After every chunk, so that the joined list does not double what a wave takes.
            let flushed = self.flush(visitor).map_continue(|()| stop);
            if stop.is_some() || flushed.is_break() {
                return Ok(flushed);
            }
        }
        Ok(ControlFlow::Continue(None))
    }

    fn flush<V: Visitor>(&mut self, visitor: &mut Option<V>) -> ControlFlow<V::Break> {
        match visitor {
            Some(visitor) => self.joiner.flush(visitor),
            None => ControlFlow::Continue(()),
        }
    }

    /// Counts the symbols of a chunk. Returns where the text stopped, if it did.
    fn count(&mut self, range: &std::ops::Range<u64>, end: &ChunkEnd) -> Option<u64> {
        let text = end.text?;
        if let Some((place, symbol)) = text.last {
            self.tail.count(text.symbols, (self.done + range.start + place as u64, symbol));
        }
        text.stop.map(|stop| range.start + stop as u64)
    }

    /// Reads what follows the symbols of a text, up to the end of the input.
    fn read_tail(&mut self, input: &impl Input, from: u64, chunk: usize) -> Result<()> {
        let mut at = from;
        while at < input.len() {
            let end = input.len().min(at + chunk as u64);
            let bytes = input.bytes(at..end, &mut self.slots[0].scratch)?;
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
