//! Files read in pieces, at explicit places, by all threads.

use std::fs::File;
use std::io::{self, Seek};
use std::ops::Range;
use std::sync::Arc;

use super::input::{Input, Scratch};
use super::prober::Prober;
use crate::{Error, Result};

/// How much is read at a time: little enough to stay in a cache until it is decoded.
const PIECE: u64 = 256 << 10;

/// A file or block device whose length is known.
pub(crate) struct FileInput<'a> {
    file: &'a File,
    /// Where the input begins in the file.
    start: u64,
    len: u64,
    /// How much of what was asked for lies before the input, and how long all of it was.
    skipped: u64,
    whole_len: u64,
    prober: Arc<Prober>,
}

impl<'a> FileInput<'a> {
    /// The file from its present position to its end; nothing if it has no length that could be relied on.
    ///
    /// The position is never moved, not even for a moment: it may be shared with another scan, which would then begin
    /// at a wrong place and miss what lies before.
    pub(crate) fn open(file: &'a File) -> Option<Self> {
        if cfg!(not(unix)) {
            return None;
        }
        let start = { file }.stream_position().ok()?;
        let prober = Prober::new(file);
        // Files of /proc claim to be empty.
        let len = prober.len(file).ok()?.checked_sub(start).filter(|&len| len > 0)?;
        Some(Self { file, start, len, skipped: 0, whole_len: len, prober: Arc::new(prober) })
    }

    /// Whether the file still ends where it ended when it was opened, if that is where this input ends.
    pub(crate) fn check_end(&self) -> Result<()> {
        if self.skipped + self.len < self.whole_len {
            return Ok(());
        }
        match read_at(self.file, &mut [0], self.start + self.len) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Error::Grown { expected: self.whole_len }),
            Err(source) => Err(Error::Read { offset: self.whole_len, source }),
        }
    }

    /// The part of the input from `start`, at most `len` bytes.
    pub(crate) fn part(&self, start: u64, len: u64) -> Self {
        let start = start.min(self.len);
        let len = len.min(self.len - start);
        Self { start: self.start + start, len, skipped: self.skipped + start, prober: self.prober.clone(), ..*self }
    }
}

impl Input for FileInput<'_> {
    /// Most of it for the copy out of the system's cache.
    fn ns_per_byte(&self) -> f64 {
        0.2
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn bytes<'a>(&'a self, range: Range<u64>, scratch: &'a mut Scratch) -> Result<&'a [u8]> {
        scratch.keep(range, PIECE.min(self.len), |range, to| {
            let mut filled = 0;
            while filled < to.len() {
                let at = range.start + filled as u64;
                let offset = self.skipped + at;
                match read_at(self.file, &mut to[filled..], self.start + at) {
                    Ok(0) => return Err(Error::Shrunk { offset, expected: self.whole_len }),
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(source) => return Err(Error::Read { offset, source }),
                }
            }
            Ok(())
        })
    }

    fn piece(&self) -> u64 {
        PIECE
    }

    fn data(&self, from: u64) -> Range<u64> {
        self.prober.next_data(self.start, from, self.len)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_at(_file: &File, _buffer: &mut [u8], _offset: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
