//! File objects of Python: anything with a method `read` that gives bytes.
//!
//! Invariant: no piece is skipped and none is cut. An object that has no bytes just now is not at its end.

use std::io::{self, Read};

use pyo3::exceptions::{PyBlockingIOError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::arguments::kind_of;

pub(crate) struct FileObject {
    object: Py<PyAny>,
    /// Whether it was opened here, and is to be closed.
    is_ours: bool,
    /// The first bytes, if they were looked at before they are read.
    head: Vec<u8>,
}

impl FileObject {
    pub(crate) const fn new(object: Py<PyAny>, is_ours: bool) -> Self {
        Self { object, is_ours, head: Vec::new() }
    }

    /// The first bytes, fewer if there are no more. They are still to be read.
    pub(crate) fn peek(&mut self, bytes: usize) -> PyResult<&[u8]> {
        let mut piece = vec![0; bytes];
        while self.head.len() < bytes {
            let wanted = bytes - self.head.len();
            match Python::attach(|py| self.read_piece(py, &mut piece[..wanted]))? {
                0 => break,
                len => self.head.extend_from_slice(&piece[..len]),
            }
        }
        Ok(&self.head)
    }

    fn read_piece(&self, py: Python<'_>, buffer: &mut [u8]) -> PyResult<usize> {
        py.check_signals()?;
        let piece = self.object.bind(py).call_method1(intern!(py, "read"), (buffer.len(),))?;
        let Ok(piece) = piece.cast::<PyBytes>() else { return Err(no_bytes(&piece)) };
        let piece = piece.as_bytes();
        let Some(to) = buffer.get_mut(..piece.len()) else {
            return Err(PyValueError::new_err("read() gave more bytes than it was asked for"));
        };
        to.copy_from_slice(piece);
        Ok(piece.len())
    }
}

/// The exception for a piece that is not bytes.
fn no_bytes(piece: &Bound<'_, PyAny>) -> PyErr {
    if piece.is_none() {
        return PyBlockingIOError::new_err("read() gave None: there is no data yet; the file must not be non-blocking");
    }
    let advice = if piece.is_instance_of::<PyString>() { "open the file in binary mode" } else { "it must give bytes" };
    PyTypeError::new_err(format!("read() gave {}, not bytes: {advice}", kind_of(piece)))
}

impl Read for FileObject {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.head.is_empty() {
            return Python::attach(|py| self.read_piece(py, buffer)).map_err(io::Error::other);
        }
        let len = buffer.len().min(self.head.len());
        buffer[..len].copy_from_slice(&self.head[..len]);
        self.head.drain(..len);
        Ok(len)
    }
}

impl Drop for FileObject {
    fn drop(&mut self) {
        if self.is_ours {
            // Nothing was written, so nothing is lost if it cannot be closed.
            let _ = Python::try_attach(|py| self.object.call_method0(py, "close"));
        }
    }
}
