//! Making and changing logs, as the tracker does it: for tests, simulation and repair.
//!
//! Each file is replaced as a whole, so that a kill or a power cut at any moment leaves its old or its new state. Where
//! a change takes several files, they come in an order in which every state between has at least the changes that it
//! should have: an answer may then list too much, never too little.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::lock::{Sharing, lock};
use super::{ChainError, End, Header, Store};
use crate::{BitOrder, Bitmap, ByteRange, Error, Extent, VirtualSize};

/// A folder of logs that may be changed. Where the system has locks for folders, changes by several trackers, also of
/// other processes, come one after the other, and so do changes and the answers of a [`Store`]. Other programs must not
/// change the folder meanwhile.
///
/// All changes may fail with [`ChainError::Locked`], with [`ChainError::Write`], and with [`ChainError::Log`] if a log that
/// they need is damaged. A snapshot or a deletion that fails may have changed some of its logs; no answer lacks anything
/// by that, and the next of them mends it.
///
/// ```
/// use changed_blocks::cbtlog::{Tracker, Uuid};
/// use changed_blocks::{ByteRange, VirtualSize};
///
/// let folder = tempfile::tempdir()?;
/// let (disk, monday) = (Uuid::from_u128(1), Uuid::from_u128(2));
/// let tracker = Tracker::open(folder.path())?;
/// tracker.create(disk, VirtualSize::new(1 << 30)?)?;
/// tracker.snapshot(disk, monday)?;
/// tracker.mark(disk, ByteRange::between(70_000, 70_001))?;
/// let changed = tracker.store()?.list_changed_blocks(monday, disk)?;
/// assert_eq!(changed.bitmap.count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tracker {
    pub(super) folder: PathBuf,
}

/// A log, whole.
struct Content {
    header: Header,
    bitmap: Bitmap,
}

impl Tracker {
    /// The largest disk that a log is made for, in bytes: 1 PiB. Its bitmap has 2 GiB.
    pub const LARGEST: u64 = 1 << 50;

    /// The logs of a folder, which is there.
    ///
    /// # Errors
    ///
    /// What the system says of the folder.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        fs::read_dir(&folder)?;
        Ok(Self { folder })
    }

    /// The folder's logs as they are now.
    ///
    /// # Errors
    ///
    /// As for [`Store::open`].
    pub fn store(&self) -> Result<Store, ChainError> {
        Store::open(&self.folder)
    }

    /// Begins to track a disk: a log in which nothing has changed, with neither parent nor child.
    ///
    /// # Errors
    ///
    /// [`ChainError::Exists`] if it has a log already, and [`ChainError::TooLarge`].
    pub fn create(&self, uuid: Uuid, virtual_size: VirtualSize) -> Result<(), ChainError> {
        let _lock = self.lock()?;
        Self::refuse_too_large(uuid, virtual_size)?;
        self.refuse_existing(uuid)?;
        let header = Header { parent: None, child: None, consistent: true, virtual_size };
        let bitmap = Bitmap::try_new(header.blocks()).map_err(|source| self.no_memory(uuid, source))?;
        self.write(uuid, &Content { header, bitmap })
    }

    /// Changes the header of a log. A disk that grows gets blocks that are unchanged.
    ///
    /// # Errors
    ///
    /// [`ChainError::Missing`] if there is no log, [`ChainError::WouldShrink`] if the disk would become smaller, and
    /// [`ChainError::TooLarge`].
    pub fn set(&self, uuid: Uuid, change: impl FnOnce(&mut Header)) -> Result<(), ChainError> {
        let _lock = self.lock()?;
        self.change(uuid, change)
    }

    /// [`set`](Self::set) by one who has the lock.
    pub(super) fn change(&self, uuid: Uuid, change: impl FnOnce(&mut Header)) -> Result<(), ChainError> {
        let mut content = self.read(uuid)?;
        let before = content.header.virtual_size;
        change(&mut content.header);
        let found = content.header.virtual_size;
        if found < before {
            let (virtual_size, asked_for) = (before.bytes(), found.bytes());
            return Err(ChainError::WouldShrink { uuid, virtual_size, asked_for });
        }
        Self::refuse_too_large(uuid, found)?;
        content.bitmap.try_resize(content.header.blocks()).map_err(|source| self.no_memory(uuid, source))?;
        self.write(uuid, &content)
    }

    /// Marks the blocks of a range of the disk as written.
    ///
    /// # Errors
    ///
    /// [`ChainError::Missing`] if there is no log, and [`ChainError::NotOnDisk`] if the range reaches beyond the disk.
    pub fn mark(&self, uuid: Uuid, range: ByteRange) -> Result<(), ChainError> {
        let _lock = self.lock()?;
        let mut content = self.read(uuid)?;
        if range.len_bytes == 0 {
            return Ok(());
        }
        let (size, log2) = (content.header.virtual_size.bytes(), Header::BLOCK_SIZE.log2());
        let last = range.offset_bytes.saturating_add(range.len_bytes - 1);
        if last >= size {
            return Err(ChainError::NotOnDisk { uuid, byte: last, virtual_size: size });
        }
        content.bitmap.set(Extent::new(range.offset_bytes >> log2, (last >> log2) + 1));
        self.write(uuid, &content)
    }

    /// Takes a snapshot: it gets what the disk's log has so far, and its place behind the parent; the disk's own log
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
    /// The headers of all logs are read, to mend what a kill may have left.
    pub fn snapshot(&self, uuid: Uuid, snapshot: Uuid) -> Result<(), ChainError> {
        let _lock = self.lock()?;
        self.read(uuid)?;
        self.refuse_existing(snapshot)?;
        self.mend()?;
        let mut content = self.read(uuid)?;
        let own = content.header;
        // One that had the snapshot's name, and is gone.
        let parent = own.parent.filter(|&parent| parent != snapshot);
        self.refuse_taken(snapshot, uuid)?;
        if parent.is_none() {
            // No one leads to the disk. So it may know its parent before that is there, and never stands beside it.
            self.change(uuid, |header| header.parent = Some(snapshot))?;
        }
        content.header = Header { parent, child: Some(uuid), consistent: true, ..own };
        self.write(snapshot, &content)?;
        // Before the disk's log is emptied: until then the chain has its changes twice, and afterwards still once.
        self.relink(parent, uuid, Some(snapshot))?;
        content.header = Header { parent: Some(snapshot), ..own };
        content.bitmap.clear();
        self.write(uuid, &content)
    }

    /// Removes a log. What it says is added to its child's, and parent and child are linked to each other.
    ///
    /// # Errors
    ///
    /// [`ChainError::Missing`] if there is no log, and [`ChainError::Shrunk`] if its child is of a smaller disk.
    ///
    /// # Complexity
    ///
    /// As for [`snapshot`](Self::snapshot).
    pub fn delete(&self, uuid: Uuid) -> Result<(), ChainError> {
        let _lock = self.lock()?;
        self.read(uuid)?;
        self.mend()?;
        let content = self.read(uuid)?;
        let Header { parent, child, .. } = content.header;
        if let Some((child, mut heir)) = self.heir(uuid, &content.header)? {
            heir.header.parent = parent;
            // The log was not closed cleanly, so now neither is what the child says.
            heir.header.consistent &= content.header.consistent;
            let grown = heir.bitmap.grow_and_set(&content.bitmap.extents());
            grown.map_err(|source| self.no_memory(child, source))?;
            if heir.bitmap.blocks() > heir.header.blocks() {
                let (found, before) = (heir.header.virtual_size.bytes(), content.header.virtual_size.bytes());
                return Err(ChainError::Shrunk { uuid: child, path: self.path(child)?, found, before });
            }
            self.write(child, &heir)?;
        }
        self.relink(parent, uuid, child)?;
        let path = self.path(uuid)?;
        #[cfg(test)]
        tests::step().map_err(|source| ChainError::Write { path: path.clone(), source })?;
        fs::remove_file(&path).and_then(|()| self.sync()).map_err(|source| ChainError::Write { path, source })
    }

    /// Keeps other trackers and readers out as long as the result lives.
    fn lock(&self) -> Result<Option<File>, ChainError> {
        lock(&self.folder, Sharing::Nobody)
    }

    /// Refuses a name for a snapshot that a log but the disk's own has as its parent's: that parent is gone, and what it
    /// had would be taken for what the snapshot has.
    fn refuse_taken(&self, snapshot: Uuid, disk: Uuid) -> Result<(), ChainError> {
        let store = self.store()?;
        let mut others = store.links()?.into_iter().filter(|&(uuid, _)| uuid != disk);
        match others.find(|(_, (links, _))| links.parent == Some(snapshot)) {
            Some((by, _)) => Err(ChainError::NameTaken { uuid: snapshot, by }),
            None => Ok(()),
        }
    }

    /// Refuses what memory would not hold, before anything is allocated.
    fn refuse_too_large(uuid: Uuid, size: VirtualSize) -> Result<(), ChainError> {
        let virtual_size = size.bytes();
        if virtual_size > Self::LARGEST { Err(ChainError::TooLarge { uuid, virtual_size }) } else { Ok(()) }
    }

    /// The error for a log that memory does not hold.
    fn no_memory(&self, uuid: Uuid, source: Error) -> ChainError {
        let path = self.path(uuid).unwrap_or_else(|_| self.folder.clone());
        ChainError::Log { uuid, path, source }
    }

    /// Gives a disk's parent another child, if it leads to that disk.
    fn relink(&self, parent: Option<Uuid>, uuid: Uuid, child: Option<Uuid>) -> Result<(), ChainError> {
        let Some(parent) = parent else { return Ok(()) };
        if !self.path(parent)?.exists() {
            return Ok(());
        }
        let mut content = self.read(parent)?;
        if content.header.child != Some(uuid) {
            return Ok(());
        }
        content.header.child = child;
        self.write(parent, &content)
    }

    /// The log of a disk's child, if that knows its parent. One that was tracked anew lacks what came before: it must not
    /// become part of the chain.
    fn heir(&self, uuid: Uuid, header: &Header) -> Result<Option<(Uuid, Content)>, ChainError> {
        let Some(child) = header.child else { return Ok(None) };
        if !self.path(child)?.exists() {
            return Ok(None);
        }
        let heir = self.read(child)?;
        Ok(header.leads_to(uuid, &heir.header).then_some((child, heir)))
    }

    /// Where the log of a disk is, in whatever case its name is written, or where it is to be.
    fn path(&self, uuid: Uuid) -> Result<PathBuf, ChainError> {
        let store = self.store()?;
        let new = || self.folder.join(super::store::file_name(uuid));
        Ok(store.path(uuid).map_or_else(new, Path::to_owned))
    }

    fn refuse_existing(&self, uuid: Uuid) -> Result<(), ChainError> {
        let path = self.path(uuid)?;
        if path.symlink_metadata().is_ok() { Err(ChainError::Exists { uuid, path }) } else { Ok(()) }
    }

    fn read(&self, uuid: Uuid) -> Result<Content, ChainError> {
        let mut store = Store::default();
        let path = self.path(uuid)?;
        if path.exists() {
            store.insert(uuid, &path);
        }
        let log = store.log(uuid)?.ok_or(ChainError::Missing { uuid, end: End::Only })?;
        let bitmap = log.scan(|scanner, file| scanner.bitmap(file))?;
        Ok(Content { header: log.header, bitmap })
    }

    /// Puts a log in the place of the one that is there, or of none.
    fn write(&self, uuid: Uuid, content: &Content) -> Result<(), ChainError> {
        let path = self.path(uuid)?;
        self.replace(&path, content).map_err(|source| ChainError::Write { path, source })
    }

    fn replace(&self, path: &Path, content: &Content) -> io::Result<()> {
        if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "only a file can be replaced as a whole"));
        }
        #[cfg(test)]
        tests::step()?;
        // One that a kill has left is overwritten; its name is no log's.
        let new = path.with_extension("cbtlog.new");
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&content.header.to_bytes())?;
            content.bitmap.write_raw(BitOrder::Lsb0, &mut file)?;
            file.sync_all()?;
            fs::rename(&new, path)?;
            self.sync()
        };
        write().inspect_err(|_| drop(fs::remove_file(&new)))
    }

    /// Makes the names of files last, too.
    fn sync(&self) -> io::Result<()> {
        if cfg!(unix) { File::open(&self.folder)?.sync_all() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
