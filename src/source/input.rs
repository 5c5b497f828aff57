//! What the pipeline asks of an input whose length is known.

use std::fs::File;
use std::ops::Range;

use super::sparse;
use crate::Result;

/// Bytes of known number, readable at any place by several threads.
pub(crate) trait Input: Sync {
    /// The number of bytes.
    fn len(&self) -> u64;

    /// The bytes of a range inside the input: borrowed where they lie in memory, else read into `scratch`.
    fn bytes<'a>(&'a self, range: Range<u64>, scratch: &'a mut Vec<u8>) -> Result<&'a [u8]>;

    /// How many bytes to ask for at a time at the most.
    fn piece(&self) -> u64;

    /// The next range, at or after `from`, that may hold anything but zeros; empty, at the end, if there is none.
    fn data(&self, from: u64) -> Range<u64>;
}

/// Bytes in memory, perhaps those of a mapped file.
pub(crate) struct Slice<'a> {
    bytes: &'a [u8],
    /// The file that the bytes are mapped from, and the place of the first of them in it.
    mapped_from: Option<(&'a File, u64)>,
}

impl<'a> Slice<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, mapped_from: None }
    }

    pub(crate) const fn mapped(bytes: &'a [u8], file: &'a File) -> Self {
        Self { bytes, mapped_from: Some((file, 0)) }
    }

    /// The part of the slice from `start`, at most `len` bytes.
    pub(crate) fn part(&self, start: u64, len: u64) -> Self {
        let start_index = usize::try_from(start).map_or(self.bytes.len(), |start| start.min(self.bytes.len()));
        let rest = &self.bytes[start_index..];
        let len = usize::try_from(len).map_or(rest.len(), |len| len.min(rest.len()));
        Self { bytes: &rest[..len], mapped_from: self.mapped_from.map(|(file, at)| (file, at + start)) }
    }
}

impl Input for Slice<'_> {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn bytes<'a>(&'a self, range: Range<u64>, _scratch: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        // The pipeline asks for nothing beyond the length, which is a usize.
        #[expect(clippy::cast_possible_truncation)]
        Ok(&self.bytes[range.start as usize..range.end as usize])
    }

    fn piece(&self) -> u64 {
        // They are there, so there is no reason to cut them up. Far from what could overflow.
        u64::MAX / 4
    }

    fn data(&self, from: u64) -> Range<u64> {
        match self.mapped_from {
            Some((file, start)) => sparse::next_data(file, start, from, self.len()),
            None => from..self.len(),
        }
    }
}
