//! The lock on a folder of logs, by which those who change it and those who read it keep out of each other's way.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::ChainError;

/// How long others may have the folder.
const PATIENCE: Duration = if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(30) };

/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(5);

/// Who may be there at the same time.
#[derive(Clone, Copy)]
pub(super) enum Sharing {
    /// Others who read.
    Readers,
    Nobody,
}

/// Locks a folder for as long as the result lives. Nothing where there are no such locks, or none for who only reads: it
/// must not stand in the way of reading.
pub(super) fn lock(folder: &Path, sharing: Sharing) -> Result<Option<File>, ChainError> {
    let failed = |source| match sharing {
        Sharing::Readers => Ok(None),
        Sharing::Nobody if !cfg!(unix) => Ok(None),
        Sharing::Nobody => Err(ChainError::Write { path: folder.to_owned(), source }),
    };
    let file = match File::open(folder) {
        Ok(file) => file,
        Err(error) => return failed(error),
    };
    let start = Instant::now();
    loop {
        let tried = match sharing {
            Sharing::Readers => file.try_lock_shared(),
            Sharing::Nobody => file.try_lock(),
        };
        match tried {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(None),
            Err(TryLockError::Error(error)) => return failed(error),
            Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => {
                return Err(ChainError::Locked { path: folder.to_owned() });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::cbtlog::{Store, Tracker, Uuid};
    use crate::{Consequence, VirtualSize};

    #[test]
    fn a_folder_that_is_locked_for_long_is_busy() {
        let folder = tempfile::tempdir().expect("room");
        let [disk, snapshot] = [1, 2].map(Uuid::from_u128);
        let tracker = Tracker::open(folder.path()).expect("there");
        tracker.create(disk, VirtualSize::new(1 << 20).expect("not 0")).expect("new");
        let store = || Store::open(folder.path()).expect("there");
        let held = File::open(folder.path()).expect("there");
        // Readers do not keep each other out.
        held.lock_shared().expect("possible");
        let error = store().list_changed_blocks(snapshot, disk).expect_err("there is no snapshot yet");
        assert!(matches!(error, ChainError::Missing { .. }), "{error}");
        let busy = |error: ChainError| {
            assert!(matches!(error, ChainError::Locked { .. }), "{error}");
            assert_eq!(error.consequence(), Consequence::Busy);
        };
        busy(tracker.snapshot(disk, snapshot).expect_err("someone reads"));
        held.lock().expect("possible");
        busy(tracker.snapshot(disk, snapshot).expect_err("someone changes it"));
        busy(store().list_changed_blocks(disk, snapshot).expect_err("someone changes it"));
        drop(held);
        tracker.snapshot(disk, snapshot).expect("it is free");
        store().list_changed_blocks(snapshot, disk).expect("a chain");
    }
}
