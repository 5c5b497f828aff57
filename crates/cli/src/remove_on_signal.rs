//! Signals that end the process, as far as files are concerned.
//!
//! A temporary file that has a name is removed before a signal ends the process. A file that may grow no further is an
//! error for its writer, as a full disk is, and no signal.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The temporary file that has a name: a run has no more than one.
static TEMPORARY_FILE: Mutex<Option<PathBuf>> = Mutex::new(None);

/// For as long as this lives, a file is removed when the process is told to stop.
pub(crate) struct RemovedOnSignal;

impl Drop for RemovedOnSignal {
    fn drop(&mut self) {
        *temporary_file() = None;
    }
}

fn temporary_file() -> MutexGuard<'static, Option<PathBuf>> {
    TEMPORARY_FILE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a temporary file, which is removed when the process is told to stop.
pub(crate) fn remove_on_signal<F>(
    make: impl FnOnce() -> io::Result<F>,
    path: impl FnOnce(&F) -> &Path,
) -> io::Result<(F, RemovedOnSignal)> {
    #[cfg(unix)]
    signals::watch()?;
    // A signal that comes while it is being made waits until it is known.
    let mut temporary_file = temporary_file();
    let file = make()?;
    *temporary_file = Some(path(&file).to_owned());
    Ok((file, RemovedOnSignal))
}

/// Removes the temporary file, if there is one, since the process is about to end.
pub(crate) fn remove() {
    if let Some(path) = temporary_file().take() {
        // There is nobody left to tell.
        let _ = std::fs::remove_file(path);
    }
}

/// Makes writing beyond the greatest length that a file may have (`ulimit -f`) an error.
pub(crate) fn make_file_size_limit_an_error() {
    #[cfg(unix)]
    signals::handle_file_size_limit();
}

#[cfg(unix)]
mod signals {
    use std::io;
    use std::sync::atomic::AtomicBool;
    use std::sync::{Arc, Mutex, PoisonError};
    use std::thread;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    use crate::stop_signal::StopSignal;

    pub(super) fn handle_file_size_limit() {
        // Nothing reads the flag: to have a handler is enough. Without it, the signal ends the process.
        let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
    }

    /// Removes the temporary file when the process is told to stop, from the first call on.
    pub(super) fn watch() -> io::Result<()> {
        static WATCHING: Mutex<bool> = Mutex::new(false);
        let mut watching = WATCHING.lock().unwrap_or_else(PoisonError::into_inner);
        if *watching {
            return Ok(());
        }
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM].into_iter().filter(|&signal| !is_ignored(signal)))?;
        thread::Builder::new().spawn(move || {
            for signal in &mut signals {
                super::remove();
                // Another part of the program that waits for signals ends the process itself.
                if !StopSignal::is_awaited() {
                    let _ = emulate_default_handler(signal);
                }
            }
        })?;
        *watching = true;
        Ok(())
    }

    /// Whether the process was begun with a signal ignored, as `nohup` does it, and is to leave it so.
    fn is_ignored(signal: i32) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    }
}
