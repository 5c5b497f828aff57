//! Bits of small blocks to bits of larger blocks: a large block is changed if any small one in it is.
//!
//! ```text
//! ratio of 2 to 64:    word -> its fields of `ratio` bits -> a flag for each -> the flags, side by side
//! more than 64:        group of ratio / 64 words -> whether any of them is not zero
//! ```
//!
//! Both are added to what is there, so that pieces of an input may meet within a large block.

use crate::arch::contract::TILE_WORDS;
use crate::word_list::or_bits;

/// As [`or_bits`], for `words` each of whose bits stands for 2 to the power of `log2` bits of `from`: adds the ones among
/// the first `bits` bits of `from`, of which the first is the bit `start` of what `words` are made of. `from` has at most a
/// tile of words, unless it begins and ends with whole words at `start`.
///
/// # Panics
///
/// If `words` do not reach as far as the last of these bits.
pub(super) fn or_coarser(words: &mut [u64], log2: u8, start: u64, from: &[u64], bits: u64) {
    let shift = start % 64;
    if log2 == 0 {
        or_bits(words, start, from, bits);
    } else if shift == 0 && bits == from.len() as u64 * 64 {
        or_words(words, log2, start / 64, from);
    } else {
        let mut aligned = [0; TILE_WORDS + 1];
        or_bits(&mut aligned, shift, from, bits);
        let used = usize::try_from((shift + bits).div_ceil(64)).expect("a tile and a word");
        or_words(words, log2, start / 64, &aligned[..used]);
    }
}

/// Adds whole words, of which the first is the word `number` of what `to` is made of.
fn or_words(to: &mut [u64], log2: u8, number: u64, from: &[u64]) {
    match log2 {
        1 => or_fields::<1>(to, number, from),
        2 => or_fields::<2>(to, number, from),
        3 => or_fields::<3>(to, number, from),
        4 => or_fields::<4>(to, number, from),
        5 => or_fields::<5>(to, number, from),
        6 => or_fields::<6>(to, number, from),
        _ => or_groups(to, log2, number, from),
    }
}

/// Adds words whose fields of 2 to the power of `LOG2` bits become one bit each, from 1 to 6.
fn or_fields<const LOG2: u32>(to: &mut [u64], number: u64, from: &[u64]) {
    let mut number = number;
    for_each_part(number, 1 << LOG2, from, |words| {
        let first = number % (1 << LOG2);
        let bits = words
            .iter()
            .zip(first..)
            .fold(0, |all, (&word, place)| all | flags::<LOG2>(word) << (place * (64 >> LOG2)));
        to[index(number >> LOG2)] |= bits;
        number += words.len() as u64;
    });
}

/// Adds words of which 2 to the power of `log2 - 6`, at least two, become one bit.
fn or_groups(to: &mut [u64], log2: u8, number: u64, from: &[u64]) {
    let mut number = number;
    let log2 = log2 - 6;
    for_each_part(number, 1 << log2, from, |words| {
        let bit = number >> log2;
        let changed = words.iter().fold(0, |all, word| all | word) != 0;
        to[index(bit / 64)] |= u64::from(changed) << (bit % 64);
        number += words.len() as u64;
    });
}

/// Cuts words at each multiple of `len`; the first is the word `number`.
fn for_each_part(number: u64, len: u64, words: &[u64], mut take: impl FnMut(&[u64])) {
    let size = |words: u64| usize::try_from(words).unwrap_or(usize::MAX);
    let first = words.len().min(size((len - number % len) % len));
    let (head, rest) = words.split_at(first);
    if !head.is_empty() {
        take(head);
    }
    rest.chunks(size(len)).for_each(take);
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
