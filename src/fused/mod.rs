//! Symbols to boundaries in one go: the words between the two never leave the L1 cache, nor the registers where a tier
//! has a kernel for that.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
mod portable;

use std::mem::MaybeUninit;

use crate::Tier;
use crate::decode::steps::{Splitter, Stretch};
use crate::decode::{Alphabet, TILE_SYMBOLS, TILE_WORDS};
use crate::scan::Density;
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

/// Whether a cache holds the room for boundaries. It changes nothing but the speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cached {
    /// It was written to not long ago.
    Yes,
    /// Nobody knows.
    Maybe,
    /// It belongs to a list that is longer than caches.
    No,
}

/// Writes the boundaries of base64 symbols to the start of `room`, as far as there are whole tiles of symbols and
/// room for [`TILE_ROOM`] boundaries.
///
/// The first bit is at `position`; `open` is the bit before it. `density` is what is expected, and then what was
/// found. Exactly the first places, as many as are said to be, hold boundaries afterwards.
#[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "only tiers of x86-64 take the hint"))]
pub(crate) fn scan_base64(
    tier: Verified,
    text: &[u8],
    open: bool,
    position: u64,
    cached: Cached,
    density: &mut Density,
    room: &mut [MaybeUninit<u64>],
) -> Reached {
    let tiles = text.as_chunks::<TILE_SYMBOLS>().0;
    match tier.tier() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx512 => unsafe { avx512::scan_base64(tiles, open, position, cached, density, room) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a verified tier's instructions are there.
        #[expect(unsafe_code)]
        Tier::Avx2 => unsafe { avx2::scan_base64(tier, tiles, open, position, density, room) },
        #[cfg(target_arch = "aarch64")]
        Tier::Neon => by_words(tier, tiles, open, position, density, room),
        _ => portable::scan_base64(tiles, open, position, room),
    }
}

/// For a tier whose kernels have nothing in common: words are decoded to an L1 cache, and scanned from there.
#[cfg(target_arch = "aarch64")]
fn by_words(
    tier: Verified,
    tiles: &[[u8; TILE_SYMBOLS]],
    open: bool,
    position: u64,
    density: &mut Density,
    room: &mut [MaybeUninit<u64>],
) -> Reached {
    use crate::decode::{Aligned, decode_base64};
    use crate::scan::scan;

    let mut words = Aligned([0; TILE_WORDS]);
    by_steps(tier, tiles, open, position, room, |symbols, open, position, room| {
        let words = &mut words.0[..symbols.len() / 32 * 3];
        decode_base64(tier, symbols, words)
            .then(|| (scan(tier, words, open, position, density, room), words[words.len() - 1] >> 63 == 1))
    })
}

/// The driver of kernels that decode and then scan, over the stretches of tiles that do not only repeat the last bit.
/// `scan` decodes symbols, a multiple of 256, and writes the boundaries of their bits to the start of the room it is
/// given, which has 64 places for each word; it returns how many those are, and the last bit, or nothing if not all are
/// symbols.
#[inline]
fn by_steps(
    tier: Verified,
    tiles: &[[u8; TILE_SYMBOLS]],
    open: bool,
    position: u64,
    room: &mut [MaybeUninit<u64>],
    mut scan: impl FnMut(&[u8], bool, u64, &mut [MaybeUninit<u64>]) -> Option<(usize, bool)>,
) -> Reached {
    let mut splitter = Splitter::new(tier, Alphabet::Base64.uniform_symbols());
    let mut reached = Reached { symbols: 0, boundaries: 0, open };
    for tile in tiles {
        if room.len() - reached.boundaries < TILE_ROOM {
            break;
        }
        let taken = splitter.split(tile, reached.open, |stretch| {
            match stretch {
                Stretch::Uniform(len) => reached.symbols += len,
                Stretch::Varied(symbols) => {
                    let position = position + reached.symbols as u64 * 6;
                    let (count, open) = scan(symbols, reached.open, position, &mut room[reached.boundaries..])?;
                    reached.boundaries += count;
                    reached.open = open;
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

#[cfg(test)]
mod tests {
    use super::*;

    const TILES: usize = 5;
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// Some tiles of text in which each bit differs from the one before with a chance of `odds` in 256, and where its
    /// boundaries are, bit by bit. The bit before the text is a zero.
    fn text(odds: u64) -> (Vec<u8>, Vec<u64>) {
        let (mut state, mut bit, mut boundaries) = (0x9e37_79b9_7f4a_7c15u64, 0, Vec::new());
        let mut next = |position| {
            state = state.wrapping_mul(0xd129_0b26_8ea5_2a1b).wrapping_add(0x2545_f491_4f6c_dd1d);
            if state >> 56 < odds {
                bit ^= 1;
                boundaries.push(position);
            }
            bit
        };
        let symbols = (0..(TILES * TILE_SYMBOLS) as u64)
            .map(|i| SYMBOLS[(0..6).fold(0, |value, bit| value << 1 | next(6 * i + bit))])
            .collect();
        (symbols, boundaries)
    }

    /// Every kernel, wherever the room is, writes nothing but boundaries before the end of them, and nothing outside.
    #[test]
    fn the_room_may_begin_anywhere_and_anything_be_expected_of_it() {
        const CANARY: u64 = 0xdead_beef_dead_beef;
        let mut all = vec![MaybeUninit::new(CANARY); TILES * TILE_ROOM + 32];
        let line = all.as_ptr().align_offset(64);
        for odds in [0, 1, 8, 60, 90, 128, 200, 255, 256] {
            let (text, boundaries) = text(odds);
            for tier in Tier::available().map(|tier| tier.verify().expect("available")) {
                for (cached, behind, mut density) in [
                    (Cached::Yes, 3, Density::Sparse),
                    (Cached::Yes, 3, Density::Dense),
                    (Cached::Maybe, 3, Density::Middling),
                    (Cached::No, 0, Density::Dense),
                ]
                .into_iter()
                .chain((1..8).map(|behind| (Cached::No, behind, Density::Sparse)))
                {
                    let range = line + behind..line + behind + TILES * TILE_ROOM;
                    all.fill(MaybeUninit::new(CANARY));
                    let reached = scan_base64(tier, &text, false, 0, cached, &mut density, &mut all[range.clone()]);
                    // SAFETY: all were initialised.
                    #[expect(unsafe_code)]
                    let values: Vec<u64> = all.iter().map(|place| unsafe { place.assume_init() }).collect();
                    let about = format!("{odds} {tier:?} {cached:?} {behind}");
                    assert_eq!(reached.symbols, text.len(), "{about}");
                    assert!(values[range.start..][..reached.boundaries] == boundaries, "{about}");
                    let mut outside = values[..range.start].iter().chain(&values[range.end..]);
                    assert!(outside.all(|&value| value == CANARY), "{about}");
                }
            }
        }
    }
}
