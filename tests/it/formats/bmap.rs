//! The block map of bmaptool, against a reader that does as bmaptool's does.

use std::io::Write;
use std::process::{Command, Stdio};

use changed_blocks::format::{ListFormat, Totals};
use changed_blocks::{ByteRange, Geometry, VirtualSize};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::{cases, skip};

/// Writes a list piece by piece, with the totals at the start or at the end.
fn write(ranges: &[ByteRange], size: u64, early: bool) -> String {
    let format = ListFormat::named("bmap").and_then(ListFormat::writer).expect("writable");
    let geometry = Geometry { virtual_size: VirtualSize::new(size).ok(), ..Geometry::default() };
    let mut totals = Totals::default();
    totals.add_all(ranges, &geometry);
    let (mut text, mut end) = (Vec::new(), 0);
    format.head(&geometry, early.then_some(&totals), &mut text);
    for piece in ranges.chunks(3) {
        format.ranges(end, piece, &mut text);
        end = piece.last().map_or(0, |range| range.end_bytes());
    }
    format.foot(&geometry, &totals, early, end, &mut text);
    String::from_utf8(text).expect("text")
}

/// The text of each element of that name.
fn elements<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let open = format!("<{name}>");
    let ends = |rest: &'a str| rest.split_once("</").expect("an end").0.trim();
    text.split(&open).skip(1).map(ends).collect()
}

fn number(text: &str, name: &str) -> u64 {
    let [number] = elements(text, name)[..] else { panic!("{name} in {text}") };
    number.parse().expect("a number")
}

/// The ranges as bmaptool copies them, after its checks.
fn read(text: &str) -> Vec<ByteRange> {
    let [size, block, blocks] = ["ImageSize", "BlockSize", "BlocksCount"].map(|name| number(text, name));
    assert_eq!(blocks, size.div_ceil(block));
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let [first, last] = [first, last].map(|number| number.parse::<u64>().expect("a number"));
        assert!(first <= last);
        ByteRange::between(first * block, ((last + 1) * block).min(size))
    };
    let ranges: Vec<_> = elements(text, "Range").into_iter().map(range).collect();
    let mapped: u64 = ranges.iter().map(|range| range.len_bytes.div_ceil(block)).sum();
    assert_eq!(mapped, number(text, "MappedBlocksCount"));
    ranges
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(64, 512)) })]

    #[test]
    fn the_map_has_each_byte_of_the_list_and_no_other(
        lens in vec((1u64..100_000, 1u64..100_000), 0..40),
        surplus in 0u64..1000,
        early in any::<bool>(),
    ) {
        let mut end = 0;
        let mut ranges = Vec::new();
        for (gap, len) in lens {
            ranges.push(ByteRange::between(end + gap, end + gap + len));
            end += gap + len;
        }
        prop_assert_eq!(read(&write(&ranges, end + surplus + 1, early)), ranges);
    }
}

#[test]
fn the_map_is_well_formed() {
    let lint = Command::new("xmllint").args(["--noout", "-"]).stdin(Stdio::piped()).spawn();
    let Ok(mut lint) = lint else { return skip("whether a block map is well-formed (needs xmllint)") };
    let text = write(&[ByteRange::between(0, 5), ByteRange::between(7, 8)], 100, true);
    lint.stdin.take().expect("piped").write_all(text.as_bytes()).expect("read");
    assert!(lint.wait().expect("xmllint").success());
}
