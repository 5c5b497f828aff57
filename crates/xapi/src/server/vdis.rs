//! The disks of a store.
//!
//! Every log is a disk with tracking on. What logs cannot say stands in a file beside them, [`FILE`]: disks whose
//! tracking is off, names, whose snapshot a disk is once its chain no longer tells, and whether its data was destroyed.
//! The file only ever adds to the logs; without it, they are served all the same.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::{ChangedBlocks, Log, Store, Tracker};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Failure;
use super::api::{bitmap_bytes, lock};

/// Beside the logs.
const FILE: &str = "vdis.json";

/// Held by the one server that may change the folder.
const LOCK: &str = "vdis.lock";

/// A disk.
#[derive(Clone, Debug)]
pub(super) struct Vdi {
    pub(super) uuid: Uuid,
    pub(super) entry: Entry,
    /// Whether it has a log.
    pub(super) tracked: bool,
    /// Whether its log was not closed.
    pub(super) in_use: bool,
}

/// What is known of a disk beside its log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(default)]
    pub(super) name_label: String,
    #[serde(default)]
    pub(super) name_description: String,
    /// In bytes. If there is a log, it knows better.
    pub(super) virtual_size: u64,
    #[serde(default)]
    pub(super) data_destroyed: bool,
    #[serde(default)]
    pub(super) is_a_snapshot: bool,
    #[serde(default)]
    pub(super) snapshot_of: Option<Uuid>,
    /// Seconds since 1970; 0 if it is not known.
    #[serde(default)]
    pub(super) snapshot_time: i64,
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Inventory {
    vdis: BTreeMap<Uuid, Entry>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Vdis {
    folder: PathBuf,
    tracker: Tracker,
    inventory: Inventory,
    pub(super) sr: Uuid,
    /// Disks that clients were told of, to tell one that has vanished from one that never was.
    told: Mutex<HashSet<Uuid>>,
    /// Nothing if nothing is ever changed.
    _lock: Option<File>,
}

/// Keeps other servers from changing a folder.
fn lock_out_others(folder: &Path) -> io::Result<File> {
    let name = folder.join(LOCK);
    let file = File::options().create(true).truncate(false).write(true).open(&name);
    let file = file.map_err(|error| io::Error::new(error.kind(), format!("{LOCK}: {error}")))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(io::Error::other("another server may change this folder; one that only reads can be started beside it"))
        }
        Err(TryLockError::Error(error)) => Err(io::Error::new(error.kind(), format!("{LOCK}: {error}"))),
    }
}

impl Vdi {
    pub(super) const fn kind(&self) -> &'static str {
        if self.entry.data_destroyed { "cbt_metadata" } else { "user" }
    }
}

impl Vdis {
    /// Opens a folder. Only one server at a time may change it: each writes the inventory as it knows it.
    pub(super) fn open(folder: &Path, read_only: bool) -> io::Result<Self> {
        let folder = fs::canonicalize(folder)?;
        let tracker = Tracker::open(&folder)?;
        let lock = if read_only { None } else { Some(lock_out_others(&folder)?) };
        let inventory = match fs::read(folder.join(FILE)) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{FILE}: {error}")))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Inventory::default(),
            Err(error) => return Err(io::Error::new(error.kind(), format!("{FILE}: {error}"))),
        };
        let sr = Uuid::new_v5(&Uuid::NAMESPACE_URL, folder.as_os_str().as_encoded_bytes());
        Ok(Self { folder, tracker, inventory, sr, told: Mutex::default(), _lock: lock })
    }

    /// The reference of a disk. It is the same each time that the folder is served, and never the UUID.
    pub(super) fn reference(&self, uuid: Uuid) -> String {
        format!("OpaqueRef:{}", self.mask(uuid))
    }

    pub(super) fn uuid_of(&self, reference: &str) -> Option<Uuid> {
        let uuid = reference.strip_prefix("OpaqueRef:").and_then(|uuid| Uuid::parse_str(uuid).ok())?;
        Some(self.mask(uuid))
    }

    /// There and back.
    fn mask(&self, uuid: Uuid) -> Uuid {
        Uuid::from_u128(uuid.as_u128() ^ self.sr.as_u128())
    }

    pub(super) fn sr_reference(&self) -> String {
        format!("OpaqueRef:{}", Uuid::new_v5(&self.sr, b"SR"))
    }

    /// A disk by its reference.
    pub(super) fn find(&self, reference: &str) -> Result<Vdi, Failure> {
        let unknown = || Failure::bad_handle("VDI", reference);
        let uuid = self.uuid_of(reference).ok_or_else(unknown)?;
        if let Some(vdi) = self.get(uuid)? {
            return Ok(vdi);
        }
        let told = lock(&self.told).contains(&uuid);
        Err(if told { Failure::new("VDI_MISSING", [self.sr_reference(), reference.to_owned()]) } else { unknown() })
    }

    /// A disk by its UUID.
    pub(super) fn by_uuid(&self, text: &str) -> Result<Vdi, Failure> {
        let unknown = || Failure::new("UUID_INVALID", ["VDI", text]);
        self.get(Uuid::parse_str(text).map_err(|_| unknown())?)?.ok_or_else(unknown)
    }

    fn get(&self, uuid: Uuid) -> Result<Option<Vdi>, Failure> {
        let store = self.store_of(uuid);
        if store.path(uuid).is_none() && !self.inventory.vdis.contains_key(&uuid) {
            return Ok(None);
        }
        // A short cut would not do: whose snapshot it is, only the chain may tell.
        let mut ends = HashMap::new();
        Ok(Some(self.vdi(uuid, &store, &mut |log| self.end_of(log, &mut ends))))
    }

    /// All disks, in the order of their UUIDs.
    pub(super) fn all(&self) -> Result<Vec<Vdi>, Failure> {
        let store = self.tracker.store()?;
        let uuids: std::collections::BTreeSet<Uuid> =
            store.uuids().chain(self.inventory.vdis.keys().copied()).collect();
        let mut ends = HashMap::new();
        Ok(uuids.into_iter().map(|uuid| self.vdi(uuid, &store, &mut |log| self.end_of(log, &mut ends))).collect())
    }

    /// Puts together what the log and the file say of a disk.
    fn vdi(&self, uuid: Uuid, store: &Store, end_of: &mut dyn FnMut(&Log) -> Option<Uuid>) -> Vdi {
        lock(&self.told).insert(uuid);
        let tracked = store.path(uuid).is_some();
        // A log that cannot be read is still one: the answer that needs it will say what is wrong.
        let log = store.log(uuid).ok().flatten();
        let in_use = log.as_ref().is_some_and(|log| !log.header.consistent);
        let mut entry = match (self.inventory.vdis.get(&uuid), &log) {
            (Some(entry), _) => entry.clone(),
            (None, Some(log)) => {
                let is_a_snapshot = log.header.child.is_some();
                Entry { is_a_snapshot, snapshot_of: end_of(log), ..Entry::default() }
            }
            (None, None) => Entry::default(),
        };
        if let Some(log) = &log {
            entry.virtual_size = log.header.virtual_size.bytes();
        }
        Vdi { uuid, entry, tracked, in_use }
    }

    /// The last disk of a log's chain, unless it is the log's own.
    fn end_of(&self, log: &Log, ends: &mut HashMap<Uuid, Option<Uuid>>) -> Option<Uuid> {
        let mut passed = Vec::new();
        let mut at = log.clone();
        let end = loop {
            if let Some(&end) = ends.get(&at.uuid) {
                break end;
            }
            // Entered right away, so that a circle is noticed.
            ends.insert(at.uuid, None);
            passed.push(at.uuid);
            let Some(child) = at.header.child else { break Some(at.uuid) };
            match self.store_of(child).log(child) {
                Ok(Some(next)) => at = next,
                _ => break None,
            }
        };
        ends.extend(passed.into_iter().map(|uuid| (uuid, end)));
        end.filter(|&end| end != log.uuid)
    }

    /// The log of one disk, if it has one.
    fn store_of(&self, uuid: Uuid) -> Store {
        let mut store = Store::default();
        let path = self.folder.join(format!("{uuid}.cbtlog"));
        if path.exists() {
            store.insert(uuid, path);
        }
        store
    }

    /// Makes a disk whose changes are not tracked.
    pub(super) fn create(&mut self, entry: Entry) -> Result<Uuid, Failure> {
        let uuid = Uuid::new_v4();
        self.note(|vdis| drop(vdis.insert(uuid, entry)))?;
        Ok(uuid)
    }

    /// Switches tracking of a disk on or off.
    pub(super) fn track(&mut self, vdi: &Vdi, on: bool) -> Result<(), Failure> {
        if vdi.tracked == on {
            return Ok(());
        }
        let size = VirtualSize::new(vdi.entry.virtual_size).map_err(|error| Failure::internal(error.to_string()))?;
        if on {
            return Ok(self.tracker.create(vdi.uuid, size)?);
        }
        // The disk must not vanish along with its log, nor its snapshots be taken for disks.
        let snapshots = self.snapshots(vdi.uuid)?;
        self.note(|vdis| vdis.extend(snapshots.chain([(vdi.uuid, vdi.entry.clone())])))?;
        Ok(self.tracker.delete(vdi.uuid)?)
    }

    /// Takes a snapshot. If tracking is on, it stays on for the disk and is on for the snapshot.
    pub(super) fn snapshot(&mut self, vdi: &Vdi, now: i64) -> Result<Uuid, Failure> {
        let uuid = Uuid::new_v4();
        if vdi.tracked {
            self.tracker.snapshot(vdi.uuid, uuid)?;
        }
        let entry = Entry { is_a_snapshot: true, snapshot_of: Some(vdi.uuid), snapshot_time: now, ..vdi.entry.clone() };
        let noted = self.note(|vdis| drop(vdis.insert(uuid, entry)));
        if noted.is_err() && vdi.tracked {
            // What its log has goes back to the disk's. If that fails too, there is one snapshot more.
            drop(self.tracker.delete(uuid));
        }
        noted.map(|()| uuid)
    }

    /// Forgets the data of a snapshot. What changed stays.
    pub(super) fn destroy_data(&mut self, vdi: &Vdi) -> Result<(), Failure> {
        let entry = Entry { data_destroyed: true, ..vdi.entry.clone() };
        self.note(|vdis| drop(vdis.insert(vdi.uuid, entry)))
    }

    /// Removes a disk. What its log says goes to its child's.
    pub(super) fn destroy(&mut self, vdi: &Vdi) -> Result<(), Failure> {
        let snapshots = self.snapshots(vdi.uuid)?;
        self.note(|vdis| vdis.extend(snapshots))?;
        if vdi.tracked {
            self.tracker.delete(vdi.uuid)?;
        }
        self.note(|vdis| drop(vdis.remove(&vdi.uuid)))?;
        lock(&self.told).remove(&vdi.uuid);
        Ok(())
    }

    /// Whether a log is shorter than its header says, so that it is certain that it cannot be read.
    pub(super) fn is_cut_short(&self, vdi: &Vdi) -> bool {
        let store = self.store_of(vdi.uuid);
        let log = store.path(vdi.uuid).and_then(|path| fs::metadata(path).ok());
        log.is_some_and(|file| file.is_file() && file.len() < bitmap_bytes(vdi.entry.virtual_size))
    }

    /// The call.
    pub(super) fn list_changed_blocks(&self, from: Uuid, to: Uuid) -> Result<ChangedBlocks, Failure> {
        let changed = self.tracker.store()?.list_changed_blocks(from, to);
        changed.map_err(|error| Failure::listing(&error, &self.reference(to)))
    }

    /// A disk's snapshots, which may be known as such only by way of its log.
    fn snapshots(&self, of: Uuid) -> Result<impl Iterator<Item = (Uuid, Entry)> + use<>, Failure> {
        let snapshots = self.all()?.into_iter().filter(move |vdi| vdi.entry.snapshot_of == Some(of));
        Ok(snapshots.map(|vdi| (vdi.uuid, vdi.entry)))
    }

    /// Changes the inventory, once that has been written down.
    fn note(&mut self, change: impl FnOnce(&mut BTreeMap<Uuid, Entry>)) -> Result<(), Failure> {
        let mut vdis = self.inventory.vdis.clone();
        change(&mut vdis);
        if vdis != self.inventory.vdis {
            let inventory = Inventory { vdis };
            self.write(&inventory)?;
            self.inventory = inventory;
        }
        Ok(())
    }

    /// Replaces the file as a whole.
    fn write(&self, inventory: &Inventory) -> Result<(), Failure> {
        let path = self.folder.join(FILE);
        let new = path.with_extension("json.new");
        let text = serde_json::to_vec_pretty(inventory).map_err(|error| Failure::internal(error.to_string()))?;
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            if cfg!(unix) { File::open(&self.folder)?.sync_all() } else { Ok(()) }
        };
        write().map_err(|error: io::Error| {
            drop(fs::remove_file(&new));
            Failure::internal(format!("{}: {error}", path.display()))
        })
    }
}
