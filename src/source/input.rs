//! The interface of an input whose length is known, as the pipeline asks for it.

use std::ops::Range;

use super::buffer::Buffer;
use super::mmap::Mapped;
use crate::{Error, Result};

/// Bytes of known number, readable at any place by several threads.
pub(crate) trait Input: Sync {
    /// How long a byte takes, in nanoseconds or so, until it is known that nothing changes there.
    fn ns_per_byte(&self) -> f64;

    /// The number of bytes.
    fn len(&self) -> u64;

    /// The bytes of a range inside the input: borrowed where they lie in memory, else read into `scratch`.
    fn bytes<'a>(&'a self, range: Range<u64>, scratch: &'a mut Scratch) -> Result<&'a [u8]>;

    /// How many bytes to ask for at a time at the most, up to the next multiple of that.
    fn piece(&self) -> u64;

    /// The next range, at or after `from`, that may hold anything but zeros; empty, at the end, if there is none.
    fn data(&self, from: u64) -> Range<u64>;
}

/// The bytes that were read last of one input, in case they are asked for again.
#[derive(Default)]
pub(crate) struct Scratch {
    buffer: Buffer,
    range: Range<u64>,
}

impl Scratch {
    /// The bytes of a range, no longer than `most`, which `read` reads unless they are there.
    pub(super) fn keep(
        &mut self,
        range: Range<u64>,
        most: u64,
        read: impl FnOnce(&Range<u64>, &mut [u8]) -> Result<()>,
    ) -> Result<&[u8]> {
        // A piece of the input is small.
        let index = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        if range.start < self.range.start || range.end > self.range.end {
            self.range = 0..0;
            let len = index(range.end - range.start);
            if self.buffer.bytes().len() < len {
                self.buffer =
                    Buffer::new(len.max(index(most))).map_err(|source| Error::Read { offset: range.start, source })?;
            }
            read(&range, &mut self.buffer.bytes_mut()[..len])?;
            self.range = range.clone();
        }
        Ok(&self.buffer.bytes()[index(range.start - self.range.start)..index(range.end - self.range.start)])
    }
}

/// Bytes in memory, perhaps those of a mapped file.
pub(crate) struct Slice<'a> {
    bytes: &'a [u8],
    /// The map that the bytes are part of, and the place of the first of them in it.
    mapped_from: Option<(&'a Mapped, u64)>,
}

impl<'a> Slice<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, mapped_from: None }
    }

    pub(crate) fn mapped(mapped: &'a Mapped) -> Self {
        Self { bytes: mapped.bytes(), mapped_from: Some((mapped, 0)) }
    }

    /// The part of the slice from `start`, at most `len` bytes.
    pub(crate) fn part(&self, start: u64, len: u64) -> Self {
        let start_index = usize::try_from(start).map_or(self.bytes.len(), |start| start.min(self.bytes.len()));
        let rest = &self.bytes[start_index..];
        let len = usize::try_from(len).map_or(rest.len(), |len| len.min(rest.len()));
        Self { bytes: &rest[..len], mapped_from: self.mapped_from.map(|(mapped, at)| (mapped, at + start)) }
    }
}

impl Input for Slice<'_> {
    fn ns_per_byte(&self) -> f64 {
        0.03
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn bytes<'a>(&'a self, range: Range<u64>, _scratch: &'a mut Scratch) -> Result<&'a [u8]> {
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
            Some((mapped, start)) => mapped.prober().next_data(start, from, self.len()),
            None => from..self.len(),
        }
    }
}
