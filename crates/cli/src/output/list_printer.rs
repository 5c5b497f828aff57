//! The list of extents, printed in one of the formats.
//!
//! Extents are held back while the output is; the text is made when it is written. Invariant: every extent that was taken
//! is in `totals`, and either in `buffered`, or written, or left to a second pass.

use std::io::Write;

use changed_blocks::format::{Csv, ExtentFormat, Json, Ndjson, Text, Totals};
use changed_blocks::{BlockSize, ByteRange, Extent, Geometry, Summary, VirtualSize};

use super::buffer::{OutputBuffer, OutputMode};
use super::extent_buffer::ExtentBuffer;
use super::human::Human;
use super::json_with_warnings::JsonWithWarnings;
use super::list_formatter::ListFormatter;
use super::printer::{PrintError, Printer};
use crate::args::Format;

/// How many extents are formatted before their text is written: some 1 MiB of it, which stays in a cache.
const WAVE_EXTENTS: usize = 32 << 10;

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
    /// The extents of the window that are held back.
    buffered: ExtentBuffer,
    /// The text of a wave, in memory that the next one uses again.
    pieces: Vec<Vec<u8>>,
    has_written_head: bool,
    has_written_extents: bool,
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
            buffered: ExtentBuffer::default(),
            pieces: Vec::new(),
            has_written_head: false,
            has_written_extents: false,
        }
    }

    /// Adds extents to the totals.
    fn count(&mut self, extents: &[Extent]) -> Result<(), PrintError> {
        self.totals.merge(&self.formatter.totals(extents)?);
        Ok(())
    }

    /// Counts extents and holds them back; once there are too many of them, writes them all, or leaves them to a second
    /// pass.
    fn buffer(&mut self, extents: &[Extent], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        let (formatter, buffered) = (&self.formatter, &mut self.buffered);
        // In parallel: most of the time goes to clearing fresh memory, which one thread does.
        let (totals, has_room) = rayon::join(|| formatter.totals(extents), || buffered.push(extents));
        self.totals.merge(&totals?);
        if has_room? {
            return Ok(());
        }
        let buffered = std::mem::take(&mut self.buffered);
        if output.overflow() == OutputMode::Streaming {
            self.write(buffered.extents(), output)?;
            self.write(extents, output)?;
        }
        Ok(())
    }

    /// Writes extents: a wave is formatted on all threads, then written in order.
    fn write(&mut self, extents: &[Extent], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        self.write_head(output)?;
        for wave in extents.chunks(WAVE_EXTENTS) {
            self.formatter.text(wave, !self.has_written_extents, &mut self.pieces)?;
            for text in &self.pieces {
                output.write_all(text)?;
            }
            self.has_written_extents = true;
        }
        Ok(())
    }

    fn write_head(&mut self, output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        if !self.has_written_head {
            let mut head = Vec::new();
            self.formatter.format.head(&self.formatter.geometry, self.known_totals.as_ref(), &mut head);
            output.write_all(&head)?;
            self.has_written_head = true;
        }
        Ok(())
    }

    /// Refuses a window that is not on the disk: an empty list would look as if nothing had changed.
    fn refuse_window_beyond_end(&self, summary: &Summary) -> Result<(), PrintError> {
        let ListFormatter { geometry, window, .. } = &self.formatter;
        let block_size = geometry.block_size.bytes();
        let size = geometry.virtual_size.map_or(summary.blocks.saturating_mul(block_size), VirtualSize::bytes);
        if window.offset_bytes >= size {
            let message = format!(
                "--offset {} is not on the disk, which has {size} bytes: it would list nothing, whatever changed",
                window.offset_bytes
            );
            return Err(PrintError::Usage { message, hint: "is it the right disk?" });
        }
        Ok(())
    }
}

impl Printer for ListPrinter<'_> {
    type Digest = Totals;

    fn begin(&mut self, geometry: &Geometry) {
        self.formatter.geometry = *geometry;
    }

    fn extents(&mut self, extents: &[Extent], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        let extents = self.formatter.in_window(extents)?;
        match output.mode() {
            OutputMode::Buffering => self.buffer(extents, output),
            OutputMode::CountOnly => self.count(extents),
            OutputMode::Streaming => {
                self.count(extents)?;
                self.write(extents, output)
            }
        }
    }

    fn end(&mut self, summary: &Summary, output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        self.refuse_window_beyond_end(summary)?;
        if output.mode() == OutputMode::Buffering {
            self.known_totals = Some(self.totals);
            output.release();
            let buffered = std::mem::take(&mut self.buffered);
            self.write(buffered.extents(), output)?;
        }
        // Of an empty list, this is all.
        self.write_head(output)?;
        let mut foot = Vec::new();
        let head_knew = self.known_totals.is_some();
        self.formatter.format.foot(&self.formatter.geometry, &self.totals, head_knew, &mut foot);
        Ok(output.write_all(&foot)?)
    }

    fn digest(&self) -> Totals {
        self.totals
    }
}
