//! Lines that are written before it is known how long they are.
//!
//! Growing a vector piece by piece costs more than the digits: its length goes through memory at every step. So many
//! lines are put together in room for the longest of them, and what was made of it is appended at once.

use std::sync::OnceLock;

use super::decimal::Room;
use crate::arch;
use crate::arch::contract::Line;
use crate::verified::Verified;
use crate::{ByteRange, Geometry, Tier, VirtualSize};

/// Digits of the largest number.
const DIGITS: usize = 20;
/// The most bytes that a line may have beside the digits of two numbers.
const TEXT: usize = 32;
/// How many lines are put together: as many as the first cache holds with ease.
const LINES: usize = 64;

/// Appends a line for each range.
pub(super) fn push_lines<L: Line>(ranges: &[ByteRange], to: &mut Vec<u8>) {
    static TIER: OnceLock<Verified> = OnceLock::new();
    // A tier that cannot be had is an error of every scan, so it need not be one here.
    let tier = TIER.get_or_init(|| Tier::detect().and_then(Tier::verify).unwrap_or(Verified::PORTABLE));
    push_lines_on::<L>(*tier, ranges, to);
}

/// Appends a line for each range, without the separator at the end of the last one: a comma and a line break.
pub(super) fn push_separated<L: Line>(ranges: &[ByteRange], to: &mut Vec<u8>) {
    push_lines::<L>(ranges, to);
    to.truncate(to.len() - if ranges.is_empty() { 0 } else { 2 });
}

/// Appends a line for each range, by the kernel of the tier as far as it goes.
pub(crate) fn push_lines_on<L: Line>(tier: Verified, ranges: &[ByteRange], to: &mut Vec<u8>) {
    let mut ranges = ranges;
    while !ranges.is_empty() {
        let Some(done) = arch::push_lines::<L>(tier, ranges, to) else { return push_any::<L>(ranges, to) };
        // Then fewer are left than the kernel makes at a time, or the next numbers are too large for it.
        let (some, rest) = ranges[done..].split_at((ranges.len() - done).min(LINES));
        push_any::<L>(some, to);
        ranges = rest;
    }
}

/// Appends a line for each range on any processor, and for any numbers.
fn push_any<L: Line>(ranges: &[ByteRange], to: &mut Vec<u8>) {
    if ranges.is_empty() {
        return;
    }
    let mut lines = [0; LINES * (2 * DIGITS + TEXT) + Room::SPARE];
    for ranges in ranges.chunks(LINES) {
        let mut room = Room::new(&mut lines);
        for range in ranges.iter().rev() {
            put_line::<L>(*range, &mut room);
        }
        let start = room.free();
        to.extend_from_slice(&lines[start..]);
    }
}

/// Writes a line before those that were written last.
#[inline(always)]
fn put_line<L: Line>(range: ByteRange, room: &mut Room<'_>) {
    match (L::BETWEEN, L::AFTER) {
        (&[between], b"\n") => room.line_end(between, range.len_bytes),
        (between, after) => {
            room.text(after);
            room.length(range.len_bytes);
            room.text(between);
        }
    }
    room.decimal(range.offset_bytes);
    room.text(L::BEFORE);
}

/// Appends a line for each range, and one for each gap before a range.
pub(super) fn push_covering_lines<L: Line, Gap: Line>(previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
    let mut previous_end = previous_end;
    let mut lines = [0; LINES * (2 * DIGITS + TEXT) + Room::SPARE];
    for ranges in ranges.chunks(LINES / 2) {
        let mut room = Room::new(&mut lines);
        for (i, range) in ranges.iter().enumerate().rev() {
            let gap_start = if i > 0 { ranges[i - 1].end_bytes() } else { previous_end };
            put_line::<L>(*range, &mut room);
            if gap_start < range.offset_bytes {
                put_line::<Gap>(ByteRange::between(gap_start, range.offset_bytes), &mut room);
            }
        }
        let start = room.free();
        to.extend_from_slice(&lines[start..]);
        previous_end = ranges[ranges.len() - 1].end_bytes();
    }
}

/// Appends a line for the gap between the last range and the end of the disk.
pub(super) fn push_last_gap<Gap: Line>(end: u64, geometry: &Geometry, to: &mut Vec<u8>) {
    let gap = ByteRange::between(end, geometry.virtual_size.map_or(end, VirtualSize::bytes));
    if gap.len_bytes > 0 {
        push_any::<Gap>(&[gap], to);
    }
}

/// Appends a number in decimal.
pub(super) fn push_decimal(number: u64, to: &mut Vec<u8>) {
    let mut text = [0; DIGITS + Room::SPARE];
    let mut room = Room::new(&mut text);
    room.decimal(number);
    let start = room.free();
    to.extend_from_slice(&text[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "formats")]
    use crate::format::csi::Csi;
    use crate::format::{Csv, Json, Ndjson, Text};

    /// Appends lines on a tier, and what they are to be.
    type Case = (fn(Verified, &[ByteRange], &mut Vec<u8>), fn(&ByteRange) -> String);

    const CASES: &[Case] = &[
        (push_lines_on::<Text>, |range| format!("{} {}\n", range.offset_bytes, range.len_bytes)),
        (push_lines_on::<Csv>, |range| format!("{},{}\n", range.offset_bytes, range.len_bytes)),
        (push_lines_on::<Json>, |range| object(range) + ",\n"),
        (push_lines_on::<Ndjson>, |range| object(range) + "\n"),
        // The longest.
        #[cfg(feature = "formats")]
        (push_lines_on::<Csi>, |range| {
            object(range).replace("offset", "byte_offset").replace("length", "size_bytes") + ",\n"
        }),
    ];

    fn object(range: &ByteRange) -> String {
        format!("{{\"offset\":{},\"length\":{}}}", range.offset_bytes, range.len_bytes)
    }

    /// Appends lines to what is there, on every tier.
    #[track_caller]
    fn check(ranges: &[ByteRange]) {
        for tier in Tier::available() {
            for (push, line) in CASES {
                let mut text = b"before".to_vec();
                push(tier.verify().expect("available"), ranges, &mut text);
                let expected = ranges.iter().map(line).fold("before".to_owned(), |text, line| text + &line);
                assert!(text == expected.as_bytes(), "{tier} {ranges:?}");
            }
        }
    }

    fn ranges(numbers: impl IntoIterator<Item = (u64, u64)>) -> Vec<ByteRange> {
        numbers.into_iter().map(|(offset_bytes, len_bytes)| ByteRange { offset_bytes, len_bytes }).collect()
    }

    /// Every number of digits, and the last one that a kernel takes.
    fn edges() -> Vec<u64> {
        let of_ten = (0..20).map(|power| 10_u64.pow(power)).flat_map(|middle| middle - 1..=middle + 1);
        let of_two = (0..64).map(|power| 1_u64 << power).flat_map(|middle| middle - 1..=middle + 1);
        of_ten.chain(of_two).chain([u64::MAX]).collect()
    }

    #[test]
    fn numbers_at_every_edge_in_every_place() {
        let edges = edges();
        for &edge in &edges {
            for place in [0, 3, 7, 8, 15, 16] {
                let mut few = ranges((0..17).map(|i| (i * 65_536, 131_072)));
                few[place].offset_bytes = edge;
                check(&few);
                few[place] = ByteRange { offset_bytes: 5, len_bytes: edge };
                check(&few);
            }
        }
        check(&ranges(edges.iter().map(|&edge| (edge, 65_536))));
        check(&ranges(edges.iter().map(|&edge| (65_536, edge))));
        check(&ranges(edges.iter().zip(edges.iter().rev()).map(|(&offset, &length)| (offset, length))));
    }

    #[test]
    fn any_number_of_lines() {
        for count in (0..=200).chain([511, 512, 513, 5000]) {
            check(&ranges((0..count).map(|i| (i * i * 65_536, (i + 1) * 65_536))));
        }
    }

    #[test]
    fn numbers_here_and_there() {
        let random = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for shift in 0..64 {
            check(&ranges((0..500).map(|i| (random(i) >> shift, random(i + 7) >> (63 - shift)))));
            check(&ranges((0..500).map(|i| (random(i) >> (12 + shift % 52), random(i + 7) >> (38 + shift % 26)))));
        }
    }

    /// A quotient that is right on both sides of every multiple is right everywhere.
    #[test]
    fn on_both_sides_of_multiples() {
        let around = |multiple: u64| [multiple.saturating_sub(1), multiple];
        let of_four_digits: Vec<u64> = (1..=10_000).flat_map(|times| around(times * 10_000)).collect();
        let of_eight_digits = (1..=10_000).flat_map(|times| around(times * 9_007 * 100_000_000));
        check(&ranges(of_eight_digits.zip(of_four_digits.iter().copied())));
        let of_both = of_four_digits.iter().map(|&number| number * 90_000_000 + number);
        check(&ranges(of_both.zip(0..)));
    }
}
