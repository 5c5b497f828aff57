//! The kernel that runs everywhere: base64-simd's decoder, and a scan of its `Msb0` bytes that reverses only the words
//! that hold boundaries. Reversing all of them took longer than decoding them.

use std::mem::MaybeUninit;

use super::{Reached, TILE_ROOM};
use crate::decode::{Alphabet, TILE_SYMBOLS, TILE_WORDS, portable::is_uniform};
use crate::scan::portable::scan_msb0;

/// See [`super::scan_base64`] for the contract.
pub(super) fn scan_base64(
    tiles: &[[u8; TILE_SYMBOLS]],
    open: bool,
    position: u64,
    room: &mut [MaybeUninit<u64>],
) -> Reached {
    let mut bytes = [0; TILE_WORDS * 8];
    let mut reached = Reached { symbols: 0, boundaries: 0, open };
    for tile in tiles {
        let room = &mut room[reached.boundaries..];
        if room.len() < TILE_ROOM {
            break;
        }
        if !is_uniform(tile, Alphabet::Base64.uniform_symbol(reached.open)) {
            let out = base64_simd::Out::from_slice(&mut bytes);
            if base64_simd::STANDARD_NO_PAD.decode(tile, out).is_err() {
                break;
            }
            reached.boundaries +=
                scan_msb0(bytes.as_chunks().0, reached.open, position + reached.symbols as u64 * 6, room);
            reached.open = bytes[bytes.len() - 1] & 1 == 1;
        }
        reached.symbols += TILE_SYMBOLS;
    }
    reached
}
