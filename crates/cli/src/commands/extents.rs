//! `cbt extents`: the byte ranges that changed.

use changed_blocks::ByteRange;

use crate::args::{ExtentsArgs, From, WindowArgs};
use crate::failure::Failure;
use crate::operation::Operation;
use crate::output::list_printer::{ListPrinter, extent_format};
use crate::output::target::Target;
use crate::range_input::RangeInput;
use crate::range_run::{self, ListPlan};
use crate::run::run;
use crate::scan_options;
use crate::shape_plan::ShapePlan;

pub(crate) fn extents(args: &ExtentsArgs) -> Result<(), Failure> {
    let window = window(&args.window)?;
    let shape = ShapePlan::new(&args.shape)?;
    if args.input.from == From::Text || !shape.is_plain() {
        let input = RangeInput::open(&args.input)?;
        let target = Target::open(args.file.output_file.as_deref())?;
        let plan = ListPlan { operation: Operation::Union, window, shape, format: args.output, warnings: Vec::new() };
        return range_run::run(vec![input], target, &plan);
    }
    let (scanner, block_size, input) = scan_options::open(&args.input)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    let format = extent_format(args.output, block_size, &[]);
    run(&scanner, input, target, |totals| ListPrinter::new(&*format, window, totals))
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
