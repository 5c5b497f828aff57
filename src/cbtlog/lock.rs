//! The lock on a folder of logs, by which those who change it and those who read it keep out of each other's way.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::error::ChainError;
use super::holder::Holder;

/// How long others may have the folder, unless the caller says otherwise.
pub(super) const PATIENCE: Duration = if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(30) };

/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(5);

/// The others who may have the folder at the same time.
#[derive(Clone, Copy)]
pub(super) enum Sharing {
    /// Others who read.
    Readers,
    Nobody,
}

/// Locks a folder for as long as the result lives. Nothing where there are no such locks, or none for who only reads: it
/// must not stand in the way of reading.
pub(super) fn lock(folder: &Path, sharing: Sharing, patience: Duration) -> Result<Option<File>, ChainError> {
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
            Err(TryLockError::WouldBlock) if start.elapsed() > patience => {
                return Err(ChainError::Locked { path: folder.to_owned(), by: holder(&file) });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
        }
    }
}

/// One who has a file locked, if the system tells: another process rather than this one.
#[cfg(target_os = "linux")]
fn holder(file: &File) -> Option<Holder> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata().ok()?;
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    let mut holders: Vec<u32> = holders(&locks, metadata.dev(), metadata.ino()).collect();
    holders.sort_by_key(|&process| process == std::process::id());
    // A process that has gone and left its lock to another has no name.
    let named = |process| Some((process, std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?));
    let (process, name) = holders.into_iter().find_map(named)?;
    Some(Holder { process, name: name.trim_end_matches('\n').to_owned() })
}

#[cfg(not(target_os = "linux"))]
fn holder(_file: &File) -> Option<Holder> {
    None
}

/// The processes that have a file locked, of the lines of `/proc/locks`, such as
/// `3: FLOCK  ADVISORY  READ  4711 08:02:131099 0 EOF`. Those who wait have an arrow after the number.
#[cfg(any(target_os = "linux", test))]
fn holders(locks: &str, device: u64, file: u64) -> impl Iterator<Item = u32> {
    let (major, minor) = ((device >> 8 & 0xfff) | (device >> 32 & !0xfff), (device & 0xff) | (device >> 12 & !0xff));
    let place = format!("{major:02x}:{minor:02x}:{file}");
    locks.lines().filter_map(move |line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let is_flock = words.next() == Some("FLOCK");
        let process = words.nth(2)?.parse().ok()?;
        (is_flock && words.next() == Some(&place)).then_some(process)
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::cbtlog::{Store, Uuid, WritableStore};
    use crate::{Consequence, VirtualSize};

    #[test]
    fn a_folder_that_is_locked_for_long_is_busy() {
        let folder = tempfile::tempdir().expect("room");
        let [disk, snapshot] = [1, 2].map(Uuid::from_u128);
        let writable = WritableStore::open(folder.path()).expect("there");
        writable.create(disk, VirtualSize::new(1 << 20).expect("not 0")).expect("new");
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
        busy(writable.snapshot(disk, snapshot).expect_err("someone reads"));
        held.lock().expect("possible");
        busy(writable.snapshot(disk, snapshot).expect_err("someone changes it"));
        busy(store().list_changed_blocks(disk, snapshot).expect_err("someone changes it"));
        drop(held);
        writable.snapshot(disk, snapshot).expect("it is free");
        store().list_changed_blocks(snapshot, disk).expect("a chain");
    }

    #[test]
    fn waiting_takes_as_long_as_it_is_told_to() {
        let folder = tempfile::tempdir().expect("room");
        let disk = Uuid::from_u128(1);
        let held = File::open(folder.path()).expect("there");
        held.lock().expect("possible");
        let start = Instant::now();
        let writable = WritableStore::open(folder.path()).expect("there").patience(Duration::ZERO);
        assert!(matches!(writable.lock(), Err(ChainError::Locked { .. })));
        let store = Store::open(folder.path()).expect("there").patience(Duration::ZERO);
        assert!(matches!(store.list_changed_blocks(disk, disk), Err(ChainError::Locked { .. })));
        assert!(start.elapsed() < PATIENCE * 2);
        drop(held);
        // Several changes under one lock, which nobody else gets meanwhile.
        let locked = writable.lock().expect("it is free");
        locked.create(disk, VirtualSize::new(1 << 20).expect("not 0")).expect("new");
        locked.snapshot(disk, Uuid::from_u128(2)).expect("there");
        assert!(matches!(writable.delete(disk), Err(ChainError::Locked { .. })));
        locked.delete(Uuid::from_u128(2)).expect("there");
        drop(locked);
        writable.delete(disk).expect("there");
    }

    #[test]
    fn holders_are_those_that_the_system_lists() {
        let locks = "\
            1: POSIX  ADVISORY  WRITE 11 08:02:131099 0 EOF\n\
            2: FLOCK  ADVISORY  READ  12 08:02:131099 0 EOF\n\
            2: -> FLOCK  ADVISORY  WRITE 13 08:02:131099 0 EOF\n\
            3: FLOCK  ADVISORY  WRITE 14 08:02:131098 0 EOF\n\
            4: FLOCK  ADVISORY  WRITE 15 08:03:131099 0 EOF\n\
            5: FLOCK  ADVISORY  READ  16 08:02:131099 0 EOF\n\
            6: FLOCK\n\n";
        assert_eq!(holders(locks, 0x802, 131_099).collect::<Vec<_>>(), [12, 16]);
        let holder = Holder { process: 12, name: "a\u{1b}[2J".to_owned() };
        assert_eq!(holder.to_string(), "process 12 (a\\u{1b}[2J)");
    }
}
