//! `cbt convert`: a bitmap or a list in another format.

use crate::args::ConvertArgs;
use crate::failure::Failure;
use crate::list_plan::ListPlan;
use crate::output::target::Target;
use crate::range_input::RangeInput;
use crate::range_run;

pub(crate) fn convert(args: &ConvertArgs) -> Result<(), Failure> {
    let plan = ListPlan::plain(args.output).with_origin(&args.identity)?;
    let input = RangeInput::open(&args.input)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    range_run::run(vec![input], target, &plan)
}
