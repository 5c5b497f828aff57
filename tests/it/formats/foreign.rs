//! Formats that are only read here: lists that are written by the formats' documents, read, and damaged byte by byte. Each
//! format has a naive reader beside it, which holds all of the list and is content with all that it can make sense of.

use changed_blocks::format::{ListFormat, ReadOptions};
use changed_blocks::{BlockSize, Error, VirtualSize};
use proptest::prelude::*;

use crate::common::{Rng, cases};
use crate::naive::binary::{blksnap, in_order, rbd_v1};
use crate::naive::pages::Changed;
use crate::naive::xml;

const BLOCK: u64 = 65_536;

fn read(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<Changed, Error> {
    let ranges = ListFormat::named(name).expect("a format").read(bytes, options)?.expect("readable");
    ranges.map(|range| range.map(|range| (range.offset_bytes, range.end_bytes()))).collect()
}

/// The first block, the number of blocks, and a number below 4.
type Entry = (u64, u64, u8);

/// Entries of some blocks, with gaps between some.
fn entries(rng: &mut Rng, count: usize) -> Vec<Entry> {
    let mut end = 0;
    let mut next = || {
        let start = end + u64::from(rng.byte() % 3);
        end = start + 1 + u64::from(rng.byte() % 5);
        (start, end - start, rng.byte() % 4)
    };
    (0..count).map(|_| next()).collect()
}

/// A format with its writer, its naive reader, and the number of the kind that has not changed.
struct Format {
    name: &'static str,
    options: ReadOptions,
    unchanged: Option<u8>,
    write: fn(&[Entry]) -> Vec<u8>,
    naive: fn(&[u8]) -> Option<Changed>,
}

/// The size of a disk that none of the lists reaches.
const DISK: u64 = 1 << 30;

fn formats() -> [Format; 4] {
    let mut of_blksnap = ReadOptions::default();
    of_blksnap.since = Some(2);
    of_blksnap.virtual_size = VirtualSize::new(DISK).ok();
    of_blksnap.allow_empty = true;
    let format =
        |name, unchanged, write, naive| Format { name, options: ReadOptions::default(), unchanged, write, naive };
    [
        Format {
            options: of_blksnap,
            ..format("blksnap", Some(2), write_blksnap as fn(&_) -> _, naive_blksnap as fn(&_) -> _)
        },
        format("rbd-v1", None, write_rbd, rbd_v1),
        format("thin-delta", Some(0), write_thin_delta, xml::thin_delta),
        format("azure", None, write_azure, xml::azure),
    ]
}

fn naive_blksnap(map: &[u8]) -> Option<Changed> {
    Some(blksnap(map, 2, BLOCK))
}

fn write_blksnap(entries: &[Entry]) -> Vec<u8> {
    let mut map = vec![0; usize::try_from(DISK / BLOCK).expect("few")];
    for &(start, len, kind) in entries {
        // The number 2 is that of the snapshot itself: not since.
        let number = if kind == 2 { 2 } else { kind + 3 };
        map[usize::try_from(start).expect("few")..][..usize::try_from(len).expect("few")].fill(number);
    }
    map
}

fn write_rbd(entries: &[Entry]) -> Vec<u8> {
    let mut stream = b"rbd diff v1\nf\x03\0\0\0one".to_vec();
    stream.extend_from_slice(b"t\x03\0\0\0twos");
    stream.extend_from_slice(&DISK.to_le_bytes());
    for &(start, len, kind) in entries {
        stream.push(if kind == 0 { b'w' } else { b'z' });
        // Shorter than blocks, so that the data is, too.
        stream.extend_from_slice(&(start * 16).to_le_bytes());
        stream.extend_from_slice(&(len * 16).to_le_bytes());
        if kind == 0 {
            stream.extend(std::iter::repeat_n(b"wze"[0], usize::try_from(len * 16).expect("few")));
        }
    }
    stream.push(b'e');
    stream
}

fn write_thin_delta(entries: &[Entry]) -> Vec<u8> {
    let mut text =
        "<superblock uuid=\"\" time=\"1\" transaction=\"2\" data_block_size=\"128\" nr_data_blocks=\"9\">\n".to_owned();
    text += "  <diff left=\"1\" right=\"2\">\n";
    for &(start, len, kind) in entries {
        let name = ["same", "different", "left_only", "right_only"][usize::from(kind)];
        text += &format!("    <{name} begin=\"{start}\" length=\"{len}\"/>\n");
    }
    (text + "  </diff>\n</superblock>\n").into_bytes()
}

fn write_azure(entries: &[Entry]) -> Vec<u8> {
    let mut text = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><PageList>".to_owned();
    for (index, &(start, len, kind)) in entries.iter().enumerate() {
        // One at the least, which tells that the list is one of changes.
        let name = if kind == 0 || index == 0 { "ClearRange" } else { "PageRange" };
        let (first, last) = (start * BLOCK, (start + len) * BLOCK - 1);
        text += &format!("<{name}><Start>{first}</Start><End>{last}</End></{name}>");
    }
    (text + "<NextMarker/></PageList>").into_bytes()
}

/// The bytes for a block of the lists that a writer makes.
fn scale(format: &Format) -> u64 {
    if format.name == "rbd-v1" { 16 } else { BLOCK }
}

fn expected(format: &Format, entries: &[Entry]) -> Changed {
    let scale = scale(format);
    let changed = entries.iter().filter(|&&(_, _, kind)| Some(kind) != format.unchanged);
    in_order(changed.map(|&(start, len, _)| (start * scale, len * scale)))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(64, 512)) })]

    #[test]
    fn lists_are_read_as_they_were_written(seed in any::<u64>(), count in 1usize..1500) {
        for format in formats() {
            let entries = entries(&mut Rng::new(seed), count);
            let bytes = (format.write)(&entries);
            let expected = expected(&format, &entries);
            prop_assert_eq!(read(format.name, &bytes, &format.options).expect("good"), &expected[..], "{}", format.name);
            prop_assert_eq!((format.naive)(&bytes).expect("good"), &expected[..], "{}", format.name);
        }
    }
}

#[test]
fn a_list_cut_at_any_byte_is_refused() {
    for format in formats() {
        let bytes = (format.write)(&entries(&mut Rng::new(3), 30));
        let whole = bytes.trim_ascii_end().len();
        for len in 0..whole {
            assert!(read(format.name, &bytes[..len], &format.options).is_err(), "{} at {len}", format.name);
        }
    }
}

#[test]
fn a_wrong_byte_at_any_place_is_refused_or_read_as_a_naive_reader_does() {
    for format in formats() {
        let mut bytes = (format.write)(&entries(&mut Rng::new(5), 12));
        // Of the map, whose bytes are all alike, a part.
        for at in (0..bytes.len().min(2000)).step_by(cases(5, 1)) {
            let right = bytes[at];
            for wrong in
                [0, b' ', b'0', b'7', b'<', b'e', b'w', 0x80, 0xff, right ^ 1, right ^ 0x20, right.wrapping_add(1)]
            {
                bytes[at] = wrong;
                if let Ok(ranges) = read(format.name, &bytes, &format.options) {
                    let text = String::from_utf8_lossy(&bytes);
                    assert_eq!(Some(ranges), (format.naive)(&bytes), "{} with {wrong:#x} at {at}: {text}", format.name);
                }
            }
            bytes[at] = right;
        }
    }
}

#[test]
fn overlapping_unsorted_and_empty_entries_are_refused() {
    for format in formats().into_iter().filter(|format| format.name != "blksnap") {
        for bad in [[(0, 2, 1), (1, 2, 1)], [(4, 1, 1), (0, 1, 1)], [(0, 3, 1), (1, 1, 1)], [(0, 1, 1), (0, 1, 1)]] {
            let error = read(format.name, &(format.write)(&bad), &format.options).expect_err("refused");
            assert!(error.to_string().contains("where the one before it ends"), "{}: {error}", format.name);
        }
        let error = read(format.name, &(format.write)(&[(1, 0, 1)]), &format.options).expect_err("refused");
        assert!(matches!(error, Error::List { .. }), "{}: {error}", format.name);
    }
}

#[test]
fn entries_beyond_the_disk_are_refused() {
    for mut format in formats() {
        let bytes = (format.write)(&[(0, 1, 1), (4, 2, 1)]);
        let all = scale(&format) * 6;
        // The size that the stream says is a larger one, and the map has blocks for it.
        if matches!(format.name, "rbd-v1" | "blksnap") {
            format.options.virtual_size = VirtualSize::new(all).ok();
            assert!(read(format.name, &bytes, &format.options).is_err());
            continue;
        }
        for (size, is_good) in [(all, true), (all - 1, format.name == "thin-delta"), (all - 2 * BLOCK, false)] {
            format.options.virtual_size = VirtualSize::new(size).ok();
            let ranges = read(format.name, &bytes, &format.options);
            assert_eq!(ranges.is_ok(), is_good, "{} {size}", format.name);
            assert!(ranges.is_err() || ranges.is_ok_and(|ranges| ranges[1].1 == size));
        }
    }
}

#[test]
fn numbers_of_any_length_are_refused_and_not_rounded() {
    let large = [
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        &"9".repeat(1000),
        "1e3",
        "1.0",
        "-1",
        "+1",
        "0x1",
    ];
    for number in large {
        let delta = String::from_utf8(write_thin_delta(&[(7, 1, 1)])).expect("text");
        for text in [
            delta.replace("begin=\"7\"", &format!("begin=\"{number}\"")),
            delta.replace("\"128\"", &format!("\"{number}\"")),
        ] {
            assert!(read("thin-delta", text.as_bytes(), &ReadOptions::default()).is_err(), "{text}");
        }
        let pages = String::from_utf8(write_azure(&[(0, 1, 1)])).expect("text");
        for text in [pages.replace("65535", number), pages.replace("<Start>0<", &format!("<Start>{number}<"))] {
            assert!(read("azure", text.as_bytes(), &ReadOptions::default()).is_err(), "{text}");
        }
    }
}

#[test]
fn a_map_of_other_blocks_needs_their_size() {
    let mut options = ReadOptions::default();
    (options.since, options.virtual_size) = (Some(0), VirtualSize::new(5 << 20).ok());
    assert!(read("blksnap", &[0, 1, 1, 0, 1], &options).is_err());
    options.block_size = BlockSize::new(1 << 20).expect("a block size");
    let expected = [(1 << 20, 3 << 20), (4 << 20, 5 << 20)];
    assert_eq!(read("blksnap", &[0, 1, 1, 0, 1], &options).expect("good"), expected);
}

/// As `thin_delta` 0.9.0 prints it, of two devices that `thin_restore` made.
const OF_THIN_DELTA: &str = r#"<superblock uuid="" time="2" transaction="3" data_block_size="128" nr_data_blocks="1000">
  <diff left="1" right="2">
    <same begin="0" length="3"/>
    <different begin="3" length="4"/>
    <same begin="7" length="3"/>
    <left_only begin="20" length="2"/>
    <right_only begin="30" length="3"/>
  </diff>
</superblock>
"#;

/// With `--verbose`.
const OF_THIN_DELTA_VERBOSE: &str = r#"<superblock uuid="" time="2" transaction="3" data_block_size="128" nr_data_blocks="1000">
  <diff left="1" right="2">
    <same>
      <range begin="0" data_begin="0" length="3"/>
    </same>
    <different>
      <range begin="3" left_data_begin="3" right_data_begin="100" length="4"/>
    </different>
    <same>
      <range begin="7" data_begin="7" length="3"/>
    </same>
    <left_only>
      <range begin="20" data_begin="20" length="2"/>
    </left_only>
    <right_only>
      <range begin="30" data_begin="110" length="3"/>
    </right_only>
  </diff>
</superblock>
"#;

#[test]
fn what_thin_delta_prints_is_read() {
    let expected = in_order([(3 * BLOCK, 4 * BLOCK), (20 * BLOCK, 2 * BLOCK), (30 * BLOCK, 3 * BLOCK)]);
    for text in [OF_THIN_DELTA, OF_THIN_DELTA_VERBOSE] {
        assert_eq!(read("thin-delta", text.as_bytes(), &ReadOptions::default()).expect("good"), expected);
    }
}
