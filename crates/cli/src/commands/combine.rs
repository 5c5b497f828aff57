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
    if args.shape.invert && operation != Operation::Union {
        let message = "--invert lists what did not change, and what is not in this list may have changed".to_owned();
        return Err(Failure::Usage { message, hint: "it goes with cbt extents and cbt union" });
    }
    let inputs = RangeInput::open_all(&args.inputs.each()?)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    range_run::run(inputs, target, &plan)
}
