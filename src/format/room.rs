//! Room that lines are written to before it is known how long they are.
//!
//! Growing a vector piece by piece costs more than the digits: its length goes through memory at every step. So there is
//! room for many of the longest lines, and what was not used is cut off.

use super::decimal::write_decimal;
use crate::ByteRange;

/// What a number is given beyond its digits.
const SPARE: usize = 8;
/// Digits of the largest number.
const DIGITS: usize = 20;
/// How many lines there is room for at a time: what the first cache holds with ease.
const LINES: usize = 64;

/// Where lines are written.
pub(super) struct Room<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Room<'_> {
    #[inline]
    pub(super) fn text(&mut self, text: &[u8]) {
        self.bytes[self.at..self.at + text.len()].copy_from_slice(text);
        self.at += text.len();
    }

    #[inline]
    pub(super) fn decimal(&mut self, number: u64) {
        self.at = write_decimal(number, self.bytes, self.at);
    }
}

/// Appends the lines that `write` makes of ranges: two numbers each, and no more than `TEXT` bytes of text.
#[inline]
pub(super) fn push_lines<const TEXT: usize>(
    ranges: &[ByteRange],
    to: &mut Vec<u8>,
    mut write: impl FnMut(ByteRange, &mut Room<'_>),
) {
    for ranges in ranges.chunks(LINES) {
        let start = to.len();
        to.resize(start + ranges.len() * (2 * DIGITS + TEXT) + SPARE, 0);
        let mut room = Room { bytes: &mut to[start..], at: 0 };
        for &range in ranges {
            write(range, &mut room);
        }
        let end = start + room.at;
        to.truncate(end);
    }
}

/// Appends a line for each range: offset and length, and what stands between them.
pub(super) fn push_pairs(ranges: &[ByteRange], between: &[u8; 1], to: &mut Vec<u8>) {
    push_lines::<2>(ranges, to, |range, room| {
        room.decimal(range.offset_bytes);
        room.text(between);
        room.decimal(range.len_bytes);
        room.text(b"\n");
    });
}

/// Appends a number in decimal.
pub(super) fn push_decimal(number: u64, to: &mut Vec<u8>) {
    let start = to.len();
    to.resize(start + DIGITS + SPARE, 0);
    let end = write_decimal(number, to, start);
    to.truncate(end);
}
