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
    let mut count = 0;
    for (group, position) in words.chunks(GROUP).zip((position..).step_by(GROUP * 64)) {
        let changes = group.iter().map(|&word| {
            let changes = word ^ (word << 1 | before);
            before = word >> 63;
            changes
        });
        count += scan_group(changes, |changes| changes, position, &mut room[count..]);
    }
    count
}

/// The same for words as they lie in an `Msb0` bitmap.
pub(crate) fn scan_msb0(words: &[[u8; 8]], open: bool, position: u64, room: &mut [MaybeUninit<u64>]) -> usize {
    let mut before = u64::from(open);
    let mut count = 0;
    for (group, position) in words.chunks(GROUP).zip((position..).step_by(GROUP * 64)) {
        let changes = group.iter().map(|&word| {
            let word = u64::from_be_bytes(word);
            let changes = word ^ (word >> 1 | before << 63);
            before = word & 1;
            changes
        });
        count += scan_group(changes, u64::reverse_bits, position, &mut room[count..]);
    }
    count
}

/// Both passes over the changes of at most `GROUP` words; `to_lsb0` is for the few that hold any.
#[inline]
fn scan_group(
    changes: impl Iterator<Item = u64>,
    to_lsb0: impl Fn(u64) -> u64,
    position: u64,
    room: &mut [MaybeUninit<u64>],
) -> usize {
    let mut boundaries = [0; GROUP];
    let mut queue = [0u8; GROUP];
    let mut queued = 0;
    for ((number, changes), boundaries) in (0..).zip(changes).zip(&mut boundaries) {
        *boundaries = changes;
        queue[queued] = number;
        queued += usize::from(changes != 0);
    }
    let mut count = 0;
    for &number in &queue[..queued] {
        let ones = to_lsb0(boundaries[usize::from(number)]);
        count += write(ones, position + u64::from(number) * 64, &mut room[count..]);
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
