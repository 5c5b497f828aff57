//! Input bytes to `Lsb0` words, a tile at a time.
//!
//! A driver ([`text`], [`raw`]) walks one contiguous piece of input and hands tiles to a [`Sink`]. It knows no files
//! and no threads. Under the text driver lie the kernels, one file a tier: they turn whole tiles of symbols into
//! words, and say only whether every byte was a symbol. Which byte was not, and what that means, the driver and
//! [`tail`] find out.

mod alphabet;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
pub(crate) mod portable;
pub(crate) mod raw;
pub(crate) mod steps;
pub(crate) mod tail;
pub(crate) mod text;

pub(crate) use alphabet::Alphabet;

use crate::Tier;
use crate::tier::Verified;

/// Words of one tile at the most: 4,096 base64 symbols are 24,576 bits. Text, decoded bytes, words and a queue of
/// positions stay in an L1 cache of 32 KiB together.
pub(crate) const TILE_WORDS: usize = 384;

/// Symbols of one tile of text. A multiple of 64, so that both alphabets fill whole words.
pub(crate) const TILE_SYMBOLS: usize = 4096;

/// An array that begins where a cache line begins, so that no vector of it lies in two.
#[repr(align(64))]
pub(crate) struct Aligned<T>(pub(crate) T);

/// What takes the bits of a piece of input, in block order.
pub(crate) trait Sink {
    /// The last bit taken so far.
    fn last_bit(&self) -> bool;

    /// Whether the sink has enough for now. A driver asks after every tile or so, and stops if it has.
    fn is_full(&self) -> bool {
        false
    }

    /// Takes whole tiles of base64 symbols from the start of `text`, as many as it can at once, and returns the number
    /// of symbols taken. Not all sinks can take any.
    fn base64(&mut self, _text: &[u8]) -> usize {
        0
    }

    /// Takes `bits` further bits, each equal to [`last_bit`](Self::last_bit).
    fn uniform(&mut self, bits: u64);

    /// Takes the first `bits` bits of `Lsb0` words. What follows them in the last word equals the last bit, so it
    /// holds no boundary.
    fn words(&mut self, words: &[u64], bits: u64);
}

/// Decodes base64 symbols into `Lsb0` words. Contract of every kernel of this name:
///
/// `symbols.len()` is a multiple of 32 and at most [`TILE_SYMBOLS`]; `words` has exactly 3 words for every 32
/// symbols. Returns whether all bytes were symbols; if not, the words hold anything.
pub(crate) fn decode_base64(tier: Verified, symbols: &[u8], words: &mut [u64]) -> bool {
    debug_assert!(symbols.len().is_multiple_of(32) && words.len() == symbols.len() / 32 * 3);
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx512 => unsafe { avx512::decode_base64(symbols, words) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx2 => unsafe { avx2::decode_base64(symbols, words) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Neon => unsafe { neon::decode_base64(symbols, words) },
        _ => portable::decode_base64(symbols, words),
    }
}

/// `Msb0` bytes to `Lsb0` words, as many.
fn load_msb0(tier: Verified, bytes: &[[u8; 8]], words: &mut [u64]) {
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there; those of AVX-512 have all of AVX2.
        #[expect(unsafe_code)]
        Tier::Avx2 | Tier::Avx512 => unsafe { avx2::load_msb0(bytes, words) },
        _ => portable::load_msb0(bytes, words),
    }
}

#[cfg(test)]
mod tests {
    use super::alphabet::BASE64_SYMBOLS;
    use super::*;

    /// The value of a symbol, by the definition.
    fn value(byte: u8) -> Option<u64> {
        (0..).zip(BASE64_SYMBOLS).find(|(_, symbol)| **symbol == byte).map(|(value, _)| value)
    }

    /// Vector code looks at bytes in pairs and more, and not always at eight bits of each.
    #[test]
    fn bytes_are_told_apart_whatever_is_beside_them() {
        for tier in Tier::available().map(|tier| tier.verify().expect("available")) {
            for (first, second) in (0..=255).flat_map(|first| (0..=255).map(move |second| (first, second))) {
                let at = usize::from(first ^ second) % 63;
                let mut symbols = [b'A'; 64];
                symbols[at..at + 2].copy_from_slice(&[first, second]);
                let mut words = [0; 6];
                let good = decode_base64(tier, &symbols, &mut words);
                let values = symbols.map(value);
                assert_eq!(good, values.iter().all(Option::is_some), "{first:#x} {second:#x} at {at}, {tier:?}");
                if good {
                    let bit = |i: usize| values[i / 6].map_or(0, |value| value >> (5 - i % 6) & 1);
                    let expected: Vec<u64> =
                        (0..6).map(|word| (0..64).map(|i| bit(word * 64 + i) << i).sum()).collect();
                    assert_eq!(words[..], expected, "{first:#x} {second:#x} at {at}, {tier:?}");
                }
            }
        }
    }
}
