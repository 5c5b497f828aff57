//! Bits to boundaries: the driver over the kernels.
//!
//! A boundary is a position where a bit and the one before it differ. Nothing has to be known of the bits before a
//! piece of a bitmap but the last of them, the carry. So the boundaries of two pieces, one list after the other, are
//! the boundaries of the whole.
//!
//! ```text
//! scan_text:  until the writer is full:
//!                 taken = writer.scan_tiles(rest of the text)              a kernel, over whole tiles
//!                 if nothing was taken:                                    a line break, the end, a bad byte
//!                     writer.scan_segment(reader.next_segment(carry))      or stop if there is none
//! ```

use crate::BitOrder;
use crate::arch::contract::{CacheHint, Density, MAX_TILE_BOUNDARIES, TILE_WORDS};
use crate::arch::{scan_base64, scan_words};
use crate::decode::{Alphabet, RawReader, Segment, TextProgress, TextReader};
use crate::verified::Verified;

/// How many boundaries the last cache before memory may hold.
const CACHED_BOUNDARIES: usize = 4 << 20;

/// Appends the boundaries of the bits that it takes.
pub(crate) struct BoundaryWriter<'a> {
    tier: Verified,
    list: &'a mut Vec<u64>,
    position: u64,
    carry: bool,
    /// How long the list is when it is full, the boundaries of one tile aside.
    limit: usize,
    /// Whether the list's memory was filled before, not long ago.
    reused: bool,
    density: Density,
}

impl<'a> BoundaryWriter<'a> {
    /// A writer whose next bit is at `position` and comes after the bit `carry`.
    pub(crate) const fn new(tier: Verified, list: &'a mut Vec<u64>, position: u64, carry: bool) -> Self {
        Self { tier, list, position, carry, limit: usize::MAX, reused: false, density: Density::Sparse }
    }

    /// A writer that is full once it has that many boundaries, those of one more tile aside.
    pub(crate) fn limit(mut self, boundaries: usize) -> Self {
        self.limit = self.list.len().saturating_add(boundaries);
        self
    }

    /// A writer that expects bits as dense.
    pub(crate) const fn density(mut self, density: Density) -> Self {
        self.density = density;
        self
    }

    /// A writer to a list that is filled again and again, so that a cache holds it.
    pub(crate) const fn reused(mut self, reused: bool) -> Self {
        self.reused = reused;
        self
    }

    /// The position of the next bit, the bit before it, and how dense the last bits were.
    pub(crate) const fn end(&self) -> (u64, bool, Density) {
        (self.position, self.carry, self.density)
    }

    /// The last bit so far.
    pub(crate) const fn carry(&self) -> bool {
        self.carry
    }

    /// Whether the list is as long as it is to be for now.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= self.limit
    }

    /// Takes whole tiles of base64 symbols from the start of `text`, until one of them is not all symbols, or the list is
    /// full. Returns the number of symbols taken.
    pub(crate) fn scan_tiles(&mut self, text: &[u8]) -> usize {
        let (cache, until) = match (self.reused, self.list.len() < CACHED_BOUNDARIES) {
            (true, _) => (CacheHint::Cached, usize::MAX),
            (false, true) => (CacheHint::Unknown, CACHED_BOUNDARIES),
            (false, false) => (CacheHint::Uncached, usize::MAX),
        };
        // A kernel stops where a tile might not fit, so with this many places it comes just beyond the limit.
        let wanted = until.min(self.limit).saturating_sub(self.list.len()).saturating_add(MAX_TILE_BOUNDARIES);
        self.list.reserve(MAX_TILE_BOUNDARIES);
        let out = self.list.spare_capacity_mut();
        let wanted = wanted.min(out.len());
        let progress =
            scan_base64(self.tier, text, self.carry, self.position, cache, &mut self.density, &mut out[..wanted]);
        // SAFETY: by the contract of `scan_base64`, the first `boundaries` places of the spare capacity were written.
        #[expect(unsafe_code)]
        unsafe {
            self.list.set_len(self.list.len() + progress.boundaries);
        }
        self.carry = progress.carry;
        self.position += progress.symbols as u64 * 6;
        progress.symbols
    }

    /// Takes whole words.
    pub(crate) fn scan_words(&mut self, words: &[u64]) {
        for words in words.chunks(TILE_WORDS) {
            self.scan_segment(Segment::Words { words, bits: words.len() as u64 * 64 });
        }
    }

    /// Takes a segment that follows the last bit.
    pub(crate) fn scan_segment(&mut self, segment: Segment<'_>) {
        self.position += match segment {
            Segment::Uniform { bits } => bits,
            Segment::Words { words, bits } => {
                self.list.reserve(words.len() * 64);
                let out = self.list.spare_capacity_mut();
                let count =
                    scan_words(self.tier, words, self.carry, self.position, CacheHint::Unknown, &mut self.density, out);
                // SAFETY: by the contract of `scan_words`, the first `count` places of the spare capacity were written.
                #[expect(unsafe_code)]
                unsafe {
                    self.list.set_len(self.list.len() + count);
                }
                bits
            }
        };
        self.carry = segment.last_bit(self.carry);
    }
}

/// Scans a piece of text, up to its end or the first byte that is neither a symbol nor a line break, or until the writer
/// is full.
pub(crate) fn scan_text(alphabet: Alphabet, text: &[u8], writer: &mut BoundaryWriter<'_>) -> TextProgress {
    let mut reader = TextReader::new(alphabet, writer.tier, text);
    while !writer.is_full() {
        let taken = if alphabet == Alphabet::Base64 { writer.scan_tiles(reader.rest()) } else { 0 };
        if taken > 0 {
            reader.skip(taken);
        } else if let Some(segment) = reader.next_segment(writer.carry()) {
            writer.scan_segment(segment);
        } else {
            break;
        }
    }
    reader.progress()
}

/// Scans a piece of a raw bitmap, up to its end or until the writer is full. Returns how many bytes it took.
pub(crate) fn scan_raw(order: BitOrder, bytes: &[u8], writer: &mut BoundaryWriter<'_>) -> usize {
    let mut reader = RawReader::new(order, writer.tier, bytes);
    while !writer.is_full()
        && let Some(segment) = reader.next_segment(writer.carry())
    {
        writer.scan_segment(segment);
    }
    reader.read()
}
