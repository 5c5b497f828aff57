//! Ctrl-C: signals are looked for between pieces of work, and now and then only, since that takes the interpreter's lock.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::fork;

/// How long a signal may wait. Another thread of Python may hold the lock for 5 ms by itself.
const INTERVAL: Duration = Duration::from_millis(100);

/// Looks for signals while the interpreter's lock is let go of.
pub(crate) struct Signals {
    looked: Instant,
}

impl Signals {
    pub(crate) fn new() -> Self {
        Self { looked: Instant::now() }
    }

    /// Looks for signals, unless that was done a moment ago.
    ///
    /// # Errors
    ///
    /// The exception of a signal handler, as `KeyboardInterrupt`.
    pub(crate) fn check(&mut self) -> PyResult<()> {
        if self.looked.elapsed() < INTERVAL {
            return Ok(());
        }
        Python::attach(|py| py.check_signals())?;
        self.looked = Instant::now();
        Ok(())
    }
}

/// Does work that has no steps on a thread of its own, or with those of the pool if it is to be `parallel`, so that a signal
/// ends the call at once. The work itself then goes on to its end, and nobody learns of its result.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    parallel: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    py.detach(|| {
        let (sender, receiver) = channel();
        let send = move || {
            // Nobody waits any more after a signal.
            let _ = sender.send(fork::on_usable_threads(parallel, work));
        };
        let worker = thread::Builder::new().name("changed-blocks".to_owned()).spawn(send)?;
        loop {
            match receiver.recv_timeout(INTERVAL) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) => Python::attach(|py| py.check_signals())?,
                // The thread has panicked, and so has written why to standard error.
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = worker.join();
                    return Err(PyRuntimeError::new_err("the work ended without a result"));
                }
            }
        }
    })
}
