//! The kernel that runs everywhere, in two passes over some words at a time.
//!
//! A branch on each word, whether it holds a boundary, is mispredicted about as often as the bitmap is interesting.
//! So the first pass appends the number of every word to a queue and moves on in the queue only if the word has a
//! boundary; the second takes words off the queue and writes four boundaries without asking whether there are four.

use std::mem::MaybeUninit;

/// Words that the first pass takes before the second follows.
const GROUP: usize = 128;

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
/// and `to_lsb0` is for the few words that have any.
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
    let mut queue = [0u8; GROUP];
    for group in words.chunks(GROUP) {
        // Each from the words themselves, so that compilers take several at once.
        found[0] = changes(load(&group[0]), before);
        for (found, pair) in found[1..].iter_mut().zip(group.windows(2)) {
            *found = changes(load(&pair[1]), load(&pair[0]));
        }
        before = load(&group[group.len() - 1]);
        let mut queued = 0;
        for (number, found) in (0u8..).zip(&found[..group.len()]) {
            queue[queued] = number;
            queued += usize::from(*found != 0);
        }
        for &number in &queue[..queued] {
            let ones = to_lsb0(found[usize::from(number)]);
            count += write(ones, position + u64::from(number) * 64, &mut room[count..]);
        }
        position += group.len() as u64 * 64;
    }
    count
}

/// The number of ones. Inlined where the compiler may use more instructions than everywhere.
#[inline(always)]
pub(super) fn count_ones(words: &[u64]) -> u64 {
    words.iter().map(|word| u64::from(word.count_ones())).sum()
}

/// Writes the positions of the ones of a word, and returns how many there are.
#[inline]
fn write(ones: u64, position: u64, room: &mut [MaybeUninit<u64>]) -> usize {
    let count = ones.count_ones() as usize;
    let mut ones = ones;
    for four in room[..64].as_chunks_mut::<4>().0.iter_mut().take(count.div_ceil(4)) {
        for place in four {
            // 64 once there are no more, which is written behind the count and overwritten by the next word.
            place.write(position + u64::from(ones.trailing_zeros()));
            ones &= ones.wrapping_sub(1);
        }
    }
    count
}
