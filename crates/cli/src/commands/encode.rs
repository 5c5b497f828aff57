//! `cbt encode` and `cbt bits`: the bitmap written down again.

use changed_blocks::{BitmapWriter, Encoding, Extent, Geometry, Prepare, Summary};

use crate::args::{BitsArgs, EncodeArgs};
use crate::failure::Failure;
use crate::output::buffer::{OutputBuffer, OutputMode, Target};
use crate::run::{Render, RenderError, run};
use crate::scan_options;

pub(crate) fn encode(args: &EncodeArgs) -> Result<(), Failure> {
    let (scanner, _, input) = scan_options::open(&args.input)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    let encoding = Encoding::from(args.to);
    if matches!(encoding, Encoding::Raw(_)) && target.is_terminal() {
        let message = "raw bytes are not written to a terminal".to_owned();
        return Err(Failure::Usage { message, hint: "say -o FILE, or pipe them on" });
    }
    run(&scanner, input, target, || BitmapRender::new(encoding, 0, None))
}

pub(crate) fn bits(args: &BitsArgs) -> Result<(), Failure> {
    let (scanner, _, input) = scan_options::open(&args.input)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    run(&scanner, input, target, || BitmapRender::new(Encoding::Bits, args.first_block, args.count))
}

/// Writes a part of the bitmap.
pub(crate) struct BitmapRender {
    encoding: Encoding,
    writer: BitmapWriter,
    first_block: u64,
    count: Option<u64>,
    seen: Seen,
}

/// What two passes must agree on.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Seen {
    extents: u64,
    changed_blocks: u64,
}

/// Bits depend on where others are.
pub(crate) struct Nothing;

impl Prepare for Nothing {
    type Part = ();

    fn prepare(&self, _extents: &[Extent]) {}
}

impl BitmapRender {
    pub(crate) fn new(encoding: Encoding, first_block: u64, count: Option<u64>) -> Self {
        Self { encoding, writer: BitmapWriter::new(encoding), first_block, count, seen: Seen::default() }
    }
}

impl Render for BitmapRender {
    type Prepare = Nothing;
    type Digest = Seen;

    fn begin(&mut self, _geometry: &Geometry, _state: OutputMode) -> Nothing {
        Nothing
    }

    fn extents(&mut self, extents: &[Extent], (): (), to: &mut OutputBuffer<'_>) -> Result<(), RenderError> {
        self.seen.extents += extents.len() as u64;
        let end_block = self.count.map_or(u64::MAX, |count| self.first_block.saturating_add(count));
        for extent in extents {
            self.seen.changed_blocks += extent.len_blocks();
            let (start, end) = (extent.start_block.max(self.first_block), extent.end_block.min(end_block));
            if start < end {
                self.writer.extents(&[Extent::new(start - self.first_block, end - self.first_block)], to)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, summary: &Summary, to: &mut OutputBuffer<'_>) -> Result<(), RenderError> {
        let there = summary.blocks.saturating_sub(self.first_block);
        let count = self.count.unwrap_or(there);
        if count > there || there == 0 {
            let message = match self.count {
                Some(count) => format!("{count} blocks from block {} on are asked for", self.first_block),
                None => format!("the blocks from block {} on are asked for", self.first_block),
            };
            let message = format!("{message}, but there are only {} blocks", summary.blocks);
            return Err(RenderError::Usage { message, hint: "blocks are counted from 0" });
        }
        let writer = std::mem::replace(&mut self.writer, BitmapWriter::new(self.encoding));
        Ok(writer.finish(count, to)?)
    }

    fn foot(&self, _head_knew: bool) -> Vec<u8> {
        match self.encoding {
            Encoding::Base64 | Encoding::Bits => vec![b'\n'],
            _ => Vec::new(),
        }
    }

    fn digest(&self) -> Seen {
        self.seen
    }
}
