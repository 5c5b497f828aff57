//! One chunk: decoded and scanned by one thread.

use std::ops::Range;

use super::{Codec, Plan};
use crate::Result;
use crate::decode::text::TextEnd;
use crate::decode::{raw, text};
use crate::scan::Scanner;
use crate::source::Input;

/// How far a chunk went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ChunkEnd {
    /// The position after its last bit, counted from where its first bit was thought to be.
    pub(super) position: u64,
    /// Whether its last bit is one.
    pub(super) open: bool,
    /// What the text driver said, if it is text.
    pub(super) text: Option<TextEnd>,
}

/// Decodes and scans the bytes of a chunk. The first bit is at `position`, the one before it is `open`.
pub(super) fn scan(plan: &Plan, bytes: &[u8], (position, open): (u64, bool), to: &mut Vec<u64>) -> ChunkEnd {
    let mut scanner = Scanner::new(plan.tier, to, position, open);
    let text = match plan.codec {
        Codec::Text(alphabet) => Some(text::decode(alphabet, plan.tier, bytes, &mut scanner)),
        Codec::Raw(order) => {
            raw::decode(order, plan.tier, bytes, &mut scanner);
            None
        }
    };
    let (position, open) = scanner.end();
    ChunkEnd { position, open, text }
}

/// A place for one chunk in a wave, with buffers that are used again and again.
pub(super) struct Slot {
    /// Bytes of zeros before the chunk that need not be read.
    pub(super) hole: u64,
    /// Where the chunk is in the input.
    pub(super) range: Range<u64>,
    pub(super) scratch: Vec<u8>,
    /// Where its first bit was thought to be.
    pub(super) guess: u64,
    pub(super) boundaries: Vec<u64>,
    pub(super) end: Result<ChunkEnd>,
}

impl Default for Slot {
    fn default() -> Self {
        let end = Ok(ChunkEnd::default());
        Self { hole: 0, range: 0..0, scratch: Vec::new(), guess: 0, boundaries: Vec::new(), end }
    }
}

impl Slot {
    /// Scans the chunk on its own, as if no run were open before it.
    pub(super) fn scan(&mut self, plan: &Plan, input: &impl Input, guess: u64) {
        self.guess = guess;
        self.boundaries.clear();
        let bytes = input.bytes(self.range.clone(), &mut self.scratch);
        self.end = bytes.map(|bytes| scan(plan, bytes, (guess, false), &mut self.boundaries));
    }
}
