//! Chunks, threads and waves: one code path for one thread and for many.
//!
//! A wave is as many chunks as there are places for. Each chunk is decoded and scanned on its own, as if no run were
//! open before it, and the [`Joiner`] puts the results behind each other in order. A wave of one chunk is scanned
//! straight onto the joined list, with what is known by then; that is all that tells the serial way from the parallel
//! one.

mod join;
mod piece;
mod wave;

use std::io::{self, Read};
use std::ops::{ControlFlow, Range};

use rayon::prelude::*;

pub(crate) use join::Joiner;
use wave::{Chunk, ChunkEnd, Slot};

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

/// What the boundaries of a wave may take in memory, in bytes. A chunk that has more than its share stops early, and
/// the caller's thread does the rest of it.
const WAVE_BUDGET: usize = 12 << 20;
/// How many boundaries a visitor gets at a time, or so, from a single thread: what stays in a cache.
const SERIAL_LIMIT: usize = 16 << 10;
/// Bytes of a chunk. The smallest keeps a thread busy for longer than it takes to wake it.
const SMALLEST_CHUNK: usize = 16 * TILE_SYMBOLS;
const LARGEST_CHUNK: usize = 256 * TILE_SYMBOLS;
/// How much of a stream is read before it is scanned.
const STREAM_BUFFER: usize = 1 << 20;

impl Plan {
    /// How many chunks a wave of an input of that length has places for.
    fn places(&self, input_len: u64) -> usize {
        if !self.parallel || input_len <= self.chunk_bytes.unwrap_or(SMALLEST_CHUNK) as u64 {
            return 1;
        }
        match rayon::current_num_threads() {
            1 => 1,
            // Two for each, so that the last one to finish waits half as long.
            threads => 2 * threads,
        }
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
    /// For what is read on the caller's thread.
    scratch: Scratch,
    /// Bytes of a chunk of the next wave: as many as can be expected to have few enough boundaries.
    chunk: usize,
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
        // Small at first, until it is known how dense the bitmap is.
        let chunk = plan.chunk_bytes.unwrap_or(if plan.parallel { SMALLEST_CHUNK } else { LARGEST_CHUNK });
        Self { plan, joiner, tail: Tail::new(alphabet), slots: Vec::new(), scratch: Scratch::default(), chunk, done }
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
        let places = self.plan.places(input.len());
        self.slots.resize_with(places.max(self.slots.len()), Slot::default);
        let mut at = self.skip_leading_space(input)?;
        if self.tail.is_reached() {
            self.read_tail(input, at)?;
            at = input.len();
        }
        while at < input.len() {
            let filled = self.fill_slots(input, at, places);
            let outcome =
                if filled == 1 { self.run_one(input, visitor)? } else { self.run_many(input, filled, visitor)? };
            match outcome {
                ControlFlow::Continue(Reached { next, stopped: false }) => at = next,
                ControlFlow::Continue(Reached { next, stopped: true }) => {
                    self.read_tail(input, next)?;
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
    fn skip_leading_space(&mut self, input: &impl Input) -> Result<u64> {
        let mut at = 0;
        if matches!(self.plan.codec, Codec::Raw(_)) || !self.tail.is_before_text() {
            return Ok(at);
        }
        while at < input.len() {
            let end = input.len().min(at + SMALLEST_CHUNK as u64);
            let bytes = input.bytes(at..end, &mut self.scratch)?;
            let white = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
            match bytes.iter().position(|byte| !white(byte)) {
                Some(place) => return Ok(at + place as u64),
                None => at = end,
            }
        }
        Ok(at)
    }

    /// Lays out the next chunks, from `at`. Returns how many.
    fn fill_slots(&mut self, input: &impl Input, at: u64, places: usize) -> usize {
        let mut at = at;
        let mut filled = 0;
        let mut data = at..input.len();
        // An input that hardly fills a wave is shared out all the same.
        let share = (input.len() - at).div_ceil(places as u64).max(SMALLEST_CHUNK as u64);
        let chunk = if self.plan.chunk_bytes.is_some() { self.chunk as u64 } else { share.min(self.chunk as u64) };
        for slot in &mut self.slots[..places] {
            if at == input.len() {
                break;
            }
            if matches!(self.plan.codec, Codec::Raw(_)) && (filled == 0 || at == data.end) {
                data = input.data(at);
            }
            let start = data.start.max(at);
            slot.hole = start - at;
            at = data.end.min(start + chunk);
            slot.range = start..at;
            filled += 1;
        }
        filled
    }

    /// Scans a single chunk straight onto the joined list, as far as there is room in it.
    fn run_one<V: Visitor>(
        &mut self,
        input: &impl Input,
        visitor: &mut Option<V>,
    ) -> Result<ControlFlow<V::Break, Reached>> {
        let (hole, range) = (self.slots[0].hole, self.slots[0].range.clone());
        self.joiner.skip_zeros(hole * 8);
        self.run_on(input, range, visitor)
    }

    /// Scans a range straight onto the joined list, as far as there is room in it.
    fn run_on<V: Visitor>(
        &mut self,
        input: &impl Input,
        range: Range<u64>,
        visitor: &mut Option<V>,
    ) -> Result<ControlFlow<V::Break, Reached>> {
        // Without a visitor all boundaries are kept anyway.
        let limit = if visitor.is_some() { SERIAL_LIMIT } else { usize::MAX };
        let chunk = Chunk { plan: &self.plan, range, limit };
        let start = self.joiner.end();
        let end = chunk.scan(input, &mut self.scratch, start, self.joiner.boundaries())?;
        self.joiner.set_end(end.position, end.open);
        let reached = self.count(&end);
        Ok(self.flush(visitor).map_continue(|()| reached))
    }

    /// Scans chunks on all threads and joins the results.
    fn run_many<V: Visitor>(
        &mut self,
        input: &impl Input,
        filled: usize,
        visitor: &mut Option<V>,
    ) -> Result<ControlFlow<V::Break, Reached>> {
        let plan = self.plan;
        let share = (WAVE_BUDGET / size_of::<u64>() / filled).max(4 * TILE_ROOM);
        // Without a visitor all boundaries are kept anyway.
        let limit = if visitor.is_some() { share } else { usize::MAX };
        let first = self.slots[0].range.start;
        let position = self.joiner.position();
        self.slots[..filled].par_iter_mut().for_each(|slot| {
            // Right unless there are line breaks or holes before it in this wave; the joiner knows by then.
            let before = slot.range.start - first;
            let guess = match plan.codec {
                Codec::Text(alphabet) => position + before * alphabet.bits_per_symbol() as u64,
                Codec::Raw(_) => position + before * 8,
            };
            slot.scan(&plan, limit, input, guess);
        });
        let slots = &self.slots[..filled];
        let densest = slots.iter().map(Slot::density).fold(0.0, f64::max);
        let outcome = if visitor.is_none() && slots.iter().all(|slot| slot.whole().is_some()) {
            ControlFlow::Continue(self.join_at_once(filled))
        } else {
            self.join_in_order(input, filled, visitor)?
        };
        self.adapt(share, densest);
        Ok(outcome)
    }

    /// Joins chunks that all went to their ends, on all threads, where all boundaries are kept.
    fn join_at_once(&mut self, filled: usize) -> Reached {
        let slots = &self.slots[..filled];
        let ends: Vec<_> = slots.iter().filter_map(Slot::whole).collect();
        self.joiner.append_all(
            slots
                .iter()
                .zip(&ends)
                .map(|(slot, end)| (slot.hole * 8, &*slot.boundaries, slot.guess, end.position, end.open)),
        );
        let mut reached = Reached { next: slots[0].range.start, stopped: false };
        for end in ends {
            reached = self.count(&end);
        }
        reached
    }

    /// Joins chunks one by one, giving out what was found as soon as it is in order.
    fn join_in_order<V: Visitor>(
        &mut self,
        input: &impl Input,
        filled: usize,
        visitor: &mut Option<V>,
    ) -> Result<ControlFlow<V::Break, Reached>> {
        let mut reached = Reached { next: self.slots[0].range.start, stopped: false };
        for i in 0..filled {
            let slot = &mut self.slots[i];
            let range = slot.range.clone();
            let end = std::mem::replace(&mut slot.end, Ok(ChunkEnd::default()))?;
            self.joiner.skip_zeros(slot.hole * 8);
            self.joiner.append(&slot.boundaries, slot.guess, end.position, end.open);
            reached = self.count(&end);
            // After every chunk, so that the joined list does not double what a wave takes.
            let mut flushed = self.flush(visitor);
            // What did not fit is made up for here. The chunks behind it are good all the same.
            while flushed.is_continue() && reached.next < range.end && !reached.stopped {
                match self.run_on(input, reached.next..range.end, visitor)? {
                    ControlFlow::Continue(further) => reached = further,
                    ControlFlow::Break(value) => flushed = ControlFlow::Break(value),
                }
            }
            if let ControlFlow::Break(value) = flushed {
                return Ok(ControlFlow::Break(value));
            }
            if reached.stopped {
                break;
            }
        }
        Ok(ControlFlow::Continue(reached))
    }

    /// Chooses the chunks of the next wave so that their boundaries fit, if they are as dense as the densest of this.
    fn adapt(&mut self, share: usize, boundaries_per_byte: f64) {
        if self.plan.chunk_bytes.is_none() {
            // A quarter more than expected still fits. A float that is too large becomes the largest number.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let bytes = (share as f64 * 0.8 / boundaries_per_byte) as usize;
            self.chunk = bytes.clamp(4 * TILE_SYMBOLS, LARGEST_CHUNK).next_multiple_of(TILE_SYMBOLS);
        }
    }

    fn flush<V: Visitor>(&mut self, visitor: &mut Option<V>) -> ControlFlow<V::Break> {
        match visitor {
            Some(visitor) => self.joiner.flush(visitor),
            None => ControlFlow::Continue(()),
        }
    }

    /// Counts the symbols of a chunk.
    fn count(&mut self, end: &ChunkEnd) -> Reached {
        self.tail.count(end.symbols, end.last_symbol.map(|(place, symbol)| (self.done + place, symbol)));
        Reached { next: end.next, stopped: end.stopped }
    }

    /// Reads what follows the symbols of a text, up to the end of the input.
    fn read_tail(&mut self, input: &impl Input, from: u64) -> Result<()> {
        let mut at = from;
        while at < input.len() {
            let end = input.len().min(at + SMALLEST_CHUNK as u64);
            let bytes = input.bytes(at..end, &mut self.scratch)?;
            self.tail.take(bytes, self.done + at)?;
            at = end;
        }
        Ok(())
    }
}

/// How far a wave came.
#[derive(Clone, Copy)]
struct Reached {
    /// The place of the first byte that was not dealt with.
    next: u64,
    /// Whether a text stopped there.
    stopped: bool,
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
