//! Goes through the pairs of a list.

use pyo3::prelude::*;

use super::Extents;
use super::methods::pair;

#[pyclass(module = "changed_blocks")]
pub(crate) struct ExtentsIterator {
    extents: Py<Extents>,
    next: usize,
}

impl ExtentsIterator {
    pub(super) const fn new(extents: Py<Extents>) -> Self {
        Self { extents, next: 0 }
    }
}

#[pymethods]
impl ExtentsIterator {
    fn __iter__(iterator: PyRef<'_, Self>) -> PyRef<'_, Self> {
        iterator
    }

    fn __next__(&mut self) -> Option<(u64, u64)> {
        let range = self.extents.get().ranges().get(self.next)?;
        self.next += 1;
        Some(pair(*range))
    }

    fn __length_hint__(&self) -> usize {
        self.extents.get().ranges().len() - self.next
    }
}
