//! A run: the input goes through the engine to a printer, and its output appears.
//!
//! ```text
//! first pass, output held back
//! if there was too much of it, and the input is a file: second pass, output streaming
//! if both passes have seen the same: let the output appear
//! ```

use std::ops::ControlFlow;

use changed_blocks::{Consequence, Extent, Geometry, Scanner, Summary, Visitor};

use crate::failure::Failure;
use crate::input::Input;
use crate::output::buffer::{OutputBuffer, OutputMode};
use crate::output::printer::{PrintError, Printer};
use crate::output::progress::Progress;
use crate::output::target::Target;

/// Reads the input, prints it, and lets the output appear. `new_printer` makes a printer for a pass; the second one is
/// given the digest of the first.
pub(crate) fn run<P: Printer>(
    scanner: &Scanner,
    mut input: Input,
    mut target: Target,
    new_printer: impl Fn(Option<P::Digest>) -> P,
) -> Result<(), Failure> {
    let mut output = OutputBuffer::buffering(&mut target, input.is_rereadable());
    let first = pass(scanner, &mut input, new_printer(None), &mut output)?;
    if output.mode() == OutputMode::CountOnly {
        let mut output = OutputBuffer::streaming(&mut target);
        let second = pass(scanner, &mut input, new_printer(Some(first.0)), &mut output)?;
        if second != first {
            return Err(Failure::Changed { input: input.name });
        }
    }
    target.commit()?;
    input.drain();
    Ok(())
}

/// One pass over the input, to the end of its output.
fn pass<P: Printer>(
    scanner: &Scanner,
    input: &mut Input,
    printer: P,
    output: &mut OutputBuffer<'_>,
) -> Result<(P::Digest, Summary), Failure> {
    let mut pass = Pass { printer, output, progress: Progress::new(input.len()) };
    let outcome = scanner.visit(input.source(), &mut pass);
    pass.progress.stop();
    let Pass { mut printer, output, .. } = pass;
    // Before the last of the output, and before anything is said of the content of a file.
    let is_judged = match &outcome {
        Ok(outcome) => outcome.is_continue(),
        Err(error) => error.consequence() == Consequence::FullBackup,
    };
    if is_judged {
        input.refuse_if_changed()?;
    }
    let printed = match outcome {
        Err(error) => Err(error.into()),
        Ok(ControlFlow::Break(error)) => Err(error),
        Ok(ControlFlow::Continue(summary)) => {
            printer.end(&summary, output).and_then(|()| Ok(output.finish()?)).map(|()| (printer.digest(), summary))
        }
    };
    printed.map_err(|error| match error {
        PrintError::Write(error) => output.failure(error),
        PrintError::Bitmap(error) => Failure::Bitmap { input: input.name.clone(), error },
        PrintError::Usage { message, hint } => Failure::Usage { message, hint },
    })
}

struct Pass<'p, 't, P> {
    printer: P,
    output: &'p mut OutputBuffer<'t>,
    progress: Progress,
}

impl<P: Printer> Visitor for &mut Pass<'_, '_, P> {
    type Break = PrintError;

    fn begin(&mut self, geometry: &Geometry) {
        self.printer.begin(geometry);
    }

    fn extents(&mut self, extents: &[Extent]) -> ControlFlow<PrintError> {
        match self.printer.extents(extents, self.output) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn progress(&mut self, input_bytes: u64) {
        if self.output.is_on_terminal() {
            self.progress.stop();
        }
        self.progress.update(input_bytes);
    }
}
