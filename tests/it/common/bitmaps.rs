//! Random bitmaps of the shapes that real ones have, for proptest.

use proptest::collection::vec;
use proptest::prelude::*;

/// No bitmap of a property test has more blocks.
const MAX_BLOCKS: usize = 60_000;

/// Lengths of runs and gaps: mostly short ones, some that cross words, some that cross tiles.
fn stretch() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 1..4usize, 3 => 1..70usize, 2 => 1..700usize, 1 => 1..30_000usize]
}

/// A bitmap of alternating gaps and runs, of at least one block.
fn runs(gap: impl Strategy<Value = usize>, max_runs: usize) -> impl Strategy<Value = Vec<bool>> {
    (any::<bool>(), vec((gap, stretch()), 1..max_runs)).prop_map(|(first, stretches)| {
        let mut bits = Vec::new();
        for (gap, run) in stretches {
            bits.resize(bits.len() + gap, first);
            bits.resize(bits.len() + run, !first);
        }
        bits.truncate(MAX_BLOCKS);
        bits
    })
}

/// A bitmap in which each block is changed with a chance of one in two to the power of `halvings`.
fn noise(max_blocks: usize) -> impl Strategy<Value = Vec<bool>> {
    (1..8u32, vec(any::<u64>(), 1..max_blocks / 64 + 2)).prop_map(|(halvings, words)| {
        let mut bits = Vec::new();
        for word in words {
            // Rotated copies are independent enough here, and all shrink towards no changes.
            let thinned = (1..halvings).fold(word, |thinned, turn| thinned & word.rotate_left(7 * turn));
            bits.extend((0..64).map(|bit| thinned >> bit & 1 == 1));
        }
        bits
    })
}

/// From no change at all through sparse and dense runs and noise to all changed.
pub(crate) fn bitmap() -> impl Strategy<Value = Vec<bool>> {
    prop_oneof![
        1 => (1..MAX_BLOCKS).prop_map(|len| vec![false; len]),
        1 => (1..MAX_BLOCKS).prop_map(|len| vec![true; len]),
        1 => (1..MAX_BLOCKS).prop_map(|len| (0..len).map(|block| block % 2 == 1).collect()),
        4 => runs(stretch(), 40),
        3 => runs(1..4usize, 400),
        3 => noise(MAX_BLOCKS),
        4 => (noise(700), 0..700usize).prop_map(|(mut bits, len)| {
            bits.truncate(len.max(1));
            bits
        }),
    ]
}

/// Short ones, for properties that take more than one.
pub(crate) fn small_bitmap() -> impl Strategy<Value = Vec<bool>> {
    prop_oneof![
        runs(1..70usize, 12),
        (noise(1500), 1..1500usize).prop_map(|(mut bits, len)| {
            bits.truncate(len);
            bits
        })
    ]
}
