//! Files read in pieces, at explicit places, by all threads.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::sync::OnceLock;

use super::Input;
use super::sparse;
use crate::{Error, Result};

/// How much is read at a time: little enough to stay in a cache until it is decoded.
const PIECE: u64 = 128 << 10;

/// A file or block device whose length is known.
pub(crate) struct FileInput<'a> {
    file: &'a File,
    /// Where the input begins in the file.
    start: u64,
    len: u64,
    /// How much of what was asked for lies before the input, and how long all of it was.
    skipped: u64,
    whole_len: u64,
    /// The same file once more, with a position of its own, to look for holes with.
    prober: OnceLock<Option<File>>,
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
        let metadata = file.metadata().ok()?;
        let prober = OnceLock::new();
        let end = if metadata.is_file() {
            metadata.len()
        } else {
            // The metadata of a block device say 0, so its length is found by seeking.
            prober.get_or_init(|| reopen(file)).as_ref()?.seek(SeekFrom::End(0)).ok()?
        };
        // Files of /proc claim to be empty, and terminals and some devices claim to be seekable.
        let len = end.checked_sub(start).filter(|&len| len > 0)?;
        Some(Self { file, start, len, skipped: 0, whole_len: len, prober })
    }

    /// The part of the input from `start`, at most `len` bytes.
    pub(crate) fn part(&self, start: u64, len: u64) -> Self {
        let start = start.min(self.len);
        let len = len.min(self.len - start);
        let (skipped, whole_len) = (self.skipped + start, self.whole_len);
        Self { file: self.file, start: self.start + start, len, skipped, whole_len, prober: OnceLock::new() }
    }
}

impl Input for FileInput<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn bytes<'a>(&'a self, range: Range<u64>, scratch: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        // Pieces are small: the pipeline asks for a chunk at a time.
        let len = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        scratch.resize(len, 0);
        let mut filled = 0;
        while filled < len {
            let at = range.start + filled as u64;
            let offset = self.skipped + at;
            match read_at(self.file, &mut scratch[filled..], self.start + at) {
                Ok(0) => return Err(Error::Shrunk { offset, expected: self.whole_len }),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Read { offset, source }),
            }
        }
        Ok(scratch)
    }

    fn piece(&self) -> u64 {
        PIECE
    }

    fn data(&self, from: u64) -> Range<u64> {
        match self.prober.get_or_init(|| reopen(self.file)) {
            Some(prober) => sparse::next_data(prober, self.start, from, self.len),
            None => from..self.len,
        }
    }
}

/// Opens the same file once more, so that it has a position of its own; nothing where that cannot be had.
#[cfg(unix)]
fn reopen(file: &File) -> Option<File> {
    use std::os::fd::AsRawFd;
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

#[cfg(not(unix))]
fn reopen(_file: &File) -> Option<File> {
    None
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(not(unix))]
fn read_at(_file: &File, _buffer: &mut [u8], _offset: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
