//! The input of a call as a source: text, bytes, a copy of a buffer, a file that is named, or an object to read from.
//!
//! Invariant: nothing that another thread of Python may change is read while the interpreter's lock is let go of. `str` and
//! `bytes` never change; any other buffer may, so it is copied first.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use changed_blocks::{Encoding, Source};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyMemoryView, PyString};

/// How much is asked of a file object at a time.
const READ_BYTES: usize = 1 << 20;

pub(crate) enum Input {
    Text(PyBackedStr),
    Bytes(PyBackedBytes),
    File(File),
    Reader(FileObject),
}

impl Input {
    /// The input that an argument is. A `str` is always text, never a name.
    pub(crate) fn new(argument: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(text) = argument.cast::<PyString>() {
            return Ok(Self::Text(text.clone().try_into()?));
        }
        if let Ok(bytes) = argument.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.clone().into()));
        }
        if argument.hasattr(intern!(argument.py(), "__fspath__"))? {
            return Self::open(argument);
        }
        if let Ok(view) = PyMemoryView::from(argument) {
            let copy = view.call_method0(intern!(argument.py(), "tobytes"))?;
            return Ok(Self::Bytes(copy.cast_into::<PyBytes>()?.into()));
        }
        if argument.hasattr(intern!(argument.py(), "read"))? {
            return Ok(Self::Reader(FileObject { object: argument.clone().unbind(), is_ours: false }));
        }
        let found = argument.get_type().name()?;
        Err(PyTypeError::new_err(format!("expected str, bytes, a buffer, a path or a binary file object, not {found}")))
    }

    /// As [`new`](Self::new), of a bitmap in that encoding.
    pub(crate) fn of_bitmap(argument: &Bound<'_, PyAny>, encoding: Encoding) -> PyResult<Self> {
        match (Self::new(argument)?, encoding) {
            (Self::Text(_), Encoding::Raw(_) | Encoding::CbtLog) => {
                Err(PyTypeError::new_err(format!("{encoding} is bytes, not str; a file is named by a pathlib.Path")))
            }
            (input, _) => Ok(input),
        }
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
        Ok(Self::Reader(FileObject { object: object.unbind(), is_ours: true }))
    }

    pub(crate) fn source(&mut self) -> Source<'_> {
        match self {
            Self::Text(text) => Source::from(&**text),
            Self::Bytes(bytes) => Source::from(&**bytes),
            Self::File(file) => Source::from(&*file),
            Self::Reader(object) => Source::reader(object),
        }
    }

    /// The input as lines, for lists.
    pub(crate) fn buffered(&mut self) -> Box<dyn BufRead + '_> {
        match self {
            Self::Text(text) => Box::new(text.as_bytes()),
            Self::Bytes(bytes) => Box::new(&**bytes),
            Self::File(file) => Box::new(BufReader::with_capacity(READ_BYTES, file)),
            Self::Reader(object) => Box::new(BufReader::with_capacity(READ_BYTES, object)),
        }
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

/// An object of Python with a method `read` that gives bytes.
pub(crate) struct FileObject {
    object: Py<PyAny>,
    /// Whether it was opened here, and is to be closed.
    is_ours: bool,
}

impl FileObject {
    fn read_piece(&self, py: Python<'_>, buffer: &mut [u8]) -> PyResult<usize> {
        py.check_signals()?;
        let piece = self.object.bind(py).call_method1(intern!(py, "read"), (buffer.len(),))?;
        let Ok(piece) = piece.cast::<PyBytes>() else {
            let found = piece.get_type().name()?;
            return Err(PyTypeError::new_err(format!("read() gave {found}, not bytes: open the file in binary mode")));
        };
        let piece = piece.as_bytes();
        let Some(to) = buffer.get_mut(..piece.len()) else {
            return Err(PyValueError::new_err("read() gave more bytes than it was asked for"));
        };
        to.copy_from_slice(piece);
        Ok(piece.len())
    }
}

impl Read for FileObject {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Python::attach(|py| self.read_piece(py, buffer)).map_err(io::Error::other)
    }
}

impl Drop for FileObject {
    fn drop(&mut self) {
        if self.is_ours {
            // It was only read.
            let _ = Python::try_attach(|py| self.object.call_method0(py, "close"));
        }
    }
}
