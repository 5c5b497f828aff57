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
    let mut before = u64::from(open);
    let mut position = position;
    let mut count = 0;
    let mut boundaries = [0; GROUP];
    let mut queue = [0u8; GROUP];
    for group in words.chunks(GROUP) {
        let mut queued = 0;
        for (number, (&word, boundaries)) in (0..).zip(group.iter().zip(&mut boundaries)) {
            *boundaries = word ^ (word << 1 | before);
            before = word >> 63;
            queue[queued] = number;
            queued += usize::from(*boundaries != 0);
        }
        for &number in &queue[..queued] {
            let word_position = position + u64::from(number) * 64;
            count += write(boundaries[usize::from(number)], word_position, &mut room[count..]);
        }
        position += group.len() as u64 * 64;
    }
    count
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
