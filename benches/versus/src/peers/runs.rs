//! From text to runs, assembled from a decoder and something that finds runs. All fill the same list, used again.

use arrow_buffer::bit_iterator::BitSliceIterator;
use bitvec::order::Lsb0;
use bitvec::slice::BitSlice;
use bytemuck::allocation::cast_vec;
use bytemuck::{cast_slice, cast_slice_mut};
use changed_blocks::Extent;
use roaring::RoaringBitmap;

use super::decode::{self, Decode};
use crate::measure::{Buffers, Candidate, Yields};

/// The kind of candidates here, as it stands in the results.
pub(crate) const ASSEMBLED: &str = "assembled";

/// Finds the runs in decoded words, still in the order of the text: `Msb0`, as bytes.
type FindRuns = fn(&mut [u64], &mut Vec<Extent>);

/// Text to a tile, for the hand loop that goes tile by tile: with what it decodes to, it stays in the L1 cache.
const TILE_SYMBOLS: usize = 16 << 10;

pub(crate) fn candidates() -> Vec<Candidate> {
    let decoders: [(&str, Decode); 2] = [("base64-simd", decode::base64_simd), (decode::TURBO, decode::base64_turbo)];
    let finders: [(&str, FindRuns); 4] =
        [("roaring", roaring), ("arrow-buffer", arrow), ("bitvec", bitvec), ("hand loop", by_hand)];
    let mut all = Vec::new();
    for (decoder, decode) in decoders {
        for (finder, find) in finders {
            all.push(Candidate::new(
                ASSEMBLED,
                format!("{decoder} + {finder}"),
                Yields::Extents,
                move |text, buffers| {
                    let bytes = decode(text, buffers.decoded_bytes());
                    let Buffers { decoded, extents, .. } = buffers;
                    extents.clear();
                    find(&mut decoded[..bytes / 8], extents);
                    0
                },
            ));
        }
        let name = format!("{decoder} + hand loop, tile by tile");
        all.push(Candidate::new(ASSEMBLED, name, Yields::Extents, move |text, buffers| {
            by_hand_in_tiles(decode, text, buffers);
            0
        }));
    }
    all
}

fn roaring(words: &mut [u64], extents: &mut Vec<Extent>) {
    reverse_bits(words);
    let bitmap = RoaringBitmap::from_lsb0_bytes(0, cast_slice(words));
    let mut blocks = bitmap.iter();
    while let Some(range) = blocks.next_range() {
        // The end, exclusive, may be one more than 32 bits hold.
        extents.push(Extent::new(u64::from(*range.start()), u64::from(*range.end()) + 1));
    }
}

fn arrow(words: &mut [u64], extents: &mut Vec<Extent>) {
    reverse_bits(words);
    let runs = BitSliceIterator::new(cast_slice(words), 0, words.len() * 64);
    extents.extend(runs.map(|(start, end)| Extent::new(start as u64, end as u64)));
}

/// Over words in `Lsb0`, since it steps through what it is given element by element: over the bytes as they are, it
/// would save the reversal and take eight times as many steps.
fn bitvec(words: &mut [u64], extents: &mut Vec<Extent>) {
    reverse_bits(words);
    if cfg!(target_endian = "big") {
        words.iter_mut().for_each(|word| *word = word.swap_bytes());
    }
    let mut rest = BitSlice::<u64, Lsb0>::from_slice(words);
    let mut at = 0;
    while let Some(zeros) = rest.first_one() {
        let ones = rest[zeros..].leading_ones();
        let start = at + zeros as u64;
        at = start + ones as u64;
        extents.push(Extent::new(start, at));
        rest = &rest[zeros + ones..];
    }
}

fn by_hand(words: &mut [u64], extents: &mut Vec<Extent>) {
    let mut boundaries = cast_vec(std::mem::take(extents));
    let mut place = Place::default();
    find_boundaries(words, &mut place, &mut boundaries);
    *extents = close(place, boundaries);
}

fn by_hand_in_tiles(decode: Decode, text: &[u8], buffers: &mut Buffers) {
    buffers.extents.clear();
    let mut boundaries = cast_vec(std::mem::take(&mut buffers.extents));
    let mut place = Place::default();
    for symbols in text.chunks(TILE_SYMBOLS) {
        let bytes = decode(symbols, buffers.decoded_bytes());
        find_boundaries(&mut buffers.decoded[..bytes / 8], &mut place, &mut boundaries);
    }
    buffers.extents = close(place, boundaries);
}

/// Where the hand loop is.
#[derive(Clone, Copy, Default)]
struct Place {
    block: u64,
    /// The last bit before it.
    last: u64,
}

/// Ends a run that is open at the end, and pairs boundaries up. The allocation is kept: it has grown from that of
/// extents, by doubling.
fn close(place: Place, mut boundaries: Vec<u64>) -> Vec<Extent> {
    if place.last == 1 {
        boundaries.push(place.block);
    }
    if boundaries.capacity() % 2 == 1 {
        boundaries.reserve_exact(boundaries.capacity() - boundaries.len() + 1);
    }
    cast_vec(boundaries)
}

fn find_boundaries(words: &mut [u64], place: &mut Place, boundaries: &mut Vec<u64>) {
    reverse_bits(words);
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("bmi1") {
        // SAFETY: BMI1 was detected.
        return unsafe { find_boundaries_bmi(words, place, boundaries) };
    }
    find_boundaries_here(words, place, boundaries);
}

/// With the instructions that count trailing zeros and clear the lowest bit, which x86-64 has had only for a while.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi1")]
fn find_boundaries_bmi(words: &[u64], place: &mut Place, boundaries: &mut Vec<u64>) {
    find_boundaries_here(words, place, boundaries);
}

/// The classic: mark where a bit differs from the one before it, then take one mark after the other. Over `Lsb0`,
/// since reversing costs little, and over words as they are the compiler makes a slow double shift of the marking.
#[inline(always)]
fn find_boundaries_here(words: &[u64], place: &mut Place, boundaries: &mut Vec<u64>) {
    let Place { mut block, mut last } = *place;
    for &word in words {
        let word = u64::from_le(word);
        let mut marks = word ^ (word << 1 | last);
        last = word >> 63;
        while marks != 0 {
            boundaries.push(block + u64::from(marks.trailing_zeros()));
            marks &= marks - 1;
        }
        block += 64;
    }
    *place = Place { block, last };
}

/// From `Msb0` bytes to `Lsb0` bytes, which roaring and arrow-buffer take.
fn reverse_bits(words: &mut [u64]) {
    let bytes: &mut [u8] = cast_slice_mut(words);
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("gfni") {
            // SAFETY: both were detected, and AVX-512 BW never comes without AVX-512 F.
            return unsafe { reverse_bits_gfni(bytes) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: AVX2 was detected.
            return unsafe { reverse_bits_avx2(bytes) };
        }
    }
    reverse_bits_here(bytes);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn reverse_bits_gfni(bytes: &mut [u8]) {
    reverse_bits_here(bytes);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn reverse_bits_avx2(bytes: &mut [u8]) {
    reverse_bits_here(bytes);
}

/// Byte by byte in the source; the compiler makes vectors of it, and of the reversal one instruction where there is
/// one.
#[inline(always)]
fn reverse_bits_here(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = byte.reverse_bits();
    }
}
