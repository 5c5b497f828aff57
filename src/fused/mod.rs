//! Symbols to boundaries in one go, where a tier has a kernel for that: the words between the two never leave the
//! registers.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use std::mem::MaybeUninit;

use crate::Tier;
use crate::decode::{TILE_SYMBOLS, TILE_WORDS};
use crate::tier::Verified;

/// The most boundaries that a tile can have.
pub(crate) const TILE_ROOM: usize = TILE_WORDS * 64;

/// How far a kernel came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached {
    /// Symbols taken: whole tiles, and perhaps whole steps of the next, which has a byte that is no symbol, or for which
    /// there is no room.
    pub(crate) symbols: usize,
    /// Boundaries written.
    pub(crate) boundaries: usize,
    /// Whether the last bit taken is a one.
    pub(crate) open: bool,
}

/// Writes the boundaries of base64 symbols to the start of `room`, as far as there are whole tiles of symbols and
/// room for [`TILE_ROOM`] boundaries. Nothing if the tier has no such kernel.
///
/// The first bit is at `position`; `open` is the bit before it. `reused` tells that the room was written to not long ago,
/// and so is in a cache: it changes nothing but the speed. Exactly the first places, as many as are said to be,
/// hold boundaries afterwards.
pub(crate) fn scan_base64(
    tier: Verified,
    text: &[u8],
    open: bool,
    position: u64,
    reused: bool,
    room: &mut [MaybeUninit<u64>],
) -> Option<Reached> {
    let tiles = text.as_chunks::<TILE_SYMBOLS>().0;
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx512 => Some(unsafe { avx512::scan_base64(tiles, open, position, reused, room) }),
        Tier::Portable => Some(portable::scan_base64(tiles, open, position, room)),
        _ => None,
    }
}
