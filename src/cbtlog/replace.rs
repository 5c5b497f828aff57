//! Files that are replaced as a whole: a kill at any moment leaves the old or the new one, and at most a temporary file
//! beside it, which is told by its name and removed later. Its writer has it locked, also against programs on other
//! machines where the file system passes locks on; where it has none, nothing is removed.
//!
//! Others may be able to write to the folder. So a temporary name cannot be guessed, and its file is made only if nothing
//! has that name: a link is never followed.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, Metadata, TryLockError};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// The end of temporary names. No log's name has it.
const SUFFIX: &str = ".new";

/// The hexadecimal digits before that, which are random.
const DIGITS: usize = 32;

/// How many names are tried. Two of them are never equal by chance.
const ATTEMPTS: usize = 8;

/// Puts a file in the place of the one that is there, or of none, once `write` has written it. It has the owner and the
/// permissions of the one before, or those of any new file.
///
/// # Errors
///
/// The system's error, or that of `write`. Then everything is as it was, unless only the folder could not be made to
/// last.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let before = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => Some(metadata),
        Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "only a file can be replaced as a whole")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let (mut file, new) = create(path)?;
    let whole = || {
        // Before there is anything to be read.
        before.as_ref().map_or(Ok(()), |before| keep_owner_and_mode(&file, before))?;
        write(&mut file)?;
        file.sync_all()?;
        if !cfg!(unix) {
            // Such locks keep those out who read.
            let _ = file.unlock();
        }
        fs::rename(&new, path)
    };
    whole().inspect_err(|_| drop(fs::remove_file(&new)))?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes the names of files last, too.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Removes what kills have left of the files that `is_ours` tells by their names. What cannot be removed is in nobody's
/// way.
pub fn remove_leftovers(folder: &Path, is_ours: impl Fn(&str) -> bool) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let target = name.to_str().and_then(target_of);
        // The type is that of a link itself.
        if target.is_some_and(&is_ours)
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            // Kept until it is removed: nobody begins to write it meanwhile.
            && let Ok(file) = File::open(entry.path())
            && file.try_lock_shared().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The name of the file whose place one of a temporary name was to take.
fn target_of(name: &str) -> Option<&str> {
    let (target, digits) = name.strip_suffix(SUFFIX)?.rsplit_once('.')?;
    let random = digits.len() == DIGITS && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    random.then_some(target)
}

/// Locks a new file, unless it is being removed as if a kill had left it.
fn lock_new(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => is_named(file),
        Err(TryLockError::WouldBlock) => Ok(false),
        // Where there are no locks, it is not removed either.
        Err(TryLockError::Error(_)) => Ok(true),
    }
}

/// A new file, with a temporary name beside a path, and locked.
fn create(path: &Path) -> io::Result<(File, PathBuf)> {
    let mut attempts = 0..ATTEMPTS;
    loop {
        // The keys of hashes are random, and cannot be told by them.
        let [high, low] = [0; 2].map(|_: u8| RandomState::new().build_hasher().finish());
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{high:016x}{low:016x}{SUFFIX}"));
        let new = path.with_file_name(name);
        match File::options().write(true).create_new(true).open(&new) {
            Ok(file) if lock_new(&file)? || attempts.next().is_none() => return Ok((file, new)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempts.next().is_some() => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether a file still has a name.
#[cfg(unix)]
fn is_named(file: &File) -> io::Result<bool> {
    Ok(std::os::unix::fs::MetadataExt::nlink(&file.metadata()?) > 0)
}

#[cfg(not(unix))]
fn is_named(_file: &File) -> io::Result<bool> {
    Ok(true)
}

#[cfg(unix)]
fn keep_owner_and_mode(file: &File, before: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    // Only root may give files away; for everybody else a replaced file becomes their own.
    let _ = fchown(file, Some(before.uid()), Some(before.gid()));
    file.set_permissions(PermissionsExt::from_mode(before.mode() & 0o777))
}

#[cfg(not(unix))]
fn keep_owner_and_mode(_file: &File, _before: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn temporary_names_lead_back_to_the_file() {
        let folder = tempfile::tempdir().expect("room");
        let path = folder.path().join("a.b");
        let (_, first) = create(&path).expect("room");
        let (_, second) = create(&path).expect("room");
        assert_ne!(first, second);
        let name = first.file_name().and_then(|name| name.to_str()).expect("text");
        assert_eq!(target_of(name), Some("a.b"));
        let digits = "0123456789abcdef0123456789abcdef";
        assert_eq!(target_of(&format!("a.{digits}.new")), Some("a"));
        for other in ["a.b", "new", "a.new.b", "a.b.new", &format!("a.{digits}"), &format!("a.{digits}.cbtlog")] {
            assert_eq!(target_of(other), None, "{other}");
        }
        assert_ne!(target_of(&format!("a.{}.new", digits.to_uppercase())), Some("a"));
    }

    /// As another program may do it where there is no lock on folders.
    #[test]
    fn a_file_that_is_being_written_is_not_removed_as_a_leftover() {
        let folder = tempfile::tempdir().expect("room");
        let path = folder.path().join("file");
        replace(&path, |file| {
            file.write_all(b"whole")?;
            remove_leftovers(folder.path(), |name| name == "file");
            Ok(())
        })
        .expect("nobody has removed it");
        assert_eq!(fs::read(&path).expect("there"), b"whole");
        let (file, left) = create(&path).expect("room");
        drop(file);
        remove_leftovers(folder.path(), |name| name == "other");
        assert!(left.exists());
        remove_leftovers(folder.path(), |name| name == "file");
        assert!(!left.exists());
        assert!(path.exists());
    }

    #[test]
    fn a_replacement_that_fails_leaves_nothing() {
        let folder = tempfile::tempdir().expect("room");
        let path = folder.path().join("file");
        fs::write(&path, "before").expect("room");
        let error = replace(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("no more"))
        });
        assert_eq!(error.expect_err("it failed").to_string(), "no more");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1);
        assert_eq!(fs::read(&path).expect("there"), b"before");
        replace(&path, |file| file.write_all(b"after")).expect("room");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1);
        assert_eq!(fs::read(&path).expect("there"), b"after");
    }
}
