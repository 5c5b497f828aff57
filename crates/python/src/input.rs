//! The input of a call as a source: text, bytes, a copy of a buffer, a file that is named, or an object to read from.
//!
//! Invariant: text is never taken for a name, nor the memory of numbers for bytes. And nothing that another thread of Python
//! may change is read while the interpreter's lock is let go of: `str` and `bytes` never change; any other buffer may, so it
//! is copied first.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::PathBuf;

use changed_blocks::cbtlog::{HEADER_BYTES, Header};
use changed_blocks::{Encoding, Source};
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyMemoryView, PyString};

use crate::arguments::kind_of;
use crate::errors::Failure;
use crate::file_object::FileObject;
use crate::signals::Signals;

/// How much is read at a time.
const READ_BYTES: usize = 1 << 20;
/// Names of files are shorter.
const NAME_CHARACTERS: usize = 4096;

pub(crate) enum Input {
    Text(PyBackedStr),
    Bytes(PyBackedBytes),
    File(File),
    Reader(FileObject),
}

impl Input {
    /// The input that an argument is. A `str` is always text, never a name.
    pub(crate) fn new(argument: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = argument.py();
        if let Ok(text) = argument.cast::<PyString>() {
            return Self::text(text);
        }
        if let Ok(bytes) = argument.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.clone().into()));
        }
        if argument.hasattr(intern!(py, "__fspath__"))? {
            return Self::open(argument);
        }
        match PyMemoryView::from(argument) {
            Ok(view) => return Self::copy(argument, &view),
            // It is no buffer.
            Err(error) if error.is_instance_of::<PyTypeError>(py) => {}
            Err(error) => return Err(error),
        }
        if argument.hasattr(intern!(py, "read"))? {
            return Ok(Self::Reader(FileObject::new(argument.clone().unbind(), false)));
        }
        let found = kind_of(argument);
        Err(PyTypeError::new_err(format!("expected str, bytes, a buffer, a path or a binary file object, not {found}")))
    }

    /// As [`new`](Self::new), of a bitmap in that encoding.
    pub(crate) fn of_bitmap(argument: &Bound<'_, PyAny>, encoding: Encoding) -> PyResult<Self> {
        if argument.is_instance_of::<PyString>() && matches!(encoding, Encoding::Raw(_) | Encoding::CbtLog) {
            return Err(PyTypeError::new_err(format!(
                "{encoding} is bytes, not str; a file is named by a pathlib.Path"
            )));
        }
        Self::new(argument)
    }

    /// Text. A character that is no text, half of a pair, is for the library to refuse, at its place.
    fn text(text: &Bound<'_, PyString>) -> PyResult<Self> {
        let py = text.py();
        match PyBackedStr::try_from(text.clone()) {
            Ok(text) => Ok(Self::Text(text)),
            Err(error) if error.is_instance_of::<PyUnicodeEncodeError>(py) => {
                let encoded = text.call_method1(intern!(py, "encode"), ("utf-8", "surrogatepass"))?;
                Ok(Self::Bytes(encoded.cast_into::<PyBytes>()?.into()))
            }
            Err(error) => Err(error),
        }
    }

    /// A copy of a buffer of bytes. The memory of larger items, or of truth values, is no bitmap, though it is there.
    fn copy(argument: &Bound<'_, PyAny>, view: &Bound<'_, PyMemoryView>) -> PyResult<Self> {
        let py = view.py();
        let item_bytes: usize = view.getattr(intern!(py, "itemsize"))?.extract()?;
        let format: String = view.getattr(intern!(py, "format"))?.extract()?;
        if item_bytes != 1 || !matches!(format.trim_start_matches(['@', '=', '<', '>', '!']), "B" | "b" | "c") {
            let found = kind_of(argument);
            return Err(PyTypeError::new_err(format!(
                "the items of this {found} are not bytes (their format is {format:?}): of flags, numpy.packbits makes a \
                 raw bitmap; array.view('u1') is the memory of an array as bytes"
            )));
        }
        let copy = view.call_method0(intern!(py, "tobytes"))?;
        Ok(Self::Bytes(copy.cast_into::<PyBytes>()?.into()))
    }

    /// A file or a block device is read by all threads. Whatever else has a name, a pipe or a terminal, Python reads: it
    /// knows what to do when a signal comes, and which exception says that there is no such file.
    fn open(path: &Bound<'_, PyAny>) -> PyResult<Self> {
        let name: PathBuf = path.extract()?;
        let has_length = fs::metadata(&name).is_ok_and(|metadata| metadata.is_file() || is_block_device(&metadata));
        if has_length && let Ok(file) = File::open(&name) {
            return Ok(Self::File(file));
        }
        let object = path.py().import("io")?.call_method1("open", (path, "rb", 0))?;
        Ok(Self::Reader(FileObject::new(object.unbind(), true)))
    }

    pub(crate) fn source(&mut self) -> Source<'_> {
        match self {
            Self::Text(text) => Source::from(&**text),
            Self::Bytes(bytes) => Source::from(&**bytes),
            Self::File(file) => Source::from(&*file),
            Self::Reader(object) => Source::reader(object),
        }
    }

    /// The input as lines, for lists. Signals are looked for as it is read, however few ranges there are.
    pub(crate) fn buffered(&mut self) -> impl BufRead + '_ {
        let bytes: Box<dyn Read + '_> = match self {
            Self::Text(text) => Box::new(text.as_bytes()),
            Self::Bytes(bytes) => Box::new(&**bytes),
            Self::File(file) => Box::new(file),
            Self::Reader(object) => Box::new(object),
        };
        BufReader::with_capacity(READ_BYTES, Interruptible { bytes, signals: Signals::new() })
    }

    /// The header of a log, if it begins with a good one. The input is then still read from its start.
    pub(crate) fn header(&mut self) -> PyResult<Option<Header>> {
        let mut head = Vec::new();
        let beginning = match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::File(file) => {
                (&*file).take(HEADER_BYTES as u64).read_to_end(&mut head)?;
                file.rewind()?;
                &head
            }
            Self::Reader(object) => object.peek(HEADER_BYTES)?,
        };
        Ok(beginning.get(..HEADER_BYTES).and_then(|head| Header::parse(head).ok()))
    }

    /// The file, if it is one that was named.
    pub(crate) const fn file(&self) -> Option<&File> {
        match self {
            Self::File(file) => Some(file),
            _ => None,
        }
    }
}

#[cfg(unix)]
fn is_block_device(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_block_device(&metadata.file_type())
}

#[cfg(not(unix))]
fn is_block_device(_metadata: &fs::Metadata) -> bool {
    false
}

/// A failure, with a word on names if the argument is a short text: that may have been meant for one.
pub(crate) fn advised(argument: &Bound<'_, PyAny>, failure: Failure) -> Failure {
    match argument.cast::<PyString>().map(|text| text.len()) {
        Ok(Ok(..NAME_CHARACTERS)) => {
            failure.with_advice(argument.py(), "a str is the text itself: of a file, pass pathlib.Path(name)").into()
        }
        _ => failure,
    }
}

/// Looks for signals between reads.
struct Interruptible<R> {
    bytes: R,
    signals: Signals,
}

impl<R: Read> Read for Interruptible<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.signals.check().map_err(io::Error::other)?;
        self.bytes.read(buffer)
    }
}
