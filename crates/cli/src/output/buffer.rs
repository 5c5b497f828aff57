//! Output that appears whole or not at all.
//!
//! Output is held back until the run has succeeded. If there is more of it than is held, it depends on the input. A file
//! is read to its end while extents are only counted, and then a second time, written out as it goes. A stream cannot be
//! read twice, so its output begins to flow, and only the exit code can tell of a late failure. With `-o` the file
//! appears at the end in any case.
//!
//! ```text
//! Buffering ── too much, from a file ───▶ CountOnly, and a second pass that is Streaming
//!     ├─────── too much, from a stream ─▶ Streaming
//!     └─────── the run has succeeded ───▶ Streaming
//! ```

use std::io::{self, Write};

use super::target::Target;
use crate::failure::Failure;

/// How many bytes of output are held back at the most.
pub(crate) const MAX_BUFFERED_BYTES: usize = 32 << 20;
/// How many bytes of streaming output are put together for one write.
const WRITE_BYTES: usize = 32 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputMode {
    /// Everything so far is in memory.
    Buffering,
    /// There was too much of it, and a second pass will write it.
    CountOnly,
    /// It is being written.
    Streaming,
}

/// The output of one pass over the input.
pub(crate) struct OutputBuffer<'t> {
    target: &'t mut Target,
    mode: OutputMode,
    /// Whether there can be a second pass.
    is_rereadable: bool,
    /// All of the output while it is held back; while it streams, the bytes for the next write.
    bytes: Vec<u8>,
}

impl<'t> OutputBuffer<'t> {
    /// Holds output back, in a first pass.
    pub(crate) const fn buffering(target: &'t mut Target, is_rereadable: bool) -> Self {
        Self { target, mode: OutputMode::Buffering, is_rereadable, bytes: Vec::new() }
    }

    /// Writes output as it comes, in a second pass.
    pub(crate) const fn streaming(target: &'t mut Target) -> Self {
        Self { target, mode: OutputMode::Streaming, is_rereadable: false, bytes: Vec::new() }
    }

    pub(crate) const fn mode(&self) -> OutputMode {
        self.mode
    }

    /// Whether output is seen by a person as soon as it is written.
    pub(crate) fn is_on_terminal(&self) -> bool {
        self.mode == OutputMode::Streaming && self.target.is_terminal()
    }

    /// The failure of a run that could not write.
    pub(crate) fn failure(&self, error: io::Error) -> Failure {
        self.target.failure(error)
    }

    /// Takes note that there is more than can be held back, here or by a printer. Returns the mode to go on in.
    pub(crate) fn overflow(&mut self) -> OutputMode {
        if self.mode == OutputMode::Buffering {
            self.mode = if self.is_rereadable { OutputMode::CountOnly } else { OutputMode::Streaming };
        }
        if self.mode == OutputMode::CountOnly {
            self.bytes = Vec::new();
        }
        self.mode
    }

    /// Lets output that was held back be written, since the run has succeeded.
    pub(crate) fn release(&mut self) {
        if self.mode == OutputMode::Buffering {
            self.mode = OutputMode::Streaming;
        }
    }

    /// Writes the bytes that were put together, all of them if the run has succeeded.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.release();
        self.write_buffered()
    }

    fn write_buffered(&mut self) -> io::Result<()> {
        self.target.write_all(&self.bytes)?;
        self.bytes.clear();
        // Output that was held back may have been long.
        self.bytes.shrink_to(WRITE_BYTES);
        Ok(())
    }
}

impl Write for OutputBuffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.bytes.len() + bytes.len();
        if self.mode == OutputMode::Buffering && len > MAX_BUFFERED_BYTES {
            self.overflow();
        }
        match self.mode {
            OutputMode::CountOnly => return Ok(bytes.len()),
            OutputMode::Streaming if len > WRITE_BYTES => {
                self.write_buffered()?;
                self.target.write_all(bytes)?;
            }
            OutputMode::Buffering | OutputMode::Streaming => {
                self.bytes.try_reserve(bytes.len())?;
                self.bytes.extend_from_slice(bytes);
            }
        }
        Ok(bytes.len())
    }

    /// Does nothing: output appears when the run says so.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
