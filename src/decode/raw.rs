//! The driver over raw bitmaps: bytes in, tiles out.

use super::steps::{Splitter, Stretch};
use super::{Aligned, Sink, TILE_WORDS};
use crate::BitOrder;
use crate::tier::Verified;

const TILE_BYTES: usize = TILE_WORDS * 8;

/// Hands the bits of `bytes` to the sink, until it is full. Returns how many bytes it took.
pub(crate) fn decode(order: BitOrder, tier: Verified, bytes: &[u8], sink: &mut impl Sink) -> usize {
    let mut words = Aligned([0; TILE_WORDS]);
    let words = &mut words.0;
    let mut splitter = Splitter::new(tier, [0, 0xff]);
    let mut read = 0;
    for tile in bytes.chunks(TILE_BYTES) {
        read += splitter.split(tile, sink.last_bit(), |stretch| {
            match stretch {
                Stretch::Uniform(len) => sink.uniform(len as u64 * 8),
                Stretch::Varied(bytes) => sink.words(load(order, bytes, words), bytes.len() as u64 * 8),
            }
            Some(sink.last_bit())
        });
        if sink.is_full() {
            break;
        }
    }
    read
}

/// Bytes to `Lsb0` words. The last word is filled up with the last bit, which adds no boundary.
fn load<'w>(order: BitOrder, bytes: &[u8], words: &'w mut [u64; TILE_WORDS]) -> &'w [u64] {
    let word = |bytes: [u8; 8]| match order {
        BitOrder::Lsb0 => u64::from_le_bytes(bytes),
        BitOrder::Msb0 => u64::from_be_bytes(bytes).reverse_bits(),
    };
    let (whole, rest) = bytes.as_chunks();
    for (to, from) in words.iter_mut().zip(whole) {
        *to = word(*from);
    }
    let mut used = whole.len();
    if let Some(&last) = rest.last() {
        let last_bit = match order {
            BitOrder::Lsb0 => last >> 7 == 1,
            BitOrder::Msb0 => last & 1 == 1,
        };
        let mut filled = [if last_bit { 0xff } else { 0 }; 8];
        filled[..rest.len()].copy_from_slice(rest);
        words[used] = word(filled);
        used += 1;
    }
    &words[..used]
}
