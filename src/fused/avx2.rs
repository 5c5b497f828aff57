//! The kernel for x86-64 with AVX2: numbers that hold the first block in the highest bit, as decoding makes them with the
//! fewest instructions, are scanned as they are.

use std::mem::MaybeUninit;

use super::{Reached, by_steps};
use crate::decode::avx2::{SPARE, decode_high_first};
use crate::decode::{Aligned, TILE_SYMBOLS, TILE_WORDS};
use crate::scan::Density;
use crate::scan::avx2::Changes;
use crate::tier::Verified;

/// Numbers before the first that is decoded, so that all of those begin with a cache line.
const AHEAD: usize = 16;

/// See [`super::scan_base64`] for the contract.
#[target_feature(enable = "avx2,bmi1,popcnt")]
pub(super) fn scan_base64(
    tier: Verified,
    tiles: &[[u8; TILE_SYMBOLS]],
    open: bool,
    position: u64,
    density: &mut Density,
    room: &mut [MaybeUninit<u64>],
) -> Reached {
    let mut numbers = Aligned([0; AHEAD + TILE_WORDS * 2 + SPARE]);
    let mut changes = Changes::new(*density);
    let reached = by_steps(tier, tiles, open, position, room, |symbols, open, position, room| {
        let end = AHEAD + symbols.len() / 32 * 6;
        // The number before the first ends with the bit before.
        numbers.0[AHEAD - 1] = u32::from(open);
        decode_high_first(symbols, &mut numbers.0[AHEAD..end + SPARE]).then(|| {
            changes.find_high_first(&numbers.0[AHEAD - 1..end]);
            (changes.write::<true>(position, room), numbers.0[end - 1] & 1 == 1)
        })
    });
    *density = changes.density();
    reached
}
