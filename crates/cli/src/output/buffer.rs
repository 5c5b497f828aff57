//! Output that appears whole or not at all.
//!
//! What a run writes is held back until the run has succeeded. If there is more of it than can be held, it depends on
//! the input: a file is read to its end first, and then a second time, written out as it goes; a stream cannot be read
//! twice, so its output begins to flow, and only the exit code can tell of a late failure. With `-o` the file appears
//! at the end in any case.

use std::fs::File;
use std::io::{self, IoSlice, IsTerminal, Write};
use std::path::Path;

use crate::failure::Failure;
use crate::output::atomic_file::{AtomicFile, Destination};
use crate::output::held::Held;
use crate::standard_streams;

/// How many bytes of output are held at the most.
const HOLD: usize = 32 << 20;
/// From how much on output that flows is written at once, and not copied to be written with what comes next.
const PIECE: usize = 32 << 10;

/// Where output goes to.
pub(crate) struct Target {
    name: String,
    to: To,
}

enum To {
    /// Whose reader may leave when it has seen enough.
    Standard(File),
    /// A device or a named pipe.
    Direct(File),
    AtomicFile(AtomicFile),
}

impl Target {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            return Ok(Self { name: "standard output".to_owned(), to: To::Standard(standard_streams::output()?) });
        };
        let name = path.display().to_string();
        match Destination::open(path) {
            Ok(Destination::StandardOutput) => Self::open(None),
            Ok(Destination::Special(file)) => Ok(Self { name, to: To::Direct(file) }),
            Ok(Destination::AtomicFile(staged)) => Ok(Self { name, to: To::AtomicFile(staged) }),
            Ok(Destination::Input) => Err(Failure::Usage {
                message: format!("{name} is an open input, which is there to be read"),
                hint: "give the name of a file, or leave out -o for standard output",
            }),
            Err(error) => Err(Failure::Write { output: name, error }),
        }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        matches!(&self.to, To::Standard(file) | To::Direct(file) if file.is_terminal())
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all_of(&mut [IoSlice::new(bytes)])
    }

    /// Writes all of these, one behind the other, in as few calls as can be.
    fn write_all_of(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        let mut file = match &self.to {
            To::Standard(file) | To::Direct(file) => file,
            To::AtomicFile(staged) => staged.file(),
        };
        // Empty ones at the start would look like a file that takes no more.
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            match file.write_vectored(slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => IoSlice::advance_slices(&mut slices, written),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(crate) fn failure(&self, error: io::Error) -> Failure {
        match (&self.to, error.kind()) {
            (To::Standard(_), io::ErrorKind::BrokenPipe) => Failure::BrokenPipe,
            _ => Failure::Write { output: self.name.clone(), error },
        }
    }

    /// Lets a staged file appear.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        let committed = match self.to {
            To::Standard(_) => Ok(()),
            To::Direct(file) => refuse_if_left(&file),
            To::AtomicFile(staged) => staged.commit(),
        };
        committed.map_err(|error| Failure::Write { output: self.name, error })
    }
}

/// Whether the reader of a named pipe has left without reading all of it: what a pipe holds then is lost.
#[cfg(target_os = "linux")]
fn refuse_if_left(file: &File) -> io::Result<()> {
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
fn refuse_if_left(_file: &File) -> io::Result<()> {
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputMode {
    /// Everything so far is in memory.
    Buffering,
    /// There was too much of it, and it will come again.
    CountOnly,
    /// It is being written.
    Streaming,
}

/// What a run writes to.
pub(crate) struct OutputBuffer<'t> {
    target: &'t mut Target,
    state: OutputMode,
    rereadable: bool,
    /// What comes first, until it is written or something better is known.
    head: Vec<u8>,
    /// What is to be written in one go: all of it while output is held back, some of it when output flows.
    gathered: Held<u8>,
}

impl<'t> OutputBuffer<'t> {
    /// A sink that holds back, for a first run.
    pub(crate) const fn holding(target: &'t mut Target, rereadable: bool) -> Self {
        Self { target, state: OutputMode::Buffering, rereadable, head: Vec::new(), gathered: Held::new(HOLD) }
    }

    /// A sink that writes as it goes, for a second run.
    pub(crate) fn flowing(target: &'t mut Target) -> Self {
        Self { state: OutputMode::Streaming, ..Self::holding(target, false) }
    }

    /// What a failed write means.
    pub(crate) fn failure(&self, error: io::Error) -> Failure {
        self.target.failure(error)
    }

    pub(crate) const fn state(&self) -> OutputMode {
        self.state
    }

    /// Says what comes first if output flows before all is known.
    pub(crate) fn begin(&mut self, head: Vec<u8>) {
        self.head = head;
    }

    /// Whether what is written now can be seen at once.
    pub(crate) fn shows(&self) -> bool {
        self.state == OutputMode::Streaming && self.target.is_terminal()
    }

    /// Lets what was held back flow, since the run has succeeded. This comes first.
    pub(crate) fn release(&mut self, head: Vec<u8>) {
        self.head = head;
        self.state = OutputMode::Streaming;
    }

    /// Writes what was not written so far, and the foot after it.
    pub(crate) fn finish(&mut self, foot: &[u8]) -> io::Result<()> {
        match self.state {
            OutputMode::CountOnly => Ok(()),
            OutputMode::Buffering | OutputMode::Streaming => self.write_through(&[foot]),
        }
    }

    /// Writes a copy of these bytes, one behind the other.
    pub(crate) fn put(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let len = self.gathered.all().len() + pieces.iter().map(|piece| piece.len()).sum::<usize>();
        if self.state == OutputMode::Buffering && len > HOLD {
            self.overflow()?;
        }
        match self.state {
            OutputMode::CountOnly => return Ok(()),
            OutputMode::Streaming if len > PIECE => return self.write_through(pieces),
            OutputMode::Buffering | OutputMode::Streaming => {}
        }
        pieces.iter().for_each(|piece| self.gathered.push(piece));
        Ok(())
    }

    /// Says that there is more than can be held, here or elsewhere. Returns what is to be done with all of it.
    pub(crate) fn overflow(&mut self) -> io::Result<OutputMode> {
        if self.state == OutputMode::Buffering {
            if self.rereadable {
                self.state = OutputMode::CountOnly;
                self.gathered.clear();
            } else {
                self.state = OutputMode::Streaming;
                self.write_through(&[])?;
            }
        }
        Ok(self.state)
    }

    /// Writes all that was not written so far, and these bytes behind it.
    fn write_through(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let before = [&*self.head, self.gathered.all()];
        let all = before.iter().chain(pieces).filter(|piece| !piece.is_empty());
        let mut slices: Vec<IoSlice<'_>> = all.map(|piece| IoSlice::new(piece)).collect();
        self.target.write_all_of(&mut slices)?;
        self.head.clear();
        self.gathered.clear();
        Ok(())
    }
}

impl Write for OutputBuffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(&[bytes])?;
        Ok(bytes.len())
    }

    /// When output appears is not for who writes it to say.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
