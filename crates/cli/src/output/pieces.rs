//! Text of a long list: its head, its ranges in pieces that are made on all threads and written one after the other, its foot.

use std::io::{self, Write};

use changed_blocks::format::{ExtentFormat, Needs, Totals};
use changed_blocks::{ByteRange, Error, Geometry, VirtualSize};
use rayon::prelude::*;

use super::buffer::OutputBuffer;
use super::human::Human;
use super::printer::PrintError;
use crate::args::OutputFormat;

/// How many extents are formatted before their text is written: some 1 MiB of it, which stays in a cache.
const WAVE: usize = 32 << 10;
/// How many a thread takes at a time: enough to be worth handing over.
pub(super) const CHUNK: usize = 2048;
/// How many of them are formatted at a time: their ranges and their text stay in the first cache.
pub(super) const BATCH: usize = 512;

/// Writes a list: its head once, and its items in waves, each of which is formatted on all threads, then written in order.
pub(super) struct ListWriter {
    output: OutputFormat,
    human: Human,
    geometry: Geometry,
    /// The text of a wave, in memory that the next one uses again.
    pieces: Vec<Vec<u8>>,
    /// Whether the head was given the totals, once it was written.
    head_knew: Option<bool>,
    /// Where the last range ends, if one was written.
    previous_end: Option<u64>,
}

impl ListWriter {
    /// Begins a list of ranges of that disk.
    ///
    /// # Errors
    ///
    /// The format has to say the size of the disk, and that is not known, or not a multiple of the unit in which it says it.
    pub(super) fn new(output: OutputFormat, geometry: Geometry) -> Result<Self, PrintError> {
        if needs(output) != Needs::Nothing && geometry.virtual_size.is_none() {
            return Err(PrintError::unknown_end(output.name()));
        }
        let human = Human { block_size: geometry.block_size };
        let unit = format_of(output, &human).size_unit();
        match geometry.virtual_size.map(VirtualSize::bytes) {
            Some(bytes) if !bytes.is_multiple_of(unit) => {
                return Err(PrintError::size_unit(output.name(), bytes, unit));
            }
            _ => {}
        }
        Ok(Self { output, human, geometry, pieces: Vec::new(), head_knew: None, previous_end: None })
    }

    fn format(&self) -> &(dyn ExtentFormat + Send + Sync) {
        format_of(self.output, &self.human)
    }

    /// Writes the head, unless it was written.
    pub(super) fn write_head(&mut self, totals: Option<&Totals>, output: &mut OutputBuffer<'_>) -> io::Result<()> {
        if self.head_knew.is_none() {
            let mut text = Vec::new();
            self.format().head(&self.geometry, totals, &mut text);
            output.write_all(&text)?;
            self.head_knew = Some(totals.is_some());
        }
        Ok(())
    }

    /// Writes items, the ranges of which `ranges_of` puts in place of those before.
    pub(super) fn write<T: Sync>(
        &mut self,
        items: &[T],
        output: &mut OutputBuffer<'_>,
        ranges_of: impl Fn(&[T], &mut Vec<ByteRange>) -> Result<(), Error> + Sync,
    ) -> Result<(), PrintError> {
        for wave in items.chunks(WAVE) {
            let format = format_of(self.output, &self.human);
            self.previous_end = format_pieces(format, wave, self.previous_end, &mut self.pieces, &ranges_of)?;
            for text in &self.pieces {
                output.write_all(text)?;
            }
        }
        Ok(())
    }

    /// Whether there is a place for more members in the foot.
    pub(super) fn is_json_object(&self) -> bool {
        self.output.is_json_object()
    }

    /// The text after the last range.
    pub(super) fn foot(&self, totals: &Totals) -> Vec<u8> {
        let mut foot = Vec::new();
        let (head_knew, end) = (self.head_knew == Some(true), self.previous_end.unwrap_or(0));
        self.format().foot(&self.geometry, totals, head_knew, end, &mut foot);
        foot
    }
}

fn format_of(output: OutputFormat, human: &Human) -> &(dyn ExtentFormat + Send + Sync) {
    match output {
        OutputFormat::List(format) => format.writer().expect("writable"),
        _ => human,
    }
}

const fn needs(output: OutputFormat) -> Needs {
    match output {
        OutputFormat::List(format) => format.needs,
        _ => Needs::Nothing,
    }
}

/// Holds items back, or returns false if they would be more than `most`.
pub(super) fn hold<T: Copy>(held: &mut Vec<T>, items: &[T], most: usize) -> io::Result<bool> {
    let has_room = held.len() + items.len() <= most;
    if has_room {
        held.try_reserve(items.len())?;
        held.extend_from_slice(items);
    }
    Ok(has_room)
}

/// Replaces `pieces` by the text of items, the ranges of which `ranges_of` puts in place of those before. Each piece starts
/// with a separator, except the first one of a list, before which no range has ended. Returns where the last range ends.
pub(super) fn format_pieces<T: Sync>(
    format: &(dyn ExtentFormat + Send + Sync),
    items: &[T],
    previous_end: Option<u64>,
    pieces: &mut Vec<Vec<u8>>,
    ranges_of: impl Fn(&[T], &mut Vec<ByteRange>) -> Result<(), Error> + Sync,
) -> Result<Option<u64>, Error> {
    // A thread finds out for itself where the piece before its own ends.
    let end_before = |index: usize| -> Result<Option<u64>, Error> {
        let Some(last) = index.checked_sub(1) else { return Ok(previous_end) };
        let mut range = Vec::new();
        ranges_of(&items[last..index], &mut range)?;
        Ok(range.last().map(|range| range.end_bytes()))
    };
    let write_piece = |(number, (chunk, text)): (usize, (&[T], &mut Vec<u8>))| {
        let mut previous_end = end_before(number * CHUNK)?;
        let mut ranges = Vec::new();
        text.clear();
        for batch in chunk.chunks(BATCH) {
            if previous_end.is_some() {
                text.extend_from_slice(format.separator());
            }
            ranges_of(batch, &mut ranges)?;
            format.ranges(previous_end.unwrap_or(0), &ranges, text);
            previous_end = ranges.last().map(|range| range.end_bytes());
        }
        Ok(())
    };
    pieces.resize_with(items.len().div_ceil(CHUNK), Vec::new);
    items.par_chunks(CHUNK).zip(pieces).enumerate().try_for_each(write_piece)?;
    end_before(items.len())
}
