//! `cbt union`, `intersect`, `subtract`, `xor`: several inputs to one list. A list that is shaped is a union of one.

use crate::args::CombineArgs;
use crate::failure::Failure;
use crate::list_plan::ListPlan;
use crate::operation::Operation;
use crate::output::target::Target;
use crate::range_input::RangeInput;
use crate::range_run;

pub(crate) fn combine(operation: Operation, args: &CombineArgs) -> Result<(), Failure> {
    let plan = ListPlan::new(operation, &args.window, &args.shape, args.output)?;
    let inputs = RangeInput::open_all(&args.inputs.each()?)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    range_run::run(inputs, target, &plan)
}
