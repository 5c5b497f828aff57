//! A folder of logs, what is noted beside them, and the changes of both.
//!
//! Every log is a disk with tracking on. What logs cannot say stands in a file beside them, `vdis.json`: disks whose
//! tracking is off, names, whose snapshot a disk is once its chain no longer tells, the times of snapshots, and whether
//! data was destroyed. The file only ever adds to the logs; without it, they are served all the same.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::{ChainError, LockedStore, Store, WritableStore};
use uuid::Uuid;

use super::budgets::INVENTORY;
use super::failure::Failure;
use super::folder::{Folder, PATIENCE};
use super::inventory::{Entry, Inventory, open_file};
use super::options::SizesAfterScan;
use super::snapshot_times::Times;
use super::util::lock;

/// Held by the one server that may change the folder.
const LOCK: &str = "vdis.lock";

/// A disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Vdi {
    pub(super) uuid: Uuid,
    /// Its notes, corrected by its log and its chain.
    pub(super) entry: Entry,
    /// The size that clients are told, if it is known.
    pub(super) reported_size: Option<u64>,
    /// Whether it has a log.
    pub(super) tracked: bool,
    /// Whether its log was not closed.
    pub(super) in_use: bool,
    /// Why its log cannot be used, if that is known without reading the bitmap.
    pub(super) damage: Option<Failure>,
    /// Whether its log, which knows its size, is damaged. What was noted stays for when there is no log.
    pub(super) unknown_size: bool,
    /// Whether nothing but its log says whether it is a snapshot, and that is damaged.
    pub(super) unknown_kind: bool,
    /// Its snapshots, in the order of their UUIDs.
    pub(super) snapshots: Vec<Uuid>,
}

impl Vdi {
    pub(super) const fn kind(&self) -> &'static str {
        if self.entry.data_destroyed { "cbt_metadata" } else { "user" }
    }

    /// Why a field of its record is not known. Records have to have something there all the same.
    pub(super) fn unknown(&self, field: &str) -> Option<Failure> {
        let unknown = match field {
            "virtual_size" => self.reported_size.is_none(),
            "physical_utilisation" => self.reported_size.is_none() && !self.entry.data_destroyed,
            "is_a_snapshot" | "read_only" | "snapshot_of" | "snapshot_time" => self.unknown_kind,
            _ => false,
        };
        self.damage.clone().filter(|_| unknown)
    }
}

/// The folder, and what is noted beside its logs.
#[derive(Debug)]
pub(super) struct Vdis {
    folder: PathBuf,
    writable: WritableStore,
    entries: BTreeMap<Uuid, Entry>,
    /// The times that clients were told of snapshots.
    pub(super) times: Mutex<Times>,
    /// The notes as they were read.
    text: Vec<u8>,
    pub(super) sr: Uuid,
    pub(super) sizes_after_scan: Option<SizesAfterScan>,
    /// Disks that clients were told of, to tell one that has vanished from one that never was.
    told: Mutex<HashSet<Uuid>>,
    /// Nothing if nothing is ever changed.
    lock: Option<File>,
}

/// Keeps other servers from changing a folder.
fn lock_out_others(folder: &Path) -> io::Result<File> {
    let name = folder.join(LOCK);
    let made = File::options().write(true).create_new(true).open(&name);
    let file = made.or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => open_file(&name, File::options().write(true)),
        _ => Err(error),
    });
    let file = file.map_err(|error| io::Error::new(error.kind(), format!("{LOCK}: {error}")))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(io::Error::other("another server may change this folder; one that only reads can be started beside it"))
        }
        Err(TryLockError::Error(error)) => Err(io::Error::new(error.kind(), format!("{LOCK}: {error}"))),
    }
}

impl Vdis {
    /// Opens a folder. Only one server at a time may change it: each writes the inventory as it knows it.
    pub(super) fn open(folder: &Path, read_only: bool, sizes_after_scan: Option<SizesAfterScan>) -> io::Result<Self> {
        let folder = fs::canonicalize(folder)?;
        let writable = WritableStore::open(&folder)?.patience(PATIENCE);
        // A log that would be missed is told of right away.
        writable.store().map_err(io::Error::other)?;
        let lock = if read_only { None } else { Some(lock_out_others(&folder)?) };
        if !read_only {
            Inventory::remove_leftovers(&folder);
            // Of logs, too, unless someone has them just now. The next change sees to it then.
            drop(writable.clone().patience(Duration::ZERO).lock());
        }
        let text = Inventory::text(&folder)?;
        let Inventory { vdis, snapshot_times } = Inventory::parse(&text)?;
        let sr = Uuid::new_v5(&Uuid::NAMESPACE_URL, folder.as_os_str().as_encoded_bytes());
        let (times, told) = (Mutex::new(snapshot_times), Mutex::default());
        Ok(Self { folder, writable, entries: vdis, times, text, sr, sizes_after_scan, told, lock })
    }

    /// The notes of another server, which may change the folder, where this one only reads and does not have them yet.
    pub(super) fn new_notes(&self) -> Result<Option<Vec<u8>>, Failure> {
        let text = if self.lock.is_none() { Some(Inventory::text(&self.folder)?) } else { None };
        Ok(text.filter(|text| *text != self.text))
    }

    /// Goes by the notes of another server from now on.
    pub(super) fn take_notes(&mut self, text: Vec<u8>) -> Result<(), Failure> {
        let Inventory { vdis, snapshot_times } = Inventory::parse(&text)?;
        self.entries = vdis;
        lock(&self.times).extend(snapshot_times);
        self.text = text;
        Ok(())
    }

    /// The reference of a disk. It is the same each time that the folder is served, and never the UUID.
    pub(super) fn reference(&self, uuid: Uuid) -> String {
        format!("OpaqueRef:{}", self.mask(uuid))
    }

    pub(super) fn uuid_of(&self, reference: &str) -> Option<Uuid> {
        let uuid = reference.strip_prefix("OpaqueRef:").and_then(|uuid| Uuid::parse_str(uuid).ok())?;
        Some(self.mask(uuid))
    }

    /// Turns a UUID into that of its reference, and back.
    fn mask(&self, uuid: Uuid) -> Uuid {
        Uuid::from_u128(uuid.as_u128() ^ self.sr.as_u128())
    }

    pub(super) fn sr_reference(&self) -> String {
        format!("OpaqueRef:{}", Uuid::new_v5(&self.sr, b"SR"))
    }

    /// The notes of disks.
    pub(super) const fn entries(&self) -> &BTreeMap<Uuid, Entry> {
        &self.entries
    }

    /// The folder, for those who wait for it.
    pub(super) fn folder(&self) -> Folder {
        Folder::new(self.folder.clone(), self.writable.clone())
    }

    /// The logs as they are now.
    pub(super) fn store(&self) -> Result<Store, ChainError> {
        self.writable.store()
    }

    /// Remembers disks that clients are told of.
    pub(super) fn tell<'u>(&self, uuids: impl Iterator<Item = &'u Uuid>) {
        lock(&self.told).extend(uuids);
    }

    pub(super) fn was_told(&self, uuid: Uuid) -> bool {
        lock(&self.told).contains(&uuid)
    }

    /// Makes a disk whose changes are not tracked.
    pub(super) fn create(&mut self, entry: Entry) -> Result<Uuid, Failure> {
        let uuid = Uuid::new_v4();
        self.note(|vdis| drop(vdis.insert(uuid, entry)))?;
        Ok(uuid)
    }

    /// Switches tracking of a disk on or off.
    pub(super) fn track(&mut self, logs: &LockedStore, vdi: &Vdi, on: bool) -> Result<(), Failure> {
        if vdi.tracked == on {
            return Ok(());
        }
        let size = VirtualSize::new(vdi.entry.virtual_size).map_err(|error| Failure::internal(error.to_string()))?;
        if on {
            return Ok(logs.create(vdi.uuid, size)?);
        }
        // The disk must not vanish along with its log, nor its snapshots be taken for disks.
        let snapshots = self.snapshots(vdi.uuid)?;
        let entry = Entry { of_log: false, ..vdi.entry.clone() };
        self.note(|vdis| vdis.extend(snapshots.chain([(vdi.uuid, entry)])))?;
        Ok(logs.delete(vdi.uuid)?)
    }

    /// Keeps what clients have said of a disk.
    pub(super) fn keep(&mut self, uuid: Uuid, entry: Entry) -> Result<(), Failure> {
        self.note(|vdis| drop(vdis.insert(uuid, entry)))
    }

    /// Makes a disk larger, and its log with it.
    pub(super) fn resize(&mut self, logs: &LockedStore, vdi: &Vdi, size: u64) -> Result<(), Failure> {
        let virtual_size = VirtualSize::new(size).map_err(|error| Failure::internal(error.to_string()))?;
        if vdi.tracked {
            logs.set(vdi.uuid, |header| header.virtual_size = virtual_size)?;
        }
        self.note(|vdis| {
            if let Some(entry) = vdis.get_mut(&vdi.uuid) {
                entry.virtual_size = size;
            }
        })
    }

    /// Takes a snapshot. If tracking is on, it stays on for the disk and is on for the snapshot.
    pub(super) fn snapshot(&mut self, logs: &LockedStore, vdi: &Vdi, now: i64) -> Result<Uuid, Failure> {
        let uuid = Uuid::new_v4();
        if vdi.tracked {
            logs.snapshot(vdi.uuid, uuid)?;
        }
        let entry = Entry {
            of_log: false,
            is_a_snapshot: true,
            snapshot_of: Some(vdi.uuid),
            snapshot_time: now,
            ..vdi.entry.clone()
        };
        let noted = self.note(|vdis| drop(vdis.insert(uuid, entry)));
        if noted.is_err() && vdi.tracked {
            // The changes in its log go back to the disk's. If that fails too, there is one snapshot more.
            drop(logs.delete(uuid));
        }
        noted.map(|()| uuid)
    }

    /// Forgets the data of a snapshot. What changed stays.
    pub(super) fn destroy_data(&mut self, vdi: &Vdi) -> Result<(), Failure> {
        let entry = Entry { data_destroyed: true, ..vdi.entry.clone() };
        self.note(|vdis| drop(vdis.insert(vdi.uuid, entry)))
    }

    /// Removes a disk. What its log says goes to its child's.
    pub(super) fn destroy(&mut self, logs: &LockedStore, vdi: &Vdi) -> Result<(), Failure> {
        let snapshots = self.snapshots(vdi.uuid)?;
        self.note(|vdis| vdis.extend(snapshots))?;
        if vdi.tracked {
            logs.delete(vdi.uuid)?;
        }
        self.note(|vdis| drop(vdis.remove(&vdi.uuid)))?;
        lock(&self.told).remove(&vdi.uuid);
        Ok(())
    }

    /// A disk's snapshots, which may be known as such only by way of its log.
    fn snapshots(&self, of: Uuid) -> Result<impl Iterator<Item = (Uuid, Entry)> + use<>, Failure> {
        let snapshots = self.all()?.into_iter().filter(move |vdi| vdi.entry.snapshot_of == Some(of));
        Ok(snapshots.map(|vdi| (vdi.uuid, vdi.entry)))
    }

    /// Changes what is noted, once that has been written down.
    fn note(&mut self, change: impl FnOnce(&mut BTreeMap<Uuid, Entry>)) -> Result<(), Failure> {
        let mut vdis = self.entries.clone();
        change(&mut vdis);
        if vdis != self.entries {
            let bytes = |entries: &BTreeMap<Uuid, Entry>| entries.values().map(Entry::bytes).sum::<usize>();
            if bytes(&vdis) > INVENTORY {
                // Clients know of no disk whose log is gone, and could not make room.
                let store = self.store()?;
                vdis.retain(|uuid, entry| !entry.of_log || store.path(*uuid).is_some());
            }
            if bytes(&vdis) > INVENTORY && bytes(&vdis) > bytes(&self.entries) {
                return Err(Failure::no_space());
            }
            self.write(&vdis, &lock(&self.times))?;
            self.entries = vdis;
        }
        Ok(())
    }

    /// Writes the notes down, unless the folder is only read.
    pub(super) fn write(&self, vdis: &BTreeMap<Uuid, Entry>, times: &Times) -> Result<(), Failure> {
        if self.lock.is_none() {
            return Ok(());
        }
        Inventory::write(&self.folder, vdis, times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_do_not_grow_without_end() {
        let folder = tempfile::tempdir().expect("room");
        let mut vdis = Vdis::open(folder.path(), false, None).expect("there");
        let noted = |bytes| Entry { virtual_size: 1, name_label: "x".repeat(bytes), ..Entry::default() };
        let first = vdis.create(noted(INVENTORY / 2)).expect("room");
        let full = "SR_BACKEND_FAILURE_44";
        assert_eq!(vdis.create(noted(INVENTORY / 2)).expect_err("no room").code, full);
        let made = std::iter::from_fn(|| vdis.create(noted(0)).ok()).count();
        assert!((1..INVENTORY / 100).contains(&made));
        assert_eq!(vdis.keep(first, noted(INVENTORY)).expect_err("no room").code, full);
        // There is always a way back.
        vdis.keep(first, noted(1)).expect("smaller");
        let first = vdis.find(&vdis.reference(first)).expect("there");
        let logs = vdis.writable.lock().expect("free");
        vdis.destroy(&logs, &first).expect("there");
        vdis.create(noted(1)).expect("room");
    }

    #[test]
    fn notes_of_logs_that_are_gone_make_room() {
        let folder = tempfile::tempdir().expect("room");
        let [gone, there] = [1, 2].map(Uuid::from_u128);
        let mut vdis = Vdis::open(folder.path(), false, None).expect("there");
        let label = |vdis: &mut Vdis, uuid| {
            let entry = vdis.find(&vdis.reference(uuid)).expect("there").entry;
            vdis.keep(uuid, Entry { name_label: "x".repeat(INVENTORY / 3), ..entry }).expect("room");
        };
        for uuid in [gone, there] {
            vdis.writable.create(uuid, VirtualSize::new(1).expect("not 0")).expect("new");
            label(&mut vdis, uuid);
        }
        vdis.writable.delete(gone).expect("as others do it");
        let large = Entry { virtual_size: 1, name_label: "x".repeat(INVENTORY / 2), ..Entry::default() };
        vdis.create(large).expect("there is room again");
        assert!(!vdis.entries().contains_key(&gone));
        assert!(vdis.entries().contains_key(&there));
    }
}
