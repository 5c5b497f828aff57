//! `cbt bits`: one 0 or 1 for each block.

use changed_blocks::Encoding;

use crate::args::{BitsArgs, OutputFormat};
use crate::failure::Failure;
use crate::list_plan::ListPlan;
use crate::output::target::Target;
use crate::range_input::RangeInput;
use crate::range_run;

pub(crate) fn bits(args: &BitsArgs) -> Result<(), Failure> {
    let input = RangeInput::open(&args.input)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    let bits = OutputFormat::Bitmap(Encoding::Bits);
    range_run::run(vec![input], target, &ListPlan { blocks: (args.first_block, args.count), ..ListPlan::plain(bits) })
}
