//! Bits of small blocks to bits of larger blocks: a large block is changed if any small one in it is.
//!
//! ```text
//! ratio of 2 to 16:    word -> its fields of `ratio` bits -> a flag for each -> the flags, side by side
//! 32 and more:         words -> a flag for each half of a word, by a kernel -> ratio / 32 of these, in the same way
//! ```
//!
//! Flags are added to what is there, so that pieces of an input may meet within a large block.

use crate::arch::contract::TILE_WORDS;
use crate::arch::nonzero_halves;
use crate::verified::Verified;
use crate::word_list::or_bits;

/// The ratio of the kernel, as a power of two, and the words that it makes one of.
const HALF: u8 = 5;
const GROUP: usize = 1 << HALF;

/// As [`or_bits`], for `words` each of whose bits stands for 2 to the power of `log2` bits of `from`: adds the ones among
/// the first `bits` bits of `from`, of which the first is the bit `start` of what `words` are made of.
///
/// # Panics
///
/// If `words` do not reach as far as the last of these bits.
pub(super) fn or_coarser(tier: Verified, words: &mut [u64], log2: u8, start: u64, from: &[u64], bits: u64) {
    if log2 == 0 {
        or_bits(words, start, from, bits);
        return;
    }
    let shift = start % 64;
    let is_aligned = shift == 0 && bits == from.len() as u64 * 64;
    let tiles = (0..bits).step_by(64 * TILE_WORDS);
    for (tile, place) in from.chunks(TILE_WORDS).zip(tiles) {
        let number = (start + place) / 64;
        if is_aligned {
            or_words(tier, words, log2, number, tile);
        } else {
            let bits = (bits - place).min(tile.len() as u64 * 64);
            let mut aligned = [0; TILE_WORDS + 1];
            or_bits(&mut aligned, shift, tile, bits);
            or_words(tier, words, log2, number, &aligned[..index((shift + bits).div_ceil(64))]);
        }
    }
}

/// Adds whole words, of which the first is the word `number` of what `to` is made of: at most a tile and one more.
fn or_words(tier: Verified, to: &mut [u64], log2: u8, number: u64, from: &[u64]) {
    match log2 {
        1 => or_fields::<1>(to, number, from),
        2 => or_fields::<2>(to, number, from),
        3 => or_fields::<3>(to, number, from),
        4 => or_fields::<4>(to, number, from),
        _ => or_halves(tier, to, log2, number, from),
    }
}

/// Adds words each of whose halves becomes one bit, or a part of one.
fn or_halves(tier: Verified, to: &mut [u64], log2: u8, number: u64, from: &[u64]) {
    // The kernel takes whole groups. What is missing before the first one and after the last is zeros.
    let first = index(number % GROUP as u64);
    let (head, rest) = from.split_at(from.len().min((GROUP - first) % GROUP));
    let (whole, tail) = rest.split_at(rest.len() / GROUP * GROUP);
    let mut flags = [0; TILE_WORDS / GROUP + 3];
    let mut used = 0;
    for (words, place) in [(head, first), (whole, 0), (tail, 0)] {
        let flags = &mut flags[used..used + words.len().div_ceil(GROUP)];
        used += flags.len();
        if words.len().is_multiple_of(GROUP) {
            nonzero_halves(tier, words, flags);
        } else {
            let mut group = [0; GROUP];
            group[place..place + words.len()].copy_from_slice(words);
            nonzero_halves(tier, &group, flags);
        }
    }
    let flags = &flags[..used];
    if flags.iter().any(|&word| word != 0) {
        or_coarser(tier, to, log2 - HALF, number / GROUP as u64 * 64, flags, flags.len() as u64 * 64);
    }
}

/// Adds words whose fields of 2 to the power of `LOG2` bits, at most 32, become one bit each. The first is the word `number`
/// of what `to` is made of.
fn or_fields<const LOG2: u32>(to: &mut [u64], number: u64, from: &[u64]) {
    for (&word, number) in from.iter().zip(number..) {
        let place = number % (1 << LOG2) * (64 >> LOG2);
        if word != 0 {
            to[index(number >> LOG2)] |= flags::<LOG2>(word) << place;
        }
    }
}

/// A one for each field of a word that is not zero, side by side in the lowest bits.
#[inline]
const fn flags<const LOG2: u32>(word: u64) -> u64 {
    let width = 1 << LOG2;
    let highest = repeated(1, width) << (width - 1);
    // The sum carries into the highest bit of a field if any bit below is a one, and never beyond.
    let nonzero = ((word & !highest) + !highest) | word;
    let mut flags = (nonzero & highest) >> (width - 1);
    // Groups of flags, at first of one, move up to the group before them.
    let (mut group, mut spacing) = (1, width);
    while spacing < 64 {
        flags = (flags | flags >> (spacing - group)) & repeated((1 << (2 * group)) - 1, 2 * spacing);
        (group, spacing) = (2 * group, 2 * spacing);
    }
    flags
}

/// A word with the same bits in every field of that width.
const fn repeated(bits: u64, width: u32) -> u64 {
    if width >= 64 { bits } else { u64::MAX / ((1 << width) - 1) * bits }
}

fn index(word: u64) -> usize {
    usize::try_from(word).expect("words in memory")
}
