//! The list of extents, printed in one of the formats.
//!
//! Extents are held back while the output is; the text is made when it is written. Invariant: every extent that was taken
//! is in `totals`, and either in `held`, or written, or left to a second pass.

use std::io::Write;

use changed_blocks::format::{Csv, ExtentFormat, Json, Ndjson, Text, Totals};
use changed_blocks::{BlockSize, ByteRange, Extent, Geometry, Summary, VirtualSize};

use super::buffer::{MAX_BUFFERED_BYTES, OutputBuffer, OutputMode};
use super::human::Human;
use super::json_members::JsonWithWarnings;
use super::list_formatter::ListFormatter;
use super::pieces::{ListWriter, hold};
use super::printer::{PrintError, Printer};
use crate::args::Format;

/// How many extents are held back at the most.
const MAX_EXTENTS: usize = MAX_BUFFERED_BYTES / size_of::<Extent>();

/// The format that was asked for. Only the JSON object has a place for warnings.
pub(crate) fn extent_format(
    format: Format,
    block_size: BlockSize,
    warnings: &[String],
) -> Box<dyn ExtentFormat + Send + Sync> {
    match format {
        Format::Text => Box::new(Text),
        Format::Human => Box::new(Human { block_size }),
        Format::Json if warnings.is_empty() => Box::new(Json),
        Format::Json => Box::new(JsonWithWarnings::new(warnings)),
        Format::Ndjson => Box::new(Ndjson),
        Format::Csv => Box::new(Csv),
    }
}

pub(crate) struct ListPrinter<'f> {
    formatter: ListFormatter<'f>,
    /// The totals, if they are known before the first extent is written.
    known_totals: Option<Totals>,
    totals: Totals,
    /// Extents that are held back: those of a window in a list that is too long to be held back itself.
    held: Vec<Extent>,
    writer: ListWriter,
}

impl<'f> ListPrinter<'f> {
    /// Prints the part of the list that lies in the window. An earlier pass knows the totals.
    pub(crate) fn new(
        format: &'f (dyn ExtentFormat + Send + Sync),
        window: ByteRange,
        known_totals: Option<Totals>,
    ) -> Self {
        Self {
            formatter: ListFormatter { format, geometry: Geometry::default(), window },
            known_totals,
            totals: Totals::default(),
            held: Vec::new(),
            writer: ListWriter::default(),
        }
    }

    /// Adds extents to the totals.
    fn count(&mut self, extents: &[Extent]) -> Result<(), PrintError> {
        self.totals.merge(&self.formatter.totals(extents)?);
        Ok(())
    }

    fn write(&mut self, extents: &[Extent], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        self.write_head(output)?;
        let formatter = &self.formatter;
        self.writer.write(formatter.format, extents, output, |extents, ranges| formatter.ranges(extents, ranges))
    }

    fn write_head(&mut self, output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        let ListFormatter { format, geometry, .. } = &self.formatter;
        self.writer.write_head(output, |head| format.head(geometry, self.known_totals.as_ref(), head))
    }

    /// Refuses a window that is not on the disk: an empty list would look as if nothing had changed.
    fn refuse_window_beyond_end(&self, summary: &Summary) -> Result<(), PrintError> {
        let ListFormatter { geometry, window, .. } = &self.formatter;
        let block_size = geometry.block_size.bytes();
        let size = geometry.virtual_size.map_or(summary.blocks.saturating_mul(block_size), VirtualSize::bytes);
        if window.offset_bytes >= size {
            return Err(PrintError::window_beyond_end(*window, size));
        }
        Ok(())
    }
}

impl Printer for ListPrinter<'_> {
    type Digest = Totals;

    fn begin(&mut self, geometry: &Geometry) {
        self.formatter.geometry = *geometry;
    }

    fn wanted_extents(&self, mode: OutputMode) -> usize {
        if mode == OutputMode::Buffering { MAX_EXTENTS - self.held.len() } else { 0 }
    }

    fn extents(&mut self, extents: &[Extent], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        let extents = self.formatter.in_window(extents)?;
        self.count(extents)?;
        if output.mode() == OutputMode::Buffering && hold(&mut self.held, extents, MAX_EXTENTS - 1)? {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        if output.overflow() == OutputMode::Streaming {
            self.write(&held, output)?;
            self.write(extents, output)?;
        }
        Ok(())
    }

    fn end(&mut self, extents: &[Extent], summary: &Summary, output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        let extents = self.formatter.in_window(extents)?;
        self.refuse_window_beyond_end(summary)?;
        self.count(extents)?;
        if output.mode() == OutputMode::Buffering {
            self.known_totals = Some(self.totals);
            output.release();
        }
        if output.mode() == OutputMode::Streaming {
            let held = std::mem::take(&mut self.held);
            self.write(&held, output)?;
            self.write(extents, output)?;
        }
        // Of an empty list, this is all.
        self.write_head(output)?;
        let mut foot = Vec::new();
        let head_knew = self.known_totals.is_some();
        let end = self.writer.end();
        self.formatter.format.foot(&self.formatter.geometry, &self.totals, head_knew, end, &mut foot);
        Ok(output.write_all(&foot)?)
    }

    fn digest(&self) -> Totals {
        self.totals
    }
}
