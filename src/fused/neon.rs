//! The kernel for 64-bit Arm: words are decoded to an L1 cache, and scanned from there.
#![expect(unsafe_code, reason = "kernels of a tier, for which the caller answers")]

use std::mem::MaybeUninit;

use super::{Reached, by_steps};
use crate::decode::neon::decode_base64;
use crate::decode::{Aligned, TILE_SYMBOLS, TILE_WORDS};
use crate::scan::neon::scan;
use crate::tier::Verified;

/// See [`super::scan_base64`] for the contract.
///
/// # Safety
///
/// The processor has what the tier `neon` needs.
pub(super) unsafe fn scan_base64(
    tier: Verified,
    tiles: &[[u8; TILE_SYMBOLS]],
    open: bool,
    position: u64,
    room: &mut [MaybeUninit<u64>],
) -> Reached {
    let mut words = Aligned([0; TILE_WORDS]);
    by_steps(tier, tiles, open, position, room, |symbols, open, position, room| {
        let words = &mut words.0[..symbols.len() / 32 * 3];
        assert!(room.len() >= words.len() * 64, "too little room for boundaries");
        // SAFETY: the caller's promise, and the assertion.
        unsafe {
            decode_base64(symbols, words)
                .then(|| (scan(words, open, position, room), words[words.len() - 1] >> 63 == 1))
        }
    })
}
