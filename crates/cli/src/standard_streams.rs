//! The standard streams as files, unless they were closed before the command began.
//!
//! Rust's runtime opens `/dev/null` in the place of each standard stream that is closed, before `main`. Output would then
//! be lost without a word, so it is looked at before the runtime begins.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;

/// Standard input, so that one that was redirected from a file is read like a file.
pub(crate) fn input() -> Result<File, Failure> {
    checked(duplicate(&io::stdin()), &INPUT_CLOSED, "standard input")
}

/// Standard output without the line buffer that the standard library puts before it.
pub(crate) fn output() -> Result<File, Failure> {
    checked(duplicate(&io::stdout()), &OUTPUT_CLOSED, "standard output")
}

fn checked(file: io::Result<File>, closed: &AtomicBool, stream: &'static str) -> Result<File, Failure> {
    match file {
        Ok(_) if closed.load(Ordering::Relaxed) => Err(Failure::Closed { stream, error: None }),
        Ok(file) => Ok(file),
        Err(error) => Err(Failure::Closed { stream, error: Some(error) }),
    }
}

#[cfg(unix)]
fn duplicate(stream: &impl std::os::fd::AsFd) -> io::Result<File> {
    Ok(File::from(stream.as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn duplicate(stream: &impl std::os::windows::io::AsHandle) -> io::Result<File> {
    Ok(File::from(stream.as_handle().try_clone_to_owned()?))
}

static INPUT_CLOSED: AtomicBool = AtomicBool::new(false);
static OUTPUT_CLOSED: AtomicBool = AtomicBool::new(false);

/// Notes which streams are closed. Runs before `main` and the runtime, so it makes system calls only.
#[cfg(target_os = "linux")]
#[ctor::ctor(unsafe)]
fn look_at_streams() {
    use rustix::io::{Errno, fcntl_getfd};
    use rustix::stdio::{stdin, stdout};
    INPUT_CLOSED.store(fcntl_getfd(stdin()) == Err(Errno::BADF), Ordering::Relaxed);
    OUTPUT_CLOSED.store(fcntl_getfd(stdout()) == Err(Errno::BADF), Ordering::Relaxed);
}
