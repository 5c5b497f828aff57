//! Making and changing logs, as the storage manager does it: for tests, simulation and repair.
//!
//! Each file is replaced as a whole, so that a kill or a power cut at any moment leaves its old or its new state. Where
//! a change takes several files, they come in an order in which every state between has at least the changes that it
//! should have: an answer may then list too much, never too little.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::error::{ChainError, DiskRole};
use super::lock::{Sharing, lock};
use super::replace::{remove_leftovers, replace, sync_folder};
use super::store::Store;
use crate::encoding::Header;
use crate::encoding::LARGEST_DISK;
use crate::{BitOrder, Bitmap, ByteRange, Error, Extent, VirtualSize};

/// A folder of logs that this alone may change as long as it lives: other writers and readers are kept out. Made by
/// [`WritableStore::lock`](super::WritableStore::lock).
#[derive(Debug)]
pub struct LockedStore {
    folder: PathBuf,
    /// Nothing where the system has no such locks.
    _lock: Option<File>,
}

/// A log, whole.
struct Content {
    header: Header,
    bitmap: Bitmap,
}

impl LockedStore {
    /// Waits for the folder.
    pub(super) fn new(folder: &Path, patience: Duration) -> Result<Self, ChainError> {
        let lock = lock(folder, Sharing::Nobody, patience)?;
        remove_leftovers(folder, super::store::is_log_name);
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// The folder's logs as they are now. Their answers need the folder for themselves: not as long as this lives.
    pub(super) fn store(&self) -> Result<Store, ChainError> {
        Store::open(&self.folder)
    }

    /// As [`WritableStore::create`](super::WritableStore::create).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn create(&self, uuid: Uuid, virtual_size: VirtualSize) -> Result<(), ChainError> {
        Self::refuse_too_large(uuid, virtual_size)?;
        self.refuse_existing(uuid)?;
        let header = Header { parent: None, child: None, consistent: true, virtual_size };
        let bitmap = Bitmap::try_new(header.blocks()).map_err(|source| self.no_memory(uuid, source))?;
        self.write(uuid, &Content { header, bitmap })
    }

    /// As [`WritableStore::set`](super::WritableStore::set).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set(&self, uuid: Uuid, change: impl FnOnce(&mut Header)) -> Result<(), ChainError> {
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

    /// As [`WritableStore::mark`](super::WritableStore::mark).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn mark(&self, uuid: Uuid, range: ByteRange) -> Result<(), ChainError> {
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

    /// As [`WritableStore::snapshot`](super::WritableStore::snapshot).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn snapshot(&self, uuid: Uuid, snapshot: Uuid) -> Result<(), ChainError> {
        self.read(uuid)?;
        self.refuse_existing(snapshot)?;
        self.repair()?;
        let mut content = self.read(uuid)?;
        let own = content.header;
        // One that had the snapshot's name, and is gone.
        let parent = own.parent.filter(|&parent| parent != snapshot);
        self.refuse_taken(snapshot, uuid)?;
        if parent.is_none() {
            // No one leads to the disk. So it may know its parent before that is there, and never stands beside it.
            self.set(uuid, |header| header.parent = Some(snapshot))?;
        }
        content.header = Header { parent, child: Some(uuid), consistent: true, ..own };
        self.write(snapshot, &content)?;
        // Before the disk's log is emptied: until then the chain has its changes twice, and afterwards still once.
        self.relink(parent, uuid, Some(snapshot))?;
        content.header = Header { parent: Some(snapshot), ..own };
        content.bitmap.clear();
        self.write(uuid, &content)
    }

    /// As [`WritableStore::delete`](super::WritableStore::delete).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn delete(&self, uuid: Uuid) -> Result<(), ChainError> {
        self.read(uuid)?;
        self.repair()?;
        let content = self.read(uuid)?;
        let Header { parent, child, .. } = content.header;
        if let Some((child, mut heir)) = self.heir(uuid, &content.header)? {
            heir.header.parent = parent;
            // The log was not closed cleanly, so now neither is what the child says.
            heir.header.consistent &= content.header.consistent;
            if !heir.bitmap.unite(&content.bitmap) {
                let (found, before) = (heir.header.virtual_size.bytes(), content.header.virtual_size.bytes());
                return Err(ChainError::DiskShrunk { uuid: child, path: self.path(child)?, found, before });
            }
            self.write(child, &heir)?;
        }
        self.relink(parent, uuid, child)?;
        let path = self.path(uuid)?;
        #[cfg(test)]
        tests::step().map_err(|source| ChainError::Write { path: path.clone(), source })?;
        fs::remove_file(&path)
            .and_then(|()| sync_folder(&self.folder))
            .map_err(|source| ChainError::Write { path, source })
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
        if virtual_size > LARGEST_DISK { Err(ChainError::TooLarge { uuid, virtual_size }) } else { Ok(()) }
    }

    /// The error for a log that memory does not hold.
    fn no_memory(&self, uuid: Uuid, source: Error) -> ChainError {
        let path = self.path(uuid).unwrap_or_else(|_| self.folder.clone());
        ChainError::Log { uuid, path, source }
    }

    /// Gives a disk's parent another child, if it leads to that disk.
    fn relink(&self, parent: Option<Uuid>, uuid: Uuid, child: Option<Uuid>) -> Result<(), ChainError> {
        let Some(parent) = parent else { return Ok(()) };
        if !Self::is_there(&self.path(parent)?)? {
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
        if !Self::is_there(&self.path(child)?)? {
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
        if Self::is_there(&path)? {
            store.insert(uuid, &path);
        }
        let log = store.log(uuid)?.ok_or(ChainError::Missing { uuid, role: DiskRole::Only })?;
        let bitmap = log.scan_locked(|scanner, file| scanner.bitmap(file))?;
        Ok(Content { header: log.header, bitmap })
    }

    /// Puts a log in the place of the one that is there, or of none.
    fn write(&self, uuid: Uuid, content: &Content) -> Result<(), ChainError> {
        let path = self.path(uuid)?;
        self.replace(&path, content).map_err(|source| ChainError::Write { path, source })
    }

    fn replace(&self, path: &Path, content: &Content) -> io::Result<()> {
        #[cfg(test)]
        tests::step()?;
        replace(path, |file| {
            file.write_all(&content.header.to_bytes())?;
            content.bitmap.write_raw(BitOrder::Lsb0, file)
        })
    }

    /// Whether something has that name. What cannot be told is an error: it may have changes.
    fn is_there(path: &Path) -> Result<bool, ChainError> {
        path.try_exists().map_err(|source| ChainError::Write { path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests;
