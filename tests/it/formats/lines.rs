//! Formats of lines, and pairs: what is written is read again, and what is not good is refused.

use std::io::{self, BufReader, Read};

use changed_blocks::format::{FORMATS, ListFormat, ReadOptions, Totals};
use changed_blocks::{BlockSize, ByteRange, Error, Geometry, VirtualSize};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::cases;
use crate::naive::lines::{self, Changes, Facts};

const NAMES: [&str; 5] = ["text", "csv", "pairs", "extentlist", "ddrescue"];

fn named(name: &str) -> &'static ListFormat {
    FORMATS.iter().find(|format| format.name == name).expect("a format")
}

/// Writes a list in pieces of so many ranges.
fn write(name: &str, ranges: &[ByteRange], size: u64, piece: usize) -> Vec<u8> {
    let writer = named(name).writer().expect("a format that is written");
    let geometry = Geometry { block_size: BlockSize::DEFAULT, virtual_size: VirtualSize::new(size).ok() };
    let (mut file, mut end) = (Vec::new(), 0);
    writer.head(&geometry, None, &mut file);
    for ranges in ranges.chunks(piece) {
        writer.ranges(end, ranges, &mut file);
        end = ranges[ranges.len() - 1].end_bytes();
    }
    writer.foot(&geometry, &Totals::default(), false, end, &mut file);
    file
}

fn options(facts: Facts) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.virtual_size = u64::try_from(facts.size).ok().and_then(|size| VirtualSize::new(size).ok());
    options.allow_empty = facts.allow_empty;
    options.allocation = facts.takes_allocation;
    options.context = facts.is_mapfile.then(|| "mapfile".to_owned());
    options
}

/// Reads a file that comes in blocks of so many bytes.
fn read(name: &str, file: impl Read, facts: Facts, block: usize) -> Result<Changes, Error> {
    let reader =
        named(name).read(BufReader::with_capacity(block, file), &options(facts))?.expect("a format that is read");
    reader.map(|range| range.map(|range| (range.offset_bytes.into(), range.end_bytes().into()))).collect()
}

fn facts(size: u64) -> Facts {
    Facts { size: size.into(), takes_allocation: false, is_mapfile: false, allow_empty: false }
}

/// Checks that a file is refused, or that what is read is what the oracle reads.
fn check(name: &str, file: &[u8], facts: Facts, block: usize) {
    if let Ok(found) = read(name, file, facts, block) {
        let expected = lines::read(name, file, facts);
        assert_eq!(Some(found), expected, "{name} {facts:?} {}", String::from_utf8_lossy(file));
    }
}

/// Sorted ranges that do not touch each other, and the size of a disk on which they are.
fn list() -> impl Strategy<Value = (Vec<ByteRange>, u64)> {
    let number = prop_oneof![1..20u64, (1..40u64).prop_map(|blocks| blocks * 65_536), 1..u64::MAX >> 14, 1..1u64 << 33];
    (vec((number.clone(), number), 0..40), 0..3u64).prop_map(|(numbers, tail)| {
        let (mut ranges, mut end) = (Vec::new(), 0);
        for (i, (gap, len_bytes)) in numbers.into_iter().enumerate() {
            let offset_bytes = if i == 0 && gap % 2 == 0 { 0 } else { end + gap };
            ranges.push(ByteRange { offset_bytes, len_bytes });
            end = offset_bytes + len_bytes;
        }
        (ranges, (end + tail * 1000).max(1))
    })
}

fn changes(ranges: &[ByteRange]) -> Changes {
    ranges.iter().map(|range| (range.offset_bytes.into(), range.end_bytes().into())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(200, 4000)) })]

    #[test]
    fn what_is_written_is_read((ranges, size) in list(), piece in 1..50usize, block in 1..200usize) {
        for name in NAMES {
            let file = write(name, &ranges, size, piece);
            let says_that_it_is_whole = ["extentlist", "ddrescue"].contains(&name);
            let facts = Facts { allow_empty: !says_that_it_is_whole, ..facts(size) };
            prop_assert_eq!(read(name, &file[..], facts, block).expect(name), changes(&ranges), "{}", name);
            prop_assert_eq!(lines::read(name, &file, Facts { allow_empty: true, ..facts }), Some(changes(&ranges)), "{}", name);
        }
    }

    #[test]
    fn a_map_for_borg_covers_the_disk((ranges, size) in list(), piece in 1..50usize) {
        let map = String::from_utf8(write("borg", &ranges, size, piece)).expect("text");
        let (mut end, mut found) = (0, Vec::new());
        for line in map.lines() {
            let [start, length, state] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let [start, length] = [start, length].map(|number| number.parse::<u64>().expect("a number"));
            assert!(start == end && length > 0, "{line}");
            end = start + length;
            match state {
                "data" => found.push(ByteRange::between(start, end)),
                "same" => {}
                _ => panic!("{line}"),
            }
        }
        prop_assert_eq!((found, end), (ranges, size));
    }

    #[test]
    fn a_changed_file_is_refused_or_read_as_the_oracle_does(
        numbers in vec((0..30u64, 1..300u64), 1..8),
        edits in vec((any::<prop::sample::Index>(), 0..3, prop::sample::select(ALPHABET)), 1..4),
        says in (any::<bool>(), any::<bool>(), any::<bool>()),
        block in 1..100usize,
    ) {
        let (mut ranges, mut end) = (Vec::new(), 0);
        for (gap, len_bytes) in numbers {
            ranges.push(ByteRange { offset_bytes: end + gap, len_bytes });
            end += gap + len_bytes;
        }
        let (takes_allocation, is_mapfile, allow_empty) = says;
        let facts = Facts { size: u128::from(end) + 7, takes_allocation, is_mapfile, allow_empty };
        for name in NAMES {
            let mut file = write(name, &ranges, end + 7, 3);
            for (at, kind, byte) in &edits {
                let at = at.index(file.len());
                match kind {
                    0 => file[at] = *byte,
                    1 => file.insert(at, *byte),
                    _ => drop(file.remove(at)),
                }
            }
            check(name, &file, facts, block);
        }
    }
}

const ALPHABET: &[u8] = b"0123456789 0123456789 +-?*/#\n\r\t,xXkMsEholeunchgdzr\xff\0";

/// Two ranges, and a disk that ends after them.
fn small(name: &str) -> Vec<u8> {
    write(name, &[ByteRange::between(5, 70), ByteRange::between(100, 65_536)], 100_000, 10)
}

#[test]
fn a_file_cut_anywhere_is_refused_or_ends_with_a_whole_entry() {
    for name in NAMES {
        let file = small(name);
        let all = read(name, &file[..], facts(100_000), 100).expect(name);
        for len in 0..file.len() {
            let found = read(name, &file[..len], facts(100_000), 100);
            let is_covering = ["extentlist", "ddrescue"].contains(&name);
            match found {
                Ok(found) => {
                    assert!(!is_covering && all.starts_with(&found), "{name} {len}");
                    assert!(if name == "pairs" { len % 16 == 0 } else { file[len - 1] == b'\n' }, "{name} {len}");
                }
                Err(error) => assert!(matches!(error, Error::List { .. } | Error::EmptyList), "{name} {len} {error}"),
            }
        }
    }
}

#[test]
fn any_byte_at_any_place_is_refused_or_read_as_the_oracle_does() {
    for name in NAMES {
        let file = small(name);
        for at in 0..file.len() {
            for byte in 0..=255 {
                let mut file = file.clone();
                file[at] = byte;
                check(name, &file, facts(100_000), 64);
            }
        }
    }
}

#[test]
fn numbers_with_any_number_of_digits_are_read_wherever_a_block_ends() {
    let edges = (0..20).flat_map(|power| {
        let power = 10_u64.pow(power);
        [power - 1, power, power + 1, power.wrapping_mul(7) / 3]
    });
    for number in edges.chain([u64::MAX - 1, 12_345_678, 87_654_321, 1_234_567_890_123_456]) {
        for zeros in ["", "0", "0000000"] {
            // After the line come as many bytes as are looked at in one go.
            let text = format!("{zeros}{number} 1\n18446744073709551613 1\n");
            let as_length = format!("0 {zeros}{number}\n18446744073709551613 1\n");
            let csv = format!("offset,length\n{zeros}{number},1\n9223372036854775805,1\n");
            let facts = Facts { size: u128::MAX, ..facts(0) };
            for (name, file) in [("text", &text), ("text", &as_length), ("csv", &csv)] {
                let expected = lines::read(name, file.as_bytes(), facts);
                for block in 1..file.len() + 2 {
                    assert_eq!(read(name, file.as_bytes(), facts, block).ok(), expected, "{name} {block} {file}");
                }
            }
        }
    }
}

#[test]
fn lines_without_end_are_refused() {
    for name in NAMES {
        for byte in [b'0', b'1', b' ', b'#', b'\r', 0] {
            let error = read(name, io::repeat(byte).take(1 << 30), facts(100), 8192).expect_err(name);
            assert!(matches!(error, Error::List { .. }), "{name} {byte} {error}");
        }
    }
}

#[test]
fn a_failed_read_is_told_with_its_place() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _to: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    for (name, start, offset) in
        [("text", &b"0 10\n20 "[..], 5), ("csv", b"offset,length\n0,10\n20", 19), ("pairs", &[1; 40], 40)]
    {
        match read(name, start.chain(Failing), facts(100), 64) {
            Err(Error::Read { offset: found, .. }) => assert_eq!(found, offset, "{name}"),
            other => panic!("{other:?} of {name}"),
        }
    }
}
