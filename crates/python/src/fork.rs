//! Processes that were forked, as those of `multiprocessing` often are: the threads of the pool are not in them, and work that
//! is handed to the pool is never done. There, the caller's thread does all.

use std::process;
use std::sync::OnceLock;

use pyo3::PyResult;
use pyo3::exceptions::PyRuntimeError;
use rayon::ThreadPoolBuilder;

/// The process that loaded the module.
static PROCESS: OnceLock<u32> = OnceLock::new();

pub(crate) fn note_process() {
    PROCESS.get_or_init(process::id);
}

/// Whether this process is a fork of the one that loaded the module.
pub(crate) fn is_forked() -> bool {
    PROCESS.get().is_some_and(|&loaded| loaded != process::id())
}

/// Does work on the threads of the pool; on one thread in a fork, and unless it is to be `parallel`.
///
/// # Errors
///
/// The system has no thread.
pub(crate) fn on_usable_threads<T: Send>(parallel: bool, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    if parallel && !is_forked() {
        return Ok(work());
    }
    let pool = ThreadPoolBuilder::new().num_threads(1).build();
    pool.map(|pool| pool.install(work)).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}
