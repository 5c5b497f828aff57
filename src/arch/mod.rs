//! The kernels, a folder a tier, and the one dispatch to them.
//!
//! Every operation is one `match` on the [`Verified`] tier, which is the proof that this processor has the instructions
//! that a kernel needs. A tier that has no kernel for an operation uses the portable one. [`contract`] says what
//! kernels are given and give back.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod bit_positions;
pub(crate) mod contract;
mod portable;
pub(crate) mod uniform;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

use std::mem::MaybeUninit;

use contract::{CacheHint, Density, Line, STEP, ScanProgress, TILE_SYMBOLS};

use crate::ByteRange;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::tier::Tier;
use crate::verified::Verified;

/// Decodes base64 symbols into `Lsb0` words: a multiple of 32 symbols and at most [`TILE_SYMBOLS`] of them, into
/// exactly 3 words for every 32. Returns whether all bytes were symbols; if not, the words hold anything.
pub(crate) fn decode_base64(tier: Verified, symbols: &[u8], words: &mut [u64]) -> bool {
    debug_assert!(symbols.len().is_multiple_of(32) && words.len() == symbols.len() / 32 * 3);
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx512 => unsafe { avx512::base64::decode_base64(symbols, words) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx2 => unsafe { avx2::base64::decode_base64(symbols, words) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Neon => unsafe { neon::base64::decode_base64(symbols, words) },
        _ => portable::base64::decode_base64(symbols, words),
    }
}

/// Decodes `0` and `1` into `Lsb0` words: exactly 64 symbols for every word. Returns whether all bytes were one of
/// them; if not, the words hold anything.
pub(crate) fn decode_bits(symbols: &[u8], words: &mut [u64]) -> bool {
    portable::base64::decode_bits(symbols, words)
}

/// `Msb0` bytes to `Lsb0` words, as many.
pub(crate) fn load_msb0(tier: Verified, bytes: &[[u8; 8]], words: &mut [u64]) {
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there; those of AVX-512 have all of AVX2.
        #[expect(unsafe_code)]
        Tier::Avx2 | Tier::Avx512 => unsafe { avx2::base64::load_msb0(bytes, words) },
        _ => portable::base64::load_msb0(bytes, words),
    }
}

/// How many steps at the start are, or are not, `uniform`: one of the two bytes throughout. The first of the bytes
/// holds nothing but zeros, the second nothing but ones.
pub(crate) fn count_steps(tier: Verified, steps: &[[u8; STEP]], uniform_bytes: [u8; 2], uniform: bool) -> usize {
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx512 => unsafe { avx512::base64::count_steps(steps, uniform_bytes, uniform) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx2 => unsafe { avx2::base64::count_steps(steps, uniform_bytes, uniform) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Neon => unsafe { neon::base64::count_steps(steps, uniform_bytes, uniform) },
        _ => portable::base64::count_steps(steps, uniform_bytes, uniform),
    }
}

/// Writes the boundaries of `words` to the start of `out`, ascending, and returns how many.
///
/// Bit 0 of the first word is at `position`; `carry` is the bit before it. `density` is what is expected, and then what
/// was found. Exactly the first places of `out`, as many as are returned, hold boundaries afterwards.
///
/// # Panics
///
/// If `out` has not 64 places for each word.
#[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "only tiers of x86-64 take the hints"))]
pub(crate) fn scan_words(
    tier: Verified,
    words: &[u64],
    carry: bool,
    position: u64,
    cache: CacheHint,
    density: &mut Density,
    out: &mut [MaybeUninit<u64>],
) -> usize {
    assert!(out.len() >= words.len() * 64, "too little room for boundaries");
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there; by the assertion, `out` has the places that are needed.
        #[expect(unsafe_code)]
        Tier::Avx512 => unsafe { avx512::boundaries::scan_words(words, carry, position, cache, density, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx2 => unsafe { avx2::boundaries::scan_words(words, carry, position, density, out) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a verified tier's instructions are there; by the assertion, `out` has the places that are needed.
        #[expect(unsafe_code)]
        Tier::Neon => unsafe { neon::boundaries::scan_words(words, carry, position, out) },
        _ => portable::boundaries::scan_words(words, carry, position, out),
    }
}

/// Writes the boundaries of base64 symbols to the start of `out`, as far as there are whole tiles of symbols, and
/// places for [`MAX_TILE_BOUNDARIES`](contract::MAX_TILE_BOUNDARIES) more.
///
/// The first bit is at `position`; `carry` is the bit before it. `density` is what is expected, and then what was
/// found. Exactly the first places of `out`, as many as are said to be, hold boundaries afterwards.
#[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "only tiers of x86-64 take the hints"))]
pub(crate) fn scan_base64(
    tier: Verified,
    text: &[u8],
    carry: bool,
    position: u64,
    cache: CacheHint,
    density: &mut Density,
    out: &mut [MaybeUninit<u64>],
) -> ScanProgress {
    let tiles = text.as_chunks::<TILE_SYMBOLS>().0;
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx512 => unsafe { avx512::scan_base64(tiles, carry, position, cache, density, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx2 => unsafe { avx2::scan_base64(tiles, carry, position, density, out) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Neon => unsafe { neon::scan_base64(tiles, carry, position, out) },
        _ => portable::scan_base64(tiles, carry, position, out),
    }
}

/// The number of ones.
pub(crate) fn count_ones(tier: Verified, words: &[u64]) -> u64 {
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there; those of AVX-512 have all of AVX2.
        #[expect(unsafe_code)]
        Tier::Avx2 | Tier::Avx512 => unsafe { avx2::boundaries::count_ones(words) },
        _ => portable::boundaries::count_ones(words),
    }
}

/// A one for each half of a word that is not zero, the lower half first: 32 words to a word of `flags`, which has exactly
/// as many.
pub(crate) fn nonzero_halves(tier: Verified, words: &[u64], flags: &mut [u64]) {
    debug_assert!(words.len() == flags.len() * 32);
    let groups = words.as_chunks().0;
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx512 => unsafe { avx512::boundaries::nonzero_halves(groups, flags) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx2 => unsafe { avx2::boundaries::nonzero_halves(groups, flags) },
        _ => portable::boundaries::nonzero_halves(groups, flags),
    }
}

/// The number of boundaries of `words`, of which `carry` is the bit before.
pub(crate) fn count_boundaries(tier: Verified, words: &[u64], carry: bool) -> usize {
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx512 => unsafe { avx512::boundaries::count_boundaries(words, carry) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx2 => unsafe { avx2::boundaries::count_boundaries(words, carry) },
        _ => portable::boundaries::count_boundaries(words, carry),
    }
}

/// Appends the lines of ranges, in whole groups, up to the first group with a number that is too large for the kernel.
/// Returns how many ranges these are, or nothing if the tier has no kernel for lines.
#[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "only a tier of x86-64 has a kernel"))]
pub(crate) fn push_lines<L: Line>(tier: Verified, ranges: &[ByteRange], to: &mut Vec<u8>) -> Option<usize> {
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        Tier::Avx512 => {
            let template = const { &avx512::lines::Template::new(L::BEFORE, L::BETWEEN, L::AFTER) };
            // SAFETY: a verified tier's instructions are there.
            #[expect(unsafe_code)]
            Some(unsafe { avx512::lines::push(template, ranges, to) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
