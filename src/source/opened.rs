//! A source made ready: its length found, or found to have none.

use std::io::Read;

use super::file::FileInput;
use super::{Input, Scratch, Slice, Source};
use crate::{Error, Result};

/// An input of known length, or a stream.
pub(crate) enum Opened<'a> {
    Slice(Slice<'a>),
    File(FileInput<'a>),
    Stream(Box<dyn Read + 'a>),
}

impl<'a> From<Source<'a>> for Opened<'a> {
    fn from(source: Source<'a>) -> Self {
        match source {
            Source::Slice(bytes) => Self::Slice(Slice::new(bytes)),
            Source::Mapped(mapped) => Self::Slice(Slice::mapped(mapped)),
            Source::File(file) => match FileInput::open(file) {
                Some(input) => Self::File(input),
                None => Self::Stream(Box::new(file)),
            },
            Source::Reader(reader) => Self::Stream(Box::new(reader)),
        }
    }
}

impl<'a> Opened<'a> {
    /// The first `len` bytes, or all if there are fewer, and what follows them.
    pub(crate) fn split(self, len: usize) -> Result<(Vec<u8>, Self)> {
        let mut head = Vec::with_capacity(len);
        let copy = |input: &dyn Input| -> Result<Vec<u8>> {
            let range = 0..input.len().min(len as u64);
            Ok(input.bytes(range, &mut Scratch::default())?.to_vec())
        };
        match self {
            Self::Slice(input) => Ok((copy(&input)?, Self::Slice(input.part(len as u64, u64::MAX)))),
            Self::File(input) => Ok((copy(&input)?, Self::File(input.part(len as u64, u64::MAX)))),
            Self::Stream(mut reader) => match reader.by_ref().take(len as u64).read_to_end(&mut head) {
                Ok(_) => Ok((head, Self::Stream(reader))),
                Err(source) => Err(Error::Read { offset: head.len() as u64, source }),
            },
        }
    }

    /// At most the first `len` bytes.
    pub(crate) fn limit(self, len: u64) -> Self {
        match self {
            Self::Slice(input) => Self::Slice(input.part(0, len)),
            Self::File(input) => Self::File(input.part(0, len)),
            Self::Stream(reader) => Self::Stream(Box::new(reader.take(len))),
        }
    }
}
