//! The kernel that runs everywhere: base64-simd's decoder, and a scan of its `Msb0` bytes that reverses only the words
//! that hold boundaries, unless most do. Reversing all of them took longer than decoding them.

use std::mem::MaybeUninit;

use super::{Reached, by_steps};
use crate::decode::{TILE_SYMBOLS, TILE_WORDS};
use crate::scan::portable::scan_msb0;
use crate::tier::Verified;

/// See [`super::scan_base64`] for the contract.
pub(super) fn scan_base64(
    tiles: &[[u8; TILE_SYMBOLS]],
    open: bool,
    position: u64,
    room: &mut [MaybeUninit<u64>],
) -> Reached {
    let mut bytes = [0; TILE_WORDS * 8];
    by_steps(Verified::PORTABLE, tiles, open, position, room, |symbols, open, position, room| {
        let bytes = &mut bytes[..symbols.len() / 4 * 3];
        let out = base64_simd::Out::from_slice(bytes);
        base64_simd::STANDARD_NO_PAD.decode(symbols, out).ok()?;
        Some((scan_msb0(bytes.as_chunks().0, open, position, room), bytes[bytes.len() - 1] & 1 == 1))
    })
}
