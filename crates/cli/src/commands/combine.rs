//! `cbt union`, `intersect`, `subtract`, `xor`: several inputs to one list. A list that is shaped is a union of one.

use crate::args::CombineArgs;
use crate::commands::extents::window;
use crate::failure::Failure;
use crate::operation::Operation;
use crate::output::target::Target;
use crate::range_input::RangeInput;
use crate::range_run::{self, ListPlan};
use crate::shape_plan::ShapePlan;

pub(crate) fn combine(operation: Operation, args: &CombineArgs) -> Result<(), Failure> {
    let plan = ListPlan {
        operation,
        window: window(&args.window)?,
        shape: ShapePlan::new(&args.shape)?,
        format: args.output,
        warnings: Vec::new(),
    };
    let inputs: Result<Vec<RangeInput>, Failure> = args.inputs.each()?.iter().map(RangeInput::open).collect();
    let target = Target::open(args.file.output_file.as_deref())?;
    range_run::run(inputs?, target, &plan)
}
