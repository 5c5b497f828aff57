//! Where logs are kept: a folder of `<uuid>.cbtlog`, or files and block devices named one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::error::ChainError;
use super::lock::{PATIENCE, Sharing, lock};
use crate::encoding::{HEADER_BYTES, Header};
use crate::source::Stamp;
use crate::{Encoding, Error, Scanner};

/// The extension of the names of logs.
const EXTENSION: &str = "cbtlog";

/// The logs of a storage repository. Nothing is opened before it is asked for, and nothing is ever written.
///
/// ```no_run
/// use changed_blocks::cbtlog::{Store, Uuid};
///
/// let store = Store::open("/var/backups/logs")?;
/// let from = Uuid::parse_str("0b9e2b57-2b36-4b4f-9d3c-8d1d7b6a0c11")?;
/// let to = Uuid::parse_str("5a0a9d1e-8b8b-4c53-8a62-0c2ff3d7b0f4")?;
/// let changed = store.list_changed_blocks(from, to)?;
/// println!("{} blocks changed, over {} logs", changed.bitmap.count(), changed.chain.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Store {
    logs: BTreeMap<Uuid, PathBuf>,
    folder: Option<PathBuf>,
    /// Those that were added by name.
    named: BTreeSet<Uuid>,
    /// How long writers are waited for, if not as long as usual.
    patience: Option<Duration>,
    #[cfg(test)]
    pub(super) unlocked: bool,
}

/// The log of one disk in a store: its header, and the path of its file. The bitmap stays in the file until
/// [`scan`](Self::scan) reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The disk whose log it is.
    pub uuid: Uuid,
    /// Where the log is.
    pub path: PathBuf,
    /// Its header.
    pub header: Header,
    /// Which file it was, and when it was written: another one may have the same name and the same header.
    stamp: Stamp,
}

/// The neighbours that a log names, which may be known even if the rest of it is damaged.
#[derive(Clone, Copy)]
pub(super) struct Links {
    pub(super) parent: Option<Uuid>,
    pub(super) child: Option<Uuid>,
}

/// The neighbours that a log names, and the log, or why that cannot be used.
pub(super) type Linked = (Links, Result<LogEntry, ChainError>);

impl LogEntry {
    /// Whether the log is a file that can hold what its header says.
    pub(super) fn is_long_enough(&self) -> bool {
        let bytes = self.header.blocks().div_ceil(8).saturating_add(HEADER_BYTES as u64);
        fs::metadata(&self.path).is_ok_and(|file| file.len() >= bytes)
    }

    /// Opens the log, and lets `scan` have it along with a scanner that holds it against the header as it was read.
    /// Whether it is consistent is for the caller to judge.
    ///
    /// # Errors
    ///
    /// [`ChainError::Log`] if it cannot be opened, or with what `scan` says; with [`Error::Changed`] if it is not the file
    /// any more whose header was read, or was written to since.
    pub fn scan<R>(&self, scan: impl FnOnce(Scanner, &File) -> crate::Result<R>) -> Result<R, ChainError> {
        self.stamp.wait();
        self.scan_locked(scan)
    }

    /// As [`scan`](Self::scan), for one who has a lock by which nobody else writes to the log.
    pub(super) fn scan_locked<R>(
        &self,
        scan: impl FnOnce(Scanner, &File) -> crate::Result<R>,
    ) -> Result<R, ChainError> {
        let scanner = Scanner::new(Encoding::CbtLog).virtual_size(self.header.virtual_size).allow_inconsistent(true);
        let read = || {
            let file = open(&self.path).map_err(unreadable)?;
            self.require_same(&file)?;
            let result = scan(scanner.locked(), &file)?;
            self.require_same(&file)?;
            Ok(result)
        };
        read().map_err(|source| ChainError::Log { uuid: self.uuid, path: self.path.clone(), source })
    }

    /// Refuses a file that is not as it was when the header was read, or is another one.
    fn require_same(&self, mut file: &File) -> Result<(), Error> {
        file.rewind().map_err(unreadable)?;
        let (header, stamp) = header_of(file)?;
        file.rewind().map_err(unreadable)?;
        if (header, stamp) == (self.header, self.stamp) { Ok(()) } else { Err(Error::Changed) }
    }
}

impl Store {
    /// The logs of a folder: every `<uuid>.cbtlog`, in upper or lower case. Files that are named after no disk are left
    /// alone.
    ///
    /// # Errors
    ///
    /// [`ChainError::Open`] with what the system says of the folder; [`ChainError::TwoLogs`]; and [`ChainError::LogName`]
    /// for a log that is named in another way, which would be missed. The logs themselves are not looked at.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, ChainError> {
        let folder = folder.as_ref();
        let mut store = Self { folder: Some(folder.to_owned()), ..Self::default() };
        let failed = |source| ChainError::Open { path: folder.to_owned(), source };
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let Some(uuid) = uuid_of(&path)? else { continue };
            if let Some(other) = store.logs.insert(uuid, path.clone()) {
                let (first, second) = if other < path { (other, path) } else { (path, other) };
                return Err(ChainError::TwoLogs { uuid, first, second });
            }
        }
        Ok(store)
    }

    /// How long answers wait for a [`WritableStore`](super::WritableStore) that changes the folder; half a minute unless this says
    /// otherwise.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Adds a log under whatever name: a file, or a block device. One that was there under that UUID is replaced.
    pub fn insert(&mut self, uuid: Uuid, path: impl Into<PathBuf>) {
        self.logs.insert(uuid, path.into());
        self.named.insert(uuid);
    }

    /// The disks that have a log, in ascending order.
    #[must_use]
    pub fn uuids(&self) -> impl ExactSizeIterator<Item = Uuid> + '_ {
        self.logs.keys().copied()
    }

    /// The neighbours that each log names, but for logs of which that cannot be known.
    ///
    /// # Errors
    ///
    /// If it cannot be known of one just now.
    pub(super) fn links(&self) -> Result<BTreeMap<Uuid, Linked>, ChainError> {
        let mut all = BTreeMap::new();
        for uuid in self.uuids() {
            let links = match self.log(uuid) {
                Ok(None) => continue,
                Ok(Some(log)) => {
                    let Header { parent, child, .. } = log.header;
                    (Links { parent, child }, Ok(log))
                }
                Err(ChainError::Log { source: Error::Read { source, .. }, path, .. }) if is_no_log(&path, &source) => {
                    continue;
                }
                Err(error @ ChainError::Log { source: Error::Read { .. }, .. }) => return Err(error),
                Err(error) => match self.path(uuid).map(read_links) {
                    Some(Ok(Some(links))) => (links, Err(error)),
                    Some(Err(source)) if self.path(uuid).is_some_and(|path| !is_no_log(path, &source)) => {
                        return Err(error);
                    }
                    _ => continue,
                },
            };
            all.insert(uuid, links);
        }
        Ok(all)
    }

    /// The store as it is now: the same logs, and in a folder those that have come since.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open): a log that cannot be listed may have changes.
    pub(super) fn now(&self) -> Result<Self, ChainError> {
        let Some(folder) = &self.folder else { return Ok(self.clone()) };
        let mut now = Self::open(folder)?;
        for uuid in &self.named {
            now.insert(*uuid, &self.logs[uuid]);
        }
        Ok(now)
    }

    /// Waits until no [`WritableStore`](super::WritableStore) changes the folder, and holds them up as long as the result lives.
    pub(super) fn keep_writers_out(&self) -> Result<Option<File>, ChainError> {
        #[cfg(test)]
        if self.unlocked {
            return Ok(None);
        }
        let patience = self.patience.unwrap_or(PATIENCE);
        self.folder.as_deref().map_or(Ok(None), |folder| lock(folder, Sharing::Readers, patience))
    }

    /// Where the log of a disk is.
    #[must_use]
    pub fn path(&self, uuid: Uuid) -> Option<&Path> {
        self.logs.get(&uuid).map(PathBuf::as_path)
    }

    /// The header of a disk's log; nothing if there is no log.
    ///
    /// # Errors
    ///
    /// [`ChainError::Log`] if it cannot be read or is damaged.
    pub fn log(&self, uuid: Uuid) -> Result<Option<LogEntry>, ChainError> {
        let Some(path) = self.logs.get(&uuid) else { return Ok(None) };
        match read_header(path) {
            Ok((header, stamp)) => Ok(Some(LogEntry { uuid, path: path.clone(), header, stamp })),
            Err(source) => Err(ChainError::Log { uuid, path: path.clone(), source }),
        }
    }
}

/// The disk that a file is the log of, by its name; nothing for other files. Of the ways to write a UUID, only the one
/// that logs are named by is taken, in upper or lower case.
fn uuid_of(path: &Path) -> Result<Option<Uuid>, ChainError> {
    let log = path.extension().filter(|extension| extension.eq_ignore_ascii_case(EXTENSION));
    let uuid = log.and_then(|_| Uuid::parse_str(path.file_stem()?.to_str()?).ok());
    let Some(uuid) = uuid else { return Ok(None) };
    let named = path.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case(uuid.to_string()));
    if named && log.is_some_and(|extension| extension == EXTENSION) {
        Ok(Some(uuid))
    } else {
        Err(ChainError::LogName { uuid, path: path.to_owned() })
    }
}

/// Whether the log of a disk may be called that.
pub(super) fn is_log_name(name: &str) -> bool {
    matches!(uuid_of(Path::new(name)), Ok(Some(_)))
}

/// The name of the log of a disk.
pub(super) fn file_name(uuid: Uuid) -> String {
    format!("{uuid}.{EXTENSION}")
}

/// Opens a log, which is a file or a block device. To open something else, such as a named pipe, may wait for ever.
fn open(path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = fs::metadata(path)?.file_type();
        if !kind.is_file() && !kind.is_dir() && !kind.is_block_device() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is neither a file nor a block device"));
        }
    }
    File::open(path)
}

fn unreadable(source: io::Error) -> Error {
    Error::Read { offset: 0, source }
}

fn read_header(path: &Path) -> Result<(Header, Stamp), Error> {
    header_of(&open(path).map_err(unreadable)?)
}

/// The header of a log that is read from its start.
fn header_of(file: &File) -> Result<(Header, Stamp), Error> {
    let mut head = Vec::with_capacity(HEADER_BYTES);
    // Before it is read: what is written meanwhile is then found out by the next look.
    let stamp = Stamp::of(file).map_err(unreadable)?;
    file.take(HEADER_BYTES as u64).read_to_end(&mut head).map_err(unreadable)?;
    Ok((Header::parse(&head)?, stamp))
}

/// Whether the system says that there is no log under a name: nothing, or something else than a file. What a link leads to
/// may only be away.
fn is_no_log(path: &Path, error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::NotFound => path.symlink_metadata().is_err(),
        kind => matches!(kind, ErrorKind::InvalidInput | ErrorKind::IsADirectory),
    }
}

/// The first fields of a header, if they are there.
fn read_links(path: &Path) -> io::Result<Option<Links>> {
    let mut links = Vec::with_capacity(32);
    open(path)?.take(32).read_to_end(&mut links)?;
    let uuid =
        |at: usize| Some(Uuid::from_slice(links.get(at..at + 16)?).ok()?).map(|uuid| (!uuid.is_nil()).then_some(uuid));
    Ok(uuid(0).zip(uuid(16)).map(|(parent, child)| Links { parent, child }))
}
