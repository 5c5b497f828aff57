//! Whether a file is as it was: its size and times, before and after it was read.

use std::fs::File;
use std::io;

/// The properties of a file that change whenever someone writes to it.
///
/// Times are only as fine as the clock that the system takes them from: up to 10 ms on Linux before 6.13 and on some file
/// systems later, up to 2 s on FAT. A write that leaves the size as it is, less than that after the one before, is not
/// seen. Nor are writes through a map before the system notices them, and most writes to block devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    #[cfg(unix)]
    file: (u64, u64),
    len: u64,
    #[cfg(unix)]
    modified: (i64, i64),
    /// Of the content or of what the system says of it, which nobody can set back.
    #[cfg(unix)]
    changed: (i64, i64),
    #[cfg(not(unix))]
    modified: Option<std::time::SystemTime>,
}

impl Stamp {
    #[cfg(unix)]
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = file.metadata()?;
        Ok(Self {
            file: (metadata.dev(), metadata.ino()),
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { len: metadata.len(), modified: metadata.modified().ok() })
    }
}
