//! Kernels for x86-64 with AVX2.
//!
//! Symbols are told apart by their two nibbles (W. Muła and D. Lemire, "Faster Base64 Encoding and Decoding Using AVX2
//! Instructions", 2018), averaged as base64-simd does it, but once for both what a byte is and whether it is allowed.
//! Four values are joined with the first in the highest bits, which is the order of blocks seen from the highest bit.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::x86_64::*;

use crate::arch::contract::{self, Aligned, BASE64_SYMBOLS, TILE_WORDS, expected_byte, is_base64_symbol};
use crate::arch::portable;

/// Symbols of one step, which are 24 bytes of bits.
const STEP: usize = 32;
const STEP_NUMBERS: usize = STEP * 6 / 32;

/// Sixteen bytes for both halves of a register.
#[target_feature(enable = "avx2")]
fn both(table: [u8; 16]) -> __m256i {
    // SAFETY: the array has the 16 bytes that are loaded.
    unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())) }
}

/// The number that is averaged with an eighth of a byte for its bucket, by the byte's low nibble. The buckets are such
/// that the symbols in each have the same difference to their values, and that no other byte comes between them: `+`
/// and `/` are apart, and so are `:`, `[` and `{`, which follow digits and letters.
const ASIDE: [u8; 16] = {
    let mut table = [11; 16];
    table[0xa] = 1;
    table[0xb] = 1;
    table[0xf] = 3;
    table
};

/// The bucket of a byte, as the instructions find it: a shuffle takes a zero for what is beyond ASCII.
const fn bucket(byte: u8) -> usize {
    let aside = if byte < 0x80 { ASIDE[(byte & 0xf) as usize] } else { 0 };
    ((aside + byte / 8).div_ceil(2) & 0xf) as usize
}

/// The difference between a symbol and its value, by its bucket.
const TO_VALUE: [u8; 16] = {
    let mut table = [0; 16];
    let mut value = 0u8;
    while value < 64 {
        let symbol = BASE64_SYMBOLS[value as usize];
        let difference = value.wrapping_sub(symbol);
        let known = &mut table[bucket(symbol)];
        assert!(*known == 0 || *known == difference, "two differences in a bucket");
        *known = difference;
        value += 1;
    }
    table
};

/// The number to add to a byte, by its bucket, so that symbols come below 64, and nothing else does.
const CHECK: [u8; 16] = {
    let mut table = [0; 16];
    let mut number = 0;
    while number < 16 {
        while !tells_apart(table[number], number) {
            table[number] = table[number].checked_add(1).expect("no number tells symbols from others");
        }
        number += 1;
    }
    table
};

/// Whether of the bytes in a bucket the symbols are below 64 with that added, and the others are not.
const fn tells_apart(added: u8, number: usize) -> bool {
    let mut byte = 0u8;
    loop {
        if bucket(byte) == number && (byte.wrapping_add(added) < 64) != is_base64_symbol(byte) {
            return false;
        }
        byte = match byte.checked_add(1) {
            Some(next) => next,
            None => return true,
        };
    }
}

/// Three bytes of every four, the first of them in the highest place, as three numbers of 32 bits whose highest byte is
/// the first; then four of no use.
const PACKING: [u8; 16] = [6, 0, 1, 2, 9, 10, 4, 5, 12, 13, 14, 8, 3, 7, 11, 15];

/// See [`decode_base64`](crate::arch::decode_base64) for the contract.
#[target_feature(enable = "avx2")]
pub(in crate::arch) fn decode_base64(symbols: &[u8], words: &mut [u64]) -> bool {
    let mut halves = Aligned([0; TILE_WORDS * 2 + SPARE]);
    let good = decode_high_first(symbols, &mut halves.0[..words.len() * 2 + SPARE]);
    for (word, [first, second]) in words.iter_mut().zip(halves.0.as_chunks().0) {
        *word = u64::from(first.reverse_bits()) | u64::from(second.reverse_bits()) << 32;
    }
    good
}

/// How many numbers more than those of the symbols [`decode_high_first`] writes.
pub(super) const SPARE: usize = 1;

/// Decodes symbols, in whole steps, into numbers of 32 bits that hold the first block in the highest bit, six for each
/// step; [`SPARE`] more are overwritten. Returns whether all bytes were symbols; if not, the numbers hold anything.
#[target_feature(enable = "avx2")]
pub(super) fn decode_high_first(symbols: &[u8], numbers: &mut [u32]) -> bool {
    let steps = symbols.as_chunks::<STEP>().0;
    assert!(numbers.len() >= steps.len() * STEP_NUMBERS + SPARE, "too little room for bits");
    let (aside, check, to_value, packing) = (both(ASIDE), both(CHECK), both(TO_VALUE), both(PACKING));
    let (pairs, fours) = (_mm256_set1_epi16(0x0140), _mm256_set1_epi32(0x0001_1000));
    let mut checked = _mm256_setzero_si256();
    let mut step = |i: usize, symbols: &[u8; STEP]| {
        // SAFETY: the array has the 32 bytes that are loaded.
        let symbols = unsafe { _mm256_loadu_si256(symbols.as_ptr().cast()) };
        // The lowest bits of each byte end up in the highest of the one before. From there they carry into nothing but
        // the highest bit of the average, and only where both that and an eighth of the byte are 31: a byte beyond
        // ASCII, for which both shuffles then take a zero, so that it is not below 64 either.
        let bucket = _mm256_avg_epu8(_mm256_shuffle_epi8(aside, symbols), _mm256_srli_epi16::<3>(symbols));
        checked = _mm256_or_si256(checked, _mm256_add_epi8(symbols, _mm256_shuffle_epi8(check, bucket)));
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
    };
    let (twos, rest) = steps.as_chunks::<2>();
    for (i, [first, second]) in twos.iter().enumerate() {
        step(2 * i, first);
        step(2 * i + 1, second);
    }
    if let [last] = rest {
        step(2 * twos.len(), last);
    }
    _mm256_testz_si256(checked, _mm256_set1_epi8(!63)) == 1
}

/// `Msb0` bytes to `Lsb0` words, as many: the portable code, for which the compiler finds shuffles here.
#[target_feature(enable = "avx2")]
pub(in crate::arch) fn load_msb0(bytes: &[[u8; 8]], words: &mut [u64]) {
    portable::base64::load_msb0(bytes, words);
}

/// See [`count_steps`](crate::arch::count_steps) for the contract.
#[target_feature(enable = "avx2")]
pub(in crate::arch) fn count_steps(steps: &[[u8; contract::STEP]], uniform_bytes: [u8; 2], uniform: bool) -> usize {
    steps.iter().take_while(|step| is_uniform(step, expected_byte(step, uniform_bytes)) == uniform).count()
}

/// Whether every byte equals `value`.
#[inline]
#[target_feature(enable = "avx2")]
fn is_uniform(step: &[u8; contract::STEP], value: u8) -> bool {
    let expected = _mm256_set1_epi8(value.cast_signed());
    let mut differing = _mm256_setzero_si256();
    for bytes in step.as_chunks::<32>().0 {
        // SAFETY: the array has the 32 bytes that are loaded.
        let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        differing = _mm256_or_si256(differing, _mm256_xor_si256(bytes, expected));
    }
    _mm256_testz_si256(differing, differing) == 1
}
