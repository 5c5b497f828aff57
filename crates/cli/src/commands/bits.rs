//! `cbt bits`: one 0 or 1 for each block.

use changed_blocks::Encoding;

use crate::args::BitsArgs;
use crate::failure::Failure;
use crate::output::bitmap_printer::BitmapPrinter;
use crate::output::target::Target;
use crate::run::run;
use crate::scan_options;

pub(crate) fn bits(args: &BitsArgs) -> Result<(), Failure> {
    let (scanner, _, input) = scan_options::open(&args.input)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    run(&scanner, input, target, |_| BitmapPrinter::new(Encoding::Bits, args.first_block, args.count))
}
