//! A store whose logs may be changed, each change under the folder's lock.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use uuid::Uuid;

use super::error::ChainError;
use super::lock::PATIENCE;
use super::locked_store::LockedStore;
use super::store::Store;
use crate::encoding::Header;
use crate::encoding::LARGEST_DISK;
use crate::{ByteRange, VirtualSize};

/// A folder of logs that may be changed: made, marked, snapshotted and deleted, as the storage manager of a host does it.
/// A [`Store`] only reads. Where the system has locks for folders, the changes of several writers, also of other
/// processes, come one after the other, and so do changes and the answers of a [`Store`]. Programs without that lock must
/// not change the folder meanwhile.
///
/// All changes may fail with [`ChainError::Locked`], with [`ChainError::Write`], and with [`ChainError::Log`] if a log that
/// they need is damaged. A snapshot or a deletion that fails may have changed some of its logs; no answer lacks anything
/// by that, and the next of them repairs it.
///
/// ```
/// use changed_blocks::cbtlog::{WritableStore, Uuid};
/// use changed_blocks::{ByteRange, VirtualSize};
///
/// let folder = tempfile::tempdir()?;
/// let (disk, monday) = (Uuid::from_u128(1), Uuid::from_u128(2));
/// let writable = WritableStore::open(folder.path())?;
/// writable.create(disk, VirtualSize::new(1 << 30)?)?;
/// writable.snapshot(disk, monday)?;
/// writable.mark(disk, ByteRange::between(70_000, 70_001))?;
/// let changed = writable.store()?.list_changed_blocks(monday, disk)?;
/// assert_eq!(changed.bitmap.count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct WritableStore {
    folder: PathBuf,
    patience: Duration,
}

impl WritableStore {
    /// The largest disk that a log is made for, in bytes: 1 PiB. Its bitmap has 2 GiB.
    pub const LARGEST: u64 = LARGEST_DISK;

    /// The logs of a folder, which is there.
    ///
    /// # Errors
    ///
    /// The system's error, if the folder cannot be listed.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::read_dir(&folder)?;
        Ok(Self { folder, patience: PATIENCE })
    }

    /// How long a change waits for others who have the folder locked; half a minute unless this says otherwise.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The folder's logs as they are now.
    ///
    /// # Errors
    ///
    /// As for [`Store::open`].
    pub fn store(&self) -> Result<Store, ChainError> {
        Ok(Store::open(&self.folder)?.patience(self.patience))
    }

    /// Keeps other writers and readers out as long as the result lives: for several changes, or for one who must not hold
    /// anything else while the folder is waited for. Temporary files that were left by kills are removed.
    ///
    /// # Errors
    ///
    /// [`ChainError::Locked`], and [`ChainError::Write`] if the folder cannot be locked.
    pub fn lock(&self) -> Result<LockedStore, ChainError> {
        LockedStore::new(&self.folder, self.patience)
    }

    /// Begins to track a disk: a log in which nothing has changed, with neither parent nor child.
    ///
    /// # Errors
    ///
    /// [`ChainError::Exists`] if it has a log already, and [`ChainError::TooLarge`].
    pub fn create(&self, uuid: Uuid, virtual_size: VirtualSize) -> Result<(), ChainError> {
        self.lock()?.create(uuid, virtual_size)
    }

    /// Changes the header of a log. A disk that grows gets blocks that are unchanged.
    ///
    /// # Errors
    ///
    /// [`ChainError::Missing`] if there is no log, [`ChainError::WouldShrink`] if the disk would become smaller, and
    /// [`ChainError::TooLarge`].
    pub fn set(&self, uuid: Uuid, change: impl FnOnce(&mut Header)) -> Result<(), ChainError> {
        self.lock()?.set(uuid, change)
    }

    /// Marks the blocks of a range of the disk as written.
    ///
    /// # Errors
    ///
    /// [`ChainError::Missing`] if there is no log, and [`ChainError::NotOnDisk`] if the range reaches beyond the disk.
    pub fn mark(&self, uuid: Uuid, range: ByteRange) -> Result<(), ChainError> {
        self.lock()?.mark(uuid, range)
    }

    /// Takes a snapshot: it gets what the disk's log has so far, and its place after the parent; the disk's own log
    /// begins anew, as the snapshot's child. The snapshot's log is marked as consistent, as the host does it, which makes
    /// sure of that before; if the disk's was not closed cleanly, what was missing from it still is.
    ///
    /// # Errors
    ///
    /// [`ChainError::Missing`] if the disk has no log, [`ChainError::Exists`] if the snapshot has one, and
    /// [`ChainError::NameTaken`] if others take it for their parent.
    ///
    /// # Complexity
    ///
    /// The headers of all logs are read, to repair what a kill may have left.
    pub fn snapshot(&self, uuid: Uuid, snapshot: Uuid) -> Result<(), ChainError> {
        self.lock()?.snapshot(uuid, snapshot)
    }

    /// Removes a log. What it says is added to its child's, and parent and child are linked to each other.
    ///
    /// # Errors
    ///
    /// [`ChainError::Missing`] if there is no log, and [`ChainError::DiskShrunk`] if its child is of a smaller disk.
    ///
    /// # Complexity
    ///
    /// As for [`snapshot`](Self::snapshot).
    pub fn delete(&self, uuid: Uuid) -> Result<(), ChainError> {
        self.lock()?.delete(uuid)
    }
}
