//! Streams: read into a buffer, which is then an input like any other, until they end or are too long.

use std::io::{self, Read};

use super::driver::Pipeline;
use super::output::Output;
use super::plan::{Codec, Plan};
use super::tuning::{MAX_STREAM_SPACE, MIN_STREAM_READ_BYTES, STREAM_BUFFER_BYTES};
use crate::source::{Buffer, Slice};
use crate::{Error, Result};

/// An input whose length is not known.
pub(crate) struct Stream<'a> {
    reader: Box<dyn Read + 'a>,
    buffer: Buffer,
    /// How many bytes of the buffer are still to be dealt with, or partly so.
    filled: usize,
    /// The most bits that a bitmap may have.
    most_bits: Option<u64>,
    /// Whether it was left before its end, since it has more.
    cut_short: bool,
}

impl<'a> Stream<'a> {
    /// A stream of which `done` bytes were read before.
    pub(crate) fn new(reader: Box<dyn Read + 'a>, plan: &Plan, done: u64, most_bits: Option<u64>) -> Result<Self> {
        let buffer = Buffer::new(plan.chunk_bytes.unwrap_or(STREAM_BUFFER_BYTES));
        let buffer = buffer.map_err(|source| Error::Read { offset: done, source })?;
        Ok(Self { reader, buffer, filled: 0, most_bits, cut_short: false })
    }

    pub(crate) const fn is_cut_short(&self) -> bool {
        self.cut_short
    }

    /// Deals with some more of the stream. Returns whether it is at its end, or has more bits than the most.
    pub(crate) fn step<O: Output>(&mut self, pipeline: &mut Pipeline, output: &mut O) -> Result<bool> {
        if self.filled == 0 {
            self.filled = self.read_part(pipeline, output.position())?;
            if self.filled == 0 {
                return Ok(true);
            }
        }
        if !pipeline.step(&Slice::new(&self.buffer.bytes()[..self.filled]), output)? {
            return Ok(false);
        }
        let last_byte = self.buffer.bytes()[self.filled - 1];
        self.filled = 0;
        output.drop_if_too_long();
        // Whole bytes: the last symbol of a text may have some bits more than the last byte.
        if self.most_bits.is_some_and(|most| output.position() / 8 > most / 8) {
            self.cut_short = true;
            return Ok(true);
        }
        // Two bytes of line break after each symbol. More white space than that has no end.
        let most_bytes = pipeline.tail.symbols().saturating_mul(3).saturating_add(MAX_STREAM_SPACE);
        if matches!(pipeline.plan.codec, Codec::Text(_)) && pipeline.done_bytes() > most_bytes {
            return Err(Error::InvalidSymbol { offset: pipeline.done_bytes() - 1, byte: last_byte });
        }
        Ok(false)
    }

    /// Reads the next part into the buffer. Returns how many bytes it has; none at the end.
    fn read_part(&mut self, pipeline: &Pipeline, position: u64) -> Result<usize> {
        let buffer = self.buffer.bytes_mut();
        // How many more bytes it takes, at the least, until there are too many bits.
        let bits_per_byte = pipeline.plan.codec.bits_per_byte();
        let beyond = self.most_bits.map(|most| most.saturating_sub(position) / bits_per_byte + 1);
        match beyond {
            // The first byte that is one too many is seen as soon as it comes.
            Some(beyond) if beyond < buffer.len() as u64 => {
                let len = MIN_STREAM_READ_BYTES.max(usize::try_from(beyond).unwrap_or(usize::MAX));
                let len = buffer.len().min(len);
                read(&mut self.reader, &mut buffer[..len], pipeline.done_bytes())
            }
            _ => fill(&mut self.reader, buffer, pipeline.done_bytes()),
        }
    }
}

/// Fills a buffer from a stream as far as the stream goes.
fn fill(reader: &mut impl Read, buffer: &mut [u8], done: u64) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read(reader, &mut buffer[filled..], done + filled as u64)? {
            0 => break,
            more => filled += more,
        }
    }
    Ok(filled)
}

/// Reads the bytes that a stream has ready; 0 at its end. `offset` is theirs, for the error.
fn read(reader: &mut impl Read, buffer: &mut [u8], offset: u64) -> Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read.map_err(|source| Error::Read { offset, source }),
        }
    }
}
