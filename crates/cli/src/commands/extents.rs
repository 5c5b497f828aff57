//! `cbt extents`: the byte ranges that changed.

use crate::args::ExtentsArgs;
use crate::failure::Failure;
use crate::list_plan::ListPlan;
use crate::operation::Operation;
use crate::output::target::Target;
use crate::range_input::RangeInput;
use crate::range_run;

pub(crate) fn extents(args: &ExtentsArgs) -> Result<(), Failure> {
    let plan = ListPlan::new(Operation::Union, &args.window, &args.shape, args.output)?.with_origin(&args.identity)?;
    let input = RangeInput::open(&args.input)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    range_run::run(vec![input], target, &plan)
}
