//! The files of a folder of logs where others can write, too: links are not followed, what kills leave is removed, and
//! nothing else is.

#![cfg(unix)]

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use changed_blocks::cbtlog::{ChainError, Uuid, WritableStore};
use changed_blocks::{ByteRange, Consequence, VirtualSize};

const DISK: Uuid = Uuid::from_u128(1);
const OLDER: Uuid = Uuid::from_u128(2);
const DIGITS: &str = "0123456789abcdef0123456789abcdef";

fn writable() -> (tempfile::TempDir, WritableStore) {
    let folder = tempfile::tempdir().expect("room");
    let writable = WritableStore::open(folder.path()).expect("there");
    writable.create(DISK, VirtualSize::new(1 << 20).expect("not 0")).expect("new");
    (folder, writable)
}

fn mark(writable: &WritableStore) -> Result<(), ChainError> {
    writable.mark(DISK, ByteRange::between(0, 1))
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).expect("there").map(|entry| entry.expect("there").file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn a_link_that_someone_has_planted_is_not_followed() {
    let (folder, writable) = writable();
    let elsewhere = tempfile::tempdir().expect("room");
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "precious").expect("room");
    let planted = folder.path().join(format!("{DISK}.cbtlog.new"));
    symlink(&victim, &planted).expect("links");
    mark(&writable).expect("nothing is in its way");
    writable.snapshot(DISK, OLDER).expect("there");
    assert_eq!(fs::read(&victim).expect("there"), b"precious");
    assert!(planted.symlink_metadata().expect("left alone").is_symlink());
    // Nor is one in the place of a log.
    let log = folder.path().join(format!("{DISK}.cbtlog"));
    let moved = elsewhere.path().join("log");
    fs::rename(&log, &moved).expect("one file system");
    symlink(&moved, &log).expect("links");
    let before = fs::read(&moved).expect("there");
    let error = mark(&writable).expect_err("it is no file");
    assert!(matches!(error, ChainError::Write { .. }), "{error}");
    assert_eq!(fs::read(&moved).expect("there"), before);
    assert_eq!(names(elsewhere.path()), ["log", "victim"]);
}

/// A link whose target is away may stand for changes.
#[test]
fn a_log_that_is_away_is_not_taken_for_none() {
    let (folder, writable) = writable();
    let newest = Uuid::from_u128(3);
    writable.snapshot(DISK, OLDER).expect("there");
    mark(&writable).expect("on the disk");
    writable.snapshot(DISK, newest).expect("there");
    let log = folder.path().join(format!("{DISK}.cbtlog"));
    let away = folder.path().join("away");
    fs::create_dir(&away).expect("room");
    fs::rename(&log, away.join("log")).expect("one file system");
    symlink(away.join("log"), &log).expect("links");
    let list = || writable.store().expect("there").list_changed_blocks(OLDER, newest);
    assert_eq!(list().expect("a chain").bitmap.count(), 1);
    fs::rename(&away, folder.path().join("further")).expect("one file system");
    let error = list().expect_err("it is not known whether that log has changes");
    assert!(matches!(error, ChainError::Log { uuid, .. } if uuid == DISK), "{error}");
    assert_eq!(error.kind(), "read");
}

#[test]
fn only_leftovers_of_kills_are_removed() {
    let (folder, writable) = writable();
    let path = |name: &str| folder.path().join(name);
    let log = format!("{DISK}.cbtlog");
    let left = [
        format!("{log}.{DIGITS}.new"),
        format!("{OLDER}.cbtlog.{DIGITS}.new"),
        format!("{}.cbtlog.{DIGITS}.new", OLDER.to_string().to_uppercase()),
    ];
    for name in &left {
        fs::write(path(name), "half of a").expect("room");
    }
    let others = [
        format!("{log}.old"),
        // Someone may be copying a log to there.
        format!("{log}.new"),
        format!("{log}.{DIGITS}"),
        format!("{log}.new.gz"),
        format!("{log}.{DIGITS}.{DIGITS}.new"),
        format!("{log}.{}.new", &DIGITS[1..]),
        format!("{log}.{}.new", DIGITS.to_uppercase()),
        format!("disk.cbtlog.{DIGITS}.new"),
        format!("vdis.json.{DIGITS}.new"),
        "vdis.json.new".to_owned(),
        "a.new".to_owned(),
        ".new".to_owned(),
    ];
    for name in &others {
        fs::write(path(name), "not ours").expect("room");
    }
    let third = "3".repeat(32);
    let [link, directory] = ["1", "2"].map(|digit| format!("{log}.{}.new", digit.repeat(32)));
    symlink(path(&others[0]), path(&link)).expect("links");
    fs::create_dir(path(&directory)).expect("room");
    fs::write(path(&directory).join(format!("{log}.{third}.new")), "deeper").expect("room");
    // A reader removes nothing.
    let before = names(folder.path());
    writable.store().expect("there").list_changed_blocks(OLDER, DISK).expect_err("no such log");
    assert_eq!(names(folder.path()), before);
    mark(&writable).expect("on the disk");
    let mut expected: Vec<String> = others.iter().cloned().chain([log, link, directory.clone()]).collect();
    expected.sort();
    assert_eq!(names(folder.path()), expected);
    assert_eq!(names(&path(&directory)).len(), 1);
    assert_eq!(fs::read(path(&others[0])).expect("there"), b"not ours");
}

#[test]
fn a_log_keeps_its_owner_and_mode_and_a_new_one_has_those_of_any_file() {
    let (folder, writable) = writable();
    let log = folder.path().join(format!("{DISK}.cbtlog"));
    let metadata = || fs::metadata(&log).expect("there");
    let any = folder.path().join("any");
    fs::write(&any, "").expect("room");
    assert_eq!(metadata().mode(), fs::metadata(&any).expect("there").mode());
    for mode in [0o600, 0o640, 0o444, 0o666] {
        fs::set_permissions(&log, Permissions::from_mode(mode)).expect("its owner may");
        mark(&writable).expect("on the disk");
        assert_eq!(metadata().mode() & 0o7777, mode);
    }
    if std::os::unix::fs::chown(&log, Some(1234), Some(4321)).is_err() {
        writeln!(io::stderr(), "skipped: owners: only root can give files away").expect("standard error");
        return;
    }
    mark(&writable).expect("on the disk");
    assert_eq!((metadata().uid(), metadata().gid()), (1234, 4321));
}

/// Another program, by its name, which waits for nothing.
#[test]
fn the_holder_of_the_folder_is_named() {
    let (folder, writable) = writable();
    let writable = writable.patience(Duration::ZERO);
    let mut command = Command::new("flock");
    command.args(["--shared", "--no-fork"]).arg(folder.path()).args(["sleep", "600"]).stdout(Stdio::null());
    let Ok(mut holder) = command.spawn() else {
        writeln!(io::stderr(), "skipped: holders of locks: there is no flock").expect("standard error");
        return;
    };
    let start = Instant::now();
    let error = loop {
        match mark(&writable) {
            Ok(()) if start.elapsed() < Duration::from_secs(60) => std::thread::sleep(Duration::from_millis(10)),
            // It may not be called by its last name yet.
            Err(ChainError::Locked { by: Some(by), .. })
                if by.name != "sleep" && start.elapsed() < Duration::from_secs(60) =>
            {
                assert_eq!(by.process, holder.id());
            }
            Err(error) => break error,
            Ok(()) => panic!("it was never locked"),
        }
    };
    let process = holder.id();
    holder.kill().expect("it runs");
    holder.wait().expect("it was killed");
    assert_eq!(error.consequence(), Consequence::Busy);
    let ChainError::Locked { by, .. } = &error else { panic!("{error}") };
    if by.is_none() {
        assert!(error.to_string().ends_with("locked by another program, which the system does not tell"), "{error}");
        writeln!(
            io::stderr(),
            "skipped: holders of locks: the system does not tell them for {}",
            folder.path().display()
        )
        .expect("standard error");
        return;
    }
    assert_eq!(error.to_string(), format!("{}: locked by process {process} (sleep)", folder.path().display()));
    mark(&writable).expect("it is free");
}
