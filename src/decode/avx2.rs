//! Kernels for x86-64 with AVX2.
//!
//! Symbols are told apart by their two nibbles (W. Muła and D. Lemire, "Faster Base64 Encoding and Decoding Using AVX2
//! Instructions", 2018). Four values are joined with the first in the highest bits, which is the order of blocks seen
//! from the highest bit of a word. Reversing them on the way took six instructions more of twenty-two.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::x86_64::*;

use super::steps;

/// Symbols of one step, which are 24 bytes of bits.
const STEP: usize = 32;
const STEP_WORDS: usize = STEP * 6 / 64;

/// The same sixteen bytes for both halves of a register.
#[target_feature(enable = "avx2")]
fn both(table: [u8; 16]) -> __m256i {
    // SAFETY: the array has the 16 bytes that are loaded.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())) }
}

/// Bits that a symbol with this low nibble cannot have in common with [`FORBIDDEN_HIGH`] of its high nibble.
const FORBIDDEN_LOW: [u8; 16] = forbidden_low();

/// One bit for each kind of high nibble: 0x2 holds only `+` and `/`, 0x3 the digits, 0x4 and 0x6 letters from 1 on,
/// 0x5 and 0x7 letters up to 0xa, and all others nothing.
const FORBIDDEN_HIGH: [u8; 16] =
    [0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10];

const fn forbidden_low() -> [u8; 16] {
    let mut table = [0x10; 16];
    let mut low = 0;
    while low < 16 {
        if low != 0xb && low != 0xf {
            table[low] |= 0x01;
        }
        if low > 0x9 {
            table[low] |= 0x02;
        }
        if low == 0 {
            table[low] |= 0x04;
        }
        if low > 0xa {
            table[low] |= 0x08;
        }
        low += 1;
    }
    table
}

/// What to add to a symbol for its value, by its high nibble; `/` counts as 0x1.
const TO_VALUE: [u8; 16] = {
    let mut table = [0; 16];
    table[1] = 63u8.wrapping_sub(b'/');
    table[2] = 62u8.wrapping_sub(b'+');
    table[3] = 52u8.wrapping_sub(b'0');
    table[4] = 0u8.wrapping_sub(b'A');
    table[5] = table[4];
    table[6] = 26u8.wrapping_sub(b'a');
    table[7] = table[6];
    table
};

/// Three bytes of every four, the first of them in the lowest place, to the front of each half: as three 32-bit numbers
/// whose highest byte is the first.
const PACKING: [u8; 16] = [6, 0, 1, 2, 9, 10, 4, 5, 12, 13, 14, 8, 0x80, 0x80, 0x80, 0x80];

/// See [`super::decode_base64`] for the contract.
#[target_feature(enable = "avx2")]
pub(super) fn decode_base64(symbols: &[u8], words: &mut [u64]) -> bool {
    let good = decode_high_first(symbols, words);
    words.iter_mut().for_each(|word| *word = word.reverse_bits());
    good
}

/// The same to words that hold the first block in the highest bit.
#[target_feature(enable = "avx2")]
pub(crate) fn decode_high_first(symbols: &[u8], words: &mut [u64]) -> bool {
    let (forbidden_low, forbidden_high) = (both(FORBIDDEN_LOW), both(FORBIDDEN_HIGH));
    let (to_value, packing) = (both(TO_VALUE), both(PACKING));
    let (nibble, slash) = (_mm256_set1_epi8(0x0f), _mm256_set1_epi8(b'/'.cast_signed()));
    let (pairs, fours) = (_mm256_set1_epi16(0x0140), _mm256_set1_epi32(0x0001_1000));
    // Words of two numbers, of which the first is the high one.
    let gather = _mm256_setr_epi32(1, 0, 4, 2, 6, 5, 7, 7);
    let mut bad = _mm256_setzero_si256();
    let steps = symbols.as_chunks::<STEP>().0;
    for (symbols, words) in steps.iter().zip(words.as_chunks_mut::<STEP_WORDS>().0) {
        // SAFETY: the array has the 32 bytes that are loaded.
        let symbols = unsafe { _mm256_loadu_si256(symbols.as_ptr().cast()) };
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(symbols), nibble);
        let low = _mm256_and_si256(symbols, nibble);
        let forbidden =
            _mm256_and_si256(_mm256_shuffle_epi8(forbidden_low, low), _mm256_shuffle_epi8(forbidden_high, high));
        bad = _mm256_or_si256(bad, forbidden);
        let kind = _mm256_add_epi8(high, _mm256_cmpeq_epi8(symbols, slash));
        let values = _mm256_add_epi8(symbols, _mm256_shuffle_epi8(to_value, kind));
        // First times 2^6 plus second, then pair times 2^12 plus pair.
        let lanes = _mm256_madd_epi16(_mm256_maddubs_epi16(values, pairs), fours);
        let packed = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(lanes, packing), gather);
        // SAFETY: three words are the 16 and 8 bytes that are stored.
        unsafe {
            let place = words.as_mut_ptr();
            _mm_storeu_si128(place.cast(), _mm256_castsi256_si128(packed));
            _mm_storel_epi64(place.add(2).cast(), _mm256_extracti128_si256::<1>(packed));
        }
    }
    _mm256_testz_si256(bad, bad) == 1
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
