//! A file that appears, or is replaced, once all of it is written.
//!
//! On Linux the content goes to a file without a name, which the system drops if this process ends in whatever way
//! before the file is given its name. Where that cannot be had, it goes to a temporary file next to the target.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile, TempPath};

/// What temporary names begin with.
const PREFIX: &str = ".cbt-";

/// Where `-o` leads to.
pub(crate) enum Destination {
    /// A file that exists and is no regular one (a device, a named pipe): it can only be written to directly.
    Special(File),
    Staged(Staged),
}

pub(crate) struct Staged {
    content: Content,
    target: PathBuf,
}

enum Content {
    #[cfg(target_os = "linux")]
    Unnamed(File),
    Named(NamedTempFile),
}

impl Destination {
    /// Makes ready to write to a path. Nothing that can be seen is changed yet.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let existing = match fs::metadata(path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // Replacing a file needs no permission to write to it, so ask for that permission here.
        let opened = existing.as_ref().map(|_| OpenOptions::new().write(true).open(path)).transpose()?;
        match (existing, opened) {
            (Some(metadata), Some(file)) if !metadata.is_file() => Ok(Self::Special(file)),
            (Some(metadata), _) => {
                let staged = Staged::new(fs::canonicalize(path)?)?;
                keep_owner_and_mode(staged.file(), &metadata)?;
                Ok(Self::Staged(staged))
            }
            (None, _) => Ok(Self::Staged(Staged::new(path.to_owned())?)),
        }
    }
}

impl Staged {
    fn new(target: PathBuf) -> io::Result<Self> {
        if target.file_name().is_none() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let content = match unnamed(directory(&target)) {
            Some(content) => content,
            None => Content::Named(permissive(&mut Builder::new()).prefix(PREFIX).tempfile_in(directory(&target))?),
        };
        Ok(Self { content, target })
    }

    pub(crate) fn file(&self) -> &File {
        match &self.content {
            #[cfg(target_os = "linux")]
            Content::Unnamed(file) => file,
            Content::Named(file) => file.as_file(),
        }
    }

    /// Gives the file its name, whole.
    pub(crate) fn commit(self) -> io::Result<()> {
        self.file().sync_all()?;
        let path = match self.content {
            #[cfg(target_os = "linux")]
            Content::Unnamed(file) => name(&file, directory(&self.target))?,
            Content::Named(file) => file.into_temp_path(),
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
fn permissive<'a, 'b>(builder: &'a mut Builder<'b, 'b>) -> &'a mut Builder<'b, 'b> {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666))
}

#[cfg(not(unix))]
fn permissive<'a, 'b>(builder: &'a mut Builder<'b, 'b>) -> &'a mut Builder<'b, 'b> {
    builder
}

#[cfg(unix)]
fn keep_owner_and_mode(file: &File, metadata: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    // Only root may give files away; for everybody else a replaced file becomes their own.
    let _ = std::os::unix::fs::fchown(file, Some(metadata.uid()), Some(metadata.gid()));
    file.set_permissions(metadata.permissions())
}

#[cfg(not(unix))]
fn keep_owner_and_mode(file: &File, metadata: &fs::Metadata) -> io::Result<()> {
    file.set_permissions(metadata.permissions())
}

/// A file without a name, if the file system has such and a name can be given to it later.
#[cfg(target_os = "linux")]
fn unnamed(directory: &Path) -> Option<Content> {
    use rustix::fs::{Mode, OFlags, open};
    if !Path::new("/proc/self/fd").exists() {
        return None;
    }
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    open(directory, flags, Mode::from_raw_mode(0o666)).ok().map(|file| Content::Unnamed(File::from(file)))
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_directory: &Path) -> Option<Content> {
    None
}

/// Gives a temporary name to a file that has none.
#[cfg(target_os = "linux")]
fn name(file: &File, directory: &Path) -> io::Result<TempPath> {
    use rustix::fs::{AtFlags, CWD, linkat};
    use std::os::fd::AsRawFd;
    let unnamed = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let link = |path: &Path| Ok(linkat(CWD, &unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW)?);
    Ok(Builder::new().prefix(PREFIX).make_in(directory, link)?.into_temp_path())
}
