//! The Python package `changed-blocks`: the library as the module `changed_blocks`.
//!
//! Nothing is decided here. Each function turns what Python gives into what the library takes, lets go of the interpreter
//! while the library works, and turns the answer or the error into objects of Python. `python/changed_blocks` is the part
//! that is written in Python: names, exceptions and types.
//!
//! Invariant: every object is immutable, so that arrays of other packages may share its memory, and threads the object.

mod arguments;
mod arrow;
mod bitmap;
mod collect;
mod errors;
mod extents;
mod file_object;
mod fork;
mod input;
mod lists;
mod picture;
mod scan;
mod signals;
mod store;

#[pyo3::pymodule]
mod _native {
    #[pymodule_export]
    use crate::bitmap::{Bitmap, restore_bitmap};
    #[pymodule_export]
    use crate::extents::{Extents, restore};
    #[pymodule_export]
    use crate::scan::{bitmap, extents};
    #[pymodule_export]
    use crate::store::{ChangedBlocks, Store};

    use pyo3::prelude::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::fork::note_process();
        let encodings: Vec<&str> = changed_blocks::Encoding::ALL.iter().map(|encoding| encoding.name()).collect();
        module.add("ENCODINGS", pyo3::types::PyTuple::new(module.py(), encodings)?)?;
        module.add("READABLE_FORMATS", pyo3::types::PyTuple::new(module.py(), crate::lists::readable())?)?;
        module.add("WRITABLE_FORMATS", pyo3::types::PyTuple::new(module.py(), crate::lists::writable())?)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
