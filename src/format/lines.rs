//! Lines that are written before it is known how long they are.
//!
//! Growing a vector piece by piece costs more than the digits: its length goes through memory at every step. So many
//! lines are put together in room for the longest of them, and what was made of it is appended at once.

use super::decimal::Room;
use crate::ByteRange;

/// Digits of the largest number.
const DIGITS: usize = 20;
/// What a line may have beside the digits of two numbers.
const TEXT: usize = 24;
/// How many lines are put together: what the first cache holds with ease.
const LINES: usize = 64;

/// Appends the lines that `write` makes of ranges. It writes them from their end to their start.
#[inline]
pub(super) fn push_lines(ranges: &[ByteRange], to: &mut Vec<u8>, mut write: impl FnMut(ByteRange, &mut Room<'_>)) {
    let mut lines = [0; LINES * (2 * DIGITS + TEXT) + Room::SPARE];
    for ranges in ranges.chunks(LINES) {
        let mut room = Room::new(&mut lines);
        for &range in ranges.iter().rev() {
            write(range, &mut room);
        }
        let start = room.free();
        to.extend_from_slice(&lines[start..]);
    }
}

/// Appends a line for each range: offset and length, and what stands between them.
pub(super) fn push_pairs(ranges: &[ByteRange], between: u8, to: &mut Vec<u8>) {
    push_lines(ranges, to, |range, room| {
        room.line_end(between, range.len_bytes);
        room.decimal(range.offset_bytes);
    });
}

/// Appends a number in decimal.
pub(super) fn push_decimal(number: u64, to: &mut Vec<u8>) {
    let mut text = [0; DIGITS + Room::SPARE];
    let mut room = Room::new(&mut text);
    room.decimal(number);
    let start = room.free();
    to.extend_from_slice(&text[start..]);
}
