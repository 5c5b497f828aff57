//! Symbols to boundaries everywhere: base64-simd's decoder, and a scan of its `Msb0` bytes that reverses only the words
//! that hold boundaries, unless most do. Reversing all of them took longer than decoding them.

pub(super) mod base64;
pub(super) mod boundaries;

use std::mem::MaybeUninit;

use boundaries::scan_msb0;

use super::contract::{ScanProgress, TILE_SYMBOLS, TILE_WORDS};
use super::uniform::scan_mixed;

/// See [`scan_base64`](crate::arch::scan_base64) for the contract.
pub(super) fn scan_base64(
    tiles: &[[u8; TILE_SYMBOLS]],
    carry: bool,
    position: u64,
    out: &mut [MaybeUninit<u64>],
) -> ScanProgress {
    let mut bytes = [0; TILE_WORDS * 8];
    scan_mixed(tiles, carry, position, out, base64::count_steps, |symbols, carry, position, out| {
        let bytes = &mut bytes[..symbols.len() / 4 * 3];
        base64_simd::STANDARD_NO_PAD.decode(symbols, base64_simd::Out::from_slice(bytes)).ok()?;
        Some((scan_msb0(bytes.as_chunks().0, carry, position, out), bytes[bytes.len() - 1] & 1 == 1))
    })
}
