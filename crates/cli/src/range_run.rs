//! A run over ranges: inputs are combined and shaped, range by range, and printed.
//!
//! ```text
//! start all inputs; know the size of the disk
//! combined → window → counted → shapes → limit → pieces → printer
//! read the rest of each input; judge each
//! ```
//!
//! Output appears as in [`run`](crate::run): held back, and if there is too much of it, in a second pass over the files.

use std::cell::RefCell;
use std::num::NonZeroU64;

use changed_blocks::format::Totals;
use changed_blocks::shape::{self, Limit, Shape, SortedRanges};
use changed_blocks::{BlockSize, ByteRange, Error, Geometry, VirtualSize};

use crate::args::Format;
use crate::failure::{Failure, warn};
use crate::operation::Operation;
use crate::output::buffer::OutputBuffer;
use crate::output::printer::PrintError;
use crate::output::progress::Progress;
use crate::output::range_printer::{ListFigures, RangePrinter};
use crate::output::target::Target;
use crate::range_input::{RangeInput, RangeSource, SharedSource};
use crate::run::in_passes;
use crate::shape_plan::ShapePlan;

/// How many ranges are taken at a time.
const BATCH: usize = 32 << 10;

/// The way from the inputs to the list.
pub(crate) struct ListPlan {
    pub(crate) operation: Operation,
    pub(crate) window: ByteRange,
    pub(crate) shape: ShapePlan,
    pub(crate) format: Format,
    /// For a JSON object.
    pub(crate) warnings: Vec<String>,
}

/// Reads the inputs, prints the list, and lets it appear.
pub(crate) fn run(mut inputs: Vec<RangeInput>, target: Target, plan: &ListPlan) -> Result<(), Failure> {
    let is_rereadable = inputs.iter().all(|input| input.input.is_rereadable());
    let figures =
        in_passes(names(&inputs), is_rereadable, target, |known, output| pass(&mut inputs, plan, known, output))?;
    if let Some(offset) = figures.next_offset {
        let json = matches!(plan.format, Format::Json | Format::Ndjson);
        let limit = plan.shape.limit.unwrap_or_default();
        warn(&format!("there are more than {limit} ranges: go on with --offset {offset}"), json);
    }
    inputs.into_iter().for_each(|input| input.input.drain());
    Ok(())
}

fn names(inputs: &[RangeInput]) -> String {
    inputs.iter().map(|input| input.input.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// One pass over the inputs, to the end of the output.
fn pass(
    inputs: &mut [RangeInput],
    plan: &ListPlan,
    known: Option<ListFigures>,
    output: &mut OutputBuffer<'_>,
) -> Result<ListFigures, Failure> {
    let mut progress = Progress::new(inputs.iter().map(|input| input.input.len()).sum());
    let (sources, geometry) = start(inputs);
    if geometry.virtual_size.is_none() && sources.iter().all(|source| source.borrow().error.is_none()) {
        plan.shape.refuse_unknown_end()?;
    }
    let mut printer = RangePrinter::new(plan.format, geometry, plan.shape, known).warnings(&plan.warnings);
    let printed = print_all_but_end(&sources, plan, &geometry, &mut printer, output, &mut progress);
    let printed = printed.and_then(|figures| read_rest(&sources, &geometry, plan.window).map(|()| figures));
    progress.stop();
    let errors: Vec<_> = sources.into_iter().map(|source| source.into_inner().error).collect();
    judge(inputs, errors)?;
    let finished = printed.and_then(|figures| {
        printer.end(&figures, output)?;
        output.finish()?;
        Ok(figures)
    });
    finished.map_err(|error| error.into_failure(names(inputs), output))
}

/// Starts all inputs, and finds the geometry of the disk: the size of the largest, and the finest blocks.
pub(crate) fn start(inputs: &mut [RangeInput]) -> (Vec<RefCell<RangeSource<'_>>>, Geometry) {
    let block_size = inputs.iter().map(|input| input.block_size).min().unwrap_or(BlockSize::DEFAULT);
    let mut sources = Vec::new();
    for input in inputs {
        sources.push(input.start());
    }
    let virtual_size: Option<VirtualSize> = sources.iter().filter_map(RangeSource::virtual_size).max();
    if let Some(size) = virtual_size {
        sources.iter_mut().for_each(|source| source.limit_to(size));
    }
    (sources.into_iter().map(RefCell::new).collect(), Geometry { block_size, virtual_size })
}

/// Fails with the error of the first input that has one, or if a file has changed.
pub(crate) fn judge(inputs: &[RangeInput], errors: Vec<Option<Error>>) -> Result<(), Failure> {
    for (input, error) in inputs.iter().zip(errors) {
        input.input.refuse_if_changed_before(error.as_ref())?;
        if let Some(error) = error {
            return Err(Failure::Bitmap { input: input.input.name.clone(), error });
        }
    }
    Ok(())
}

/// Prints the list up to its end, or to the first error of an input.
fn print_all_but_end(
    sources: &[RefCell<RangeSource<'_>>],
    plan: &ListPlan,
    geometry: &Geometry,
    printer: &mut RangePrinter,
    output: &mut OutputBuffer<'_>,
    progress: &mut Progress,
) -> Result<ListFigures, PrintError> {
    let changed = RefCell::new(ChangedTotals::new(geometry.block_size));
    let lists = sources.iter().map(|source| shape::check(SharedSource(source))).collect();
    let combined = plan.operation.combine(lists).window(plan.window);
    let counted = shape::check(combined.inspect(|&range| changed.borrow_mut().add(range)));
    let shape = plan.shape.with_window(plan.window);
    // Cut after the limit: from the start of a range one can go on, whatever it was aligned to, and from that of a piece not.
    let uncut = Shape { max_extent: None, ..shape }.apply(counted, geometry.virtual_size);
    let mut ranges = Limit::new(uncut, plan.shape.limit.unwrap_or(u64::MAX));
    let mut pieces = shape::check(ranges.by_ref()).split(shape.max_extent.unwrap_or(NonZeroU64::MAX));
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        batch.clear();
        batch.extend(pieces.by_ref().take(BATCH));
        if batch.is_empty() || sources.iter().any(|source| source.borrow().error.is_some()) {
            break;
        }
        printer.ranges(&batch, output)?;
        if output.is_on_terminal() {
            progress.stop();
        }
        progress.update(sources.iter().map(|source| source.borrow().bytes_read()).sum());
    }
    drop(pieces);
    let next_offset = ranges.resume_at();
    // The rest is counted, though it is not listed.
    ranges.into_rest().for_each(drop);
    let (listed, listed_bytes) = printer.listed();
    Ok(ListFigures { changed: changed.into_inner().totals, listed, listed_bytes, next_offset })
}

/// Reads what is left of each input after the window, and refuses a window that is not on the disk: an empty list would
/// look as if nothing had changed.
fn read_rest(sources: &[RefCell<RangeSource<'_>>], geometry: &Geometry, window: ByteRange) -> Result<(), PrintError> {
    sources.iter().for_each(|source| SharedSource(source).for_each(drop));
    let ends: Option<Vec<u64>> = sources.iter().map(|source| source.borrow().known_end()).collect();
    let end = geometry.virtual_size.map(VirtualSize::bytes).or_else(|| ends.and_then(|ends| ends.into_iter().max()));
    match end {
        Some(size) if window.offset_bytes >= size => Err(PrintError::window_beyond_end(window, size)),
        None if window.offset_bytes > 0 && sources.iter().all(|source| source.borrow().error.is_none()) => {
            let message = "--offset has to be on the disk, the end of which a list does not tell".to_owned();
            Err(PrintError::Usage { message, hint: "give --virtual-size" })
        }
        _ => Ok(()),
    }
}

/// Sums over ranges in order, of which two may touch one block.
pub(crate) struct ChangedTotals {
    pub(crate) totals: Totals,
    geometry: Geometry,
    last_block: Option<u64>,
}

impl ChangedTotals {
    pub(crate) fn new(block_size: BlockSize) -> Self {
        let geometry = Geometry { block_size, virtual_size: None };
        Self { totals: Totals::default(), geometry, last_block: None }
    }

    pub(crate) fn add(&mut self, range: ByteRange) {
        let block = |byte: u64| byte / self.geometry.block_size.bytes();
        self.totals.add(range, &self.geometry);
        self.totals.changed_blocks -= u64::from(self.last_block == Some(block(range.offset_bytes)));
        self.last_block = Some(block(range.end_bytes() - 1));
    }
}
