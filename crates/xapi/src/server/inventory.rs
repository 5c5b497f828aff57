//! The notes of disks, in a file beside their logs that is replaced as a whole at each change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::notes::Notes;
use super::snapshot_times::Times;
use super::{Failure, budgets};

/// Beside the logs.
const FILE: &str = "vdis.json";

/// The notes of a disk: they hold what its log cannot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(default)]
    pub(super) name_label: String,
    #[serde(default)]
    pub(super) name_description: String,
    /// In bytes. If there is a log, it knows better.
    pub(super) virtual_size: u64,
    /// Whether it was not made here: nothing but its log says that there is such a disk, and it goes along with that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) of_log: bool,
    #[serde(default)]
    pub(super) data_destroyed: bool,
    #[serde(default)]
    pub(super) is_a_snapshot: bool,
    #[serde(default)]
    pub(super) snapshot_of: Option<Uuid>,
    /// When it was taken, in seconds since 1970; 0 if it is not known. Clients are told what follows from it.
    #[serde(default)]
    pub(super) snapshot_time: i64,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) tags: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Notes::is_empty")]
    pub(super) other_config: Notes,
}

impl Entry {
    /// The room that it takes up, about.
    pub(super) fn bytes(&self) -> usize {
        let texts = self.tags.iter().chain(self.other_config.iter().flat_map(|(key, value)| [key, value]));
        let texts = texts.chain([&self.name_label, &self.name_description]);
        budgets::DISK + texts.map(|text| budgets::escaped(text)).sum::<usize>()
    }
}

/// The content of the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Inventory {
    pub(super) vdis: BTreeMap<Uuid, Entry>,
    /// The times that clients were told of snapshots, also of those that have no entry.
    #[serde(default)]
    pub(super) snapshot_times: Times,
}

impl Inventory {
    /// The text of a folder's file; nothing if there is none.
    pub(super) fn text(folder: &Path) -> io::Result<Vec<u8>> {
        match fs::read(folder.join(FILE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            text => text.map_err(|error| io::Error::new(error.kind(), format!("{FILE}: {error}"))),
        }
    }

    pub(super) fn parse(text: &[u8]) -> io::Result<Self> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(text).map_err(|error| io::Error::new(ErrorKind::InvalidData, format!("{FILE}: {error}")))
    }

    /// Replaces a folder's file.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(FILE);
        let new = path.with_extension("json.new");
        let text = serde_json::to_vec_pretty(self).map_err(|error| Failure::internal(error.to_string()))?;
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
        };
        write().map_err(|error: io::Error| {
            drop(fs::remove_file(&new));
            Failure::internal(format!("{}: {error}", path.display()))
        })
    }
}
