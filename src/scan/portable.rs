//! The kernel that runs everywhere.

use std::mem::MaybeUninit;

/// See [`super::scan`] for the contract. Too little room is a panic, never a shorter list.
pub(super) fn scan(words: &[u64], open: bool, position: u64, room: &mut [MaybeUninit<u64>]) -> usize {
    let mut position = position;
    let mut before = u64::from(open);
    let mut count = 0;
    for &word in words {
        let mut boundaries = word ^ (word << 1 | before);
        before = word >> 63;
        while boundaries != 0 {
            room[count].write(position + u64::from(boundaries.trailing_zeros()));
            count += 1;
            boundaries &= boundaries - 1;
        }
        position += 64;
    }
    count
}
