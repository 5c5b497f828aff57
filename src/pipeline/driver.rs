//! Drives an output through an input, part by part: an input in memory or in a file is one part, a stream many.
//!
//! Invariant: each byte of a part is dealt with once, in order: the space before a text, its symbols, its tail.

use super::output::Output;
use super::plan::{Codec, Plan};
use super::tuning::SPACE_BYTES;
use crate::Result;
use crate::decode::Alphabet;
use crate::decode::tail::Tail;
use crate::source::{Input, Scratch};

/// The state between one part of an input and the next.
pub(crate) struct Pipeline {
    pub(super) plan: Plan,
    pub(super) tail: Tail,
    /// For reading on the caller's thread.
    scratch: Scratch,
    /// Whether the symbols of a text are at an end.
    stopped: bool,
    /// Bytes of input dealt with before this part, and in it.
    done: u64,
    at: u64,
}

impl Pipeline {
    /// A pipeline for an input of which `done` bytes were dealt with before.
    pub(crate) fn new(plan: Plan, done: u64) -> Self {
        let alphabet = match plan.codec {
            Codec::Text(alphabet) => alphabet,
            Codec::Raw(_) => Alphabet::Bits,
        };
        Self { plan, tail: Tail::new(alphabet), scratch: Scratch::default(), stopped: false, done, at: 0 }
    }

    /// How many bytes have been dealt with.
    pub(crate) const fn done_bytes(&self) -> u64 {
        self.done + self.at
    }

    /// Deals with some more of the present part of the input. Returns whether that is at its end; the next part begins
    /// there.
    pub(crate) fn step<O: Output>(&mut self, input: &impl Input, output: &mut O) -> Result<bool> {
        if self.at == 0 {
            self.at = self.skip_leading_space(input)?;
        }
        if self.stopped {
            self.read_tail(input)?;
        } else if self.at < input.len() {
            let chunk = output.take(&self.plan, input, self.at, &mut self.scratch)?;
            self.tail.count(chunk.symbols, chunk.last_symbol.map(|(at, symbol)| (self.done + at, symbol)));
            self.at = chunk.next;
            // The rest is for the next step, after the caller has dealt with the extents so far.
            self.stopped = chunk.stopped;
        }
        let ended = self.at == input.len();
        if ended {
            (self.done, self.at) = (self.done + self.at, 0);
        }
        Ok(ended)
    }

    /// Judges a text as a whole, unless it was `cut_short`. Returns the number of bits of the input, of which `position` were
    /// taken.
    pub(crate) fn finish(&self, position: u64, cut_short: bool) -> Result<u64> {
        match self.plan.codec {
            Codec::Text(_) if !cut_short => self.tail.finish(self.done),
            _ => Ok(position),
        }
    }

    /// The offset of the first byte of a text that is no space, or the end of the input.
    fn skip_leading_space(&mut self, input: &impl Input) -> Result<u64> {
        let mut at = 0;
        if matches!(self.plan.codec, Codec::Raw(_)) || !self.tail.is_before_text() {
            return Ok(at);
        }
        while at < input.len() {
            let end = input.len().min(at + SPACE_BYTES);
            let bytes = input.bytes(at..end, &mut self.scratch)?;
            let white = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
            match bytes.iter().position(|byte| !white(byte)) {
                Some(offset) => return Ok(at + offset as u64),
                None => at = end,
            }
        }
        Ok(at)
    }

    /// Reads the rest of the part, after the symbols of a text.
    fn read_tail(&mut self, input: &impl Input) -> Result<()> {
        while self.at < input.len() {
            let end = input.len().min(self.at + SPACE_BYTES);
            let bytes = input.bytes(self.at..end, &mut self.scratch)?;
            self.tail.take(bytes, self.done + self.at)?;
            self.at = end;
        }
        Ok(())
    }
}
