//! Long lists: in memory that may not be there, and with a look for Ctrl-C between pieces of work.
//!
//! Invariant: no list grows without being asked whether there is memory for it. A failure is a `MemoryError`, where it would
//! end the whole program otherwise.

use std::iter::FusedIterator;

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::signals::Signals;

/// How many items are dealt with between looks for signals.
pub(crate) const BATCH: usize = 1 << 16;

/// The items as a list.
///
/// # Errors
///
/// There is no memory for it, or a signal came.
pub(crate) fn collect<T>(mut items: impl FusedIterator<Item = T>) -> PyResult<Vec<T>> {
    let mut list = Vec::new();
    let mut signals = Signals::new();
    loop {
        let len = list.len();
        let batch = len.clamp(64, BATCH);
        reserve(&mut list, batch)?;
        list.extend(items.by_ref().take(batch));
        if list.len() - len < batch {
            list.shrink_to_fit();
            return Ok(list);
        }
        signals.check()?;
    }
}

/// Makes room for so many more items.
pub(crate) fn reserve<T>(list: &mut Vec<T>, more: usize) -> PyResult<()> {
    list.try_reserve(more).map_err(|_| PyMemoryError::new_err("there is no memory for a list of that length"))
}

/// A copy as `bytes`.
pub(crate) fn bytes<'py>(py: Python<'py>, from: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, from.len(), |to| {
        to.copy_from_slice(from);
        Ok(())
    })
}

/// Numbers as the little-endian `bytes` that `pickle` keeps.
pub(crate) fn little_endian<'py>(py: Python<'py>, numbers: &[u64]) -> PyResult<Bound<'py, PyBytes>> {
    if cfg!(target_endian = "little") {
        return bytes(py, bytemuck::cast_slice(numbers));
    }
    PyBytes::new_with(py, size_of_val(numbers), |to| {
        let (places, _) = to.as_chunks_mut::<8>();
        places.iter_mut().zip(numbers).for_each(|(place, number)| *place = number.to_le_bytes());
        Ok(())
    })
}
