//! Text of a long list, made on all threads, in pieces that are written one after the other.

use std::io::{self, Write};

use changed_blocks::format::ExtentFormat;
use changed_blocks::{ByteRange, Error};
use rayon::prelude::*;

use super::buffer::OutputBuffer;
use super::printer::PrintError;

/// How many extents are formatted before their text is written: some 1 MiB of it, which stays in a cache.
const WAVE: usize = 32 << 10;
/// How many a thread takes at a time: enough to be worth handing over.
pub(super) const CHUNK: usize = 2048;
/// How many of them are formatted at a time: their ranges and their text stay in the first cache.
pub(super) const BATCH: usize = 512;

/// Writes a list: its head once, and its items in waves, each of which is formatted on all threads, then written in order.
#[derive(Default)]
pub(super) struct ListWriter {
    /// The text of a wave, in memory that the next one uses again.
    pieces: Vec<Vec<u8>>,
    has_written_head: bool,
    /// Where the last range ends, if one was written.
    previous_end: Option<u64>,
}

impl ListWriter {
    /// Writes the head, unless it was written.
    pub(super) fn write_head(
        &mut self,
        output: &mut OutputBuffer<'_>,
        head: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), PrintError> {
        if !self.has_written_head {
            let mut text = Vec::new();
            head(&mut text);
            output.write_all(&text)?;
            self.has_written_head = true;
        }
        Ok(())
    }

    /// Writes items, the ranges of which `ranges_of` puts in place of those before.
    pub(super) fn write<T: Sync>(
        &mut self,
        format: &(dyn ExtentFormat + Send + Sync),
        items: &[T],
        output: &mut OutputBuffer<'_>,
        ranges_of: impl Fn(&[T], &mut Vec<ByteRange>) -> Result<(), Error> + Sync,
    ) -> Result<(), PrintError> {
        for wave in items.chunks(WAVE) {
            self.previous_end = format_pieces(format, wave, self.previous_end, &mut self.pieces, &ranges_of)?;
            for text in &self.pieces {
                output.write_all(text)?;
            }
        }
        Ok(())
    }

    /// Where the last range ends, 0 if none was written.
    pub(super) fn end(&self) -> u64 {
        self.previous_end.unwrap_or(0)
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
