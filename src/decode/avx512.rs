//! Kernels for x86-64 with AVX-512 VBMI: a table of 128 symbols fits into two registers.
//!
//! A symbol is looked up as its six bits *reversed*, so that four of them, joined with the first in the lowest bits,
//! are 24 bits in block order, and no bits have to be reversed afterwards. Bytes that are no symbol are looked up as
//! 0x80, and bytes beyond ASCII have that bit themselves.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::x86_64::*;

use super::alphabet::BASE64_SYMBOLS;

/// Symbols of one step, which make three registers of bits.
const STEP: usize = 256;
const STEP_WORDS: usize = STEP * 6 / 64;

#[repr(align(64))]
struct Table<const N: usize>([u8; N]);

const REVERSED: Table<128> = {
    let mut table = [0x80; 128];
    let mut value = 0u8;
    while value < 64 {
        table[BASE64_SYMBOLS[value as usize] as usize] = value.reverse_bits() >> 2;
        value += 1;
    }
    Table(table)
};

/// Where the bytes of `n`-th of three packed registers come from, in two registers of lanes with three bytes of four
/// in use, the second of them numbered from 64.
const fn packing(n: usize) -> Table<64> {
    let mut table = [0u8; 64];
    let mut i = 0;
    while i < 64 {
        // The n-th packed register begins n * 16 bytes into the 48 of its first source.
        let used = n * 16 + i;
        let (source, used) = (used / 48, used % 48);
        // Below 128.
        #[expect(clippy::cast_possible_truncation)]
        let place = (source * 64 + used / 3 * 4 + used % 3) as u8;
        table[i] = place;
        i += 1;
    }
    Table(table)
}

const PACKING: [Table<64>; 3] = [packing(0), packing(1), packing(2)];

#[target_feature(enable = "avx512f")]
fn table(table: &[u8; 64]) -> __m512i {
    // SAFETY: the array has the 64 bytes that are loaded.
    unsafe { _mm512_loadu_si512(table.as_ptr().cast()) }
}

/// See [`super::decode_base64`] for the contract.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn decode_base64(symbols: &[u8], words: &mut [u64]) -> bool {
    let (steps, rest) = symbols.as_chunks::<STEP>();
    let (step_words, rest_words) = words.as_chunks_mut::<STEP_WORDS>();
    let mut bad = _mm512_setzero_si512();
    for (step, words) in steps.iter().zip(step_words) {
        bad = decode_step(step, words, bad);
    }
    if !rest.is_empty() {
        let mut filled = [b'A'; STEP];
        let mut decoded = [0; STEP_WORDS];
        filled[..rest.len()].copy_from_slice(rest);
        bad = decode_step(&filled, &mut decoded, bad);
        rest_words.copy_from_slice(&decoded[..rest_words.len()]);
    }
    _mm512_movepi8_mask(bad) == 0
}

/// Decodes one step. Returns `bad` with the highest bit of some byte set if not all bytes were symbols.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn decode_step(symbols: &[u8; STEP], words: &mut [u64; STEP_WORDS], bad: __m512i) -> __m512i {
    let [low, high] = [table(&REVERSED.0.as_chunks().0[0]), table(&REVERSED.0.as_chunks().0[1])];
    let pairs = _mm512_set1_epi16(0x4001);
    let fours = _mm512_set1_epi32(0x1000_0001);
    let mut bad = bad;
    let mut lanes = [_mm512_setzero_si512(); 4];
    for (lanes, symbols) in lanes.iter_mut().zip(symbols.as_chunks::<64>().0) {
        let symbols = table(symbols);
        let values = _mm512_permutex2var_epi8(low, symbols, high);
        bad = _mm512_ternarylogic_epi64::<0xfe>(bad, symbols, values);
        // First plus second times 2^6, then pair plus pair times 2^12.
        *lanes = _mm512_madd_epi16(_mm512_maddubs_epi16(values, pairs), fours);
    }
    for (i, words) in words.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let packed = _mm512_permutex2var_epi8(lanes[i], table(&PACKING[i].0), lanes[i + 1]);
        // SAFETY: eight words are the 64 bytes that are stored.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), packed) };
    }
    bad
}

/// Whether every byte equals `value`.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn is_uniform(bytes: &[u8], value: u8) -> bool {
    let expected = _mm512_set1_epi8(value.cast_signed());
    let (steps, rest) = bytes.as_chunks::<256>();
    for step in steps {
        let mut differing = _mm512_setzero_si512();
        for bytes in step.as_chunks().0 {
            // differing | (bytes ^ expected)
            differing = _mm512_ternarylogic_epi64::<0xf6>(differing, table(bytes), expected);
        }
        if _mm512_test_epi64_mask(differing, differing) != 0 {
            return false;
        }
    }
    rest.iter().all(|&byte| byte == value)
}
