//! One chunk: decoded and scanned by one thread.

use std::ops::Range;

use super::join::Seam;
use super::{Codec, Plan};
use crate::Result;
use crate::arch::contract::Density;
use crate::boundaries::{BoundaryWriter, scan_raw, scan_text};
use crate::source::{Input, Scratch};

/// How far a chunk went. Places count from the start of the input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChunkEnd {
    /// What is behind its last bit, counted from where its first bit was thought to be.
    pub(super) seam: Seam,
    /// How many boundaries were found in it.
    pub(super) boundaries: usize,
    /// How dense its last bits are.
    pub(super) density: Density,
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

impl ChunkEnd {
    /// Takes the chunk behind this one as part of it.
    pub(super) fn add(&mut self, behind: &Self) {
        let boundaries = self.boundaries + behind.boundaries;
        let symbols = self.symbols + behind.symbols;
        let last_symbol = behind.last_symbol.or(self.last_symbol);
        *self = Self { boundaries, symbols, last_symbol, ..*behind };
    }
}

/// A range of the input to be decoded and scanned, as far as there is room for its boundaries.
pub(super) struct Chunk<'a> {
    pub(super) plan: &'a Plan,
    pub(super) range: Range<u64>,
    /// How many boundaries there may be, those of one tile aside.
    pub(super) limit: usize,
    /// Whether boundaries go where others were not long ago.
    pub(super) reused: bool,
    /// How dense it is expected to be.
    pub(super) density: Density,
}

impl Chunk<'_> {
    /// Decodes and scans the chunk, which begins at `seam`.
    pub(super) fn scan(
        self,
        input: &impl Input,
        scratch: &mut Scratch,
        seam: Seam,
        to: &mut Vec<u64>,
    ) -> Result<ChunkEnd> {
        let before = to.len();
        let mut writer = BoundaryWriter::new(self.plan.tier, to, seam.position, seam.open)
            .limit(self.limit)
            .reused(self.reused)
            .density(self.density);
        let mut end = self.decode(input, scratch, &mut writer)?;
        let (position, open, density) = writer.end();
        end.density = density;
        end.boundaries = to.len() - before;
        let since = to.last().copied().filter(|_| end.boundaries > 0).unwrap_or(seam.since);
        end.seam = Seam { position, open, since };
        Ok(end)
    }

    /// Decodes the chunk, until the writer is full. Says nothing of the seam, nor of boundaries.
    fn decode(self, input: &impl Input, scratch: &mut Scratch, writer: &mut BoundaryWriter<'_>) -> Result<ChunkEnd> {
        let Self { plan, range, .. } = self;
        let mut end = ChunkEnd { next: range.start, ..ChunkEnd::default() };
        while end.next < range.end && !end.stopped {
            let start = end.next;
            // Up to a place that does not depend on where this began, so that a piece that was not dealt with whole
            // is not read again.
            let piece = start..range.end.min((start / input.piece() + 1) * input.piece());
            let len = piece.end - start;
            let bytes = input.bytes(piece, scratch)?;
            let read = match plan.codec {
                Codec::Text(alphabet) => {
                    let text = scan_text(alphabet, bytes, writer);
                    end.symbols += text.symbols;
                    end.last_symbol = text.last.map(|(at, byte)| (start + at as u64, byte)).or(end.last_symbol);
                    end.stopped = text.stop.is_some();
                    text.read
                }
                Codec::Raw(order) => scan_raw(order, bytes, writer),
            };
            end.next = start + read as u64;
            if (read as u64) < len {
                break;
            }
        }
        Ok(end)
    }
}

/// Where a chunk lies.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Bytes of zeros before the chunk that need not be read.
    pub(super) hole: u64,
    pub(super) range: Range<u64>,
}

/// Lays out chunks one behind the other, stepping over holes.
pub(super) struct Layout {
    at: u64,
    end: u64,
    /// Where there is data next. All of it for a text: only a raw bitmap may have holes.
    data: Range<u64>,
}

impl Layout {
    /// The chunks of a range of an input of that kind.
    pub(super) const fn new(codec: Codec, range: Range<u64>) -> Self {
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

    /// The next chunk, of so many bytes at the most. A hole at the end comes with a chunk of none.
    pub(super) fn next(&mut self, input: &impl Input, bytes: u64) -> Option<Place> {
        if self.at == self.end {
            return None;
        }
        if self.at == self.data.end {
            self.data = input.data(self.at);
        }
        let start = self.data.start.max(self.at).min(self.end);
        // Up to a place where the input begins a piece, lest every chunk takes two of them.
        let end = start + bytes;
        let end = Some(end - end % input.piece()).filter(|&end| end > start).unwrap_or(end);
        let place = Place { hole: start - self.at, range: start..self.data.end.min(end).min(self.end).max(start) };
        self.at = place.range.end;
        Some(place)
    }
}
