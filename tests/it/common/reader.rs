//! Streams that behave as badly as streams may.

use std::io::{self, ErrorKind, Read};

/// Gives pieces of uneven sizes and is interrupted now and then.
pub(crate) struct UnevenReader<'a> {
    rest: &'a [u8],
    calls: usize,
}

impl<'a> UnevenReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, calls: 0 }
    }
}

impl Read for UnevenReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const SIZES: [usize; 9] = [1, 7, 64, 3, 4097, 2, 0, 50_000, 5];
        let size = SIZES[self.calls % SIZES.len()];
        self.calls += 1;
        if size == 0 {
            return Err(ErrorKind::Interrupted.into());
        }
        let len = size.min(buffer.len()).min(self.rest.len());
        buffer[..len].copy_from_slice(&self.rest[..len]);
        self.rest = &self.rest[len..];
        Ok(len)
    }
}

/// Gives some bytes and then an error, again and again.
pub(crate) struct FailingReader<'a> {
    good: UnevenReader<'a>,
}

impl<'a> FailingReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { good: UnevenReader::new(bytes) }
    }
}

impl Read for FailingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.good.rest.is_empty() && !buffer.is_empty() {
            return Err(io::Error::new(ErrorKind::ConnectionReset, "the peer went away"));
        }
        self.good.read(buffer)
    }
}
