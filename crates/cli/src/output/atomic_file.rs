//! A file that appears, or is replaced, once all of it is written.
//!
//! On Linux the content goes to a file without a name, which the system drops if this process ends in whatever way
//! before the file is given its name. Where that cannot be had, it goes to a temporary file next to the target, which is
//! removed if this process fails or is told to stop.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempPath};

use crate::remove_on_signal::{RemovedOnSignal, remove_on_signal};

/// The prefix of temporary names.
const PREFIX: &str = ".cbt-";

/// Where `-o` leads to.
pub(crate) enum Destination {
    /// Standard input, or another file that was opened for reading only, under another name.
    Input,
    /// Standard output, likewise.
    StandardOutput,
    /// A file that exists and is no regular one (a device, a named pipe): it can only be written to directly.
    Special(File),
    Atomic(AtomicFile),
}

pub(crate) struct AtomicFile {
    content: Content,
    target: PathBuf,
}

enum Content {
    #[cfg(target_os = "linux")]
    Unnamed(File),
    Named(NamedTempFile, RemovedOnSignal),
}

impl Destination {
    /// Makes ready to write to a path. Nothing that can be seen is changed yet.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let target = match follow(path)? {
            LinkEnd::Path(target) => target,
            LinkEnd::Descriptor(number) if number == "0" || is_read_only(&number) => return Ok(Self::Input),
            LinkEnd::Descriptor(number) if number == "1" => return Ok(Self::StandardOutput),
            // Another open file of this process. Its content is not ours to replace.
            LinkEnd::Descriptor(_) => return Ok(Self::Special(OpenOptions::new().append(true).open(path)?)),
        };
        let existing = match fs::metadata(&target) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::Atomic(AtomicFile::new(target)?));
            }
            Err(error) => return Err(error),
        };
        // Replacing a file needs no permission to write to it, so ask for that permission here.
        let file = OpenOptions::new().write(true).open(&target)?;
        if !existing.is_file() {
            return Ok(Self::Special(file));
        }
        let file = AtomicFile::new(target)?;
        keep_owner_and_mode(file.file(), &existing)?;
        Ok(Self::Atomic(file))
    }
}

/// The end of a chain of links.
enum LinkEnd {
    /// A name that is no link, and may not exist.
    Path(PathBuf),
    /// The number of an open file of this process: `/dev/stdout` and its like. Resolving such a link gives the path of
    /// the file that is open, and replacing that would take it away from the program that opened it.
    Descriptor(OsString),
}

/// Follows links, also one that leads to nothing yet, so that a link stays a link and the file that it names is written.
fn follow(path: &Path) -> io::Result<LinkEnd> {
    // As many as the system itself follows.
    const MAX_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(to) = fs::read_link(&path) else { return Ok(LinkEnd::Path(path)) };
        let place = fs::canonicalize(directory(&path))?;
        if let (true, true, Some(number)) = (place.starts_with("/proc"), place.ends_with("fd"), path.file_name()) {
            return Ok(LinkEnd::Descriptor(number.to_owned()));
        }
        path = place.join(to);
    }
    Err(io::Error::other("too many links"))
}

/// Whether an open file of this process is not open for writing.
fn is_read_only(number: &OsStr) -> bool {
    const ACCESS_MODE: u32 = 3;
    let info = fs::read_to_string(Path::new("/proc/self/fdinfo").join(number)).unwrap_or_default();
    let flags = info.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    flags.is_some_and(|flags| flags & ACCESS_MODE == 0)
}

impl AtomicFile {
    fn new(target: PathBuf) -> io::Result<Self> {
        // `Path` does not tell `name/` from `name`, but a slash means a directory.
        if target.file_name().is_none() || target.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let content = match create_unnamed(directory(&target))? {
            Some(content) => content,
            None => {
                let make = || with_usual_mode(&mut Builder::new()).prefix(PREFIX).tempfile_in(directory(&target));
                let (file, removed) = remove_on_signal(make, NamedTempFile::path)?;
                Content::Named(file, removed)
            }
        };
        Ok(Self { content, target })
    }

    pub(crate) fn file(&self) -> &File {
        match &self.content {
            #[cfg(target_os = "linux")]
            Content::Unnamed(file) => file,
            Content::Named(file, _) => file.as_file(),
        }
    }

    /// Gives the file its name, whole.
    pub(crate) fn commit(self) -> io::Result<()> {
        self.file().sync_all()?;
        let (path, _removed) = match self.content {
            #[cfg(target_os = "linux")]
            Content::Unnamed(file) => {
                remove_on_signal(|| give_temporary_name(&file, directory(&self.target)), |path: &TempPath| path)?
            }
            Content::Named(file, removed) => (file.into_temp_path(), removed),
        };
        path.persist(&self.target).map_err(|error| error.error)
    }
}

fn directory(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The permissions that any new file gets, instead of those of a secret.
#[cfg(unix)]
fn with_usual_mode<'a, 'b>(builder: &'a mut Builder<'b, 'b>) -> &'a mut Builder<'b, 'b> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn with_usual_mode<'a, 'b>(builder: &'a mut Builder<'b, 'b>) -> &'a mut Builder<'b, 'b> {
    builder
}

#[cfg(unix)]
fn keep_owner_and_mode(file: &File, metadata: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    // Only root may give files away; a file that another user replaces becomes that user's own.
    let _ = std::os::unix::fs::fchown(file, Some(metadata.uid()), Some(metadata.gid()));
    // Without the bits that lend one's rights to others: the content is new.
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn keep_owner_and_mode(file: &File, metadata: &fs::Metadata) -> io::Result<()> {
    file.set_permissions(metadata.permissions())
}

/// A file without a name, if the file system has such and a name can be given to it later.
#[cfg(target_os = "linux")]
fn create_unnamed(directory: &Path) -> io::Result<Option<Content>> {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::io::Errno;
    // As where there is no such thing, for tests.
    let unwanted = cfg!(debug_assertions) && std::env::var_os("CBT_NAMED_FILES").is_some();
    if unwanted || !Path::new("/proc/self/fd").exists() {
        return Ok(None);
    }
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match open(directory, flags, Mode::from_raw_mode(0o666)) {
        Ok(file) => Ok(Some(Content::Unnamed(File::from(file)))),
        // File systems and kernels that do not know the flag say one of these.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn create_unnamed(_directory: &Path) -> io::Result<Option<Content>> {
    Ok(None)
}

/// Gives a temporary name to a file that has none.
#[cfg(target_os = "linux")]
fn give_temporary_name(file: &File, directory: &Path) -> io::Result<TempPath> {
    use rustix::fs::{AtFlags, CWD, linkat};
    use std::os::fd::AsRawFd;
    let unnamed = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let link = |path: &Path| Ok(linkat(CWD, &unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW)?);
    Ok(Builder::new().prefix(PREFIX).make_in(directory, link)?.into_temp_path())
}
