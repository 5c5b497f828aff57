//! The kernel for x86-64 with AVX-512 VBMI2: decoding as in `decode`, both passes of scanning as in `scan`.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

use std::arch::x86_64::*;
use std::mem::MaybeUninit;

use super::{Cached, Reached, TILE_ROOM};
use crate::decode::TILE_SYMBOLS;
use crate::decode::avx512::{Decoder, STEP, fetch};
use crate::scan::Density;
use crate::scan::avx512::{QUIET, Tile, before};

/// How far ahead of what is decoded the text is fetched into the L2 cache, if what is written stays in caches.
///
/// A store that misses the L1 cache then waits behind all loads that wait for memory, and all stores behind it wait as
/// well (Zen 4): a loop that copies text from memory to the same 16 KiB is little more than half as fast as one that
/// copies it to the same 4 KiB. Loads that find the text in L2 keep nobody waiting. What is written to memory does not
/// gain from it. Half as far is a tenth slower.
const AHEAD: usize = 2 * TILE_SYMBOLS;

/// See [`super::scan_base64`] for the contract.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
pub(super) fn scan_base64(
    tiles: &[[u8; TILE_SYMBOLS]],
    open: bool,
    position: u64,
    cached: Cached,
    density: &mut Density,
    room: &mut [MaybeUninit<u64>],
) -> Reached {
    let decoder = Decoder::new();
    let mut found = Tile::new(*density);
    let mut before = before(open);
    let start = room.as_mut_ptr().cast::<u64>();
    // SAFETY: the end of the room.
    let end = unsafe { start.add(room.len()) };
    let mut out = start;
    let mut taken = 0;
    let mut quiet = *density == Density::Sparse;
    let ahead = cached == Cached::Yes;
    for tile in tiles {
        // SAFETY: both point into the room.
        if unsafe { end.offset_from_unsigned(out) } < TILE_ROOM {
            break;
        }
        let last = if quiet {
            first_pass::<true>(&decoder, tile, before, &mut found, ahead)
        } else {
            first_pass::<false>(&decoder, tile, before, &mut found, ahead)
        };
        let Some(last) = last else { break };
        before = last;
        let tile_position = position + taken as u64 * (TILE_SYMBOLS as u64 * 6);
        // SAFETY: there is room for all boundaries that a tile can have; every eight words were found or skipped.
        out = unsafe { found.write::<0>(tile_position, cached == Cached::No, out) };
        quiet = found.queued() <= QUIET;
        taken += 1;
    }
    if cached == Cached::No {
        // What was written past the caches is ordered by nothing else.
        _mm_sfence();
    }
    *density = found.density();
    // SAFETY: both point into the room.
    let boundaries = unsafe { out.offset_from_unsigned(start) };
    Reached { symbols: taken * TILE_SYMBOLS, boundaries, open: is_open(before) }
}

/// Finds the boundaries of a tile. `LOOK` for steps that only repeat the last bit; where it does not, the text is
/// fetched [`AHEAD`] if `ahead`. Returns the last words, or nothing if some byte is no symbol.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn first_pass<const LOOK: bool>(
    decoder: &Decoder,
    tile: &[u8; TILE_SYMBOLS],
    before: __m512i,
    found: &mut Tile,
    ahead: bool,
) -> Option<__m512i> {
    let steps = tile.as_chunks::<STEP>().0;
    let mut before = before;
    let mut bad = _mm512_setzero_si512();
    if LOOK {
        for (i, step) in steps.iter().enumerate() {
            if decoder.is_uniform(step, is_open(before)) {
                found.skip(i * 3..i * 3 + 3);
                continue;
            }
            let words;
            (words, bad) = decoder.decode(step, bad);
            before = find_step(found, i, words, before);
        }
    } else {
        let [first, second, ..] = steps else { return None };
        let (mut values, mut lanes);
        (values, bad) = decoder.look_up(first, bad);
        lanes = decoder.join(values);
        (values, bad) = decoder.look_up(second, bad);
        for (i, step) in steps.iter().enumerate() {
            if ahead {
                fetch(step, AHEAD);
            }
            // Of three steps at once, a part of each. One step after the other, the processor waits: each instruction
            // needs the result of the one before, and more than two steps do not fit into its queues (Zen 4).
            let words = decoder.pack(lanes);
            lanes = decoder.join(values);
            if let Some(step) = steps.get(i + 2) {
                (values, bad) = decoder.look_up(step, bad);
            }
            before = find_step(found, i, words, before);
        }
    }
    (_mm512_movepi8_mask(bad) == 0).then_some(before)
}

/// Finds the boundaries of a step's words. Returns the last of them.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi2")]
fn find_step(found: &mut Tile, i: usize, words: [__m512i; 3], before: __m512i) -> __m512i {
    let mut before = before;
    for (j, words) in words.into_iter().enumerate() {
        found.find(i * 3 + j, words, before);
        before = words;
    }
    before
}

/// Whether the last bit of eight words is a one.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn is_open(words: __m512i) -> bool {
    _mm512_movepi64_mask(words) >> 7 == 1
}
