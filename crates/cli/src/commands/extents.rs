//! `cbt extents`: the byte ranges that changed.

use changed_blocks::format::{Csv, ExtentFormat, Json, Ndjson, Text, Totals};
use changed_blocks::{BlockSize, ByteRange, Extent, Geometry, Scanner, Summary, VirtualSize};

use crate::args::{ExtentsArgs, Format, WindowArgs};
use crate::failure::Failure;
use crate::input::Input;
use crate::output::buffer::{OutputBuffer, OutputMode, Target};
use crate::output::formatter::Formatter;
use crate::output::human::Human;
use crate::output::json_with_warnings::JsonWithWarnings;
use crate::output::ordered::in_order;
use crate::output::packed::{HeldRanges, Packed, Part};
use crate::output::prepare::{Desk, Prepared, Preparer};
use crate::run::{Render, RenderError, run};
use crate::scan_options;

pub(crate) fn extents(args: &ExtentsArgs) -> Result<(), Failure> {
    let window = window(&args.window)?;
    let (scanner, block_size, input) = scan_options::open(&args.input)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    Listing::new(args.output, block_size, window).run(&scanner, input, target)
}

/// The part of the disk that the options name.
pub(crate) fn window(args: &WindowArgs) -> Result<ByteRange, Failure> {
    if args.length == Some(0) {
        // As an --offset at the end of the disk: an empty list would look as if nothing had changed.
        let message = "--length 0 would list nothing, whatever changed".to_owned();
        return Err(Failure::Usage { message, hint: "leave it out for everything from --offset on" });
    }
    let start = args.offset.unwrap_or(0);
    Ok(ByteRange::between(start, args.length.map_or(u64::MAX, |length| start.saturating_add(length))))
}

/// How a list is to be written, and what of it.
pub(crate) struct Listing {
    format: Box<dyn ExtentFormat + Send + Sync>,
    window: ByteRange,
}

impl Listing {
    pub(crate) fn new(format: Format, block_size: BlockSize, window: ByteRange) -> Self {
        let format: Box<dyn ExtentFormat + Send + Sync> = match format {
            Format::Text => Box::new(Text),
            Format::Human => Box::new(Human { block_size }),
            Format::Json => Box::new(Json),
            Format::Ndjson => Box::new(Ndjson),
            Format::Csv => Box::new(Csv),
        };
        Self { format, window }
    }

    /// Puts warnings into the object, if it is to be one.
    pub(crate) fn with_warnings(mut self, format: Format, warnings: &[String]) -> Self {
        if format == Format::Json && !warnings.is_empty() {
            self.format = Box::new(JsonWithWarnings::new(warnings));
        }
        self
    }

    /// Writes the list of what changed in the input.
    pub(crate) fn run(&self, scanner: &Scanner, input: Input, target: Target) -> Result<(), Failure> {
        let desk = Desk::new();
        run(scanner, input, target, || {
            let formatter = Formatter { format: &*self.format, geometry: Geometry::default(), window: self.window };
            ExtentsRender { formatter, desk: &desk, held: HeldRanges::new(), totals: Totals::default(), begun: false }
        })
    }
}

struct ExtentsRender<'f> {
    formatter: Formatter<'f>,
    desk: &'f Desk,
    /// Those that cannot be written yet.
    held: HeldRanges,
    totals: Totals,
    /// Whether anything was written, so that a separator comes first.
    begun: bool,
}

impl ExtentsRender<'_> {
    /// Takes extents that were to be held: most likely, they still are.
    fn hold(&mut self, packed: &Packed, to: &mut OutputBuffer<'_>) -> Result<(), RenderError> {
        if packed.is_empty() {
            return Ok(());
        }
        self.held.append(packed);
        if to.state() == OutputMode::Buffering {
            if !self.held.are_too_many() {
                return Ok(());
            }
            self.desk.set(to.overflow()?);
        }
        let held = self.take_held();
        if to.state() == OutputMode::Streaming {
            // On this thread alone: the others may be waiting for it.
            let mut text = Vec::new();
            for part in held.parts() {
                self.formatter.lines(&part, &mut text);
                self.write(&text, to)?;
            }
        }
        Ok(())
    }

    fn take_held(&mut self) -> HeldRanges {
        std::mem::replace(&mut self.held, HeldRanges::new())
    }

    /// Writes some lines, with a separator between them and those before.
    fn write(&mut self, text: &[u8], to: &mut OutputBuffer<'_>) -> Result<(), RenderError> {
        if text.is_empty() {
            return Ok(());
        }
        let separator = if self.begun { self.formatter.format.separator() } else { b"" };
        self.begun = true;
        Ok(to.put(&[separator, text])?)
    }
}

impl<'f> Render for ExtentsRender<'f> {
    type Prepare = Preparer<'f>;
    type Digest = Totals;

    fn begin(&mut self, geometry: &Geometry, state: OutputMode) -> Preparer<'f> {
        self.formatter.geometry = *geometry;
        self.desk.set(state);
        Preparer { formatter: self.formatter, desk: self.desk }
    }

    fn head(&self, totals: Option<&Totals>) -> Vec<u8> {
        let mut head = Vec::new();
        self.formatter.format.head(&self.formatter.geometry, totals, &mut head);
        head
    }

    fn extents(
        &mut self,
        _extents: &[Extent],
        mut part: Prepared,
        to: &mut OutputBuffer<'_>,
    ) -> Result<(), RenderError> {
        if let Some(error) = part.failed.take() {
            return Err(error.into());
        }
        self.totals.merge(&part.totals);
        self.hold(&part.packed, to)?;
        self.write(&part.text, to)?;
        self.desk.give_back(part);
        Ok(())
    }

    fn write_held(&mut self, to: &mut OutputBuffer<'_>) -> Result<(), RenderError> {
        let held = self.take_held();
        let formatter = self.formatter;
        let lines = |part: &Part<'_>, text: &mut Vec<u8>| formatter.lines(part, text);
        in_order(&held.parts(), lines, |text| self.write(text, to))
    }

    fn end(&mut self, summary: &Summary, _to: &mut OutputBuffer<'_>) -> Result<(), RenderError> {
        let Formatter { geometry, window, .. } = &self.formatter;
        let block_size = geometry.block_size.bytes();
        let size = geometry.virtual_size.map_or(summary.blocks.saturating_mul(block_size), VirtualSize::bytes);
        if window.offset_bytes >= size {
            let message = format!(
                "--offset {} is not on the disk, which has {size} bytes: it would list nothing, whatever changed",
                window.offset_bytes
            );
            return Err(RenderError::Usage { message, hint: "is it the right disk?" });
        }
        Ok(())
    }

    fn foot(&self, head_knew: bool) -> Vec<u8> {
        let mut foot = Vec::new();
        self.formatter.format.foot(&self.formatter.geometry, &self.totals, head_knew, &mut foot);
        foot
    }

    fn digest(&self) -> Totals {
        self.totals
    }
}
