//! A run: input through the engine into a rendering, once, or twice where the output is too long to be held.

use std::io;
use std::ops::ControlFlow;

use changed_blocks::{Consequence, Error, Extent, Geometry, ParallelVisitor, Prepare, Scanner, Summary};

use crate::failure::Failure;
use crate::input::Input;
use crate::output::buffer::{OutputBuffer, OutputMode, Target};
use crate::output::progress::Progress;

/// What one command makes of the extents. Made anew for each pass over the input.
pub(crate) trait Render: Send {
    /// What is made of extents on all threads.
    type Prepare: Prepare;
    /// What two passes over the same input must agree on.
    type Digest: PartialEq + Sync;

    /// Is told what turns blocks into bytes, and what becomes of output at first, before the first extents.
    fn begin(&mut self, geometry: &Geometry, state: OutputMode) -> Self::Prepare;

    /// What comes first. An earlier pass's digest is given where there was one.
    fn head(&self, _digest: Option<&Self::Digest>) -> Vec<u8> {
        Vec::new()
    }

    /// The next extents, and what was made of them.
    fn extents(
        &mut self,
        extents: &[Extent],
        part: <Self::Prepare as Prepare>::Part,
        to: &mut OutputBuffer<'_>,
    ) -> Result<(), RenderError>;

    /// What remains once all extents were seen.
    fn end(&mut self, summary: &Summary, to: &mut OutputBuffer<'_>) -> Result<(), RenderError>;

    /// Writes what was held elsewhere than by the sink, if it still is.
    fn write_held(&mut self, _to: &mut OutputBuffer<'_>) -> Result<(), RenderError> {
        Ok(())
    }

    /// What comes last. `head_knew` tells whether the head was given a digest.
    fn foot(&self, _head_knew: bool) -> Vec<u8> {
        Vec::new()
    }

    /// What was seen.
    fn digest(&self) -> Self::Digest;
}

/// Why a rendering failed.
pub(crate) enum RenderError {
    Write(io::Error),
    Bitmap(Error),
    Usage { message: String, hint: &'static str },
}

impl From<io::Error> for RenderError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<Error> for RenderError {
    fn from(error: Error) -> Self {
        Self::Bitmap(error)
    }
}

/// Reads the input, renders it, and lets the output appear.
pub(crate) fn run<R: Render>(
    scanner: &Scanner,
    mut input: Input,
    mut target: Target,
    make: impl Fn() -> R,
) -> Result<(), Failure> {
    let mut sink = OutputBuffer::holding(&mut target, input.is_rereadable());
    let (first, summary) = pass(scanner, &mut input, make(), &mut sink, None)?;
    if sink.state() == OutputMode::CountOnly {
        let digest = first.digest();
        let mut sink = OutputBuffer::flowing(&mut target);
        let (second, again) = pass(scanner, &mut input, make(), &mut sink, Some(&digest))?;
        if second.digest() != digest || again != summary {
            return Err(Failure::Changed { input: input.name });
        }
    }
    target.commit()?;
    input.drain();
    Ok(())
}

/// One pass over the input, to the end of what it writes.
fn pass<R: Render>(
    scanner: &Scanner,
    input: &mut Input,
    render: R,
    sink: &mut OutputBuffer<'_>,
    earlier: Option<&R::Digest>,
) -> Result<(R, Summary), Failure> {
    let mut pass = Pass { render, sink, earlier, progress: Progress::new(input.len()) };
    let outcome = scanner.visit_prepared(input.source(), &mut pass);
    pass.progress.stop();
    let Pass { mut render, sink, .. } = pass;
    let name = &input.name;
    let refuse = |error| Failure::Bitmap { input: name.clone(), error };
    // Before the last of the output, and before anything is said of what a file has.
    let judged = match &outcome {
        Ok(outcome) => outcome.is_continue(),
        Err(error) => error.consequence() == Consequence::FullBackup,
    };
    if judged {
        input.refuse_if_changed()?;
    }
    let finished = match outcome.map_err(refuse)? {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(summary) => finish(&mut render, &summary, sink, earlier.is_some()).map(|()| summary),
    };
    match finished {
        Ok(summary) => Ok((render, summary)),
        Err(RenderError::Write(error)) => Err(sink.failure(error)),
        Err(RenderError::Bitmap(error)) => Err(refuse(error)),
        Err(RenderError::Usage { message, hint }) => Err(Failure::Usage { message, hint }),
    }
}

/// What is done when all extents have been seen. `head_knew` tells whether an earlier pass's digest was known.
fn finish<R: Render>(
    render: &mut R,
    summary: &Summary,
    sink: &mut OutputBuffer<'_>,
    head_knew: bool,
) -> Result<(), RenderError> {
    render.end(summary, sink)?;
    let held = sink.state() == OutputMode::Buffering;
    if held {
        sink.release(render.head(Some(&render.digest())));
        render.write_held(sink)?;
    }
    Ok(sink.finish(&render.foot(held || head_knew))?)
}

struct Pass<'p, 's, 't, R: Render> {
    render: R,
    sink: &'s mut OutputBuffer<'t>,
    earlier: Option<&'p R::Digest>,
    progress: Progress,
}

impl<R: Render> ParallelVisitor for &mut Pass<'_, '_, '_, R> {
    type Prepare = R::Prepare;
    type Break = RenderError;

    fn begin(&mut self, geometry: &Geometry) -> R::Prepare {
        let prepare = self.render.begin(geometry, self.sink.state());
        self.sink.begin(self.render.head(self.earlier));
        prepare
    }

    fn extents(&mut self, extents: &[Extent], part: <R::Prepare as Prepare>::Part) -> ControlFlow<RenderError> {
        match self.render.extents(extents, part, self.sink) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn progress(&mut self, input_bytes: u64) {
        if self.sink.shows() {
            self.progress.stop();
        }
        self.progress.update(input_bytes);
    }
}
