//! A chunk: the piece of an input that one thread reads and decodes at a time; and the layout of chunks over an input.

use std::ops::{ControlFlow, Range};

use super::plan::{Codec, Plan};
use super::stitch::StitchState;
use crate::Result;
use crate::arch::contract::Density;
use crate::boundaries::{BoundaryWriter, scan_raw, scan_text};
use crate::decode::{RawReader, Segment, TextProgress, TextReader};
use crate::source::{Input, Scratch};

/// How far a chunk went. Offsets count from the start of the input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChunkResult {
    /// The number of boundaries, if it was scanned.
    pub(crate) boundaries: usize,
    /// The density of its last bits, if it was scanned.
    pub(crate) density: Density,
    /// The number of symbols, if it is text.
    pub(crate) symbols: u64,
    /// The offset and value of the last of them.
    pub(crate) last_symbol: Option<(u64, u8)>,
    /// The offset of the first byte that was not dealt with: the end of the chunk, or before that if there were too many
    /// boundaries to go on, or if the text stopped.
    pub(crate) next: u64,
    /// Whether the text stopped there, at a byte that is neither symbol nor line break.
    pub(crate) stopped: bool,
}

impl ChunkResult {
    /// Adds the chunk that comes after this one.
    pub(crate) fn add(&mut self, next: &Self) {
        let boundaries = self.boundaries + next.boundaries;
        let symbols = self.symbols + next.symbols;
        let last_symbol = next.last_symbol.or(self.last_symbol);
        *self = Self { boundaries, symbols, last_symbol, ..*next };
    }
}

/// How a chunk is scanned. Hints change nothing but the speed.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScanOptions {
    /// How many boundaries there may be, those of one tile aside.
    pub(super) limit: usize,
    /// Whether the list's memory was written to not long ago, so that a cache holds it.
    pub(super) reused: bool,
    /// The density that is expected.
    pub(super) density: Density,
}

/// Decodes and scans a range of the input from `state` on, appends its boundaries to `list`, and moves `state`.
pub(super) fn scan(
    plan: &Plan,
    input: &impl Input,
    range: Range<u64>,
    scratch: &mut Scratch,
    options: ScanOptions,
    state: &mut StitchState,
    list: &mut Vec<u64>,
) -> Result<ChunkResult> {
    let before = list.len();
    let mut writer = BoundaryWriter::new(plan.tier, list, state.position, state.carry)
        .limit(options.limit)
        .reused(options.reused)
        .density(options.density);
    let mut result = read(input, range, scratch, |bytes| match plan.codec {
        Codec::Text(alphabet) => scan_text(alphabet, bytes, &mut writer),
        Codec::Raw(order) => TextProgress { read: scan_raw(order, bytes, &mut writer), ..TextProgress::default() },
    })?;
    (state.position, state.carry, result.density) = writer.end();
    result.boundaries = list.len() - before;
    Ok(result)
}

/// Decodes a range of the input, of which `carry` is the bit before, and hands on its segments until `take` breaks.
pub(crate) fn decode(
    plan: &Plan,
    input: &impl Input,
    range: Range<u64>,
    scratch: &mut Scratch,
    carry: bool,
    mut take: impl FnMut(Segment<'_>) -> ControlFlow<()>,
) -> Result<ChunkResult> {
    let mut carry = carry;
    read(input, range, scratch, |bytes| match plan.codec {
        Codec::Text(alphabet) => {
            let mut reader = TextReader::new(alphabet, plan.tier, bytes);
            while let Some(segment) = reader.next_segment(carry) {
                carry = segment.last_bit(carry);
                if take(segment).is_break() {
                    break;
                }
            }
            reader.progress()
        }
        Codec::Raw(order) => {
            let mut reader = RawReader::new(order, plan.tier, bytes);
            while let Some(segment) = reader.next_segment(carry) {
                carry = segment.last_bit(carry);
                if take(segment).is_break() {
                    break;
                }
            }
            TextProgress { read: reader.read(), ..TextProgress::default() }
        }
    })
}

/// Reads a range of the input piece by piece, until `take` does not take a piece whole.
fn read(
    input: &impl Input,
    range: Range<u64>,
    scratch: &mut Scratch,
    mut take: impl FnMut(&[u8]) -> TextProgress,
) -> Result<ChunkResult> {
    let mut result = ChunkResult { next: range.start, ..ChunkResult::default() };
    while result.next < range.end && !result.stopped {
        let start = result.next;
        // A piece ends at an offset that does not depend on where the range began, so that bytes that were read, but not
        // taken, are not read again.
        let piece_end = range.end.min((start / input.piece() + 1) * input.piece());
        let progress = take(input.bytes(start..piece_end, scratch)?);
        result.symbols += progress.symbols;
        result.last_symbol = progress.last.map(|(at, byte)| (start + at as u64, byte)).or(result.last_symbol);
        result.stopped = progress.stop.is_some();
        result.next = start + progress.read as u64;
        if result.next < piece_end {
            break;
        }
    }
    Ok(result)
}

/// The place of a chunk in the input.
#[derive(Clone, Debug)]
pub(crate) struct ChunkSpan {
    /// Bytes of zeros before the chunk that need not be read.
    pub(crate) hole: u64,
    pub(crate) range: Range<u64>,
}

impl ChunkSpan {
    /// The chunk from `at` on, which is before the end of the input; of at most `bytes` bytes.
    pub(crate) fn starting_at(codec: Codec, input: &impl Input, at: u64, bytes: u64) -> Self {
        ChunkLayout::new(codec, at..input.len()).next(input, bytes).expect("some input is left")
    }
}

/// Lays out chunks one after the other, stepping over holes.
pub(crate) struct ChunkLayout {
    at: u64,
    end: u64,
    /// The next range of data. All of a text: only a raw bitmap may have holes.
    data: Range<u64>,
}

impl ChunkLayout {
    /// The chunks of a range of an input.
    pub(crate) const fn new(codec: Codec, range: Range<u64>) -> Self {
        let data = match codec {
            Codec::Text(_) => range.start..range.end,
            Codec::Raw(_) => range.start..range.start,
        };
        Self { at: range.start, end: range.end, data }
    }

    /// How many bytes are left.
    pub(super) const fn left(&self) -> u64 {
        self.end - self.at
    }

    /// The next chunk, of at most `bytes` bytes. A hole at the end comes with a chunk of no bytes.
    pub(crate) fn next(&mut self, input: &impl Input, bytes: u64) -> Option<ChunkSpan> {
        if self.at == self.end {
            return None;
        }
        if self.at == self.data.end {
            self.data = input.data(self.at);
        }
        let start = self.data.start.max(self.at).min(self.end);
        // A chunk ends where the input begins a read: otherwise every chunk would take two.
        let end = start + bytes;
        let end = Some(end - end % input.piece()).filter(|&end| end > start).unwrap_or(end);
        let span = ChunkSpan { hole: start - self.at, range: start..self.data.end.min(end).min(self.end).max(start) };
        self.at = span.range.end;
        Some(span)
    }
}
