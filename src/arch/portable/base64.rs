//! Kernels that run everywhere. They read words with `from_le_bytes` and `from_be_bytes` only, so they assume nothing
//! about the byte order of the machine.

use crate::arch::contract::{STEP, TILE_SYMBOLS, TILE_WORDS, expected_byte};

/// See [`decode_base64`](crate::arch::decode_base64) for the contract. The decoding itself is base64-simd's, which
/// brings vector code of its own for several processors; what it yields is `Msb0` and is reversed here, a word at a
/// time.
pub(in crate::arch) fn decode_base64(symbols: &[u8], words: &mut [u64]) -> bool {
    let mut bytes = [0; TILE_WORDS * 8];
    let Some(bytes) = bytes.get_mut(..symbols.len() / 4 * 3) else { return false };
    if base64_simd::STANDARD_NO_PAD.decode(symbols, base64_simd::Out::from_slice(bytes)).is_err() {
        return false;
    }
    load_msb0(bytes.as_chunks().0, words);
    true
}

/// `Msb0` bytes to `Lsb0` words, as many. Inlined where the compiler may use more instructions than everywhere.
#[inline(always)]
pub(in crate::arch) fn load_msb0(bytes: &[[u8; 8]], words: &mut [u64]) {
    for (word, bytes) in words.iter_mut().zip(bytes) {
        *word = u64::from_be_bytes(*bytes).reverse_bits();
    }
}

/// See [`count_steps`](crate::arch::count_steps) for the contract. Written so that compilers compare whole vectors.
pub(in crate::arch) fn count_steps(steps: &[[u8; STEP]], uniform_bytes: [u8; 2], uniform: bool) -> usize {
    let is_uniform = |step: &[u8; STEP]| {
        let expected = expected_byte(step, uniform_bytes);
        step.iter().fold(0, |differing, byte| differing | (byte ^ expected)) == 0
    };
    steps.iter().take_while(|step| is_uniform(step) == uniform).count()
}

/// Packs `0` and `1`, 64 to a word. See [`decode_bits`](crate::arch::decode_bits) for the contract.
pub(in crate::arch) fn decode_bits(symbols: &[u8], words: &mut [u64]) -> bool {
    debug_assert!(symbols.len() == words.len() * 64 && symbols.len() <= TILE_SYMBOLS);
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let mut differing = 0;
    for (word, symbols) in words.iter_mut().zip(symbols.as_chunks::<64>().0) {
        *word = 0;
        for (i, eight) in symbols.as_chunks().0.iter().enumerate() {
            let eight = u64::from_le_bytes(*eight);
            differing |= (eight & !ONES) ^ (ONES * u64::from(b'0'));
            *word |= pack_low_bits(eight & ONES) << (8 * i);
        }
    }
    differing == 0
}

/// The lowest bits of eight bytes, which have no others, side by side.
#[inline]
pub(super) const fn pack_low_bits(bytes: u64) -> u64 {
    // Moves the lowest bit of byte i to bit 56 + i; no two of the products meet below that.
    bytes.wrapping_mul(0x0102_0408_1020_4080) >> 56
}
