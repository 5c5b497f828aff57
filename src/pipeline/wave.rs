//! One chunk: decoded and scanned by one thread.

use std::ops::Range;

use super::{Codec, Plan};
use crate::Result;
use crate::decode::{raw, text};
use crate::scan::Scanner;
use crate::source::{Input, Scratch};

/// How far a chunk went. Places count from the start of the input.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ChunkEnd {
    /// The position after its last bit, counted from where its first bit was thought to be.
    pub(super) position: u64,
    /// Whether its last bit is one.
    pub(super) open: bool,
    /// How many symbols it has, if it is text.
    pub(super) symbols: u64,
    /// The place and value of the last of them.
    pub(super) last_symbol: Option<(u64, u8)>,
    /// The place of the first byte that was not dealt with: the end of the chunk, or before that if there were too
    /// many boundaries to go on, or if the text stopped.
    pub(super) next: u64,
    /// Whether the text stopped there, at a byte that is neither symbol nor line break.
    pub(super) stopped: bool,
}

/// A range of the input to be decoded and scanned, as far as there is room for its boundaries.
pub(super) struct Chunk<'a> {
    pub(super) plan: &'a Plan,
    pub(super) range: Range<u64>,
    /// How many boundaries there may be, those of one tile aside.
    pub(super) limit: usize,
}

impl Chunk<'_> {
    /// Decodes and scans the chunk. The first bit is at `position`, the one before it is `open`.
    pub(super) fn scan(
        self,
        input: &impl Input,
        scratch: &mut Scratch,
        (position, open): (u64, bool),
        to: &mut Vec<u64>,
    ) -> Result<ChunkEnd> {
        let Self { plan, range, limit } = self;
        let mut end = ChunkEnd { position, open, next: range.start, ..ChunkEnd::default() };
        let mut scanner = Scanner::new(plan.tier, to, position, open).limit(limit);
        while end.next < range.end && !end.stopped {
            let start = end.next;
            // Up to a place that does not depend on where this began, so that a piece that was not dealt with whole
            // is not read again.
            let piece = start..range.end.min((start / input.piece() + 1) * input.piece());
            let len = piece.end - start;
            let bytes = input.bytes(piece, scratch)?;
            let read = match plan.codec {
                Codec::Text(alphabet) => {
                    let text = text::decode(alphabet, plan.tier, bytes, &mut scanner);
                    end.symbols += text.symbols;
                    end.last_symbol = text.last.map(|(at, byte)| (start + at as u64, byte)).or(end.last_symbol);
                    end.stopped = text.stop.is_some();
                    text.read
                }
                Codec::Raw(order) => raw::decode(order, plan.tier, bytes, &mut scanner),
            };
            end.next = start + read as u64;
            if (read as u64) < len {
                break;
            }
        }
        (end.position, end.open) = scanner.end();
        Ok(end)
    }
}

/// A place for one chunk in a wave, with buffers that are used again and again.
pub(super) struct Slot {
    /// Bytes of zeros before the chunk that need not be read.
    pub(super) hole: u64,
    /// Where the chunk is in the input.
    pub(super) range: Range<u64>,
    pub(super) scratch: Scratch,
    /// Where its first bit was thought to be.
    pub(super) guess: u64,
    pub(super) boundaries: Vec<u64>,
    pub(super) end: Result<ChunkEnd>,
}

impl Default for Slot {
    fn default() -> Self {
        let end = Ok(ChunkEnd::default());
        Self { hole: 0, range: 0..0, scratch: Scratch::default(), guess: 0, boundaries: Vec::new(), end }
    }
}

impl Slot {
    /// How far the chunk went, if that is to its end.
    pub(super) fn whole(&self) -> Option<ChunkEnd> {
        self.end.as_ref().ok().filter(|end| end.next == self.range.end && !end.stopped).copied()
    }

    /// Boundaries for each byte.
    pub(super) fn density(&self) -> f64 {
        let bytes = self.end.as_ref().map_or(0, |end| end.next - self.range.start);
        self.boundaries.len() as f64 / bytes.max(1) as f64
    }

    /// Scans the chunk on its own, as if no run were open before it.
    pub(super) fn scan(&mut self, plan: &Plan, limit: usize, input: &impl Input, guess: u64) {
        self.guess = guess;
        self.boundaries.clear();
        let chunk = Chunk { plan, range: self.range.clone(), limit };
        self.end = chunk.scan(input, &mut self.scratch, (guess, false), &mut self.boundaries);
    }
}
