//! `cbt extents`: the byte ranges that changed.

use changed_blocks::format::{Csv, ExtentFormat, Json, Ndjson, Text, Totals};
use changed_blocks::{ByteRange, Extent, Geometry, Summary, VirtualSize};

use crate::args::{ExtentsArgs, Format};
use crate::failure::Failure;
use crate::formatter::Formatter;
use crate::human::Human;
use crate::input::Input;
use crate::plan::scanner;
use crate::run::{Render, RenderError, run};
use crate::sink::{Sink, Target};

pub(crate) fn extents(args: &ExtentsArgs) -> Result<(), Failure> {
    let scanner = scanner(&args.input)?;
    let start = args.offset.unwrap_or(0);
    let end = args.length.map_or(u64::MAX, |length| start.saturating_add(length));
    if args.length == Some(0) {
        let message = "--length 0 would list nothing, whatever changed".to_owned();
        return Err(Failure::Usage { message, hint: "leave it out for everything from --offset on" });
    }
    let window = ByteRange::between(start, end);
    let human = Human { block_size: args.input.block_size };
    let format: &(dyn ExtentFormat + Sync) = match args.output {
        Format::Text => &Text,
        Format::Human => &human,
        Format::Json => &Json,
        Format::Ndjson => &Ndjson,
        Format::Csv => &Csv,
    };
    let mut input = Input::open(&args.input)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    run(&scanner, &mut input, target, || ExtentsRender { format, window, formatter: Formatter::new(format, window) })
}

struct ExtentsRender<'f> {
    format: &'f (dyn ExtentFormat + Sync),
    window: ByteRange,
    formatter: Formatter<'f>,
}

impl Render for ExtentsRender<'_> {
    type Digest = Totals;

    fn begin(&mut self, geometry: &Geometry) {
        self.formatter.set_geometry(*geometry);
    }

    fn head(&self, totals: Option<&Totals>) -> Vec<u8> {
        let mut head = Vec::new();
        self.format.head(self.formatter.geometry(), totals, &mut head);
        head
    }

    fn extents(&mut self, extents: &[Extent], to: &mut Sink<'_>) -> Result<(), RenderError> {
        self.formatter.take(extents, to)
    }

    fn end(&mut self, summary: &Summary, _to: &mut Sink<'_>) -> Result<(), RenderError> {
        let geometry = self.formatter.geometry();
        let block_size = geometry.block_size.bytes();
        let size = geometry.virtual_size.map_or(summary.blocks.saturating_mul(block_size), VirtualSize::bytes);
        if self.window.offset_bytes > size {
            let message = format!("--offset {} is not on the disk, which has {size} bytes", self.window.offset_bytes);
            return Err(RenderError::Usage { message, hint: "is it the right disk?" });
        }
        Ok(())
    }

    fn foot(&self, head_knew: bool) -> Vec<u8> {
        let mut foot = Vec::new();
        self.format.foot(self.formatter.geometry(), self.formatter.totals(), head_knew, &mut foot);
        foot
    }

    fn digest(&self) -> Totals {
        *self.formatter.totals()
    }
}
