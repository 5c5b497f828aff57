//! How many threads there are to work on.

use std::error::Error;
use std::sync::OnceLock;
use std::thread::available_parallelism;

/// The number of threads of the present rayon pool; one, the caller's, if the global one cannot be had, since the system
/// has no more threads. Rayon itself would panic.
pub(crate) fn count() -> usize {
    static GLOBAL: OnceLock<bool> = OnceLock::new();
    let build = || match rayon::ThreadPoolBuilder::new().build_global() {
        Ok(()) => true,
        // An error of the system; others mean that there is one.
        Err(error) => error.source().is_none(),
    };
    if rayon::current_thread_index().is_some() || *GLOBAL.get_or_init(build) { rayon::current_num_threads() } else { 1 }
}

/// How many processors the thread that asks first may use: more threads than these only wait for each other.
pub(crate) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| available_parallelism().map_or(usize::MAX, Into::into))
}
