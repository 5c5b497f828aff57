//! Where output goes: standard output, a device or a named pipe, or a file that appears once all of it is written.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use super::atomic_file::{AtomicFile, Destination};
use crate::failure::Failure;
use crate::standard_streams;

/// An open place for output.
pub(crate) struct Target {
    name: String,
    file: TargetFile,
}

enum TargetFile {
    /// Its reader may leave when it has seen enough.
    StandardOutput(File),
    /// A device or a named pipe.
    Special(File),
    Atomic(AtomicFile),
}

impl Target {
    /// Opens a path; standard output if there is none or it is `-`.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            let file = TargetFile::StandardOutput(standard_streams::output()?);
            return Ok(Self { name: "standard output".to_owned(), file });
        };
        let name = path.display().to_string();
        match Destination::open(path) {
            Ok(Destination::StandardOutput) => Self::open(None),
            Ok(Destination::Special(file)) => Ok(Self { name, file: TargetFile::Special(file) }),
            Ok(Destination::Atomic(file)) => Ok(Self { name, file: TargetFile::Atomic(file) }),
            Ok(Destination::Input) => Err(Failure::Usage {
                message: format!("{name} is an open input, which is there to be read"),
                hint: "give the name of a file, or leave out -o for standard output",
            }),
            Err(error) => Err(Failure::Write { output: name, error }),
        }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        match &self.file {
            TargetFile::StandardOutput(file) | TargetFile::Special(file) => file.is_terminal(),
            TargetFile::Atomic(_) => false,
        }
    }

    /// Refuses a terminal, where a person reads, for bytes that are no text.
    pub(crate) fn refuse_terminal(&self) -> Result<(), Failure> {
        if self.is_terminal() {
            let message = "raw bytes are not written to a terminal".to_owned();
            return Err(Failure::Usage { message, hint: "say -o FILE, or pipe them on" });
        }
        Ok(())
    }

    /// The number of columns, if it is a terminal.
    pub(crate) fn terminal_width(&self) -> Option<usize> {
        self.is_terminal().then(|| columns(self.file()).unwrap_or(80))
    }

    fn file(&self) -> &File {
        match &self.file {
            TargetFile::StandardOutput(file) | TargetFile::Special(file) => file,
            TargetFile::Atomic(atomic) => atomic.file(),
        }
    }

    /// The failure of a run that could not write. A reader of standard output that has left has seen enough.
    pub(crate) fn failure(&self, error: io::Error) -> Failure {
        match (&self.file, error.kind()) {
            (TargetFile::StandardOutput(_), io::ErrorKind::BrokenPipe) => Failure::BrokenPipe,
            _ => Failure::Write { output: self.name.clone(), error },
        }
    }

    /// Writes a verdict that the exit code tells as well, so that a reader who has left is no failure.
    pub(crate) fn write_verdict(mut self, text: &str) -> Result<(), Failure> {
        match self.write_all(text.as_bytes()).map_err(|error| self.failure(error)) {
            Ok(()) | Err(Failure::BrokenPipe) => self.commit(),
            Err(failure) => Err(failure),
        }
    }

    /// Lets an atomic file appear, now that all is written.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        let committed = match self.file {
            TargetFile::StandardOutput(_) => Ok(()),
            TargetFile::Special(file) => refuse_unread_pipe(&file),
            TargetFile::Atomic(file) => file.commit(),
        };
        committed.map_err(|error| Failure::Write { output: self.name, error })
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file().flush()
    }
}

/// The columns of a terminal, if it knows them.
#[cfg(target_os = "linux")]
fn columns(terminal: &File) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    Some(usize::from(size.ws_col)).filter(|&columns| columns > 0)
}

#[cfg(not(target_os = "linux"))]
fn columns(_terminal: &File) -> Option<usize> {
    None
}

/// Fails if the reader of a named pipe has left without reading all of it: the bytes that the pipe holds then are lost.
#[cfg(target_os = "linux")]
fn refuse_unread_pipe(file: &File) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut pipe = [PollFd::new(file, PollFlags::empty())];
    // Only a pipe says so, and only if there is nobody to read it.
    let left = poll(&mut pipe, Some(&Timespec::default())).is_ok() && pipe[0].revents().contains(PollFlags::ERR);
    if left && rustix::io::ioctl_fionread(file).is_ok_and(|bytes| bytes > 0) {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn refuse_unread_pipe(_file: &File) -> io::Result<()> {
    Ok(())
}
