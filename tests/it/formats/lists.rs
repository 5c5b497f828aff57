//! Lists of any format, read and written.

use changed_blocks::format::{ListFormat, ReadOptions, Totals};
use changed_blocks::{ByteRange, Geometry, Result};
use proptest::collection::vec;
use proptest::prelude::*;

/// Changed bytes, by their start and their end.
pub(super) type Changed = Vec<(u64, u64)>;

pub(super) fn format(name: &str) -> &'static ListFormat {
    ListFormat::named(name).expect("a format")
}

pub(super) fn read(name: &str, text: &[u8], options: &ReadOptions) -> Result<Changed> {
    let ranges = format(name).read(text, options)?.expect("readable");
    ranges.map(|range| range.map(|range| (range.offset_bytes, range.end_bytes()))).collect()
}

/// The text of ranges that are handed to the writer a few at a time. `early` has the totals in its head.
pub(super) fn write(name: &str, geometry: Geometry, ranges: &[(u64, u64)], piece_len: usize, early: bool) -> Vec<u8> {
    let writer = format(name).writer().expect("writable");
    let all: Vec<_> = ranges.iter().map(|&(start, end)| ByteRange::between(start, end)).collect();
    let totals = totals(&all, &geometry);
    let (mut text, mut end) = (Vec::new(), 0);
    writer.head(&geometry, early.then_some(&totals), &mut text);
    for (i, piece) in all.chunks(piece_len).enumerate() {
        text.extend_from_slice(if i > 0 { writer.separator() } else { b"" });
        writer.ranges(end, piece, &mut text);
        end = piece.last().expect("not empty").end_bytes();
    }
    writer.foot(&geometry, &totals, early, end, &mut text);
    text
}

/// The totals of ranges, of which two may touch one block.
fn totals(ranges: &[ByteRange], geometry: &Geometry) -> Totals {
    let block = |byte: u64| byte / geometry.block_size.bytes();
    let mut totals = Totals::default();
    totals.add_all(ranges, geometry);
    let shared = ranges.windows(2).filter(|two| block(two[0].end_bytes() - 1) == block(two[1].offset_bytes)).count();
    totals.changed_blocks -= shared as u64;
    totals
}

/// A gap or a length, from a few bytes to much of the largest disk.
fn length() -> impl Strategy<Value = u64> {
    (1..52_u32, any::<u64>()).prop_map(|(bits, random)| 1 + random % (1 << bits))
}

/// Ranges in order that do not touch each other, and the size of their disk, in which the last may end.
pub(super) fn list() -> impl Strategy<Value = (Changed, u64)> {
    (vec((length(), length()), 0..40), any::<bool>(), prop_oneof![Just(0), length()]).prop_map(
        |(steps, at_start, rest)| {
            let (mut end, mut ranges) = (0, Vec::new());
            for (i, (gap, length)) in steps.into_iter().enumerate() {
                let start = end + if i == 0 && at_start { 0 } else { gap };
                end = start + length;
                ranges.push((start, end));
            }
            (ranges, (end + rest).max(1))
        },
    )
}
