//! The lock on the folder, which other programs may keep for as long as they like.
//!
//! Those who read share it, and take breaks; a change has it alone. Nobody waits for it without a bound.

use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use changed_blocks::cbtlog::{LockedStore, WritableStore};

use super::failure::Failure;
use super::util::lock;

/// How long one who only reads waits for those who change the folder just now.
const READER: Duration = Duration::from_millis(250);

/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(2);

/// How long those who read have the folder, one after the other or at the same time, until they leave it to others.
const STRETCH: Duration = Duration::from_millis(100);

/// How long they leave it then. Other programs try every few milliseconds.
const BREAK: Duration = Duration::from_millis(30);

/// How long changes and listings wait for others who have the folder.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The folder, which others may have locked.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    writable: WritableStore,
    /// Changes of this server that wait for it.
    waiting: AtomicUsize,
    /// Whether it was waited for in vain the last time, by one who reads and by one who changes something. As long as that
    /// is so, it is not waited for as long again by each call.
    in_vain: [AtomicBool; 2],
    readers: Arc<Mutex<Readers>>,
}

/// Those of this server who read, and have the folder.
#[derive(Debug)]
struct Readers {
    count: usize,
    /// When they began after their last break.
    since: Instant,
    /// When the last of them went.
    left: Instant,
}

impl Readers {
    fn new(now: Instant) -> Self {
        Self { count: 0, since: now, left: now }
    }

    /// Whether one more may have the folder. Many who read would never leave it to other programs else.
    fn may_enter(&mut self, now: Instant) -> bool {
        if self.count == 0 && now.duration_since(self.left) >= BREAK {
            self.since = now;
        }
        now.duration_since(self.since) < STRETCH
    }

    const fn leave(&mut self, now: Instant) {
        self.count -= 1;
        self.left = now;
    }
}

/// The folder while one who reads has it.
pub(super) struct Kept {
    _folder: File,
    readers: Arc<Mutex<Readers>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        lock(&self.readers).leave(Instant::now());
    }
}

impl Folder {
    pub(super) fn new(path: PathBuf, writable: WritableStore) -> Self {
        let readers = Arc::new(Mutex::new(Readers::new(Instant::now())));
        Self { path, writable, waiting: AtomicUsize::default(), in_vain: Default::default(), readers }
    }

    /// Keeps those out who change the folder, as long as the result lives. They are not waited for long: an answer that
    /// is made meanwhile is no worse than one made a moment later.
    pub(super) fn keep_still(&self, patience: Duration) -> Option<Kept> {
        let folder = File::open(&self.path).ok()?;
        let start = Instant::now();
        loop {
            // Among many who read, a change would never find the folder free.
            if self.waiting.load(Relaxed) > 0 {
                return None;
            }
            let mut readers = lock(&self.readers);
            if !readers.may_enter(Instant::now()) {
                return None;
            }
            match folder.try_lock_shared() {
                Ok(()) => {
                    readers.count += 1;
                    return Some(Kept { _folder: folder, readers: Arc::clone(&self.readers) });
                }
                Err(TryLockError::WouldBlock) if start.elapsed() < patience => {}
                Err(_) => return None,
            }
            drop(readers);
            std::thread::sleep(PAUSE);
        }
    }

    /// [`keep_still`](Self::keep_still) for one who has no lock of the server yet.
    pub(super) fn wait_until_still(&self) -> Option<Kept> {
        let [in_vain, _] = &self.in_vain;
        let still = self.keep_still(if in_vain.load(Relaxed) { Duration::ZERO } else { READER });
        in_vain.store(still.is_none() && self.waiting.load(Relaxed) == 0, Relaxed);
        still
    }

    /// The folder for a change alone.
    pub(super) fn lock(&self) -> Result<LockedStore, Failure> {
        let [_, in_vain] = &self.in_vain;
        let patience = if in_vain.load(Relaxed) { READER } else { PATIENCE };
        self.waiting.fetch_add(1, Relaxed);
        let locked = self.writable.clone().patience(patience).lock();
        self.waiting.fetch_sub(1, Relaxed);
        in_vain.store(locked.is_err(), Relaxed);
        Ok(locked?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_take_breaks() {
        let start = Instant::now();
        let mut readers = Readers::new(start);
        let at = |millis| start + Duration::from_millis(millis);
        // One of them has it all the time.
        readers.count = 1;
        assert!((0..100).all(|millis| readers.may_enter(at(millis))));
        assert!(!readers.may_enter(at(100)));
        assert!(!readers.may_enter(at(1000)));
        readers.leave(at(1000));
        assert!(!readers.may_enter(at(1029)));
        assert!(readers.may_enter(at(1030)));
        readers.count = 1;
        assert!(readers.may_enter(at(1129)));
        assert!(!readers.may_enter(at(1130)));
    }
}
