//! Every kernel on every tier that this machine has.

use super::contract::{BASE64_SYMBOLS, MAX_TILE_BOUNDARIES};
use super::*;
use crate::tier::Tier;

/// The value of a symbol, by the definition.
fn value(byte: u8) -> Option<u64> {
    (0..).zip(BASE64_SYMBOLS).find(|(_, symbol)| **symbol == byte).map(|(value, _)| value)
}

/// Vector code looks at bytes in pairs and more, and not always at eight bits of each.
#[test]
fn bytes_are_told_apart_whatever_is_beside_them() {
    for tier in Tier::available().map(|tier| tier.verify().expect("available")) {
        for (first, second) in (0..=255).flat_map(|first| (0..=255).map(move |second| (first, second))) {
            let at = usize::from(first ^ second) % 63;
            let mut symbols = [b'A'; 64];
            symbols[at..at + 2].copy_from_slice(&[first, second]);
            let mut words = [0; 6];
            let good = decode_base64(tier, &symbols, &mut words);
            let values = symbols.map(value);
            assert_eq!(good, values.iter().all(Option::is_some), "{first:#x} {second:#x} at {at}, {tier:?}");
            if good {
                let bit = |i: usize| values[i / 6].map_or(0, |value| value >> (5 - i % 6) & 1);
                let expected: Vec<u64> = (0..6).map(|word| (0..64).map(|i| bit(word * 64 + i) << i).sum()).collect();
                assert_eq!(words[..], expected, "{first:#x} {second:#x} at {at}, {tier:?}");
            }
        }
    }
}

#[test]
fn ones_are_counted_alike_on_every_tier() {
    let words: Vec<u64> = (0..100u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (i % 64)).collect();
    for len in 0..words.len() {
        let bit_by_bit: u64 = words[..len].iter().map(|word| (0..64).map(|bit| word >> bit & 1).sum::<u64>()).sum();
        for tier in Tier::available() {
            assert_eq!(count_ones(tier.verify().expect("available"), &words[..len]), bit_by_bit, "{len} {tier}");
        }
    }
}

#[test]
fn halves_that_are_not_zero_are_told_from_others_on_every_tier() {
    for group in 0..2 {
        for bit in 0..64 * 32 {
            let mut words = [0u64; 64];
            words[group * 32 + bit / 64] = 1 << (bit % 64);
            let mut expected = [0; 2];
            expected[group] = 1 << (bit / 32);
            for tier in Tier::available() {
                let mut flags = [u64::MAX; 2];
                nonzero_halves(tier.verify().expect("available"), &words, &mut flags);
                assert_eq!(flags, expected, "{bit} {tier}");
            }
        }
    }
}

const TILES: usize = 5;

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
        .map(|i| BASE64_SYMBOLS[(0..6).fold(0, |value, bit| value << 1 | next(6 * i + bit))])
        .collect();
    (symbols, boundaries)
}

/// Every kernel, wherever `out` is, writes nothing but boundaries before the end of them, and nothing outside.
#[test]
fn out_may_begin_anywhere_and_anything_be_expected_of_it() {
    const CANARY: u64 = 0xdead_beef_dead_beef;
    let mut all = vec![MaybeUninit::new(CANARY); TILES * MAX_TILE_BOUNDARIES + 32];
    let line = all.as_ptr().align_offset(64);
    for odds in [0, 1, 8, 60, 90, 128, 200, 255, 256] {
        let (text, boundaries) = text(odds);
        for tier in Tier::available().map(|tier| tier.verify().expect("available")) {
            for (cache, before, mut density) in [
                (CacheHint::Cached, 3, Density::Sparse),
                (CacheHint::Cached, 3, Density::Dense),
                (CacheHint::Unknown, 3, Density::Middling),
                (CacheHint::Uncached, 0, Density::Dense),
            ]
            .into_iter()
            .chain((1..8).map(|before| (CacheHint::Uncached, before, Density::Sparse)))
            {
                let range = line + before..line + before + TILES * MAX_TILE_BOUNDARIES;
                all.fill(MaybeUninit::new(CANARY));
                let progress = scan_base64(tier, &text, false, 0, cache, &mut density, &mut all[range.clone()]);
                // SAFETY: all were initialised.
                #[expect(unsafe_code)]
                let values: Vec<u64> = all.iter().map(|place| unsafe { place.assume_init() }).collect();
                let about = format!("{odds} {tier:?} {cache:?} {before}");
                assert_eq!(progress.symbols, text.len(), "{about}");
                assert!(values[range.start..][..progress.boundaries] == boundaries, "{about}");
                let mut outside = values[..range.start].iter().chain(&values[range.end..]);
                assert!(outside.all(|&value| value == CANARY), "{about}");
            }
        }
    }
}
