//! Output that appears whole or not at all.
//!
//! What a run writes is held back until the run has succeeded. If there is more of it than can be held, it depends on
//! the input: a file is read to its end first, and then a second time, written out as it goes; a stream cannot be read
//! twice, so its output begins to flow, and only the exit code can tell of a late failure. With `-o` the file appears
//! at the end in any case.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use crate::failure::Failure;
use crate::held::{HOLD, Held};
use crate::staged::{Destination, Staged};

/// How much is written at a time.
const PIECE: usize = 256 << 10;

/// Where output goes to.
pub(crate) struct Target {
    name: String,
    to: To,
}

enum To {
    Direct(File),
    Staged(Staged),
}

impl Target {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else {
            let name = "standard output".to_owned();
            return match standard_output() {
                Ok(file) => Ok(Self { name, to: To::Direct(file) }),
                Err(error) => Err(Failure::Write { output: name, error }),
            };
        };
        let name = path.display().to_string();
        match Destination::open(path) {
            Ok(Destination::StandardOutput) => Self::open(None),
            Ok(Destination::Special(file)) => Ok(Self { name, to: To::Direct(file) }),
            Ok(Destination::Staged(staged)) => Ok(Self { name, to: To::Staged(staged) }),
            Err(error) => Err(Failure::Write { output: name, error }),
        }
    }

    pub(crate) fn is_terminal(&self) -> bool {
        matches!(&self.to, To::Direct(file) if file.is_terminal())
    }

    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.to {
            To::Direct(file) => file.write_all(bytes),
            To::Staged(staged) => staged.file().write_all(bytes),
        }
    }

    pub(crate) fn failure(&self, error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
            _ => Failure::Write { output: self.name.clone(), error },
        }
    }

    /// Lets a staged file appear.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        match self.to {
            To::Direct(_) => Ok(()),
            To::Staged(staged) => staged.commit().map_err(|error| Failure::Write { output: self.name, error }),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Everything so far is in memory.
    Holding,
    /// There was too much of it, and it will come again.
    Discarding,
    /// It is being written.
    Flowing,
}

/// What a run writes to.
pub(crate) struct Sink<'t> {
    target: &'t mut Target,
    state: State,
    rereadable: bool,
    /// What comes first, until it is written or something better is known.
    early_head: Vec<u8>,
    held: Held,
}

impl<'t> Sink<'t> {
    /// A sink that holds back, for a first run.
    pub(crate) fn holding(target: &'t mut Target, rereadable: bool) -> Self {
        Self { target, state: State::Holding, rereadable, early_head: Vec::new(), held: Held::default() }
    }

    /// A sink that writes as it goes, for a second run.
    pub(crate) fn flowing(target: &'t mut Target) -> Self {
        Self { target, state: State::Flowing, rereadable: false, early_head: Vec::new(), held: Held::default() }
    }

    /// What a failed write means.
    pub(crate) fn failure(&self, error: io::Error) -> Failure {
        self.target.failure(error)
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Says what comes first if output flows before all is known.
    pub(crate) fn begin(&mut self, head: Vec<u8>) {
        self.early_head = head;
    }

    /// Whether what is written now can be seen at once.
    pub(crate) fn shows(&self) -> bool {
        self.state == State::Flowing && self.target.is_terminal()
    }

    /// Writes what is held, with the head before it if nothing was written so far, and the foot after it.
    pub(crate) fn finish(&mut self, head: &[u8], foot: &[u8]) -> io::Result<()> {
        match self.state {
            State::Discarding => return Ok(()),
            State::Holding => self.early_head = head.to_vec(),
            State::Flowing => {}
        }
        if self.held.len() + foot.len() <= HOLD {
            self.held.push(&[foot])?;
            self.flush()
        } else {
            self.write_through(&[foot])
        }
    }

    /// Writes these, one behind the other.
    pub(crate) fn put(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let len = self.held.len() + pieces.iter().map(|piece| piece.len()).sum::<usize>();
        match self.state {
            State::Discarding => {}
            State::Holding if len <= HOLD => self.held.push(pieces)?,
            State::Flowing if len < PIECE => self.held.push(pieces)?,
            State::Holding if self.rereadable => {
                self.state = State::Discarding;
                self.held.clear();
            }
            State::Holding => {
                self.state = State::Flowing;
                self.write_through(pieces)?;
            }
            State::Flowing => self.write_through(pieces)?,
        }
        Ok(())
    }

    fn write_through(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        self.flush()?;
        pieces.iter().try_for_each(|piece| self.target.write_all(piece))
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(&[bytes])?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.write_all(&std::mem::take(&mut self.early_head))?;
        self.target.write_all(self.held.as_slice())?;
        self.held.clear();
        Ok(())
    }
}

/// Standard output without the line buffer that the standard library puts before it.
#[cfg(unix)]
fn standard_output() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn standard_output() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}
