//! Kernels for x86-64 with AVX-512 VBMI: a table of 128 symbols fits into two registers.
//!
//! A symbol is looked up as its six bits *reversed*, so that four of them, joined with the first in the lowest bits,
//! are 24 bits in block order, and no bits have to be reversed afterwards. Bytes that are no symbol are looked up as
//! 0x80, and bytes beyond ASCII have that bit themselves.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::x86_64::*;

use crate::arch::contract::{Aligned, BASE64_SYMBOLS, STEP, expected_byte};

/// Words of one step of symbols, which make three registers of bits.
const STEP_WORDS: usize = STEP * 6 / 64;

const REVERSED: Aligned<[u8; 128]> = {
    let mut table = [0x80; 128];
    let mut value = 0u8;
    while value < 64 {
        table[BASE64_SYMBOLS[value as usize] as usize] = value.reverse_bits() >> 2;
        value += 1;
    }
    Aligned(table)
};

/// Where the bytes of `n`-th of three packed registers come from, in two registers of lanes with three bytes of four
/// in use, the second of them numbered from 64.
const fn packing(n: usize) -> Aligned<[u8; 64]> {
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
    Aligned(table)
}

const PACKING: [Aligned<[u8; 64]>; 3] = [packing(0), packing(1), packing(2)];

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: the array has the 64 bytes that are loaded.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// The tables and factors of decoding, in registers.
pub(super) struct Decoder {
    low: __m512i,
    high: __m512i,
    packing: [__m512i; 3],
    pairs: __m512i,
    fours: __m512i,
}

impl Decoder {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn new() -> Self {
        let halves = REVERSED.0.as_chunks().0;
        Self {
            low: load(&halves[0]),
            high: load(&halves[1]),
            packing: [load(&PACKING[0].0), load(&PACKING[1].0), load(&PACKING[2].0)],
            // First plus second times 2^6, then pair plus pair times 2^12.
            pairs: _mm512_set1_epi16(0x4001),
            fours: _mm512_set1_epi32(0x1000_0001),
        }
    }

    /// Decodes one step into 24 words. Returns `bad` with the highest bit of some byte set if not all bytes were
    /// symbols.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) fn decode(&self, step: &[u8; STEP], bad: __m512i) -> ([__m512i; 3], __m512i) {
        let (values, bad) = self.look_up(step, bad);
        (self.pack(self.join(values)), bad)
    }

    /// The first part of decoding: the value of each symbol.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) fn look_up(&self, step: &[u8; STEP], bad: __m512i) -> ([__m512i; 4], __m512i) {
        let mut bad = bad;
        let mut values = [_mm512_setzero_si512(); 4];
        for (values, symbols) in values.iter_mut().zip(step.as_chunks().0) {
            let symbols = load(symbols);
            *values = _mm512_permutex2var_epi8(self.low, symbols, self.high);
            bad = _mm512_ternarylogic_epi64::<0xfe>(bad, symbols, *values);
        }
        (values, bad)
    }

    /// The second part: four values to a lane of 32 bits, of which 24 are used.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn join(&self, values: [__m512i; 4]) -> [__m512i; 4] {
        let mut lanes = values;
        for lanes in &mut lanes {
            *lanes = _mm512_madd_epi16(_mm512_maddubs_epi16(*lanes, self.pairs), self.fours);
        }
        lanes
    }

    /// The third part: lanes to words.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vbmi")]
    pub(super) fn pack(&self, [a, b, c, d]: [__m512i; 4]) -> [__m512i; 3] {
        [
            _mm512_permutex2var_epi8(a, self.packing[0], b),
            _mm512_permutex2var_epi8(b, self.packing[1], c),
            _mm512_permutex2var_epi8(c, self.packing[2], d),
        ]
    }

    /// Whether a step holds nothing but zeros, or nothing but ones if `ones`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn is_uniform(&self, step: &[u8; STEP], ones: bool) -> bool {
        let expected = _mm512_set1_epi8(if ones { b'/' } else { b'A' }.cast_signed());
        differing(step, expected) == 0
    }
}

/// Has as much text fetched into the L2 cache as a step has, so many bytes ahead of it.
#[inline]
pub(super) fn fetch(step: &[u8; STEP], ahead: usize) {
    for line in step.as_chunks::<64>().0 {
        // SAFETY: a hint, which reads nothing, wherever it points to.
        #[allow(unused_unsafe, reason = "newer compilers know that it is safe")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().wrapping_add(ahead).cast());
        }
    }
}

/// See [`decode_base64`](crate::arch::decode_base64) for the contract.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(in crate::arch) fn decode_base64(symbols: &[u8], words: &mut [u64]) -> bool {
    let decoder = Decoder::new();
    let (steps, rest) = symbols.as_chunks::<STEP>();
    let (step_words, rest_words) = words.as_chunks_mut::<STEP_WORDS>();
    let mut bad = _mm512_setzero_si512();
    for (step, words) in steps.iter().zip(step_words) {
        bad = decode_step(&decoder, step, words, bad);
    }
    if !rest.is_empty() {
        let mut filled = [b'A'; STEP];
        let mut decoded = [0; STEP_WORDS];
        filled[..rest.len()].copy_from_slice(rest);
        bad = decode_step(&decoder, &filled, &mut decoded, bad);
        rest_words.copy_from_slice(&decoded[..rest_words.len()]);
    }
    _mm512_movepi8_mask(bad) == 0
}

/// Decodes one step into memory.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn decode_step(decoder: &Decoder, step: &[u8; STEP], words: &mut [u64; STEP_WORDS], bad: __m512i) -> __m512i {
    let (decoded, bad) = decoder.decode(step, bad);
    for (words, decoded) in words.as_chunks_mut::<8>().0.iter_mut().zip(decoded) {
        // SAFETY: eight words are the 64 bytes that are stored.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), decoded) };
    }
    bad
}

/// A bit for each word of four vectors, put together, that differs from what is expected.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn differing(step: &[u8; STEP], expected: __m512i) -> __mmask8 {
    let mut differing = _mm512_setzero_si512();
    for bytes in step.as_chunks().0 {
        // differing | (bytes ^ expected)
        differing = _mm512_ternarylogic_epi64::<0xf6>(differing, load(bytes), expected);
    }
    _mm512_test_epi64_mask(differing, differing)
}

/// See [`count_steps`](crate::arch::count_steps) for the contract.
#[target_feature(enable = "avx512f,avx512bw")]
pub(in crate::arch) fn count_steps(steps: &[[u8; STEP]], uniform_bytes: [u8; 2], uniform: bool) -> usize {
    let value = |step| _mm512_set1_epi8(expected_byte(step, uniform_bytes).cast_signed());
    steps.iter().take_while(|step| (differing(step, value(step)) == 0) == uniform).count()
}
