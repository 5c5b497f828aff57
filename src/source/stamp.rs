//! Whether a file is as it was: which one it is, its size and its times, before and after it was read.

use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::prober::is_block_device;

/// How coarse the clock is, at the most, by which a system on this machine says when a file was written to. A fuzzer does
/// not wait for it: nobody else writes to its files.
const GRAIN: Duration = Duration::from_millis(if cfg!(fuzzing) { 0 } else { 10 });

/// Which file it is, how long, and when it was written to last. Equal stamps before and after mean that nobody has
/// written to the file meanwhile, as far as its times tell.
///
/// Scans of a [`Source::File`](crate::Source::File) and a [`Source::Mapped`](crate::Source::Mapped) compare stamps by
/// themselves. A program that reads a file more than once compares those before the first reading and after the last.
///
/// Changes that times cannot tell, if they leave the size as it is:
///
/// * A write within the same step of the clock as the one before it. These steps have 10 ms or less on Linux, which is
///   why [`before_reading`](Self::before_reading) waits for so long if the file was just written to. They are longer on
///   some file systems (2 s on FAT, 1 s on old ones) and on servers that keep time in a coarser way.
/// * A call that began to write before the stamp was taken, and goes on: the time is noted when it begins.
/// * Writes through a map, up to when the system notices them, and most writes to block devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The device and the number of the file on it.
    #[cfg(unix)]
    file: (u64, u64),
    len: u64,
    #[cfg(unix)]
    modified: (i64, i64),
    /// Of the content or of what the system says of it, which nobody can set back.
    #[cfg(unix)]
    changed: (i64, i64),
    #[cfg(not(unix))]
    modified: Option<SystemTime>,
}

impl Stamp {
    /// The stamp of an open file as it is now.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Ok(Self {
                file: (metadata.dev(), metadata.ino()),
                len: metadata.len(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                changed: (metadata.ctime(), metadata.ctime_nsec()),
            })
        }
        #[cfg(not(unix))]
        Ok(Self { len: metadata.len(), modified: metadata.modified().ok() })
    }

    /// The stamp of a file or block device that is about to be read; nothing for what is no such thing, as a pipe, which is
    /// written to as it should be. If it was written to a moment ago, waits until another write would get another time.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn before_reading(file: &File) -> io::Result<Option<Self>> {
        let metadata = file.metadata()?;
        if !metadata.is_file() && !is_block_device(&metadata) {
            return Ok(None);
        }
        let stamp = Self::of(file)?;
        stamp.wait();
        Ok(Some(stamp))
    }

    /// Waits until a write would get another time than the one before: no longer than 10 ms.
    pub(crate) fn wait(&self) {
        // A time yet to come is another clock's.
        let age = SystemTime::now().duration_since(self.changed()).unwrap_or_default();
        if let Some(rest) = GRAIN.checked_sub(age) {
            std::thread::sleep(rest);
        }
    }

    /// When the file was changed last.
    #[cfg(unix)]
    fn changed(&self) -> SystemTime {
        let (seconds, nanoseconds) = self.changed;
        // Before 1970, or after all time: in any case long ago.
        let seconds = u64::try_from(seconds).unwrap_or(0);
        let nanoseconds = u32::try_from(nanoseconds).unwrap_or(0);
        UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds)).unwrap_or(UNIX_EPOCH)
    }

    #[cfg(not(unix))]
    fn changed(&self) -> SystemTime {
        self.modified.unwrap_or(UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_file_that_was_just_written_to_comes_to_rest_first() {
        let mut file = tempfile::tempfile().expect("room");
        for _ in 0..20 {
            file.write_all(b"new").expect("room");
            let stamp = Stamp::before_reading(&file).expect("a file").expect("no pipe");
            assert!(SystemTime::now() >= stamp.changed() + GRAIN, "{stamp:?}");
            assert_eq!(Stamp::of(&file).expect("a file"), stamp);
        }
    }

    #[cfg(unix)]
    #[test]
    fn times_that_cannot_be_are_no_reason_to_wait_for_long() {
        let file = tempfile::tempfile().expect("room");
        let stamp = Stamp::of(&file).expect("a file");
        for seconds in [i64::MIN, -1, 0, i64::from(i32::MAX) * 2, i64::MAX] {
            let started = Instant::now();
            Stamp { changed: (seconds, 0), ..stamp }.wait();
            assert!(started.elapsed() < Duration::from_secs(2), "{seconds}");
        }
    }

    /// Another file of the same size and times is another file.
    #[cfg(unix)]
    #[test]
    fn which_file_it_is_counts() {
        let files = [(); 2].map(|()| tempfile::tempfile().expect("room"));
        let [one, other] = files.each_ref().map(|file| Stamp::of(file).expect("a file"));
        assert_ne!(Stamp { modified: one.modified, changed: one.changed, ..other }, one);
    }
}
