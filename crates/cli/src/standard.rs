//! The standard streams as files, unless they were closed before the command began.
//!
//! Rust's runtime opens `/dev/null` in the place of each standard stream that is closed, before `main`. Output would then
//! be lost without a word. That file is open for reading and writing, which the `/dev/null` of a shell's redirection is
//! not. A few programs hand their children one like it (Python's `subprocess.DEVNULL`, Node's `ignore`); it cannot be
//! told from a closed stream, and is refused as well: rather a needless refusal than lost output.

use std::fs::File;
use std::io;

use crate::failure::Failure;

/// Standard input, so that one that was redirected from a file is read like a file.
pub(crate) fn input() -> Result<File, Failure> {
    checked(duplicate(&io::stdin()), "standard input")
}

/// Standard output without the line buffer that the standard library puts before it.
pub(crate) fn output() -> Result<File, Failure> {
    checked(duplicate(&io::stdout()), "standard output")
}

fn checked(file: io::Result<File>, stream: &'static str) -> Result<File, Failure> {
    match file {
        Ok(file) if was_closed(&file) => Err(Failure::Closed { stream, error: None }),
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

/// Whether this is what the runtime opens in the place of a closed stream.
#[cfg(unix)]
fn was_closed(file: &File) -> bool {
    use rustix::fs::{OFlags, fcntl_getfl};
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let device = |metadata: std::fs::Metadata| metadata.file_type().is_char_device().then(|| metadata.rdev());
    let same = |file: io::Result<_>, null: io::Result<_>| Some(device(file.ok()?)? == device(null.ok()?)?);
    let is_null = same(file.metadata(), std::fs::metadata("/dev/null")).unwrap_or(false);
    is_null && fcntl_getfl(file).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR)
}

#[cfg(not(unix))]
fn was_closed(_file: &File) -> bool {
    false
}
