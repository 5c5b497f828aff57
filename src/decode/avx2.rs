//! Kernels for x86-64 with AVX2.
//!
//! Symbols are told apart by their two nibbles (W. Muła and D. Lemire, "Faster Base64 Encoding and Decoding Using AVX2
//! Instructions", 2018), of which the high one is looked up under a number that also tells `+` from `/`. Four values are
//! joined with the first in the highest bits, which is the order of blocks seen from the highest bit.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::x86_64::*;

use super::alphabet::BASE64_SYMBOLS;
use super::{Aligned, TILE_WORDS, steps};

/// Symbols of one step, which are 24 bytes of bits.
const STEP: usize = 32;
const STEP_NUMBERS: usize = STEP * 6 / 32;

/// The same sixteen bytes for both halves of a register.
#[target_feature(enable = "avx2")]
fn both(table: [u8; 16]) -> __m256i {
    // SAFETY: the array has the 16 bytes that are loaded.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())) }
}

/// Half of what [`bucket`] adds to the high nibble of a symbol with this low nibble: 1, but 8 where the low nibble is
/// that of `/`, whose high nibble is that of `+`.
const ASIDE: [u8; 16] = {
    let mut table = [1; 16];
    table[0xf] = 14;
    table
};

/// The high nibble of ASCII with this low nibble, plus what sets symbols with other differences apart.
const fn bucket(high: u8, low: u8) -> usize {
    // What an average of `ASIDE` and an eighth of the symbol comes to.
    (ASIDE[low as usize] + (high << 4 | low) / 8).div_ceil(2) as usize
}

/// What to add to a symbol for its value, by its bucket.
const TO_VALUE: [u8; 16] = {
    let mut table = [0; 16];
    let mut value = 0u8;
    while value < 64 {
        let symbol = BASE64_SYMBOLS[value as usize];
        table[bucket(symbol >> 4, symbol & 0xf)] = value.wrapping_sub(symbol);
        value += 1;
    }
    table
};

/// Bits that stand for kinds of high nibbles, see [`kind`]. A byte is a symbol if that with its low nibble and that with
/// its bucket have one in common.
const ALLOWED_LOW: [u8; 16] = allowed().0;
const ALLOWED_BUCKET: [u8; 16] = allowed().1;

/// One bit for each kind of high nibble: 0x2 has only `+` and `/`, 0x3 the digits, 0x4 and 0x6 letters from 1 on, 0x5 and
/// 0x7 letters up to 0xa, and all others nothing.
const fn kind(high: u8) -> u8 {
    match high {
        0x2 => 1,
        0x3 => 2,
        0x4 | 0x6 => 4,
        0x5 | 0x7 => 8,
        _ => 0,
    }
}

const fn allowed() -> ([u8; 16], [u8; 16]) {
    let (mut by_low, mut by_bucket) = ([0; 16], [0; 16]);
    let mut value = 0;
    while value < 64 {
        let symbol = BASE64_SYMBOLS[value];
        by_low[(symbol & 0xf) as usize] |= kind(symbol >> 4);
        by_bucket[bucket(symbol >> 4, symbol & 0xf)] |= kind(symbol >> 4);
        value += 1;
    }
    (by_low, by_bucket)
}

/// Three bytes of every four, the first of them in the highest place, as three numbers of 32 bits whose highest byte is the
/// first; then four of no use.
const PACKING: [u8; 16] = [6, 0, 1, 2, 9, 10, 4, 5, 12, 13, 14, 8, 3, 7, 11, 15];

/// See [`super::decode_base64`] for the contract.
#[target_feature(enable = "avx2")]
pub(super) fn decode_base64(symbols: &[u8], words: &mut [u64]) -> bool {
    let mut halves = Aligned([0; TILE_WORDS * 2 + SPARE]);
    let good = decode_high_first(symbols, &mut halves.0[..words.len() * 2 + SPARE]);
    for (word, [first, second]) in words.iter_mut().zip(halves.0.as_chunks().0) {
        *word = u64::from(first.reverse_bits()) | u64::from(second.reverse_bits()) << 32;
    }
    good
}

/// How many numbers more than those of the symbols [`decode_high_first`] writes.
pub(crate) const SPARE: usize = 1;

/// Decodes symbols, in whole steps, into numbers of 32 bits that hold the first block in the highest bit, six for each
/// step; [`SPARE`] more are overwritten. Returns whether all bytes were symbols; if not, the numbers hold anything.
#[target_feature(enable = "avx2")]
pub(crate) fn decode_high_first(symbols: &[u8], numbers: &mut [u32]) -> bool {
    let steps = symbols.as_chunks::<STEP>().0;
    assert!(numbers.len() >= steps.len() * STEP_NUMBERS + SPARE, "too little room for bits");
    let (aside, to_value, packing) = (both(ASIDE), both(TO_VALUE), both(PACKING));
    let (allowed_low, allowed_bucket) = (both(ALLOWED_LOW), both(ALLOWED_BUCKET));
    let (pairs, fours) = (_mm256_set1_epi16(0x0140), _mm256_set1_epi32(0x0001_1000));
    // For each place in a step the least that was found to be allowed.
    let mut least = _mm256_set1_epi8(-1);
    for (i, symbols) in steps.iter().enumerate() {
        // SAFETY: the array has the 32 bytes that are loaded.
        let symbols = unsafe { _mm256_loadu_si256(symbols.as_ptr().cast()) };
        // The lowest bits of each byte end up in the highest of the one before, and then in no bit that a shuffle looks
        // at: 14, 31 and 1 have no carry into those.
        let bucket = _mm256_avg_epu8(_mm256_shuffle_epi8(aside, symbols), _mm256_srli_epi16::<3>(symbols));
        // Bytes beyond ASCII take a zero from the first table, and are not allowed whatever their bucket.
        let allowed =
            _mm256_and_si256(_mm256_shuffle_epi8(allowed_low, symbols), _mm256_shuffle_epi8(allowed_bucket, bucket));
        least = _mm256_min_epu8(least, allowed);
        let values = _mm256_add_epi8(symbols, _mm256_shuffle_epi8(to_value, bucket));
        // First times 2^6 plus second, then pair times 2^12 plus pair.
        let lanes = _mm256_madd_epi16(_mm256_maddubs_epi16(values, pairs), fours);
        let packed = _mm256_shuffle_epi8(lanes, packing);
        // SAFETY: by the assertion there is room for the three numbers of each half and one more.
        unsafe {
            let place = numbers.as_mut_ptr().add(STEP_NUMBERS * i);
            _mm_storeu_si128(place.cast(), _mm256_castsi256_si128(packed));
            _mm_storeu_si128(place.add(STEP_NUMBERS / 2).cast(), _mm256_extracti128_si256::<1>(packed));
        }
    }
    _mm256_movemask_epi8(_mm256_cmpeq_epi8(least, _mm256_setzero_si256())) == 0
}

/// `Msb0` bytes to `Lsb0` words, as many: the portable code, for which the compiler finds shuffles here.
#[target_feature(enable = "avx2")]
pub(super) fn load_msb0(bytes: &[[u8; 8]], words: &mut [u64]) {
    super::portable::load_msb0(bytes, words);
}

/// See [`super::steps`] for the contract.
#[target_feature(enable = "avx2")]
pub(super) fn count_steps(steps: &[[u8; steps::STEP]], values: [u8; 2], uniform: bool) -> usize {
    steps.iter().take_while(|step| is_uniform(step, steps::expected(step, values)) == uniform).count()
}

/// Whether every byte equals `value`.
#[inline]
#[target_feature(enable = "avx2")]
fn is_uniform(step: &[u8; steps::STEP], value: u8) -> bool {
    let expected = _mm256_set1_epi8(value.cast_signed());
    let mut differing = _mm256_setzero_si256();
    for bytes in step.as_chunks::<32>().0 {
        // SAFETY: the array has the 32 bytes that are loaded.
        let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        differing = _mm256_or_si256(differing, _mm256_xor_si256(bytes, expected));
    }
    _mm256_testz_si256(differing, differing) == 1
}
