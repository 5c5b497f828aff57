//! `cbt extents`: the byte ranges that changed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use changed_blocks::format::{Csv, ExtentFormat, Json, Ndjson, Text, Totals};
use changed_blocks::{BlockSize, ByteRange, Extent, Geometry, Scanner, Summary, VirtualSize};

use crate::args::{ExtentsArgs, Format, WindowArgs};
use crate::failure::Failure;
use crate::formatter::{Formatted, Formatter};
use crate::held::Room;
use crate::human::Human;
use crate::input::Input;
use crate::plan::scanner;
use crate::run::{Render, RenderError, run};
use crate::sink::{Sink, State, Target};

pub(crate) fn extents(args: &ExtentsArgs) -> Result<(), Failure> {
    let scanner = scanner(&args.input)?;
    let window = window(&args.window)?;
    let mut input = Input::open(&args.input)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    Listing::new(args.output, args.input.block_size, window).run(&scanner, &mut input, target)
}

/// The part of the disk that the options name.
pub(crate) fn window(args: &WindowArgs) -> Result<ByteRange, Failure> {
    if args.length == Some(0) {
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

    /// Writes the list of what changed in the input.
    pub(crate) fn run(&self, scanner: &Scanner, input: &mut Input, target: Target) -> Result<(), Failure> {
        run(scanner, input, target, || {
            let (format, window) = (&*self.format, self.window);
            let geometry = Geometry::default();
            let formatter = Formatter { format, geometry, window, shared: Arc::default(), room: Arc::default() };
            ExtentsRender { formatter, totals: Totals::default(), begun: false }
        })
    }
}

struct ExtentsRender<'f> {
    formatter: Formatter<'f>,
    totals: Totals,
    /// Whether anything was written, so that a separator comes first.
    begun: bool,
}

impl<'f> Render for ExtentsRender<'f> {
    type Prepare = Formatter<'f>;
    type Digest = Totals;

    fn begin(&mut self, geometry: &Geometry, room: &Arc<Room>) -> Formatter<'f> {
        self.formatter.geometry = *geometry;
        self.formatter.room = room.clone();
        self.formatter.clone()
    }

    fn head(&self, totals: Option<&Totals>) -> Vec<u8> {
        let mut head = Vec::new();
        self.formatter.format.head(&self.formatter.geometry, totals, &mut head);
        head
    }

    fn extents(&mut self, _extents: &[Extent], part: Formatted, to: &mut Sink<'_>) -> Result<(), RenderError> {
        let Formatter { format, shared, .. } = &self.formatter;
        if let Some(error) = part.failed {
            return Err(error.into());
        }
        self.totals.merge(&part.totals);
        if !part.is_empty() {
            if self.begun {
                to.put(format.separator())?;
            }
            self.begun = true;
            match &*part.kept {
                [] => to.put(&part.text)?,
                kept => to.put_kept(kept)?,
            }
            if to.state() == State::Discarding {
                shared.discarding.store(true, Ordering::Relaxed);
            }
        }
        shared.give_back(part);
        Ok(())
    }

    fn end(&mut self, summary: &Summary, _to: &mut Sink<'_>) -> Result<(), RenderError> {
        let Formatter { geometry, window, .. } = &self.formatter;
        let block_size = geometry.block_size.bytes();
        let size = geometry.virtual_size.map_or(summary.blocks.saturating_mul(block_size), VirtualSize::bytes);
        if window.offset_bytes > size {
            let message = format!("--offset {} is not on the disk, which has {size} bytes", window.offset_bytes);
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
