//! A part of the bitmap, printed in one of its encodings.

use std::io::Write;
use std::mem;

use changed_blocks::format::qcow2::BitmapImage;
use changed_blocks::{BitOrder, BitmapWriter, Encoding, Extent, Geometry, Summary};

use super::buffer::{OutputBuffer, OutputMode};
use super::printer::{PrintError, Printer};
use crate::args::OutputFormat;
use crate::list_plan::ListPlan;

/// The name of the bitmap in an image.
const IMAGE_BITMAP: &str = "changed";

pub(crate) struct BitmapPrinter {
    encoding: Encoding,
    writer: BitmapWriter,
    first_block: u64,
    /// How many blocks to print; all from the first on if nothing is said.
    count: Option<u64>,
    /// The bytes of an image before the bitmap, until they are written, and how many zeros come after it.
    head: Vec<u8>,
    padding_bytes: usize,
    digest: BitmapDigest,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BitmapDigest {
    extents: u64,
    changed_blocks: u64,
}

impl BitmapPrinter {
    /// Prints what the plan asks for.
    ///
    /// # Errors
    ///
    /// There is no such image of that disk.
    pub(crate) fn new(plan: &ListPlan, geometry: &Geometry) -> Result<Self, PrintError> {
        let (first_block, count) = plan.blocks;
        let (encoding, image) = match plan.output {
            OutputFormat::Bitmap(encoding) => (encoding, None),
            _ => (Encoding::Raw(BitOrder::Lsb0), Some(image(plan.output.name(), geometry)?)),
        };
        Ok(Self {
            encoding,
            writer: BitmapWriter::new(encoding),
            first_block,
            count,
            head: image.as_ref().map(BitmapImage::head).unwrap_or_default(),
            padding_bytes: image.as_ref().map_or(0, BitmapImage::padding_bytes),
            digest: BitmapDigest::default(),
        })
    }

    /// Writes the rest of a bitmap of that many blocks.
    pub(super) fn finish(&mut self, blocks: u64, output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        let rest = blocks.saturating_sub(self.first_block);
        let count = self.count.unwrap_or(rest);
        if count > rest || rest == 0 {
            let message = match self.count {
                Some(count) => format!("{count} blocks from block {} on are asked for", self.first_block),
                None => format!("the blocks from block {} on are asked for", self.first_block),
            };
            let message = format!("{message}, but there are only {blocks} blocks");
            return Err(PrintError::Usage { message, hint: "blocks are counted from 0" });
        }
        output.write_all(&mem::take(&mut self.head))?;
        let writer = mem::replace(&mut self.writer, BitmapWriter::new(self.encoding));
        writer.finish(count, output)?;
        output.write_all(&vec![0; self.padding_bytes])?;
        if matches!(self.encoding, Encoding::Base64 | Encoding::Bits) {
            output.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl Printer for BitmapPrinter {
    type Digest = BitmapDigest;

    fn wanted_extents(&self, _mode: OutputMode) -> usize {
        0
    }

    fn extents(&mut self, extents: &[Extent], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        output.write_all(&mem::take(&mut self.head))?;
        self.digest.extents += extents.len() as u64;
        let end_block = self.count.map_or(u64::MAX, |count| self.first_block.saturating_add(count));
        for extent in extents {
            self.digest.changed_blocks += extent.len_blocks();
            let (start, end) = (extent.start_block.max(self.first_block), extent.end_block.min(end_block));
            if start < end {
                self.writer.extents(&[Extent::new(start - self.first_block, end - self.first_block)], output)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, extents: &[Extent], summary: &Summary, output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        self.extents(extents, output)?;
        self.finish(summary.blocks, output)
    }

    fn digest(&self) -> BitmapDigest {
        self.digest
    }
}

/// The image for the bitmap of a disk.
fn image(format: &str, geometry: &Geometry) -> Result<BitmapImage, PrintError> {
    let Some(virtual_size) = geometry.virtual_size else { return Err(PrintError::unknown_end(format)) };
    Ok(BitmapImage::new(IMAGE_BITMAP, virtual_size, geometry.block_size)?)
}
