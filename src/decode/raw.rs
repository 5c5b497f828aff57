//! The reader of raw bitmaps: bytes in, segments out.
//!
//! Invariant: segments cover the bytes in order, each once, and none crosses a multiple of a tile. A word that lacks bytes
//! at the end is filled up with the last bit, which adds no boundary, and the segment says how many of its bits count.

use super::segment::Segment;
use crate::BitOrder;
use crate::arch::contract::{Aligned, TILE_WORDS};
use crate::arch::uniform::{ByteSegment, UniformSkipper};
use crate::arch::{count_steps, load_msb0};
use crate::verified::Verified;

const TILE_BYTES: usize = TILE_WORDS * 8;

/// Reads one contiguous piece of a raw bitmap.
pub(crate) struct RawReader<'b> {
    order: BitOrder,
    tier: Verified,
    bytes: &'b [u8],
    /// How many bytes were read.
    at: usize,
    skipper: UniformSkipper,
    /// The words of the last segment.
    words: Aligned<[u64; TILE_WORDS]>,
}

impl<'b> RawReader<'b> {
    #[inline]
    pub(crate) const fn new(order: BitOrder, tier: Verified, bytes: &'b [u8]) -> Self {
        let skipper = UniformSkipper::new([0, 0xff], TILE_BYTES);
        Self { order, tier, bytes, at: 0, skipper, words: Aligned([0; TILE_WORDS]) }
    }

    /// How many bytes were read.
    pub(crate) const fn read(&self) -> usize {
        self.at
    }

    /// The next segment, of a tile at the most, that follows the bit `carry`. Nothing at the end.
    pub(crate) fn next_segment(&mut self, carry: bool) -> Option<Segment<'_>> {
        // Tiles begin at multiples of their length, so a segment ends before the next of these.
        let tile_end = (self.at + 1).next_multiple_of(TILE_BYTES).min(self.bytes.len());
        let tile = self.bytes.get(self.at..tile_end).filter(|tile| !tile.is_empty())?;
        let tier = self.tier;
        let steps = |steps: &[_], uniform_bytes, uniform| count_steps(tier, steps, uniform_bytes, uniform);
        Some(match self.skipper.next(tile, carry, steps) {
            ByteSegment::Uniform(len) => {
                self.at += len;
                Segment::Uniform { bits: len as u64 * 8 }
            }
            ByteSegment::Mixed(bytes) => {
                self.at += bytes.len();
                let words = load(self.order, self.tier, bytes, &mut self.words.0);
                Segment::Words { words, bits: bytes.len() as u64 * 8 }
            }
        })
    }
}

/// Bytes to `Lsb0` words. The last word is filled up with the last bit, which adds no boundary.
fn load<'w>(order: BitOrder, tier: Verified, bytes: &[u8], words: &'w mut [u64; TILE_WORDS]) -> &'w [u64] {
    let (whole, rest) = bytes.as_chunks();
    load_words(order, tier, whole, &mut words[..whole.len()]);
    let mut used = whole.len();
    if let Some(&last) = rest.last() {
        let last_bit = match order {
            BitOrder::Lsb0 => last >> 7 == 1,
            BitOrder::Msb0 => last & 1 == 1,
        };
        let mut filled = [if last_bit { 0xff } else { 0 }; 8];
        filled[..rest.len()].copy_from_slice(rest);
        load_words(order, tier, &[filled], &mut words[used..=used]);
        used += 1;
    }
    &words[..used]
}

/// Whole words, as many as there are.
fn load_words(order: BitOrder, tier: Verified, bytes: &[[u8; 8]], words: &mut [u64]) {
    match order {
        BitOrder::Lsb0 => {
            for (word, bytes) in words.iter_mut().zip(bytes) {
                *word = u64::from_le_bytes(*bytes);
            }
        }
        BitOrder::Msb0 => load_msb0(tier, bytes, words),
    }
}
