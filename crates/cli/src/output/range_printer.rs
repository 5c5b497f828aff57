//! A list of ranges that were shaped or combined, printed in one of the formats.
//!
//! Ranges are held back while the output is. Invariant: every range that was taken is in `listed`, and either in `held`, or
//! written, or left to a second pass.

use std::io::Write;

use changed_blocks::format::{ExtentFormat, Totals};
use changed_blocks::{ByteRange, Geometry};
use indicatif::{BinaryBytes, HumanCount};
use serde_json::json;

use super::buffer::{MAX_BUFFERED_BYTES, OutputBuffer, OutputMode};
use super::json_members::add_member;
use super::list_printer::extent_format;
use super::pieces::{ListWriter, hold};
use super::printer::PrintError;
use crate::args::Format;
use crate::shape_plan::ShapePlan;

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

pub(crate) struct RangePrinter {
    format_name: Format,
    format: Box<dyn ExtentFormat + Send + Sync>,
    warnings: Vec<String>,
    geometry: Geometry,
    shape: ShapePlan,
    /// The figures, if they are known before the first range is written.
    known: Option<ListFigures>,
    listed: u64,
    listed_bytes: u64,
    held: Vec<ByteRange>,
    writer: ListWriter,
}

impl RangePrinter {
    /// A printer for one pass. An earlier pass knows the figures.
    pub(crate) fn new(format: Format, geometry: Geometry, shape: ShapePlan, known: Option<ListFigures>) -> Self {
        Self {
            format_name: format,
            format: extent_format(format, geometry.block_size, &[]),
            warnings: Vec::new(),
            geometry,
            shape,
            known,
            listed: 0,
            listed_bytes: 0,
            held: Vec::new(),
            writer: ListWriter::default(),
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
        if output.mode() == OutputMode::Buffering && hold(&mut self.held, ranges, MAX_RANGES)? {
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

    fn write(&mut self, ranges: &[ByteRange], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        self.write_head(output)?;
        let copy = |from: &[ByteRange], to: &mut Vec<ByteRange>| {
            to.clear();
            to.extend_from_slice(from);
            Ok(())
        };
        self.writer.write(&*self.format, ranges, output, copy)
    }

    fn write_head(&mut self, output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        let totals = self.known.map(|known| known.changed);
        self.writer.write_head(output, |head| self.format.head(&self.geometry, totals.as_ref(), head))
    }

    fn foot(&self, figures: &ListFigures) -> Vec<u8> {
        let ListFigures { changed, listed, listed_bytes, next_offset } = figures;
        let mut foot = Vec::new();
        // A list of JSON objects begins its last line only if there are any.
        let totals =
            Totals { extents: if self.format_name == Format::Json { *listed } else { changed.extents }, ..*changed };
        self.format.foot(&self.geometry, &totals, self.known.is_some(), self.writer.end(), &mut foot);
        let ShapePlan { shape, limit } = self.shape;
        let is_plain = self.shape.is_plain();
        match self.format_name {
            Format::Json => {
                if !is_plain {
                    add_member(&mut foot, "listed", &json!(listed));
                    add_member(&mut foot, "listed_bytes", &json!(listed_bytes));
                }
                if shape.invert {
                    add_member(&mut foot, "inverted", &json!(true));
                }
                if limit.is_some() {
                    add_member(&mut foot, "next_offset", &json!(next_offset));
                }
                if !self.warnings.is_empty() {
                    add_member(&mut foot, "warnings", &json!(self.warnings));
                }
            }
            Format::Human if !is_plain => {
                let use_of_bytes = if shape.invert { "not changed" } else { "to read" };
                let (count, bytes) = (HumanCount(*listed), BinaryBytes(*listed_bytes));
                foot.extend_from_slice(format!("listed: {count} ranges, {bytes} {use_of_bytes}\n").as_bytes());
            }
            _ => {}
        }
        foot
    }
}
