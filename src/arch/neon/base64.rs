//! Kernels for 64-bit Arm: a table of 64 bytes fits into one lookup.
//!
//! A symbol is looked up as its six bits *reversed*, so that four of them, joined with the first in the lowest bits,
//! are 24 bits in block order. Bytes that are no symbol are looked up as 0x80.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::aarch64::*;

use crate::arch::contract::{self, BASE64_SYMBOLS, expected_byte};

/// Symbols of one step, in four registers, which make three registers of bits.
const STEP: usize = 64;
const STEP_WORDS: usize = STEP * 6 / 64;

/// The lower or the upper half of ASCII.
const fn reversed(first: u8) -> [u8; 64] {
    let mut table = [0x80; 64];
    let mut value = 0u8;
    while value < 64 {
        let symbol = BASE64_SYMBOLS[value as usize];
        if symbol >= first && symbol < first + 64 {
            table[(symbol - first) as usize] = value.reverse_bits() >> 2;
        }
        value += 1;
    }
    table
}

const LOWER: [u8; 64] = reversed(0);
const UPPER: [u8; 64] = reversed(64);

#[target_feature(enable = "neon")]
fn load_table(table: &[u8; 64]) -> uint8x16x4_t {
    // SAFETY: the array has the 64 bytes that are loaded.
    unsafe { vld1q_u8_x4(table.as_ptr()) }
}

/// See [`decode_base64`](crate::arch::decode_base64) for the contract.
#[target_feature(enable = "neon")]
pub(in crate::arch) fn decode_base64(symbols: &[u8], words: &mut [u64]) -> bool {
    let (lower, upper) = (load_table(&LOWER), load_table(&UPPER));
    let (steps, rest) = symbols.as_chunks::<STEP>();
    let (step_words, rest_words) = words.as_chunks_mut::<STEP_WORDS>();
    let mut bad = vdupq_n_u8(0);
    for (symbols, words) in steps.iter().zip(step_words) {
        bad = decode_step(symbols, words, lower, upper, bad);
    }
    if !rest.is_empty() {
        let mut filled = [b'A'; STEP];
        let mut decoded = [0; STEP_WORDS];
        filled[..rest.len()].copy_from_slice(rest);
        bad = decode_step(&filled, &mut decoded, lower, upper, bad);
        rest_words.copy_from_slice(&decoded[..rest_words.len()]);
    }
    vmaxvq_u8(bad) < 0x80
}

/// Decodes one step. Returns `bad` with the highest bit of some byte set if not all bytes were symbols.
#[inline]
#[target_feature(enable = "neon")]
fn decode_step(
    symbols: &[u8; STEP],
    words: &mut [u64; STEP_WORDS],
    lower: uint8x16x4_t,
    upper: uint8x16x4_t,
    bad: uint8x16_t,
) -> uint8x16_t {
    // SAFETY: the array has the 64 bytes that are loaded: every fourth symbol to one register.
    let uint8x16x4_t(a, b, c, d) = unsafe { vld4q_u8(symbols.as_ptr()) };
    let look_up = |symbols: uint8x16_t| {
        // Out of reach of the first table is what the second may know; 0x40 and up become 0 and up.
        let low = vqtbl4q_u8(lower, symbols);
        let value = vqtbx4q_u8(low, upper, veorq_u8(symbols, vdupq_n_u8(0x40)));
        // Beyond ASCII neither knows the byte, and its own highest bit tells.
        (value, vorrq_u8(value, symbols))
    };
    let ((a, bad_a), (b, bad_b), (c, bad_c), (d, bad_d)) = (look_up(a), look_up(b), look_up(c), look_up(d));
    let bytes = uint8x16x3_t(
        vorrq_u8(a, vshlq_n_u8::<6>(b)),
        vorrq_u8(vshrq_n_u8::<2>(b), vshlq_n_u8::<4>(c)),
        vorrq_u8(vshrq_n_u8::<4>(c), vshlq_n_u8::<2>(d)),
    );
    // SAFETY: six words are the 48 bytes that are stored.
    unsafe { vst3q_u8(words.as_mut_ptr().cast(), bytes) };
    vorrq_u8(bad, vorrq_u8(vorrq_u8(bad_a, bad_b), vorrq_u8(bad_c, bad_d)))
}

/// See [`count_steps`](crate::arch::count_steps) for the contract.
#[target_feature(enable = "neon")]
pub(in crate::arch) fn count_steps(steps: &[[u8; contract::STEP]], uniform_bytes: [u8; 2], uniform: bool) -> usize {
    steps.iter().take_while(|step| is_uniform(step, expected_byte(step, uniform_bytes)) == uniform).count()
}

/// Whether every byte equals `value`.
#[inline]
#[target_feature(enable = "neon")]
fn is_uniform(step: &[u8; contract::STEP], value: u8) -> bool {
    let expected = vdupq_n_u8(value);
    let mut differing = vdupq_n_u8(0);
    for bytes in step.as_chunks::<16>().0 {
        // SAFETY: the array has the 16 bytes that are loaded.
        let bytes = unsafe { vld1q_u8(bytes.as_ptr()) };
        differing = vorrq_u8(differing, veorq_u8(bytes, expected));
    }
    vmaxvq_u8(differing) == 0
}
