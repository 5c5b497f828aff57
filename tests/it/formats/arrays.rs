//! Lists that are arrays of JSON objects: what is written is read again, and what is read is what a naive reader finds.

use changed_blocks::format::ReadOptions;
use changed_blocks::{BlockSize, Error, Geometry, VirtualSize};
use proptest::prelude::*;

use super::lists::{Changed, format, list, read, write};
use crate::common::cases;
use crate::naive::arrays;

const WRITTEN: [&str; 3] = ["json", "ndjson", "rbd"];
const COVERING: [&str; 3] = ["imageio", "nbdinfo", "qemu-map"];

/// The size of the disk of the short texts.
const SIZE: u64 = 262_144;

/// Options with which all that is whole is read.
fn options(size: u64) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.allocation = true;
    options.virtual_size = VirtualSize::new(size).ok();
    options
}

/// The text of a covering format, as its own program prints it. Ranges are in pieces of at most `piece` bytes.
fn print(name: &str, ranges: &[(u64, u64)], size: u64, piece: u64) -> String {
    let mut entries = Vec::new();
    let mut push = |mut start: u64, end: u64, is_changed: bool| {
        while start < end {
            let length = (end - start).min(piece.max((end - start) / 4));
            entries.push(print_entry(name, start, length, is_changed));
            start += length;
        }
    };
    let mut end = 0;
    for &(start, next_end) in ranges {
        push(end, start, false);
        push(start, next_end, true);
        end = next_end;
    }
    push(end, size, false);
    format!("[\n{}\n]\n", entries.join(",\n"))
}

fn print_entry(name: &str, start: u64, length: u64, is_changed: bool) -> String {
    let is_zero = start.is_multiple_of(3);
    match name {
        "imageio" => format!(r#"{{"start": {start}, "length": {length}, "dirty": {is_changed}, "zero": {is_zero}}}"#),
        "nbdinfo" => {
            let (kind, description) = if is_changed { (1, "dirty") } else { (0, "clean") };
            format!(r#"{{ "offset": {start}, "length": {length}, "type": {kind}, "description": "{description}"}}"#)
        }
        _ => {
            let (depth, is_data) = (u8::from(!is_changed), !is_zero);
            let member = r#""present": true, "zero""#;
            format!(
                r#"{{ "start": {start}, "length": {length}, "depth": {depth}, {member}: {is_zero}, "data": {is_data}, "offset": 5}}"#
            )
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(32, 512)) })]

    #[test]
    fn a_list_is_read_as_it_was_written(
        (ranges, size) in list(), log2 in 9..31, is_size_known: bool, piece_len in 1_usize..50, early: bool,
    ) {
        let virtual_size = is_size_known.then(|| VirtualSize::new(size).expect("not 0"));
        let geometry = Geometry { block_size: BlockSize::new(1_u64 << log2).expect("a size"), virtual_size };
        for name in WRITTEN {
            let text = write(name, geometry, &ranges, piece_len, early);
            let mut options = options(size);
            options.virtual_size = virtual_size;
            options.allow_empty = name == "ndjson";
            let mut reader = format(name).read(&text[..], &options).expect("options").expect("readable");
            let found: Result<Changed, Error> =
                reader.by_ref().map(|range| range.map(|range| (range.offset_bytes, range.end_bytes()))).collect();
            prop_assert_eq!(found.map_err(|error| error.to_string()), Ok(ranges.clone()), "{}", name);
            if name == "json" {
                prop_assert_eq!((reader.virtual_size(), reader.block_size()), (virtual_size, Some(geometry.block_size)));
            }
            prop_assert_eq!(arrays::read(name, &text), Some(ranges.clone()), "{}", name);
        }
    }

    #[test]
    fn a_list_is_read_as_its_own_program_prints_it((ranges, size) in list(), piece in 1..1_u64 << 40) {
        for name in COVERING {
            let text = print(name, &ranges, size, piece);
            let found = read(name, text.as_bytes(), &options(size)).map_err(|error| error.to_string());
            prop_assert_eq!(found, Ok(ranges.clone()), "{}", name);
            prop_assert_eq!(arrays::read(name, text.as_bytes()), Some(ranges.clone()), "{}", name);
        }
    }

    #[test]
    fn extents_of_rbd_come_in_any_order((ranges, size) in list(), seed: u64) {
        let mut entries: Vec<String> = ranges
            .iter()
            .map(|(start, end)| format!(r#"{{"offset":{start},"length":{},"exists":"{}"}}"#, end - start, start % 2 == 0))
            .collect();
        entries.sort_by_key(|entry| entry.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0193)));
        let text = format!("[{}]", entries.join(","));
        prop_assert_eq!(read("rbd", text.as_bytes(), &options(size)).map_err(|error| error.to_string()), Ok(ranges));
    }
}

/// A short text of each format.
fn texts() -> Vec<(&'static str, String)> {
    let ranges = [(0, 65_536), (131_072, 196_608), (250_000, 250_100)];
    let geometry = Geometry { virtual_size: VirtualSize::new(SIZE).ok(), ..Geometry::default() };
    let written = |name| String::from_utf8(write(name, geometry, &ranges, 2, true)).expect("text");
    let texts: Vec<_> = WRITTEN.map(|name| (name, written(name))).into_iter().collect();
    let printed = COVERING.map(|name| (name, print(name, &ranges, SIZE, 100_000)));
    [texts, printed.into_iter().collect()].concat()
}

#[test]
fn a_text_cut_at_any_byte_is_cut_short() {
    for (name, text) in texts() {
        for len in 0..text.trim_end().len() {
            match read(name, &text.as_bytes()[..len], &options(SIZE)) {
                Ok(_) if name == "ndjson" && text[..len].ends_with('\n') => {}
                Err(Error::EmptyList) if name == "ndjson" && len == 0 => {}
                Err(error @ Error::List { .. }) => {
                    assert!(error.to_string().ends_with("may have been cut short"), "{error}");
                }
                other => panic!("{other:?} of {name} {len}"),
            }
        }
        assert!(read(name, text.as_bytes(), &options(SIZE)).is_ok());
    }
}

#[test]
fn a_text_with_a_wrong_byte_is_refused_or_read_as_a_naive_reader_does() {
    for (name, text) in texts() {
        for at in 0..text.len() {
            for byte in *b"\0 0159-+.,:eE\"[]{}nNst_\\\xff" {
                let mut bad = text.clone().into_bytes();
                bad[at] = byte;
                if let Ok(found) = read(name, &bad, &options(SIZE)) {
                    assert_eq!(Some(found), arrays::read(name, &bad), "{name} {}", String::from_utf8_lossy(&bad));
                }
            }
        }
    }
}

#[test]
fn a_text_that_lost_or_repeats_a_member_is_refused() {
    for (name, text) in texts() {
        for (i, entry) in text.match_indices('{').skip(usize::from(name == "json")) {
            let end = i + text[i..].find('}').expect("closed");
            let members: Vec<&str> = text[i + 1..end].split(',').collect();
            for member in &members {
                let twice = text.replace(&text[i..=end], &format!("{entry}{},{member}}}", members.join(",")));
                assert!(read(name, twice.as_bytes(), &options(SIZE)).is_err(), "{name} {twice}");
                let optional = ["\"present\"", "\"offset\": 5", "\"zero\""];
                let is_optional =
                    COVERING.contains(&name) && optional.iter().any(|start| member.trim().starts_with(start));
                let rest: Vec<&str> = members.iter().filter(|other| *other != member).copied().collect();
                let lost = text.replace(&text[i..=end], &format!("{entry}{}}}", rest.join(",")));
                assert!(is_optional || read(name, lost.as_bytes(), &options(SIZE)).is_err(), "{name} {lost}");
            }
        }
    }
}

#[test]
fn a_disk_of_another_size_is_refused() {
    for (name, text) in texts() {
        for size in [250_099, 262_143, 262_145, 1 << 40] {
            // These do not say the size; a map of qemu-img is rounded up to sectors, and ends where it ends.
            let is_unnoticed = match name {
                "ndjson" | "rbd" => size > 250_100,
                "qemu-map" => size < 262_144 && size > 250_100,
                _ => false,
            };
            assert_eq!(read(name, text.as_bytes(), &options(size)).is_ok(), is_unnoticed, "{name} {size}");
        }
    }
}
