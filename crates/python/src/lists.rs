//! Lists in the formats of other tools, through the library's table of formats.

use std::io::BufRead;

use changed_blocks::format::{FORMATS, ListFormat, Needs, ReadOptions, Totals};
use changed_blocks::{ByteRange, Error, Geometry, Stamp, VirtualSize, shape};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

use crate::errors::Failure;
use crate::extents::Extents;
use crate::input::Input;
use crate::signals::Signals;

/// How many ranges are dealt with between looks for signals.
const BATCH: usize = 4096;

/// The options for reading; see the library's `ReadOptions`.
pub(crate) struct ListOptions {
    pub(crate) geometry: Geometry,
    pub(crate) allow_empty: bool,
    pub(crate) context: Option<String>,
    pub(crate) since: Option<u64>,
    pub(crate) allocation: bool,
}

impl From<ListOptions> for ReadOptions {
    fn from(options: ListOptions) -> Self {
        let mut all = Self::default();
        all.virtual_size = options.geometry.virtual_size;
        all.block_size = options.geometry.block_size;
        all.allow_empty = options.allow_empty;
        all.context = options.context;
        all.since = options.since;
        all.allocation = options.allocation;
        all
    }
}

pub(crate) fn readable() -> Vec<&'static str> {
    FORMATS.iter().filter(|format| format.is_readable()).map(|format| format.name).collect()
}

pub(crate) fn writable() -> Vec<&'static str> {
    FORMATS.iter().filter(|format| format.writer().is_some()).map(|format| format.name).collect()
}

fn named(name: &str, known: &[&str]) -> Result<&'static ListFormat, Failure> {
    let format = ListFormat::named(name).filter(|format| known.contains(&format.name));
    format.ok_or_else(|| Failure::usage(format!("{name:?} is no such format; known are: {}", known.join(", "))))
}

/// Reads a list. A file that is named must be the same before and after.
pub(crate) fn read(source: &Bound<'_, PyAny>, format: &str, options: ListOptions) -> Result<Extents, Failure> {
    let format = named(format, &readable())?;
    let mut input = Input::new(source)?;
    source.py().detach(|| {
        let failed = |source| Error::Read { offset: 0, source };
        let before = input.file().map(Stamp::before_reading).transpose().map_err(failed)?.flatten();
        let list = read_ranges(format, input.buffered(), options);
        if let (Some(file), Some(before)) = (input.file(), before)
            && Stamp::of(file).map_err(failed)? != before
        {
            return Err(Error::Changed.into());
        }
        list
    })
}

fn read_ranges(format: &ListFormat, from: impl BufRead, options: ListOptions) -> Result<Extents, Failure> {
    let block_size = options.geometry.block_size;
    let mut signals = Signals::new();
    let mut ranges = Vec::new();
    let mut reader = format.read(from, &options.into())?.ok_or_else(|| Failure::usage("the format is only written"))?;
    for range in reader.by_ref() {
        if ranges.len() % BATCH == 0 {
            signals.check()?;
            ranges.try_reserve(BATCH).map_err(|_| PyMemoryError::new_err(()))?;
        }
        ranges.push(range?);
    }
    let geometry =
        Geometry { block_size: reader.block_size().unwrap_or(block_size), virtual_size: reader.virtual_size() };
    Ok(Extents::new(ranges, geometry))
}

/// A whole list as text.
pub(crate) fn write(ranges: &[ByteRange], geometry: &Geometry, format: &str) -> Result<Vec<u8>, Failure> {
    let format = named(format, &writable())?;
    let writer = format.writer().ok_or_else(|| Failure::usage("the format is only read"))?;
    let size = geometry.virtual_size.map(VirtualSize::bytes);
    if format.needs != Needs::Nothing && size.is_none() {
        return Err(Failure::usage(format!("{} needs the size of the disk, which is not known", format.name)));
    }
    let unit = writer.size_unit();
    if let Some(bytes) = size.filter(|bytes| !bytes.is_multiple_of(unit)) {
        let name = format.name;
        return Err(Failure::usage(format!("{name} counts the disk in units of {unit} bytes, not {bytes} bytes")));
    }
    // Pieces of a range that was split are one range again.
    let whole: Vec<ByteRange> = shape::from_unsorted(ranges.to_vec()).collect();
    let mut totals = Totals::default();
    totals.add_all(&whole, geometry);
    let mut signals = Signals::new();
    let mut text = Vec::new();
    writer.head(geometry, Some(&totals), &mut text);
    let mut end = 0;
    for batch in ranges.chunks(BATCH) {
        signals.check()?;
        text.extend_from_slice(if end > 0 { writer.separator() } else { b"" });
        writer.ranges(end, batch, &mut text);
        end = batch.last().map_or(end, |range| range.end_bytes());
    }
    writer.foot(geometry, &totals, true, end, &mut text);
    Ok(text)
}

/// Offsets and lengths as little-endian numbers.
pub(crate) fn to_pairs(ranges: &[ByteRange]) -> Vec<u8> {
    let numbers = ranges.iter().flat_map(|range| [range.offset_bytes, range.len_bytes]);
    numbers.flat_map(u64::to_le_bytes).collect()
}

pub(crate) fn from_pairs(pairs: &[u8]) -> Vec<ByteRange> {
    let (numbers, _) = pairs.as_chunks::<8>();
    let (ranges, _) = numbers.as_chunks::<2>();
    let range = |&[offset, length]: &[[u8; 8]; 2]| ByteRange {
        offset_bytes: u64::from_le_bytes(offset),
        len_bytes: u64::from_le_bytes(length),
    };
    ranges.iter().map(range).collect()
}
