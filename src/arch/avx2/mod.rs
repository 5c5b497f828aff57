//! Symbols to boundaries for x86-64 with AVX2. Numbers that hold the first block in the highest bit, as decoding makes
//! them with the fewest instructions, are scanned as they are.

pub(super) mod base64;
pub(super) mod boundaries;

use std::mem::MaybeUninit;

use base64::{SPARE, decode_high_first};
use boundaries::BoundaryMasks;

use super::contract::{Aligned, Density, ScanProgress, TILE_SYMBOLS, TILE_WORDS};
use super::uniform::scan_mixed;

/// Numbers before the first that is decoded, so that all of those begin with a cache line.
const AHEAD: usize = 16;

/// See [`scan_base64`](crate::arch::scan_base64) for the contract.
#[target_feature(enable = "avx2,bmi1,popcnt")]
pub(super) fn scan_base64(
    tiles: &[[u8; TILE_SYMBOLS]],
    carry: bool,
    position: u64,
    density: &mut Density,
    out: &mut [MaybeUninit<u64>],
) -> ScanProgress {
    let mut numbers = Aligned([0; AHEAD + TILE_WORDS * 2 + SPARE]);
    let mut masks = BoundaryMasks::new(*density);
    let count_steps = |steps: &[_], uniform_bytes, uniform| base64::count_steps(steps, uniform_bytes, uniform);
    let progress = scan_mixed(tiles, carry, position, out, count_steps, |symbols, carry, position, out| {
        let end = AHEAD + symbols.len() / 32 * 6;
        // The number before the first ends with the bit before.
        numbers.0[AHEAD - 1] = u32::from(carry);
        decode_high_first(symbols, &mut numbers.0[AHEAD..end + SPARE]).then(|| {
            masks.find_high_first(&numbers.0[AHEAD - 1..end]);
            (masks.write::<true>(position, out), numbers.0[end - 1] & 1 == 1)
        })
    });
    *density = masks.density();
    progress
}
