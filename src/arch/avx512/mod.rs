//! Symbols to boundaries for x86-64 with AVX-512 VBMI2. Words are decoded to registers, and their masks found there.
#![expect(unsafe_code, reason = "a tier file: every load and store names what keeps it in bounds")]

pub(super) mod base64;
pub(super) mod boundaries;
pub(super) mod lines;

use std::arch::x86_64::*;
use std::mem::MaybeUninit;

use base64::{Decoder, fetch};
use boundaries::{BoundaryMasks, before};

use super::contract::{CacheHint, Density, MAX_TILE_BOUNDARIES, STEP, ScanProgress, TILE_SYMBOLS};

/// How many bytes ahead of the decoder the text is fetched into the L2 cache, if boundaries stay in caches.
///
/// Otherwise a store that misses the L1 cache waits for all loads that wait for memory, and all stores after it wait as
/// well (Zen 4): a loop that copies text from memory to the same 16 KiB is little more than half as fast as one that
/// copies it to the same 4 KiB. Loads that find the text in L2 keep no store waiting. Boundaries written to memory do
/// not gain from it. Half as far is a tenth slower.
const AHEAD: usize = 2 * TILE_SYMBOLS;

/// See [`scan_base64`](crate::arch::scan_base64) for the contract.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
pub(super) fn scan_base64(
    tiles: &[[u8; TILE_SYMBOLS]],
    carry: bool,
    position: u64,
    cache: CacheHint,
    density: &mut Density,
    out: &mut [MaybeUninit<u64>],
) -> ScanProgress {
    let decoder = Decoder::new();
    let mut masks = BoundaryMasks::new(*density);
    let mut before = before(carry);
    let start = out.as_mut_ptr().cast::<u64>();
    // SAFETY: one place after the last of `out`.
    let end = unsafe { start.add(out.len()) };
    let mut next = start;
    let mut taken = 0;
    let mut is_sparse = *density == Density::Sparse;
    let ahead = cache == CacheHint::Cached;
    for tile in tiles {
        // SAFETY: both point into `out`, or to its end.
        if unsafe { end.offset_from_unsigned(next) } < MAX_TILE_BOUNDARIES {
            break;
        }
        let last = if is_sparse {
            first_pass::<true>(&decoder, tile, before, &mut masks, ahead)
        } else {
            first_pass::<false>(&decoder, tile, before, &mut masks, ahead)
        };
        let Some(last) = last else { break };
        before = last;
        let tile_position = position + taken as u64 * (TILE_SYMBOLS as u64 * 6);
        // SAFETY: there are places for all boundaries that a tile can have; every eight words were found or skipped.
        next = unsafe { masks.write::<0>(tile_position, cache == CacheHint::Uncached, next) };
        is_sparse = masks.is_sparse();
        taken += 1;
    }
    if cache == CacheHint::Uncached {
        // Nothing else orders non-temporal stores.
        _mm_sfence();
    }
    *density = masks.density();
    // SAFETY: both point into `out`, or to its end.
    let boundaries = unsafe { next.offset_from_unsigned(start) };
    ScanProgress { symbols: taken * TILE_SYMBOLS, boundaries, carry: last_bit(before) }
}

/// Finds the boundary masks of a tile. `LOOK` for steps that only repeat the last bit; where it does not, the text is
/// fetched [`AHEAD`] if `ahead`. Returns the last words, or nothing if some byte is no symbol.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,bmi1,bmi2,popcnt")]
fn first_pass<const LOOK: bool>(
    decoder: &Decoder,
    tile: &[u8; TILE_SYMBOLS],
    before: __m512i,
    masks: &mut BoundaryMasks,
    ahead: bool,
) -> Option<__m512i> {
    let steps = tile.as_chunks::<STEP>().0;
    let mut before = before;
    let mut bad = _mm512_setzero_si512();
    if LOOK {
        for (i, step) in steps.iter().enumerate() {
            if decoder.is_uniform(step, last_bit(before)) {
                masks.skip(i * 3..i * 3 + 3);
                continue;
            }
            let words;
            (words, bad) = decoder.decode(step, bad);
            before = find_step(masks, i, words, before);
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
            before = find_step(masks, i, words, before);
        }
    }
    (_mm512_movepi8_mask(bad) == 0).then_some(before)
}

/// Finds the boundary masks of a step's words. Returns the last of them.
#[inline]
#[target_feature(enable = "avx512f,avx512vbmi2")]
fn find_step(masks: &mut BoundaryMasks, i: usize, words: [__m512i; 3], before: __m512i) -> __m512i {
    let mut before = before;
    for (j, words) in words.into_iter().enumerate() {
        masks.find(i * 3 + j, words, before);
        before = words;
    }
    before
}

/// The last bit of eight words.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn last_bit(words: __m512i) -> bool {
    _mm512_movepi64_mask(words) >> 7 == 1
}
