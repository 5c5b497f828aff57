//! The driver over raw bitmaps: bytes in, tiles out.

use super::Sink;
use crate::BitOrder;
use crate::arch::contract::{Aligned, TILE_WORDS};
use crate::arch::uniform::{ByteSegment, UniformSkipper};
use crate::arch::{count_steps, load_msb0};
use crate::tier::Verified;

const TILE_BYTES: usize = TILE_WORDS * 8;

/// Hands the bits of `bytes` to the sink, until it is full. Returns how many bytes it took.
pub(crate) fn decode(order: BitOrder, tier: Verified, bytes: &[u8], sink: &mut impl Sink) -> usize {
    let mut words = Aligned([0; TILE_WORDS]);
    let words = &mut words.0;
    let mut skipper = UniformSkipper::new([0, 0xff], TILE_BYTES);
    let steps = |steps: &[_], uniform_bytes, uniform| count_steps(tier, steps, uniform_bytes, uniform);
    let mut read = 0;
    for tile in bytes.chunks(TILE_BYTES) {
        let mut rest = tile;
        while !rest.is_empty() {
            let len = match skipper.next(rest, sink.last_bit(), steps) {
                ByteSegment::Uniform(len) => {
                    sink.uniform(len as u64 * 8);
                    len
                }
                ByteSegment::Mixed(bytes) => {
                    sink.words(load(order, tier, bytes, words), bytes.len() as u64 * 8);
                    bytes.len()
                }
            };
            rest = &rest[len..];
            read += len;
        }
        if sink.is_full() {
            break;
        }
    }
    read
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

/// The same for as many whole words.
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
