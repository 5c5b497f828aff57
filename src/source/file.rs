//! Files read in pieces, at explicit places, by all threads.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;

use super::Input;
use super::sparse;
use crate::{Error, Result};

/// A file or block device whose length is known.
pub(crate) struct FileInput<'a> {
    file: &'a File,
    /// Where the input begins in the file.
    start: u64,
    len: u64,
    /// How much of the file, as it was opened, lies before the input.
    skipped: u64,
}

impl<'a> FileInput<'a> {
    /// The file from its present position to its end; nothing if it has no length that could be relied on.
    ///
    /// The length is found by seeking, since the metadata of a block device say 0.
    pub(crate) fn open(file: &'a File) -> Option<Self> {
        if cfg!(not(unix)) {
            return None;
        }
        let mut seekable = file;
        let start = seekable.stream_position().ok()?;
        let end = seekable.seek(SeekFrom::End(0)).ok()?;
        seekable.seek(SeekFrom::Start(start)).ok()?;
        // Files of /proc claim to be empty, and terminals and some devices claim to be seekable.
        (end > start).then(|| Self { file, start, len: end - start, skipped: 0 })
    }

    /// The part of the input from `start`, at most `len` bytes.
    pub(crate) fn part(&self, start: u64, len: u64) -> Self {
        let start = start.min(self.len);
        let len = len.min(self.len - start);
        Self { file: self.file, start: self.start + start, len, skipped: self.skipped + start }
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
                Ok(0) => return Err(Error::Shrunk { offset, expected: self.skipped + self.len }),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Read { offset, source }),
            }
        }
        Ok(scratch)
    }

    fn data(&self, from: u64) -> Range<u64> {
        sparse::next_data(self.file, self.start, from, self.len)
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
