//! A list of ranges that were shaped or combined, printed in one of the formats.
//!
//! Ranges are held back while the output is. Invariant: every range that was taken is in `listed`, and either in `held`, or
//! written, or left to a second pass.

use std::io::{self, Write};

use changed_blocks::format::{ExtentFormat, Totals};
use changed_blocks::{ByteRange, Geometry};
use indicatif::{BinaryBytes, HumanCount};
use serde_json::json;

use super::buffer::{MAX_BUFFERED_BYTES, OutputBuffer, OutputMode};
use super::json_members::add_member;
use super::list_printer::extent_format;
use super::pieces::{WAVE, format_pieces};
use super::printer::PrintError;
use crate::args::Format;

/// How many ranges are held back at the most.
const MAX_RANGES: usize = MAX_BUFFERED_BYTES / size_of::<ByteRange>();

/// The figures of a list, on which two passes over the same input must agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListFigures {
    /// Sums over all that changed in the window.
    pub(crate) changed: Totals,
    /// The ranges of the list, which may cover more or less than that, and their bytes.
    pub(crate) listed: u64,
    pub(crate) listed_bytes: u64,
    /// The offset of the first range that was not listed since there are enough.
    pub(crate) next_offset: Option<u64>,
}

/// How the list came to be, as far as its end says so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ListKind {
    /// Whether ranges may cover more than what changed, or are cut to pieces.
    pub(crate) is_shaped: bool,
    /// Whether it lists what did not change.
    pub(crate) is_inverted: bool,
    /// Whether there is a limit to the number of ranges.
    pub(crate) has_limit: bool,
}

pub(crate) struct RangePrinter {
    format: Format,
    writer: Box<dyn ExtentFormat + Send + Sync>,
    warnings: Vec<String>,
    geometry: Geometry,
    kind: ListKind,
    /// The figures, if they are known before the first range is written.
    known: Option<ListFigures>,
    listed: u64,
    listed_bytes: u64,
    held: Vec<ByteRange>,
    /// The text of a wave, in memory that the next one uses again.
    pieces: Vec<Vec<u8>>,
    has_written_head: bool,
    has_written_ranges: bool,
}

impl RangePrinter {
    /// A printer for one pass. An earlier pass knows the figures.
    pub(crate) fn new(format: Format, geometry: Geometry, kind: ListKind, known: Option<ListFigures>) -> Self {
        Self {
            format,
            writer: extent_format(format, geometry.block_size, &[]),
            warnings: Vec::new(),
            geometry,
            kind,
            known,
            listed: 0,
            listed_bytes: 0,
            held: Vec::new(),
            pieces: Vec::new(),
            has_written_head: false,
            has_written_ranges: false,
        }
    }

    /// With warnings in a JSON object.
    pub(crate) fn warnings(mut self, warnings: &[String]) -> Self {
        self.warnings = warnings.to_vec();
        self
    }

    /// Takes the next ranges.
    pub(crate) fn ranges(&mut self, ranges: &[ByteRange], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        self.listed += ranges.len() as u64;
        self.listed_bytes += ranges.iter().map(|range| range.len_bytes).sum::<u64>();
        if output.mode() == OutputMode::Buffering && self.hold(ranges)? {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        if output.overflow() == OutputMode::Streaming {
            self.write(&held, output)?;
            self.write(ranges, output)?;
        }
        Ok(())
    }

    /// The number of ranges so far, and their bytes.
    pub(crate) const fn listed(&self) -> (u64, u64) {
        (self.listed, self.listed_bytes)
    }

    /// Writes the rest, once the whole was judged.
    pub(crate) fn end(&mut self, figures: &ListFigures, output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        if output.mode() == OutputMode::Buffering {
            self.known = Some(*figures);
            output.release();
            let held = std::mem::take(&mut self.held);
            self.write(&held, output)?;
        }
        self.write_head(output)?;
        Ok(output.write_all(&self.foot(figures))?)
    }

    /// Holds ranges back, or returns false if they would be too many.
    fn hold(&mut self, ranges: &[ByteRange]) -> io::Result<bool> {
        let has_room = self.held.len() + ranges.len() <= MAX_RANGES;
        if has_room {
            self.held.try_reserve(ranges.len())?;
            self.held.extend_from_slice(ranges);
        }
        Ok(has_room)
    }

    /// Writes ranges: a wave is formatted on all threads, then written in order.
    fn write(&mut self, ranges: &[ByteRange], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        self.write_head(output)?;
        for wave in ranges.chunks(WAVE) {
            let copy = |from: &[ByteRange], to: &mut Vec<ByteRange>| {
                to.clear();
                to.extend_from_slice(from);
                Ok(())
            };
            format_pieces(&*self.writer, wave, !self.has_written_ranges, &mut self.pieces, copy)?;
            for text in &self.pieces {
                output.write_all(text)?;
            }
            self.has_written_ranges = true;
        }
        Ok(())
    }

    fn write_head(&mut self, output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        if !self.has_written_head {
            let mut head = Vec::new();
            self.writer.head(&self.geometry, self.known.map(|known| known.changed).as_ref(), &mut head);
            output.write_all(&head)?;
            self.has_written_head = true;
        }
        Ok(())
    }

    fn foot(&self, figures: &ListFigures) -> Vec<u8> {
        let ListFigures { changed, listed, listed_bytes, next_offset } = figures;
        let mut foot = Vec::new();
        // A list of JSON objects begins its last line only if there are any.
        let totals =
            Totals { extents: if self.format == Format::Json { *listed } else { changed.extents }, ..*changed };
        self.writer.foot(&self.geometry, &totals, self.known.is_some(), &mut foot);
        let ListKind { is_shaped, is_inverted, has_limit } = self.kind;
        let is_odd = is_shaped || is_inverted || has_limit;
        match self.format {
            Format::Json => {
                if is_odd {
                    add_member(&mut foot, "listed", &json!(listed));
                    add_member(&mut foot, "listed_bytes", &json!(listed_bytes));
                }
                if is_inverted {
                    add_member(&mut foot, "inverted", &json!(true));
                }
                if has_limit {
                    add_member(&mut foot, "next_offset", &json!(next_offset));
                }
                if !self.warnings.is_empty() {
                    add_member(&mut foot, "warnings", &json!(self.warnings));
                }
            }
            Format::Human if is_odd => {
                let what = if is_inverted { "not changed" } else { "to read" };
                let (count, bytes) = (HumanCount(*listed), BinaryBytes(*listed_bytes));
                foot.extend_from_slice(format!("listed: {count} ranges, {bytes} {what}\n").as_bytes());
            }
            _ => {}
        }
        foot
    }
}
