//! `cbt encode`: the bitmap in another encoding.

use changed_blocks::Encoding;

use crate::args::EncodeArgs;
use crate::failure::Failure;
use crate::output::bitmap_printer::BitmapPrinter;
use crate::output::target::Target;
use crate::run::run;
use crate::scan_options;

pub(crate) fn encode(args: &EncodeArgs) -> Result<(), Failure> {
    let (scanner, _, input) = scan_options::open(&args.input)?;
    let target = Target::open(args.file.output_file.as_deref())?;
    let encoding = Encoding::from(args.to);
    refuse_terminal(encoding, &target)?;
    run(&scanner, input, target, |_| BitmapPrinter::whole(encoding))
}

/// Refuses to write bytes that are no text where a person reads.
pub(super) fn refuse_terminal(encoding: Encoding, target: &Target) -> Result<(), Failure> {
    if matches!(encoding, Encoding::Raw(_)) && target.is_terminal() {
        let message = "raw bytes are not written to a terminal".to_owned();
        return Err(Failure::Usage { message, hint: "say -o FILE, or pipe them on" });
    }
    Ok(())
}
