//! The contract between a run and the commands: a printer writes down the extents of one pass over the input.

use std::io;

use changed_blocks::{ByteRange, Error, Extent, Summary};

use super::buffer::{OutputBuffer, OutputMode};
use crate::failure::Failure;

/// Writes down the extents of one pass over the input. Each pass has a printer of its own.
pub(crate) trait Printer {
    /// Sums over the extents, on which two passes over the same input must agree.
    type Digest: Copy + PartialEq;

    /// How many extents it wants to have at once, if there are as many.
    fn wanted_extents(&self, mode: OutputMode) -> usize;

    /// Takes the next extents, at least as many as it wanted.
    fn extents(&mut self, extents: &[Extent], output: &mut OutputBuffer<'_>) -> Result<(), PrintError>;

    /// Takes the last extents, once the whole was judged, and writes the rest.
    fn end(&mut self, extents: &[Extent], summary: &Summary, output: &mut OutputBuffer<'_>) -> Result<(), PrintError>;

    /// Tells the sums over the extents so far.
    fn digest(&self) -> Self::Digest;
}

/// Why printing failed.
pub(crate) enum PrintError {
    Write(io::Error),
    Bitmap(Error),
    Usage { message: String, hint: &'static str },
}

impl PrintError {
    /// A window that begins where there is no disk.
    pub(crate) fn window_beyond_end(window: ByteRange, size: u64) -> Self {
        let message = format!(
            "--offset {} is not on the disk, which has {size} bytes: it would list nothing, whatever changed",
            window.offset_bytes
        );
        Self::Usage { message, hint: "is it the right disk?" }
    }

    /// Output that needs the size of the disk, which is not known.
    pub(crate) fn unknown_end(output: &str) -> Self {
        let message = format!("{output} needs the size of the disk, which is not known");
        Self::Usage { message, hint: "give --virtual-size" }
    }

    /// The format cannot say that size of the disk.
    pub(crate) fn size_unit(output: &str, bytes: u64, unit: u64) -> Self {
        let message = format!("{output} counts the disk in units of {unit} bytes, and {bytes} is no multiple of that");
        Self::Usage { message, hint: "write it in another format" }
    }

    /// The failure of a run over an input of that name.
    pub(crate) fn into_failure(self, name: String, output: &OutputBuffer<'_>) -> Failure {
        match self {
            Self::Write(error) => output.failure(error),
            Self::Bitmap(error) => Failure::Bitmap { input: name, error },
            Self::Usage { message, hint } => Failure::Usage { message, hint },
        }
    }
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<Error> for PrintError {
    fn from(error: Error) -> Self {
        Self::Bitmap(error)
    }
}
