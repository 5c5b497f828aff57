//! The kernel that runs everywhere, in two passes over some words at a time.
//!
//! A branch on each word, whether it holds a boundary, is mispredicted about as often as the bitmap is interesting.
//! So the first pass makes a mask of the words that hold any; the second takes them from there and writes four
//! boundaries without asking whether there are four. Where most words hold some, all are prepared together instead.

use std::mem::MaybeUninit;

use crate::decode::portable::gather;

/// Words that the first pass takes before the second follows: as many as a mask has bits.
const GROUP: usize = 64;

/// See [`super::scan`] for the contract. Too little room is a panic, never a shorter list.
pub(super) fn scan(words: &[u64], open: bool, position: u64, room: &mut [MaybeUninit<u64>]) -> usize {
    let changes = |word: u64, before: u64| word ^ (word << 1 | before >> 63);
    scan_words(words, |&word| word, changes, |changes| changes, if open { u64::MAX } else { 0 }, position, room)
}

/// The same for words as they lie in an `Msb0` bitmap.
pub(crate) fn scan_msb0(words: &[[u8; 8]], open: bool, position: u64, room: &mut [MaybeUninit<u64>]) -> usize {
    // Bytes in order, so that nothing has to be swapped but in words with boundaries: the bit before a byte's highest is
    // the lowest of the byte below.
    const HIGHEST: u64 = u64::from_le_bytes([0x80; 8]);
    let changes = |word: u64, before: u64| word ^ (word >> 1 & !HIGHEST | (word << 15 | before >> 49) & HIGHEST);
    let load = |&word: &[u8; 8]| u64::from_le_bytes(word);
    let to_lsb0 = |changes: u64| changes.swap_bytes().reverse_bits();
    scan_words(words, load, changes, to_lsb0, u64::from(open) << 56, position, room)
}

/// Both passes over words of either bit order. `changes` has a one for each bit that differs from the one before it,
/// and `to_lsb0` is for the words that have any.
#[inline]
fn scan_words<W>(
    words: &[W],
    load: impl Fn(&W) -> u64,
    changes: impl Fn(u64, u64) -> u64,
    to_lsb0: impl Fn(u64) -> u64,
    before: u64,
    position: u64,
    room: &mut [MaybeUninit<u64>],
) -> usize {
    let (mut before, mut position, mut count) = (before, position, 0);
    let mut found = [0; GROUP];
    for group in words.chunks(GROUP) {
        // Each from the words themselves, so that compilers take several at once.
        found[0] = changes(load(&group[0]), before);
        for (found, pair) in found[1..].iter_mut().zip(group.windows(2)) {
            *found = changes(load(&pair[1]), load(&pair[0]));
        }
        found[group.len()..].fill(0);
        before = load(&group[group.len() - 1]);
        let mut left = not_zero(&found);
        if left.count_ones() as usize > GROUP / 2 {
            let mut counts = [0; GROUP];
            for (found, count) in found.iter_mut().zip(&mut counts) {
                *found = to_lsb0(*found);
                *count = found.count_ones();
            }
            for ((&ones, &ones_count), number) in found.iter().zip(&counts).zip(0..group.len() as u64) {
                write_counted(ones, ones_count as usize, position + number * 64, &mut room[count..]);
                count += ones_count as usize;
            }
        } else {
            while left != 0 {
                let number = left.trailing_zeros();
                left &= left - 1;
                let ones = to_lsb0(found[number as usize]);
                count += write(ones, position + u64::from(number) * 64, &mut room[count..]);
            }
        }
        position += group.len() as u64 * 64;
    }
    count
}

/// A one for each word that is not zero.
#[inline]
fn not_zero(words: &[u64; GROUP]) -> u64 {
    // Halves first, and in a loop of their own: compilers take several of these at once, but not of whole words.
    let mut halves = [0; GROUP];
    for (half, word) in halves.iter_mut().zip(words) {
        #[expect(clippy::cast_possible_truncation, reason = "the upper half is in the lower, too")]
        let both = (word | word >> 32) as u32;
        *half = both;
    }
    let mut bytes = [0; GROUP];
    for (byte, half) in bytes.iter_mut().zip(&halves) {
        *byte = u8::from(*half != 0);
    }
    let eights = bytes.as_chunks().0.iter().zip(0..);
    eights.fold(0, |ones, (eight, i)| ones | gather(u64::from_le_bytes(*eight)) << (8 * i))
}

/// The number of ones. Inlined where the compiler may use more instructions than everywhere.
#[inline(always)]
pub(super) fn count_ones(words: &[u64]) -> u64 {
    words.iter().map(|word| u64::from(word.count_ones())).sum()
}

/// Writes the positions of the ones of a word, of which there are some, and returns how many there are.
#[inline]
fn write(ones: u64, position: u64, room: &mut [MaybeUninit<u64>]) -> usize {
    let (first, behind) = room[..64].split_first_chunk_mut().expect("64 places");
    let left = write_four(ones, position, first);
    let rest = left[3];
    if rest == 0 {
        return 1 + left[..3].iter().map(|&ones| usize::from(ones != 0)).sum::<usize>();
    }
    let count = rest.count_ones() as usize;
    write_fours(rest, count.div_ceil(4), position, behind);
    4 + count
}

/// Writes the positions of the ones of a word, of which there are `count`, perhaps none.
#[inline]
fn write_counted(ones: u64, count: usize, position: u64, room: &mut [MaybeUninit<u64>]) {
    // At least once: few words have none, and a branch that is mispredicted takes longer.
    write_fours(ones, count.div_ceil(4).max(1), position, &mut room[..64]);
}

/// Writes the positions of the lowest ones of a word: so many times four.
#[inline]
fn write_fours(ones: u64, fours: usize, position: u64, room: &mut [MaybeUninit<u64>]) {
    let mut ones = ones;
    for four in room.as_chunks_mut().0.iter_mut().take(fours) {
        ones = write_four(ones, position, four)[3];
    }
}

/// Writes the positions of the lowest four ones of a word. Returns what is left of it behind each.
#[inline]
fn write_four(ones: u64, position: u64, four: &mut [MaybeUninit<u64>; 4]) -> [u64; 4] {
    let mut ones = ones;
    four.each_mut().map(|place| {
        // 64 once there are no more, which is written behind the count and overwritten by the next word.
        place.write(position + u64::from(ones.trailing_zeros()));
        ones &= ones.wrapping_sub(1);
        ones
    })
}
