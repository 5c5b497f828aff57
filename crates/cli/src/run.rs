//! A run: the input goes through the engine to a printer, and its output appears.
//!
//! ```text
//! first pass, output held back
//! if there was too much of it, and the input is a file: second pass, output streaming
//! if both passes have seen the same: let the output appear
//! ```

use changed_blocks::{Extent, Geometry, Scanner, Source, Summary};

use crate::failure::Failure;
use crate::input::Input;
use crate::output::buffer::{OutputBuffer, OutputMode};
use crate::output::printer::{PrintError, Printer};
use crate::output::progress::Progress;
use crate::output::target::Target;

/// Reads the input, prints it, and lets the output appear. `new_printer` makes a printer for a pass, once the geometry is known;
/// the second one is given the digest of the first.
pub(crate) fn run<P: Printer>(
    scanner: &Scanner,
    input: &mut Input,
    target: Target,
    new_printer: impl Fn(Geometry, Option<P::Digest>) -> Result<P, PrintError>,
) -> Result<(), Failure> {
    let (name, is_rereadable) = (input.name.clone(), input.is_rereadable());
    in_passes(name, is_rereadable, target, |first: Option<(P::Digest, Summary)>, output| {
        pass(scanner, input, |geometry| new_printer(geometry, first.map(|(digest, _)| digest)), output)
    })?;
    Ok(())
}

/// Takes one pass over the input of that name, or two, and lets the output appear. Returns the digest on which both passes have
/// to agree; the second one is given that of the first.
pub(crate) fn in_passes<D: Copy + PartialEq>(
    name: String,
    is_rereadable: bool,
    mut target: Target,
    mut pass: impl FnMut(Option<D>, &mut OutputBuffer<'_>) -> Result<D, Failure>,
) -> Result<D, Failure> {
    let mut output = OutputBuffer::buffering(&mut target, is_rereadable);
    let first = pass(None, &mut output)?;
    if output.mode() == OutputMode::CountOnly {
        let mut output = OutputBuffer::streaming(&mut target);
        if pass(Some(first), &mut output)? != first {
            return Err(Failure::Changed { input: name });
        }
    }
    target.commit()?;
    Ok(first)
}

/// One pass over the input, to the end of its output.
fn pass<P: Printer>(
    scanner: &Scanner,
    input: &mut Input,
    new_printer: impl FnOnce(Geometry) -> Result<P, PrintError>,
    output: &mut OutputBuffer<'_>,
) -> Result<(P::Digest, Summary), Failure> {
    let mut progress = Progress::new(input.len());
    let outcome = print_all_but_end(scanner, input.source(), new_printer, output, &mut progress);
    progress.stop();
    // Before the last of the output.
    match &outcome {
        Ok(_) => input.refuse_if_changed_before(None)?,
        Err(PrintError::Bitmap(error)) => input.refuse_if_changed_before(Some(error))?,
        Err(_) => {}
    }
    let printed = outcome.and_then(|(mut printer, extents, summary)| {
        printer.end(&extents, &summary, output)?;
        output.finish()?;
        Ok((printer.digest(), summary))
    });
    printed.map_err(|error| error.into_failure(input.name.clone(), output))
}

/// Hands extents to a new printer, as many at a time as it wants, and returns it and the last of them, once the whole was judged.
fn print_all_but_end<P: Printer>(
    scanner: &Scanner,
    source: Source<'_>,
    new_printer: impl FnOnce(Geometry) -> Result<P, PrintError>,
    output: &mut OutputBuffer<'_>,
    progress: &mut Progress,
) -> Result<(P, Vec<Extent>, Summary), PrintError> {
    let mut extents = scanner.iter_extents(source)?;
    let mut printer = new_printer(*extents.geometry())?;
    loop {
        let wanted = printer.wanted_extents(output.mode());
        let may_have_more = extents.read_more(wanted)?;
        if let Some(summary) = extents.summary().filter(|_| !may_have_more) {
            return Ok((printer, extents.into_buffered(), summary));
        }
        let buffered = extents.buffered();
        if !buffered.is_empty() && buffered.len() >= wanted {
            printer.extents(buffered, output)?;
            extents.consume();
        }
        if output.is_on_terminal() {
            progress.stop();
        }
        progress.update(extents.bytes_read());
    }
}
