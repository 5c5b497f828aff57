//! A source made ready: its length found, or found to have none.

use std::io::{Cursor, Read};

use super::file::FileInput;
use super::input::{Input, Scratch, Slice};
use super::kinds::Source;
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

    /// A copy of the whole input if it has at most `len` bytes; and the input, as it was.
    pub(crate) fn whole_if_short(self, len: usize) -> Result<(Option<Vec<u8>>, Self)> {
        let mut head = Vec::new();
        match self {
            Self::Stream(mut reader) => match reader.by_ref().take(len as u64 + 1).read_to_end(&mut head) {
                Ok(_) => {
                    let short = (head.len() <= len).then(|| head.clone());
                    Ok((short, Self::Stream(Box::new(Cursor::new(head).chain(reader)))))
                }
                Err(source) => Err(Error::Read { offset: head.len() as u64, source }),
            },
            Self::Slice(input) => Ok((copy_if_short(&input, len)?, Self::Slice(input))),
            Self::File(input) => Ok((copy_if_short(&input, len)?, Self::File(input))),
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

fn copy_if_short(input: &dyn Input, len: usize) -> Result<Option<Vec<u8>>> {
    if input.len() > len as u64 {
        return Ok(None);
    }
    Ok(Some(input.bytes(0..input.len(), &mut Scratch::default())?.to_vec()))
}
