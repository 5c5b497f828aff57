//! All disks as they are at one moment, put together from the logs and from what is noted beside them.
//!
//! Every answer about disks comes from here: records, events, allowed operations and refusals. So they agree, also about
//! what other programs did to the folder meanwhile.

use std::collections::{BTreeMap, HashMap};
use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::UNIX_EPOCH;

use changed_blocks::cbtlog::{ChainEnd, ChainError, HEADER_BYTES, LogEntry, Store};
use changed_blocks::{Consequence, Error};
use uuid::Uuid;

use super::failure::Failure;
use super::inventory::Entry;
use super::options::SizesAfterScan;
use super::snapshot_times::{Chain, Snapshot, Times, settle};
use super::util::{bitmap_bytes, lock, now};
use super::vdis::{Vdi, Vdis};

/// The earliest time that a snapshot is taken to be of, in seconds since 1970. Some tools set the times of all files to 1;
/// older snapshots need times before that, and 0 stands for none.
const EARLIEST: i64 = 1_000_000;

/// How often logs may come or go while all of them are read.
const ATTEMPTS: u32 = 5;

/// The disks of a chain of logs.
struct Links {
    /// The oldest first.
    uuids: Vec<Uuid>,
    /// The disk of another chain that follows.
    next: Option<Uuid>,
}

impl Vdis {
    /// All disks, in the order of their UUIDs.
    pub(super) fn all(&self) -> Result<Vec<Vdi>, Failure> {
        // Read within the lock: a thread that had read before a snapshot was taken would forget its time.
        let mut times = lock(&self.times);
        let (mut vdis, chains) = self.read(&times)?;
        vdis.retain(|_, vdi| vdi.tracked || !vdi.entry.of_log);
        self.settle_times(&mut vdis, chains, &mut times);
        drop(times);
        for vdi in vdis.values_mut() {
            let known = Some(vdi.entry.virtual_size).filter(|&size| size > 0 && !vdi.unknown_size);
            vdi.reported_size = match self.sizes_after_scan.filter(|_| vdi.entry.data_destroyed) {
                None => known,
                Some(SizesAfterScan::File) if vdi.tracked => known.map(|size| HEADER_BYTES as u64 + bitmap_bytes(size)),
                Some(SizesAfterScan::File | SizesAfterScan::Lvm) => Some(0),
            };
        }
        let snapshots: Vec<(Uuid, Uuid)> =
            vdis.values().filter_map(|vdi| Some((vdi.entry.snapshot_of?, vdi.uuid))).collect();
        for (of, snapshot) in snapshots {
            if let Some(vdi) = vdis.get_mut(&of) {
                vdi.snapshots.push(snapshot);
            }
        }
        self.tell(vdis.keys());
        Ok(vdis.into_values().collect())
    }

    /// The notes of all disks and the headers of their logs, with the chains of these. Others may change the folder:
    /// one log read before and another one after a snapshot or a deletion would make a chain end too early.
    fn read(&self, times: &Times) -> Result<(BTreeMap<Uuid, Vdi>, Vec<Links>), Failure> {
        let noted = |(&uuid, entry): (&Uuid, &Entry)| (uuid, Vdi { uuid, entry: entry.clone(), ..Vdi::default() });
        for _ in 0..ATTEMPTS {
            let mut vdis: BTreeMap<Uuid, Vdi> = self.entries().iter().map(noted).collect();
            let store = self.store()?;
            let chains = self.read_chains(&store, &mut vdis, times)?;
            if self.store()?.uuids().eq(store.uuids()) {
                return Ok((vdis, chains));
            }
        }
        Err(Failure::busy(""))
    }

    /// A disk by its reference.
    pub(super) fn find(&self, reference: &str) -> Result<Vdi, Failure> {
        self.find_among(&self.all()?, reference)
    }

    /// A disk of all by its reference.
    pub(super) fn find_among(&self, all: &[Vdi], reference: &str) -> Result<Vdi, Failure> {
        let unknown = || Failure::bad_handle("VDI", reference);
        let uuid = self.uuid_of(reference).ok_or_else(unknown)?;
        let found = all.iter().find(|vdi| vdi.uuid == uuid).cloned();
        found.ok_or_else(|| match self.was_told(uuid) {
            true => Failure::new("VDI_MISSING", [self.sr_reference(), reference.to_owned()]),
            false => unknown(),
        })
    }

    /// A disk by its UUID.
    pub(super) fn by_uuid(&self, text: &str) -> Result<Vdi, Failure> {
        let unknown = || Failure::new("UUID_INVALID", ["VDI", text]);
        let uuid = Uuid::parse_str(text).map_err(|_| unknown())?;
        self.all()?.into_iter().find(|vdi| vdi.uuid == uuid).ok_or_else(unknown)
    }

    /// Adds what the logs say. Returns their chains.
    fn read_chains(&self, store: &Store, vdis: &mut BTreeMap<Uuid, Vdi>, times: &Times) -> Result<Vec<Links>, Failure> {
        let mut ends: HashMap<Uuid, Option<Uuid>> = HashMap::new();
        let mut chains = Vec::new();
        for chain in store.chains() {
            let mut uuids = Vec::new();
            let mut logs = Vec::new();
            for log in chain.logs {
                match log {
                    Err(ChainError::Log { source: Error::Read { source, .. }, path, .. })
                        if is_gone(&path, &source) =>
                    {
                        // Removed since the folder was listed.
                    }
                    Ok(LogEntry { uuid, .. }) => {
                        uuids.push(uuid);
                        logs.push(log);
                    }
                    // A log that is damaged is known to be. Of one that cannot be read just now nothing is known.
                    Err(ChainError::Log { uuid, ref source, .. })
                        if source.consequence() == Consequence::FullBackup =>
                    {
                        uuids.push(uuid);
                        logs.push(log);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            let (end, next) = match chain.end {
                ChainEnd::Complete => (uuids.last().copied(), None),
                // The chain that is joined comes before this one.
                ChainEnd::Joins { child } => (ends.get(&child).copied().flatten(), Some(child)),
                _ => (None, None),
            };
            for (&uuid, log) in uuids.iter().zip(&logs) {
                ends.insert(uuid, end);
                let noted = vdis.contains_key(&uuid);
                let vdi = vdis.entry(uuid).or_insert_with(|| Vdi { uuid, ..Vdi::default() });
                if !noted {
                    vdi.entry.of_log = true;
                    // Once a snapshot, always one, also when its disk is gone and the chain no longer tells.
                    let has_child = log.as_ref().is_ok_and(|log| log.header.child.is_some());
                    vdi.entry.is_a_snapshot = has_child || times.contains_key(&uuid);
                    vdi.entry.snapshot_of = end.filter(|&end| end != uuid);
                    vdi.unknown_kind = log.is_err() && !vdi.entry.is_a_snapshot;
                }
                self.add_log(vdi, log, store)?;
            }
            chains.push(Links { uuids, next });
        }
        Ok(chains)
    }

    /// Adds what a disk's own log says.
    fn add_log(&self, vdi: &mut Vdi, log: &Result<LogEntry, ChainError>, store: &Store) -> Result<(), Failure> {
        vdi.tracked = true;
        let file = match store.path(vdi.uuid).map(|path| (path, path.metadata())) {
            Some((_, Ok(file))) => Some(file),
            Some((path, Err(error))) if !is_gone(path, &error) => return Err(error.into()),
            _ => None,
        };
        if vdi.entry.is_a_snapshot && vdi.entry.snapshot_time == 0 {
            // It was there by then.
            vdi.entry.snapshot_time = file.as_ref().map_or(0, modified);
        }
        match log {
            Ok(log) => {
                let bytes = log.header.bitmap_bytes().saturating_add(HEADER_BYTES as u64);
                vdi.entry.virtual_size = log.header.virtual_size.bytes();
                vdi.in_use = !log.header.consistent;
                if let Some(file) = file.filter(|file| file.is_file() && file.len() < bytes) {
                    let (path, found) = (log.path.display(), file.len());
                    vdi.damage =
                        Some(Failure::inconsistent(format!("{path}: {found} bytes, but its disk needs {bytes}")));
                }
            }
            Err(error) => {
                vdi.damage = Some(Failure::listing(error, &self.reference(vdi.uuid)));
                // The disk may have grown since its size was noted.
                vdi.unknown_size = true;
            }
        }
        Ok(())
    }

    /// Gives each snapshot the time that clients are told, and notes the new ones.
    fn settle_times(&self, vdis: &mut BTreeMap<Uuid, Vdi>, chains: Vec<Links>, times: &mut Times) {
        let now = now();
        let snapshot = |uuid: Uuid| {
            let entry = &vdis.get(&uuid).filter(|vdi| vdi.entry.is_a_snapshot)?.entry;
            let taken = if entry.snapshot_time > 0 { entry.snapshot_time.max(EARLIEST).min(now) } else { now };
            Some(Snapshot { uuid, of: entry.snapshot_of, taken })
        };
        let alone = vdis.values().filter(|vdi| !vdi.tracked).map(|vdi| Links { uuids: vec![vdi.uuid], next: None });
        let chains: Vec<Chain> = chains
            .into_iter()
            .chain(alone)
            .map(|Links { uuids, next }| Chain { snapshots: uuids.into_iter().filter_map(snapshot).collect(), next })
            .collect();
        if settle(times, chains) {
            // If that fails, they are noted along with the next change.
            let _ = self.write(self.entries(), times);
        }
        for vdi in vdis.values_mut() {
            vdi.entry.snapshot_time = times.get(&vdi.uuid).copied().unwrap_or_default();
        }
    }
}

/// Whether a log is gone, not only what a link leads to.
fn is_gone(path: &Path, error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err()
}

/// When a file was written last, in seconds since 1970; 0 if that is not known.
fn modified(file: &Metadata) -> i64 {
    let since = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or_default())
}
