//! Lists that come as pages of JSON: what is written is read again, and what is read is what a naive reader finds.

use changed_blocks::format::{ListFormat, ReadOptions, Totals};
use changed_blocks::{BlockSize, ByteRange, Geometry, VirtualSize};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::cases;
use crate::naive::pages::{self, Changed};

const GIB: u64 = 1 << 30;
const FORMATS: [&str; 4] = ["csi", "vmware", "ebs", "xapi-intervals"];

/// The size of the blocks that a format rounds to.
fn unit(name: &str) -> u64 {
    match name {
        "ebs" => 512 << 10,
        "xapi-intervals" => 64 << 10,
        _ => 1,
    }
}

fn options(size: u64) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.virtual_size = VirtualSize::new(size).ok();
    options.allocation = true;
    options
}

fn read(name: &str, text: &[u8], options: &ReadOptions) -> changed_blocks::Result<Changed> {
    let format = ListFormat::named(name).expect("a format");
    let ranges = format.read(text, options)?.expect("readable");
    ranges.map(|range| range.map(|range| (range.offset_bytes, range.end_bytes()))).collect()
}

fn read_naively(name: &str, text: &[u8], size: u64) -> Option<Changed> {
    match name {
        "csi" => pages::csi(text),
        "vmware" => pages::vmware(text, size),
        "ebs" => pages::ebs(text),
        _ => pages::xapi_intervals(text),
    }
}

/// The text of ranges that are handed to the writer a few at a time.
fn write(name: &str, size: u64, ranges: &[(u64, u64)], piece_len: usize) -> Vec<u8> {
    let writer = ListFormat::named(name).and_then(ListFormat::writer).expect("writable");
    let geometry = Geometry { block_size: BlockSize::DEFAULT, virtual_size: VirtualSize::new(size).ok() };
    let (mut totals, mut text, mut end) = (Totals::default(), Vec::new(), 0);
    writer.head(&geometry, None, &mut text);
    for piece in ranges.chunks(piece_len) {
        let piece: Vec<_> = piece.iter().map(|&(start, end)| ByteRange::between(start, end)).collect();
        text.extend_from_slice(if end > 0 { writer.separator() } else { b"" });
        writer.ranges(end, &piece, &mut text);
        totals.add_all(&piece, &geometry);
        end = piece.last().expect("not empty").end_bytes();
    }
    writer.foot(&geometry, &totals, false, end, &mut text);
    text
}

/// Ranges from gaps and lengths, as far as they are on the disk.
fn ranges(steps: &[(u64, u64)], size: u64) -> Changed {
    let mut end = 0;
    let mut ranges = Vec::new();
    for (i, &(gap, length)) in steps.iter().enumerate() {
        let start = end + gap + u64::from(i > 0);
        end = (start + length).min(size);
        if start >= end {
            break;
        }
        ranges.push((start, end));
    }
    ranges
}

/// The ranges in whole blocks, but for the end of the disk.
fn rounded(ranges: &[(u64, u64)], unit: u64, size: u64) -> Changed {
    let mut rounded: Changed = Vec::new();
    for (start, end) in ranges.iter().map(|(start, end)| (start / unit * unit, end.next_multiple_of(unit).min(size))) {
        match rounded.last_mut() {
            Some(last) if last.1 >= start => last.1 = last.1.max(end),
            _ => rounded.push((start, end)),
        }
    }
    rounded
}

/// Lengths from a byte to some hundred MiB.
fn length() -> impl Strategy<Value = u64> {
    (0..28_u32, 0..u64::MAX).prop_map(|(bits, random)| 1 + random % (1 << bits))
}

fn list() -> impl Strategy<Value = (Changed, u64)> {
    let steps = vec((prop_oneof![Just(0), length()], length()), 0..40);
    (steps, 1_u64..4).prop_map(|(steps, gib)| (ranges(&steps, gib * GIB), gib * GIB))
}

/// A list of one of the formats as its own programs may write it, in pages of some entries, from random bits.
fn print_pages(name: &str, size: u64, ranges: &[(u64, u64)], per_page: usize, bits: u64) -> Vec<u8> {
    let (is_camel, is_array, is_reversed) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0);
    let pages: Vec<&[(u64, u64)]> = if ranges.is_empty() { vec![&[]] } else { ranges.chunks(per_page).collect() };
    let mut from = 0;
    let texts: Vec<String> = pages
        .iter()
        .enumerate()
        .map(|(i, page)| {
            let is_last = i + 1 == pages.len();
            let to = if is_last { size } else { page.last().expect("not empty").1 + (bits >> 3) % 2 };
            let mut members = match (name, is_camel) {
                ("csi", false) => csi_members(page, size),
                ("csi", true) => camel_csi_members(page, size),
                ("vmware", _) => vmware_members(page, from, to),
                _ => ebs_members(page, size, is_last),
            };
            if is_reversed {
                members.reverse();
            }
            from = to;
            format!("{{{}}}", members.join(", "))
        })
        .collect();
    if is_array { format!("[{}]", texts.join(",")) } else { texts.join("\n") }.into_bytes()
}

fn csi_members(page: &[(u64, u64)], size: u64) -> Vec<String> {
    let listed: Vec<String> = page
        .iter()
        .map(|(start, end)| match start {
            0 => format!("{{\"size_bytes\":{}}}", end - start),
            _ => format!("{{\"byte_offset\":{start},\"size_bytes\":{}}}", end - start),
        })
        .collect();
    let listed = if page.is_empty() { "null".to_owned() } else { format!("[{}]", listed.join(",")) };
    vec![
        "\"block_metadata_type\":2".to_owned(),
        format!("\"volume_capacity_bytes\":{size}"),
        format!("\"block_metadata\":{listed}"),
    ]
}

fn camel_csi_members(page: &[(u64, u64)], size: u64) -> Vec<String> {
    let listed = page
        .iter()
        .map(|(start, end)| format!("{{ \"byteOffset\": \"{start}\", \"sizeBytes\": \"{}\" }}", end - start));
    vec![
        "\"blockMetadataType\": \"VARIABLE_LENGTH\"".to_owned(),
        format!("\"volumeCapacityBytes\": \"{size}\""),
        format!("\"blockMetadata\": [{}]", listed.collect::<Vec<_>>().join(", ")),
    ]
}

fn vmware_members(page: &[(u64, u64)], from: u64, to: u64) -> Vec<String> {
    let areas = page.iter().map(|(start, end)| format!("{{\"start\":{start},\"length\":{}}}", end - start));
    let mut members = vec![format!("\"startOffset\":{from}"), format!("\"length\":{}", to - from)];
    if !page.is_empty() {
        members.push(format!("\"changedArea\":[{}]", areas.collect::<Vec<_>>().join(",")));
    }
    members
}

fn ebs_members(page: &[(u64, u64)], size: u64, is_last: bool) -> Vec<String> {
    let unit = unit("ebs");
    let blocks = page.iter().flat_map(|(start, end)| start / unit..end / unit);
    let blocks = blocks.map(|index| format!("{{\"BlockIndex\":{index},\"FirstBlockToken\":\"AA==\"}}"));
    vec![
        format!("\"ChangedBlocks\":[{}]", blocks.collect::<Vec<_>>().join(",")),
        "\"ExpiryTime\":1592976647.009".to_owned(),
        format!("\"VolumeSize\":{}", size / GIB),
        format!("\"BlockSize\":{unit}"),
        if is_last { "\"NextToken\":null" } else { "\"NextToken\":\"AAAB==\"" }.to_owned(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(16, 192)) })]

    #[test]
    fn a_list_is_read_as_it_was_written((ranges, size) in list(), piece_len in 1_usize..50) {
        for name in FORMATS {
            let text = write(name, size, &ranges, piece_len);
            let expected = rounded(&ranges, unit(name), size);
            prop_assert_eq!(read(name, &text, &options(size)).ok(), Some(expected.clone()), "{}", name);
            prop_assert_eq!(read_naively(name, &text, size), Some(expected), "{}", name);
            prop_assert_eq!(text, write(name, size, &ranges, 1), "{}", name);
        }
    }

    #[test]
    fn pages_are_read_in_any_form((ranges, size) in list(), per_page in 1_usize..50, bits in 0_u64..16) {
        for name in ["csi", "vmware", "ebs"] {
            let ranges = rounded(&ranges, unit(name), size);
            let text = print_pages(name, size, &ranges, per_page, bits);
            let found = read(name, &text, &options(size)).map_err(|error| error.to_string());
            prop_assert_eq!(found, Ok(ranges), "{} {}", name, String::from_utf8_lossy(&text));
        }
    }
}

/// Short texts of each format, in several forms.
fn texts() -> Vec<(&'static str, Vec<u8>)> {
    let ranges = [(0, 524_288), (1_048_576, 1_572_864), (GIB - 524_288, GIB)];
    let mut texts: Vec<_> = FORMATS.map(|name| (name, write(name, GIB, &ranges, 2))).into();
    for name in ["csi", "vmware", "ebs"] {
        texts.extend((0..16).map(|bits| (name, print_pages(name, GIB, &ranges, 2, bits))));
    }
    texts.push((
        "xapi-intervals",
        b"{\"cluster_bits\":21,\"virtual_size\":1073741824,\"data_clusters\":[0,3,[511,511]]}".into(),
    ));
    for (name, text) in &texts {
        assert!(read(name, text, &options(GIB)).is_ok(), "{name} {}", String::from_utf8_lossy(text));
    }
    texts
}

#[test]
fn a_text_cut_at_any_byte_is_refused_or_ends_with_a_whole_message() {
    for (name, text) in texts() {
        let all = read(name, &text, &options(GIB)).expect("a good list");
        for len in 0..text.trim_ascii_end().len() {
            let Ok(part) = read(name, &text[..len], &options(GIB)) else { continue };
            // Messages of a stream that are documents do not tell how many there are.
            assert!(name == "csi" && text[0] == b'{' && text[..len].trim_ascii_end().ends_with(b"}"), "{name} {len}");
            assert!(all.starts_with(&part), "{name} {len}");
        }
    }
}

#[test]
fn a_text_with_a_wrong_byte_is_refused_or_read_as_a_naive_reader_does() {
    for (name, text) in texts() {
        for at in (0..text.len()).step_by(cases(5, 1)) {
            for byte in *b"\0 0159-.,:\"[]{}nNes_\\\xff" {
                let mut bad = text.clone();
                bad[at] = byte;
                if let Ok(found) = read(name, &bad, &options(GIB)) {
                    assert_eq!(Some(found), read_naively(name, &bad, GIB), "{name} {}", String::from_utf8_lossy(&bad));
                }
            }
        }
    }
}

#[test]
fn members_that_are_repeated_or_too_large_or_too_deep_are_refused() {
    for name in FORMATS {
        let text = String::from_utf8(write(name, GIB, &[(GIB - 524_288, GIB)], 1)).expect("text");
        let (entry, number) = match name {
            "csi" => ("\"size_bytes\":", "\"byte_offset\":"),
            "vmware" => ("\"length\":524288", "\"start\":"),
            "ebs" => ("\"BlockIndex\":2047", "\"VolumeSize\":"),
            _ => ("\"cluster_bits\":16", "\"data_clusters\":[\n["),
        };
        assert!(text.contains(entry) && text.contains(number), "{text}");
        let deep = format!("{{\"dynamicType\":{0},\"ExpiryTime\":{0},", "[".repeat(100_000));
        for bad in [
            text.replacen('{', "{\"more\":1,", 1),
            text.replacen(entry, &format!("{entry}0,{entry}"), 1),
            text.replacen(number, &format!("{number}-"), 1),
            text.replacen(number, &format!("{number}0"), 1),
            text.replacen(number, &format!("{number}1."), 1),
            text.replacen(number, &format!("{number}1e"), 1),
            text.replacen(number, &format!("{number}9223372036854775808"), 1),
            text.replacen(number, &format!("{number}99999999999999999999"), 1),
            text.replacen('{', &deep, 1),
            format!("{text}]"),
            format!("{text}1"),
        ] {
            let found = read(name, bad.as_bytes(), &options(GIB));
            assert!(found.is_err(), "{name} {found:?} {}", &bad[..bad.len().min(300)]);
        }
    }
}
