//! Lists in the formats of other programs and our own: refused with a place, or read as a naive reader does; and written again,
//! they are read alike. However its bytes arrive, a list is the same.
//!
//! ```text
//! the format, flags, the context, the block size, the snapshot: a byte each; the size of the disk: 8 bytes; the file
//! ```

use std::io::{BufRead, BufReader};

use changed_blocks::format::{ExtentFormat, ListFormat, Needs, ReadOptions, Totals};
use changed_blocks::{BlockSize, ByteRange, Error, Geometry, Place, VirtualSize};

use super::cursor::Cursor;
use crate::naive::pages::{self, Changed};
use crate::naive::{arrays, binary, lines, xml};

const LINES: [&str; 6] = ["text", "csv", "extentlist", "ddrescue", "pairs", "blksnap"];
const JSON: [&str; 10] =
    ["json", "ndjson", "imageio", "nbdinfo", "qemu-map", "rbd", "csi", "vmware", "ebs", "xapi-intervals"];
const BINARY_XML: [&str; 3] = ["rbd-v1", "thin-delta", "azure"];

/// Formats that may name whole blocks where the disk ends inside the last one, and do not say the size of the disk.
const OF_BLOCKS: [&str; 3] = ["qemu-map", "thin-delta", "blksnap"];
const CONTEXTS: [Option<&str>; 8] = [
    None,
    Some("mapfile"),
    Some("prevsnapshot"),
    Some("qemu:dirty-bitmap:b"),
    Some("base:allocation"),
    Some("GetMetadataDelta"),
    Some("from-snap"),
    Some("changeId"),
];

/// Formats of lines, and those of fixed pieces without any text.
pub(crate) fn list_lines(data: &[u8]) {
    check(&LINES, data);
}

pub(crate) fn list_json(data: &[u8]) {
    check(&JSON, data);
}

pub(crate) fn list_binary_xml(data: &[u8]) {
    check(&BINARY_XML, data);
}

/// The formats that have a target.
pub(crate) fn list_formats() -> Vec<&'static str> {
    [&LINES[..], &JSON, &BINARY_XML].concat()
}

/// The content of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    ranges: Changed,
    virtual_size: Option<VirtualSize>,
    block_size: Option<BlockSize>,
}

fn check(names: &[&str], data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let name = cursor.choose(names);
    let flags = cursor.byte();
    let options = options(flags, &mut cursor);
    let file = cursor.rest();
    // Those of other crates' parsers are not in every build.
    let Some(format) = ListFormat::named(name).filter(|format| format.is_readable()) else { return };
    let found = read(format, file, &options);
    check_pieces(format, file, &options, &found);
    match found {
        Ok(found) => {
            let known_size = found.virtual_size.map(VirtualSize::bytes);
            check_ranges(&found.ranges, known_size);
            assert_eq!(
                Some(&found.ranges),
                read_naively(name, file, &options, known_size).as_ref(),
                "{name} {options:?}"
            );
            check_rewritten(format, &found, &options, flags);
        }
        Err(error) => check_place(&error, file.len()),
    }
}

fn options(flags: u8, cursor: &mut Cursor<'_>) -> ReadOptions {
    let mut options = ReadOptions::default();
    (options.allow_empty, options.allocation) = (flags & 1 != 0, flags & 2 != 0);
    options.context = cursor.choose(&CONTEXTS).map(str::to_owned);
    options.block_size = BlockSize::new(512 << (cursor.byte() % 22)).expect("a block size");
    options.since = cursor.byte().checked_sub(1).map(u64::from);
    options.virtual_size = VirtualSize::new(cursor.number()).ok();
    options
}

fn read(format: &ListFormat, file: impl BufRead, options: &ReadOptions) -> Result<Found, Error> {
    let mut reader = format.read(file, options)?.expect("readable");
    let ranges = reader.by_ref().map(|range| range.map(|range| (range.offset_bytes, range.end_bytes())));
    let ranges = ranges.collect::<Result<_, _>>()?;
    Ok(Found { ranges, virtual_size: reader.virtual_size(), block_size: reader.block_size() })
}

/// A file that comes in pieces is the same, or has the same fault in the same place.
fn check_pieces(format: &ListFormat, file: &[u8], options: &ReadOptions, expected: &Result<Found, Error>) {
    let text = |error: &Error| format!("{error}; {:?}", error.hint());
    let expected = expected.as_ref().map_err(text);
    for piece in [1, 7] {
        // More pieces than that take long and show nothing new.
        let piece = piece.max(file.len() / 200);
        let found = read(format, BufReader::with_capacity(piece, file), options);
        assert_eq!(found.as_ref().map_err(text), expected, "{} in pieces of {piece} bytes", format.name);
    }
}

/// A fault has a place in the file, and a list that is empty has none.
pub(super) fn check_place(error: &Error, len: usize) {
    let offset = match *error {
        Error::List {
            place:
                Place::Line { offset, .. }
                | Place::Entry { offset, .. }
                | Place::Byte { offset }
                | Place::Image { offset }
                | Place::End { offset },
            ..
        } => offset,
        Error::EmptyList => 0,
        ref other => panic!("no list leads to this error: {other}"),
    };
    assert!(offset <= len as u64, "{error}, but the file has {len} bytes");
}

/// Ranges are in order, not empty, do not touch each other, and are on the disk.
pub(super) fn check_ranges(ranges: &[(u64, u64)], known_size: Option<u64>) {
    assert!(ranges.iter().all(|(start, end)| start < end), "{ranges:?}");
    assert!(ranges.is_sorted_by(|before, after| before.1 < after.0), "{ranges:?}");
    let end = ranges.last().map_or(0, |last| last.1);
    assert!(known_size.is_none_or(|size| end <= size), "{ranges:?} of a disk of {known_size:?} bytes");
}

fn read_naively(name: &str, file: &[u8], options: &ReadOptions, known_size: Option<u64>) -> Option<Changed> {
    let mut ranges = match name {
        "blksnap" => binary::blksnap(file, options.since?, options.block_size.bytes()),
        "rbd-v1" => binary::rbd_v1(file)?,
        "thin-delta" => xml::thin_delta(file)?,
        "azure" => xml::azure(file)?,
        "csi" => pages::csi(file)?,
        "vmware" => pages::vmware(file, known_size?)?,
        "ebs" => pages::ebs(file)?,
        "xapi-intervals" => pages::xapi_intervals(file)?,
        _ if JSON.contains(&name) => arrays::read(name, file)?,
        _ => {
            let facts = lines::Facts {
                size: known_size.map_or(u128::MAX, u128::from),
                takes_allocation: options.allocation,
                is_mapfile: options.context.as_deref() == Some("mapfile"),
                allow_empty: options.allow_empty,
            };
            let number = |number: u128| u64::try_from(number).expect("inside the disk");
            lines::read(name, file, facts)?.into_iter().map(|(start, end)| (number(start), number(end))).collect()
        }
    };
    if let (true, Some(size), Some(last)) = (OF_BLOCKS.contains(&name), known_size, ranges.last_mut()) {
        last.1 = last.1.min(size);
    }
    Some(ranges)
}

/// Writes what was read in its own format, if that can say the size of the disk, and reads it again.
fn check_rewritten(format: &ListFormat, found: &Found, options: &ReadOptions, flags: u8) {
    // Some formats count in blocks of a size of their own.
    let unit: u64 = match format.name {
        "ebs" => 512 << 10,
        "xapi-intervals" => 64 << 10,
        _ => 1,
    };
    let size = found.virtual_size.map(VirtualSize::bytes);
    let changed_units = found.ranges.iter().map(|(start, end)| (end - start) / unit).sum::<u64>();
    let Some(writer) = format.writer() else { return };
    let is_written = match size {
        Some(size) => i64::try_from(size).is_ok() && size.is_multiple_of(writer.size_unit()),
        None => format.needs == Needs::Nothing,
    };
    if !is_written || unit > 1 && changed_units > 1000 {
        return;
    }
    let file = write(writer, found, flags);
    let options = {
        let mut changed = options.clone();
        (changed.allow_empty, changed.virtual_size) = (true, found.virtual_size);
        changed
    };
    let again = read(format, &file[..], &options);
    let text = || format!("{} {found:?} {options:?} {}", format.name, String::from_utf8_lossy(&file));
    let again = again.unwrap_or_else(|error| panic!("{error}: {}", text()));
    assert_eq!(again.ranges, rounded(&found.ranges, unit, size), "{}", text());
}

/// The ranges in whole blocks, but for the end of the disk.
fn rounded(ranges: &[(u64, u64)], unit: u64, size: Option<u64>) -> Changed {
    let mut rounded: Changed = Vec::new();
    for (start, end) in ranges {
        let (start, end) = (start / unit * unit, end.next_multiple_of(unit).min(size.unwrap_or(u64::MAX)));
        match rounded.last_mut() {
            Some(last) if last.1 >= start => last.1 = end,
            _ => rounded.push((start, end)),
        }
    }
    rounded
}

/// The list in pieces of some ranges. The flags say how many, and whether the head has the totals.
fn write(writer: &dyn ExtentFormat, found: &Found, flags: u8) -> Vec<u8> {
    let geometry = Geometry { block_size: found.block_size.unwrap_or_default(), virtual_size: found.virtual_size };
    let ranges: Vec<_> = found.ranges.iter().map(|&(start, end)| ByteRange::between(start, end)).collect();
    let totals = totals(&ranges, &geometry);
    let (mut file, mut end, is_early) = (Vec::new(), 0, flags & 4 != 0);
    writer.head(&geometry, is_early.then_some(&totals), &mut file);
    for (i, piece) in ranges.chunks(usize::from(flags / 8) + 1).enumerate() {
        file.extend_from_slice(if i > 0 { writer.separator() } else { b"" });
        writer.ranges(end, piece, &mut file);
        end = piece[piece.len() - 1].end_bytes();
    }
    writer.foot(&geometry, &totals, is_early, end, &mut file);
    file
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
