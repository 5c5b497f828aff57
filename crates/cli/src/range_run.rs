//! A run over ranges: inputs are combined and shaped, range by range, and printed.
//!
//! ```text
//! start all inputs; know the size of the disk
//! combined → window → counted → shapes → limit → pieces → printer
//! read the rest of each input; judge each
//! ```
//!
//! Output appears as in [`run`](mod@crate::run): held back, and if there is too much of it, in a second pass over the files.

use std::cell::RefCell;
use std::num::NonZeroU64;

use changed_blocks::format::Totals;
use changed_blocks::shape::{self, Limit, Shape, SortedRanges};
use changed_blocks::{BlockSize, ByteRange, Error, Geometry, Scanner, VirtualSize};

use crate::args::OutputFormat;
use crate::digest::BitmapDigest;
use crate::failure::{Failure, warn};
use crate::input::Input;
use crate::list_plan::ListPlan;
use crate::output::bitmap_printer::BitmapPrinter;
use crate::output::buffer::OutputBuffer;
use crate::output::list_printer::ListPrinter;
use crate::output::printer::PrintError;
use crate::output::progress::Progress;
use crate::output::range_printer::{ListFigures, RangePrinter, range_printer};
use crate::output::target::Target;
use crate::range_input::{RangeInput, RangeSource, SharedSource};
use crate::run::{self, in_passes};

/// How many ranges are taken at a time.
const BATCH: usize = 32 << 10;

/// Reads the inputs, prints the list, and lets it appear.
pub(crate) fn run(mut inputs: Vec<RangeInput>, target: Target, plan: &ListPlan) -> Result<(), Failure> {
    if plan.output.is_binary() {
        target.refuse_terminal()?;
    }
    if let [input] = &mut inputs[..]
        && plan.shape.is_plain()
        && !plan.origin.digest
        && let Some((scanner, input)) = input.as_bitmap()
    {
        run_plain(scanner, input, target, plan)?;
    } else {
        run_ranges(&mut inputs, target, plan)?;
    }
    inputs.into_iter().for_each(|input| input.input.drain());
    Ok(())
}

/// Prints a bitmap as it is.
fn run_plain(scanner: &Scanner, input: &mut Input, target: Target, plan: &ListPlan) -> Result<(), Failure> {
    match plan.output {
        OutputFormat::Bitmap(_) | OutputFormat::Image => {
            run::run(scanner, input, target, |geometry, _| BitmapPrinter::new(plan, &geometry))
        }
        _ => run::run(scanner, input, target, |geometry, totals| ListPrinter::new(plan, geometry, totals)),
    }
}

fn run_ranges(inputs: &mut [RangeInput], target: Target, plan: &ListPlan) -> Result<(), Failure> {
    let is_rereadable = inputs.iter().all(|input| input.input.is_rereadable());
    let figures = in_passes(names(inputs), is_rereadable, target, |known, output| pass(inputs, plan, known, output))?;
    if let Some(offset) = figures.next_offset {
        let limit = plan.shape.limit.unwrap_or_default();
        warn(&format!("there are more than {limit} ranges: go on with --offset {offset}"), plan.output.is_json());
    }
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
    let lacks_end = inputs.iter().any(RangeInput::lacks_end);
    let (sources, geometry) = start(inputs);
    if geometry.virtual_size.is_none() && sources.iter().all(|source| source.borrow().error.is_none()) {
        plan.refuse_unknown_end(lacks_end)?;
    }
    let printed = range_printer(plan, geometry, known).and_then(|mut printer| {
        let figures = print_all_but_end(&sources, plan, &geometry, &mut *printer, output, &mut progress)?;
        let disk_end = read_rest(&sources, &geometry, plan.window)?;
        Ok((printer, figures, disk_end))
    });
    progress.stop();
    let errors: Vec<_> = sources.into_iter().map(|source| source.into_inner().error).collect();
    judge(inputs, errors)?;
    let finished = printed.and_then(|(mut printer, figures, disk_end)| {
        printer.end(&figures, disk_end, output)?;
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
    printer: &mut dyn RangePrinter,
    output: &mut OutputBuffer<'_>,
    progress: &mut Progress,
) -> Result<ListFigures, PrintError> {
    let changed = RefCell::new(ChangedTotals::new(geometry.block_size));
    let mut listed = ChangedTotals::new(geometry.block_size);
    let lists = sources.iter().map(|source| shape::check(SharedSource(source))).collect();
    let digest = RefCell::new(plan.origin.digest.then(BitmapDigest::new));
    let add_to_digest = |range: &ByteRange| {
        if let Some(digest) = &mut *digest.borrow_mut() {
            digest.add(*range);
        }
    };
    let combined = shape::check(plan.operation.combine(lists).inspect(add_to_digest)).window(plan.window);
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
        batch.iter().for_each(|&range| listed.add(range));
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
    let digest = digest.into_inner().map(BitmapDigest::finish);
    Ok(ListFigures { changed: changed.into_inner().totals, listed: listed.totals, next_offset, digest })
}

/// Reads what is left of each input after the window, and refuses a window that is not on the disk: an empty list would
/// look as if nothing had changed. Returns where the disk ends, as far as that is known.
fn read_rest(
    sources: &[RefCell<RangeSource<'_>>],
    geometry: &Geometry,
    window: ByteRange,
) -> Result<Option<u64>, PrintError> {
    sources.iter().for_each(|source| SharedSource(source).for_each(drop));
    let ends: Option<Vec<u64>> = sources.iter().map(|source| source.borrow().known_end()).collect();
    let end = geometry.virtual_size.map(VirtualSize::bytes).or_else(|| ends.and_then(|ends| ends.into_iter().max()));
    match end {
        Some(size) if window.offset_bytes >= size => Err(PrintError::window_beyond_end(window, size)),
        None if window.offset_bytes > 0 && sources.iter().all(|source| source.borrow().error.is_none()) => {
            let message = "--offset has to be on the disk, of which this list does not say the size".to_owned();
            Err(PrintError::Usage { message, hint: "give --virtual-size" })
        }
        _ => Ok(end),
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
