//! A part of the bitmap, printed in one of its encodings.

use std::io::Write;

use changed_blocks::{BitmapWriter, Encoding, Extent, Summary};

use super::buffer::{OutputBuffer, OutputMode};
use super::printer::{PrintError, Printer};

pub(crate) struct BitmapPrinter {
    encoding: Encoding,
    writer: BitmapWriter,
    first_block: u64,
    /// How many blocks to print; all from the first on if nothing is said.
    count: Option<u64>,
    digest: BitmapDigest,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BitmapDigest {
    extents: u64,
    changed_blocks: u64,
}

impl BitmapPrinter {
    pub(crate) fn new(encoding: Encoding, first_block: u64, count: Option<u64>) -> Self {
        Self { encoding, writer: BitmapWriter::new(encoding), first_block, count, digest: BitmapDigest::default() }
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
        let writer = std::mem::replace(&mut self.writer, BitmapWriter::new(self.encoding));
        writer.finish(count, output)?;
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
