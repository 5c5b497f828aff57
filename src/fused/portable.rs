//! The kernel that runs everywhere: base64-simd's decoder, and a scan of its `Msb0` bytes that reverses only the words
//! that hold boundaries. Reversing all of them took longer than decoding them.

use std::mem::MaybeUninit;

use super::{Reached, TILE_ROOM};
use crate::decode::steps::{Splitter, Stretch};
use crate::decode::{Alphabet, TILE_SYMBOLS, TILE_WORDS};
use crate::scan::portable::scan_msb0;
use crate::tier::Verified;

/// See [`super::scan_base64`] for the contract.
pub(super) fn scan_base64(
    tiles: &[[u8; TILE_SYMBOLS]],
    open: bool,
    position: u64,
    room: &mut [MaybeUninit<u64>],
) -> Reached {
    let mut splitter = Splitter::new(Verified::PORTABLE, Alphabet::Base64.uniform_symbols());
    let mut bytes = [0; TILE_WORDS * 8];
    let mut reached = Reached { symbols: 0, boundaries: 0, open };
    for tile in tiles {
        if room.len() - reached.boundaries < TILE_ROOM {
            break;
        }
        let taken = splitter.split(tile, reached.open, |stretch| {
            match stretch {
                Stretch::Uniform(len) => reached.symbols += len,
                Stretch::Varied(symbols) => {
                    let bytes = &mut bytes[..symbols.len() / 4 * 3];
                    let out = base64_simd::Out::from_slice(bytes);
                    base64_simd::STANDARD_NO_PAD.decode(symbols, out).ok()?;
                    let position = position + reached.symbols as u64 * 6;
                    let room = &mut room[reached.boundaries..];
                    reached.boundaries += scan_msb0(bytes.as_chunks().0, reached.open, position, room);
                    reached.open = bytes[bytes.len() - 1] & 1 == 1;
                    reached.symbols += symbols.len();
                }
            }
            Some(reached.open)
        });
        if taken < tile.len() {
            break;
        }
    }
    reached
}
