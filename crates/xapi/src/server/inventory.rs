//! The notes of disks, in a file beside their logs that is replaced as a whole at each change.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::Path;

use changed_blocks::internals::{remove_leftovers, replace};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::budgets;
use super::failure::Failure;
use super::notes::Notes;
use super::snapshot_times::Times;

/// Beside the logs.
const FILE: &str = "vdis.json";

/// Bytes of the file. No server writes as many: anyone who can write to the folder may have made it.
const LONGEST: usize = 64 << 20;

/// How often a file may turn out to have been replaced while it was opened.
const ATTEMPTS: u32 = 5;

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
#[derive(Debug, Default, Deserialize)]
pub(super) struct Inventory {
    pub(super) vdis: BTreeMap<Uuid, Entry>,
    /// The times that clients were told of snapshots, also of those that have no entry.
    #[serde(default)]
    pub(super) snapshot_times: Times,
}

impl Inventory {
    /// The text of a folder's file; nothing if there is none.
    pub(super) fn text(folder: &Path) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        let read = open_file(&folder.join(FILE), File::options().read(true)).and_then(|file| {
            let too_long = || io::Error::new(ErrorKind::InvalidData, format!("it is longer than {LONGEST} bytes"));
            let bytes = usize::try_from(file.metadata()?.len()).ok().filter(|&bytes| bytes <= LONGEST);
            text.try_reserve_exact(bytes.ok_or_else(too_long)?)?;
            file.take(LONGEST as u64).read_to_end(&mut text)
        });
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(io::Error::new(error.kind(), format!("{FILE}: {error}"))),
            Ok(_) => Ok(text),
        }
    }

    pub(super) fn parse(text: &[u8]) -> io::Result<Self> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(text).map_err(|error| io::Error::new(ErrorKind::InvalidData, format!("{FILE}: {error}")))
    }

    /// Replaces a folder's file.
    pub(super) fn write(folder: &Path, vdis: &BTreeMap<Uuid, Entry>, times: &Times) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct Inventory<'i> {
            vdis: &'i BTreeMap<Uuid, Entry>,
            snapshot_times: &'i Times,
        }
        let path = folder.join(FILE);
        let written = replace(&path, |file| {
            let mut to = BufWriter::new(file);
            serde_json::to_writer_pretty(&mut to, &Inventory { vdis, snapshot_times: times })?;
            to.flush()
        });
        written.map_err(|error| Failure::internal(format!("{}: {error}", path.display())))
    }

    /// Removes what a kill has left of a server that could change the folder.
    pub(super) fn remove_leftovers(folder: &Path) {
        remove_leftovers(folder, |name| name == FILE);
    }
}

/// Opens a file that a server has made. Others can write to the folder, too: what a link leads to is not it, and to open
/// something else, such as a named pipe, may wait for ever.
pub(super) fn open_file(path: &Path, options: &OpenOptions) -> io::Result<File> {
    for _ in 0..ATTEMPTS {
        let named = path.symlink_metadata()?;
        if !named.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file"));
        }
        let file = options.open(path)?;
        if is_same(&named, &file)? {
            return Ok(file);
        }
    }
    Err(io::Error::other("it was replaced each time that it was opened"))
}

#[cfg(unix)]
fn is_same(named: &std::fs::Metadata, file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let opened = file.metadata()?;
    Ok((named.dev(), named.ino()) == (opened.dev(), opened.ino()))
}

#[cfg(not(unix))]
fn is_same(_named: &std::fs::Metadata, _file: &File) -> io::Result<bool> {
    Ok(true)
}
