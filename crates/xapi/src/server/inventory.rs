//! What is noted of disks beside their logs: a file, replaced as a whole at each change.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Failure;
use super::snapshot_times::Times;
use super::vdis::Entry;

/// Beside the logs.
const FILE: &str = "vdis.json";

/// What the file has.
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
