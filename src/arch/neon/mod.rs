//! Symbols to boundaries for 64-bit Arm: words are decoded to an L1 cache, and scanned from there.

pub(super) mod base64;
pub(super) mod boundaries;

use std::mem::MaybeUninit;

use super::contract::{Aligned, ScanProgress, TILE_SYMBOLS, TILE_WORDS};
use super::uniform::scan_mixed;

/// See [`scan_base64`](crate::arch::scan_base64) for the contract.
#[target_feature(enable = "neon")]
pub(super) fn scan_base64(
    tiles: &[[u8; TILE_SYMBOLS]],
    carry: bool,
    position: u64,
    out: &mut [MaybeUninit<u64>],
) -> ScanProgress {
    let mut words = Aligned([0; TILE_WORDS]);
    let count_steps = |steps: &[_], uniform_bytes, uniform| base64::count_steps(steps, uniform_bytes, uniform);
    scan_mixed(tiles, carry, position, out, count_steps, |symbols, carry, position, out| {
        let words = &mut words.0[..symbols.len() / 32 * 3];
        if !base64::decode_base64(symbols, words) {
            return None;
        }
        assert!(out.len() >= words.len() * 64, "too little room for boundaries");
        // SAFETY: by the assertion, there are 64 places for each word.
        #[expect(unsafe_code)]
        let count = unsafe { boundaries::scan_words(words, carry, position, out) };
        Some((count, words[words.len() - 1] >> 63 == 1))
    })
}
