//! Lists in the formats of other tools, through the library's table of formats.

use changed_blocks::format::{FORMATS, ListFormat, Needs, ReadOption, ReadOptions, Totals};
use changed_blocks::shape;
use changed_blocks::{ByteRange, Error, Geometry, Stamp, VirtualSize};
use pyo3::prelude::*;

use crate::collect;
use crate::errors::Failure;
use crate::extents::Extents;
use crate::input::{self, Input};
use crate::signals::Signals;

/// How many ranges are written between looks for signals.
const BATCH: usize = 4096;
/// The room that is made for the text of a range before it is written.
const RANGE_BYTES: usize = 64;

/// The options for reading; see the library's `ReadOptions`.
pub(crate) struct ListOptions {
    pub(crate) geometry: Geometry,
    pub(crate) allow_empty: bool,
    pub(crate) context: Option<String>,
    pub(crate) since: Option<u64>,
    pub(crate) allocation: bool,
}

impl ListOptions {
    /// Refuses an option that the format does not have: whoever gave it believes that it has a meaning.
    fn refuse_misplaced(&self, format: &ListFormat) -> Result<(), Failure> {
        let given = [
            ("context", self.context.is_some(), ReadOption::Context),
            ("since", self.since.is_some(), ReadOption::Since),
            ("allocation", self.allocation, ReadOption::Allocation),
        ];
        for (name, is_given, option) in given {
            if is_given && !format.options.contains(&option) {
                let formats = names(|format| format.options.contains(&option));
                let message = format!("{name} is for {} only, not for {}", formats.join(", "), format.name);
                return Err(Failure::usage_with_hint(message, "name the format that the list has, or leave it out"));
            }
        }
        Ok(())
    }
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

fn names(wanted: impl Fn(&ListFormat) -> bool) -> Vec<&'static str> {
    FORMATS.iter().filter(|format| wanted(format)).map(|format| format.name).collect()
}

pub(crate) fn readable() -> Vec<&'static str> {
    names(ListFormat::is_readable)
}

pub(crate) fn writable() -> Vec<&'static str> {
    names(|format| format.writer().is_some())
}

fn unknown(name: &str, known: &[&str]) -> Failure {
    Failure::usage(format!("{name:?} is no such format; known are: {}", known.join(", ")))
}

/// Reads a list. A file that is named must be the same before and after.
pub(crate) fn read(source: &Bound<'_, PyAny>, name: &str, options: ListOptions) -> Result<Extents, Failure> {
    let format = ListFormat::named(name).ok_or_else(|| unknown(name, &readable()))?;
    options.refuse_misplaced(format)?;
    let mut input = Input::new(source)?;
    let list = source.py().detach(|| {
        let failed = |source| Error::Read { offset: 0, source };
        let before = input.file().map(Stamp::before_reading).transpose().map_err(failed)?.flatten();
        let list = read_ranges(format, &mut input, options);
        if let (Some(file), Some(before)) = (input.file(), before)
            && Stamp::of(file).map_err(failed)? != before
        {
            return Err(Error::Changed.into());
        }
        list
    });
    list.map_err(|failure| input::advised(source, failure))
}

fn read_ranges(format: &ListFormat, input: &mut Input, options: ListOptions) -> Result<Extents, Failure> {
    let block_size = options.geometry.block_size;
    let reader = format.read(input.buffered(), &options.into())?;
    let mut reader = reader.ok_or_else(|| unknown(format.name, &readable()))?;
    let mut ranges = Vec::new();
    for range in reader.by_ref() {
        collect::reserve(&mut ranges, 1)?;
        ranges.push(range?);
    }
    let geometry =
        Geometry { block_size: reader.block_size().unwrap_or(block_size), virtual_size: reader.virtual_size() };
    Ok(Extents::new(ranges, geometry))
}

/// A whole list as text.
pub(crate) fn write(ranges: &[ByteRange], geometry: &Geometry, name: &str) -> Result<Vec<u8>, Failure> {
    let format = ListFormat::named(name).and_then(|format| Some((format, format.writer()?)));
    let (format, writer) = format.ok_or_else(|| unknown(name, &writable()))?;
    let size = geometry.virtual_size.map(VirtualSize::bytes);
    if format.needs != Needs::Nothing && size.is_none() {
        return Err(Failure::usage_with_hint(
            format!("{name} needs the size of the disk, which is not known"),
            "give virtual_size where the list is made",
        ));
    }
    let unit = writer.size_unit();
    if let Some(bytes) = size.filter(|bytes| !bytes.is_multiple_of(unit)) {
        return Err(Failure::usage(format!("{name} counts the disk in units of {unit} bytes, not {bytes} bytes")));
    }
    let totals = totals(ranges, geometry)?;
    let mut signals = Signals::new();
    let mut text = Vec::new();
    writer.head(geometry, Some(&totals), &mut text);
    let mut end = 0;
    for batch in ranges.chunks(BATCH) {
        signals.check()?;
        collect::reserve(&mut text, BATCH * RANGE_BYTES)?;
        text.extend_from_slice(if end > 0 { writer.separator() } else { b"" });
        writer.ranges(end, batch, &mut text);
        end = batch.last().map_or(end, |range| range.end_bytes());
    }
    writer.foot(geometry, &totals, true, end, &mut text);
    Ok(text)
}

/// The figures of a list. Pieces of a range that was split are one range again, lest a block be counted twice.
fn totals(ranges: &[ByteRange], geometry: &Geometry) -> changed_blocks::Result<Totals> {
    let mut totals = Totals::default();
    shape::pieces(ranges)?.for_each(|range| totals.add(range, geometry));
    Ok(totals)
}
