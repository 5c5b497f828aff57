//! A list of ranges that were shaped, combined or read, printed as a list or as a bitmap.

use std::io::Write;

use changed_blocks::cbtlog::WritableStore;
use changed_blocks::format::Totals;
use changed_blocks::{BlockSize, ByteRange, Extent, Geometry};
use indicatif::{BinaryBytes, HumanCount};
use serde_json::json;

use super::bitmap_printer::BitmapPrinter;
use super::buffer::{MAX_BUFFERED_BYTES, OutputBuffer, OutputMode};
use super::json_members::{add_member, add_origin, add_warnings, add_window};
use super::pieces::{ListWriter, hold};
use super::printer::{PrintError, Printer};
use crate::args::OutputFormat;
use crate::digest::DigestBytes;
use crate::list_plan::ListPlan;
use crate::shape_plan::ShapePlan;

/// How many ranges are held back at the most.
const MAX_RANGES: usize = MAX_BUFFERED_BYTES / size_of::<ByteRange>();

/// The figures of a list, on which two passes over the same input must agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListFigures {
    /// Sums over all that changed in the window.
    pub(crate) changed: Totals,
    /// Sums over the ranges of the list, which may cover more or less than that.
    pub(crate) listed: Totals,
    /// The offset of the first range that was not listed since there are enough.
    pub(crate) next_offset: Option<u64>,
    /// The digest of all that changed, if it is asked for.
    pub(crate) digest: Option<DigestBytes>,
}

/// Writes down the ranges of one pass over the inputs.
pub(crate) trait RangePrinter {
    /// Takes the next ranges.
    fn ranges(&mut self, ranges: &[ByteRange], output: &mut OutputBuffer<'_>) -> Result<(), PrintError>;

    /// Writes the rest, once the whole was judged. The disk ends at `disk_end`, as far as that is known.
    fn end(
        &mut self,
        figures: &ListFigures,
        disk_end: Option<u64>,
        output: &mut OutputBuffer<'_>,
    ) -> Result<(), PrintError>;
}

/// A printer for one pass. An earlier pass knows the figures.
pub(crate) fn range_printer<'p>(
    plan: &'p ListPlan,
    geometry: Geometry,
    known: Option<ListFigures>,
) -> Result<Box<dyn RangePrinter + 'p>, PrintError> {
    Ok(match plan.output {
        OutputFormat::Bitmap(_) | OutputFormat::Image => {
            if geometry.virtual_size.is_some_and(|size| size.bytes() > WritableStore::LARGEST) {
                let message = format!("a bitmap is made of a disk of at most {} bytes", WritableStore::LARGEST);
                return Err(PrintError::Usage { message, hint: "is the size of the disk right?" });
            }
            let printer = BitmapPrinter::new(plan, &geometry)?;
            Box::new(CoveringBlocks { printer, block_size: geometry.block_size, end_block: 0 })
        }
        _ => {
            let writer = ListWriter::new(plan.output, geometry)?;
            Box::new(ShapedList { plan, known, held: Vec::new(), writer })
        }
    })
}

/// The ranges themselves. They are held back while the output is. Invariant: every range that was taken is either in `held`, or
/// written, or left to a second pass.
struct ShapedList<'p> {
    plan: &'p ListPlan,
    /// The figures, if they are known before the first range is written.
    known: Option<ListFigures>,
    held: Vec<ByteRange>,
    writer: ListWriter,
}

impl RangePrinter for ShapedList<'_> {
    fn ranges(&mut self, ranges: &[ByteRange], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
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

    fn end(
        &mut self,
        figures: &ListFigures,
        _disk_end: Option<u64>,
        output: &mut OutputBuffer<'_>,
    ) -> Result<(), PrintError> {
        if output.mode() == OutputMode::Buffering {
            self.known = Some(*figures);
            output.release();
        }
        if output.mode() == OutputMode::CountOnly {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        self.write(&held, output)?;
        Ok(output.write_all(&self.foot(figures))?)
    }
}

impl ShapedList<'_> {
    fn write(&mut self, ranges: &[ByteRange], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        let totals = self.known.map(|known| self.totals(&known));
        self.writer.write_head(totals.as_ref(), output)?;
        let copy = |from: &[ByteRange], to: &mut Vec<ByteRange>| {
            to.clear();
            to.extend_from_slice(from);
            Ok(())
        };
        self.writer.write(ranges, output, copy)
    }

    /// The sums that the format says: over what is listed, but people and JSON are told how much changed.
    fn totals(&self, figures: &ListFigures) -> Totals {
        let ListFigures { changed, listed, .. } = *figures;
        match self.plan.output {
            OutputFormat::Human => changed,
            // A list of JSON objects begins its last line only if there are any.
            format if format.is_json_object() => Totals { extents: listed.extents, ..changed },
            _ => listed,
        }
    }

    fn foot(&self, figures: &ListFigures) -> Vec<u8> {
        let ListFigures { listed, next_offset, .. } = figures;
        let mut foot = self.writer.foot(&self.totals(figures));
        let ShapePlan { shape, limit } = self.plan.shape;
        let is_plain = self.plan.shape.is_plain();
        match self.plan.output {
            format if format.is_json_object() => {
                if !is_plain {
                    add_member(&mut foot, "listed", &json!(listed.extents));
                    add_member(&mut foot, "listed_bytes", &json!(listed.changed_bytes));
                }
                if shape.invert {
                    add_member(&mut foot, "inverted", &json!(true));
                }
                if limit.is_some() {
                    add_member(&mut foot, "next_offset", &json!(next_offset));
                }
                add_window(&mut foot, self.plan.window);
                add_origin(&mut foot, &self.plan.origin, figures.digest.as_ref());
                add_warnings(&mut foot, &self.plan.warnings);
            }
            OutputFormat::Human if !is_plain => {
                let use_of_bytes = if shape.invert { "not changed" } else { "to read" };
                let (count, bytes) = (HumanCount(listed.extents), BinaryBytes(listed.changed_bytes));
                foot.extend_from_slice(format!("listed: {count} ranges, {bytes} {use_of_bytes}\n").as_bytes());
            }
            _ => {}
        }
        foot
    }
}

/// A bitmap of each block that a range touches.
struct CoveringBlocks {
    printer: BitmapPrinter,
    block_size: BlockSize,
    /// Where the last block ends that was printed.
    end_block: u64,
}

impl RangePrinter for CoveringBlocks {
    fn ranges(&mut self, ranges: &[ByteRange], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        let mut extents = Vec::with_capacity(ranges.len());
        for range in ranges {
            let start = self.end_block.max(range.offset_bytes / self.block_size.bytes());
            self.end_block = range.end_bytes().div_ceil(self.block_size.bytes());
            // Two ranges may touch one block.
            if start < self.end_block {
                extents.push(Extent::new(start, self.end_block));
            }
        }
        self.printer.extents(&extents, output)
    }

    fn end(
        &mut self,
        _figures: &ListFigures,
        disk_end: Option<u64>,
        output: &mut OutputBuffer<'_>,
    ) -> Result<(), PrintError> {
        let Some(disk_end) = disk_end else { return Err(PrintError::unknown_end("a bitmap")) };
        self.printer.finish(disk_end.div_ceil(self.block_size.bytes()), output)
    }
}
