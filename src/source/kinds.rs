//! The kinds of sources.

use std::fmt;
use std::fs::File;
use std::io::Read;

use super::mmap::Mapped;

/// Where the bytes of a bitmap come from. Made by `From` from slices, strings, open files and mapped files, and by
/// [`Source::reader`] from any [`Read`].
///
/// ```
/// use changed_blocks::{Encoding, Scanner, Source};
/// let scanner = Scanner::new(Encoding::Base64);
/// let from_text = scanner.extents("YAAAAA==")?;
/// let from_stream = scanner.extents(Source::reader(&mut "YAAAAA==".as_bytes()))?;
/// assert_eq!(from_text, from_stream);
/// # Ok::<(), changed_blocks::Error>(())
/// ```
#[non_exhaustive]
pub enum Source<'a> {
    /// Bytes in memory.
    Slice(&'a [u8]),
    /// A mapped file. Long holes of a raw bitmap are skipped. One that is written to meanwhile is an error, as far as its
    /// times tell.
    Mapped(&'a Mapped),
    /// An open file or block device, from its present position to its end, read in pieces by all threads. Holes of a
    /// raw bitmap are skipped if they are long. The position is not moved. What has no length (a pipe, a terminal, a file
    /// of `/proc`) is read as a stream.
    ///
    /// A file that is written to meanwhile is an error, known by its size and times before and after: see [`Stamp`](crate::Stamp) for
    /// what these cannot tell. One that was written to a moment ago is read some milliseconds later for that.
    File(&'a File),
    /// A stream, read to its end in bounded memory. Where the size of the disk is known, a stream that is longer than a
    /// bitmap of that disk can be, whatever the block size, is an error at once. Without it, a stream that has no end is
    /// read for ever, unless [`largest_disk`](crate::Scanner::largest_disk) says how much is too much. White space that has
    /// no end is an error in any case.
    Reader(&'a mut dyn Read),
}

impl<'a> Source<'a> {
    /// The file that it is, if it is one.
    pub(crate) const fn file(&self) -> Option<&'a File> {
        match *self {
            Self::File(file) => Some(file),
            Self::Mapped(mapped) => Some(mapped.file()),
            Self::Slice(_) | Self::Reader(_) => None,
        }
    }

    /// A source that reads a stream to its end.
    pub fn reader(reader: &'a mut dyn Read) -> Self {
        Self::Reader(reader)
    }
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slice(bytes) => write!(f, "Slice({} bytes)", bytes.len()),
            Self::Mapped(mapped) => f.debug_tuple("Mapped").field(mapped).finish(),
            Self::File(file) => f.debug_tuple("File").field(file).finish(),
            Self::Reader(_) => f.write_str("Reader"),
        }
    }
}

impl<'a> From<&'a [u8]> for Source<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Slice(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Source<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Slice(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Source<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Slice(bytes)
    }
}

impl<'a> From<&'a str> for Source<'a> {
    fn from(text: &'a str) -> Self {
        Self::Slice(text.as_bytes())
    }
}

impl<'a> From<&'a String> for Source<'a> {
    fn from(text: &'a String) -> Self {
        Self::Slice(text.as_bytes())
    }
}

impl<'a> From<&'a File> for Source<'a> {
    fn from(file: &'a File) -> Self {
        Self::File(file)
    }
}

impl<'a> From<&'a Mapped> for Source<'a> {
    fn from(mapped: &'a Mapped) -> Self {
        Self::Mapped(mapped)
    }
}
