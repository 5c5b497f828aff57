//! Making and changing logs: what each step leaves, and what is refused. What a kill leaves is tested where steps can be
//! cut short, next to the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use changed_blocks::cbtlog::{ChainError, DiskRole, Header, Uuid, WritableStore};
use changed_blocks::{ByteRange, Consequence, VirtualSize};
const BLOCK: u64 = 65_536;

fn id(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

fn size(bytes: u64) -> VirtualSize {
    VirtualSize::new(bytes).expect("not 0")
}

fn writable() -> (tempfile::TempDir, WritableStore) {
    let folder = tempfile::tempdir().expect("room");
    let writable = WritableStore::open(folder.path()).expect("there");
    (folder, writable)
}

fn header(writable: &WritableStore, uuid: Uuid) -> Header {
    writable.store().expect("there").log(uuid).expect("good").expect("a log").header
}

fn changed(writable: &WritableStore, from: Uuid, to: Uuid) -> BTreeSet<u64> {
    let answer = writable.store().expect("there").list_changed_blocks_allow_inconsistent(from, to).expect("a chain");
    answer.bitmap.extents().iter().flat_map(|extent| extent.start_block..extent.end_block).collect()
}

#[test]
fn the_guides_sequence() {
    let (_folder, writable) = writable();
    let [disk, monday, tuesday, wednesday] = [0, 1, 2, 3].map(id);
    writable.create(disk, size(100 * BLOCK)).expect("new");
    writable.snapshot(disk, monday).expect("a log");
    writable.mark(disk, ByteRange::between(BLOCK, 3 * BLOCK)).expect("on the disk");
    writable.snapshot(disk, tuesday).expect("a log");
    writable.mark(disk, ByteRange::between(10 * BLOCK - 1, 10 * BLOCK + 1)).expect("on the disk");
    writable.set(disk, |header| header.virtual_size = size(200 * BLOCK + 1)).expect("it grows");
    writable.mark(disk, ByteRange::between(200 * BLOCK, 200 * BLOCK + 1)).expect("on the disk");
    writable.snapshot(disk, wednesday).expect("a log");

    assert_eq!(changed(&writable, monday, tuesday), BTreeSet::from([1, 2]));
    assert_eq!(changed(&writable, tuesday, wednesday), BTreeSet::from([9, 10, 200]));
    assert_eq!(changed(&writable, monday, wednesday), BTreeSet::from([1, 2, 9, 10, 200]));
    assert_eq!(changed(&writable, wednesday, disk), BTreeSet::new());
    let links = |uuid| (header(&writable, uuid).parent, header(&writable, uuid).child);
    assert_eq!(links(monday), (None, Some(tuesday)));
    assert_eq!(links(tuesday), (Some(monday), Some(wednesday)));
    assert_eq!(links(disk), (Some(wednesday), None));

    // The changes of the deleted one go to its child.
    writable.delete(tuesday).expect("a log");
    assert_eq!(links(monday), (None, Some(wednesday)));
    assert_eq!(links(wednesday), (Some(monday), Some(disk)));
    assert_eq!(changed(&writable, monday, wednesday), BTreeSet::from([1, 2, 9, 10, 200]));
    writable.delete(monday).expect("the first");
    assert_eq!(links(wednesday), (None, Some(disk)));
    writable.delete(disk).expect("the last");
    assert_eq!(links(wednesday), (None, None));
}

#[test]
fn a_refused_change_changes_nothing() {
    let (folder, writable) = writable();
    writable.create(id(0), size(10 * BLOCK)).expect("new");
    let before = contents(folder.path());
    let exists = |error| matches!(error, ChainError::Exists { uuid, .. } if uuid == id(0));
    assert!(exists(writable.create(id(0), size(1)).expect_err("there")));
    assert!(exists(writable.snapshot(id(0), id(0)).expect_err("there")));
    let shrunk = writable.set(id(0), |header| header.virtual_size = size(10 * BLOCK - 1)).expect_err("smaller");
    assert!(
        matches!(shrunk, ChainError::WouldShrink { virtual_size, asked_for, .. } if (virtual_size, asked_for) == (10 * BLOCK, 10 * BLOCK - 1))
    );
    for range in [ByteRange::between(0, 10 * BLOCK + 1), ByteRange { offset_bytes: 5, len_bytes: u64::MAX }] {
        let error = writable.mark(id(0), range).expect_err("beyond");
        assert!(matches!(error, ChainError::NotOnDisk { virtual_size: 655_360, .. }), "{error}");
    }
    writable.mark(id(0), ByteRange::between(7, 7)).expect("nothing");
    for error in [
        writable.mark(id(1), ByteRange::between(0, 1)).expect_err("none"),
        writable.set(id(1), |_| ()).expect_err("none"),
        writable.snapshot(id(1), id(2)).expect_err("none"),
        writable.delete(id(1)).expect_err("none"),
    ] {
        assert!(matches!(error, ChainError::Missing { uuid, role: DiskRole::Only } if uuid == id(1)), "{error}");
        assert_eq!(error.consequence(), Consequence::WrongUsage);
    }
    assert_eq!(contents(folder.path()), before);
    assert!(WritableStore::open(folder.path().join("nowhere")).is_err());
    // Damage is refused and left as it is, also where it is the child's.
    writable.snapshot(id(0), id(1)).expect("a log");
    let path = folder.path().join(format!("{}.cbtlog", id(0)));
    fs::write(&path, [1; 49]).expect("room");
    let before = contents(folder.path());
    assert!(matches!(writable.mark(id(0), ByteRange::between(0, 1)), Err(ChainError::Log { .. })));
    assert!(matches!(writable.delete(id(1)), Err(ChainError::Log { uuid, .. }) if uuid == id(0)));
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn leftovers_of_a_kill_hold_up_no_change() {
    let (folder, writable) = writable();
    writable.create(id(0), size(BLOCK)).expect("new");
    let rest = folder.path().join(format!("{}.cbtlog.{}.new", id(0), "0123456789abcdef".repeat(2)));
    fs::write(&rest, "half of a").expect("room");
    assert_eq!(writable.store().expect("there").uuids().len(), 1);
    writable.mark(id(0), ByteRange::between(0, 1)).expect("written all the same");
    assert!(!rest.exists());
}

/// A log that was lost and made anew lacks what came before. No later change may hide that.
#[test]
fn a_log_that_was_made_anew_never_becomes_part_of_the_chain() {
    let (folder, writable) = writable();
    let [disk, monday, tuesday] = [0, 1, 2].map(id);
    writable.create(disk, size(100 * BLOCK)).expect("new");
    writable.snapshot(disk, monday).expect("a log");
    writable.snapshot(disk, tuesday).expect("a log");
    writable.mark(disk, ByteRange::between(0, 1)).expect("on the disk");
    fs::remove_file(folder.path().join(format!("{disk}.cbtlog"))).expect("there");
    writable.create(disk, size(100 * BLOCK)).expect("it is gone");
    let refused = |from| {
        let error = writable.store().expect("there").list_changed_blocks(from, disk).expect_err("a change is missing");
        assert!(matches!(error, ChainError::Unrelated { .. }), "{error}");
    };
    refused(tuesday);
    writable.delete(tuesday).expect("a log");
    refused(monday);
    let wednesday = id(3);
    writable.snapshot(disk, wednesday).expect("a log");
    refused(monday);
    assert_eq!(changed(&writable, wednesday, disk), BTreeSet::new());
    // A lost snapshot's name is given again.
    fs::remove_file(folder.path().join(format!("{wednesday}.cbtlog"))).expect("there");
    writable.snapshot(disk, wednesday).expect("it is gone");
    assert_eq!(header(&writable, wednesday).parent, None);
    assert_eq!(changed(&writable, wednesday, disk), BTreeSet::new());
    refused(monday);
}

#[test]
fn a_name_that_a_lost_parent_had_is_not_given_again() {
    let (folder, writable) = writable();
    let [disk, lost, left] = [0, 1, 2].map(id);
    writable.create(disk, size(100 * BLOCK)).expect("new");
    writable.snapshot(disk, lost).expect("a log");
    writable.snapshot(disk, left).expect("a log");
    for gone in [disk, lost] {
        fs::remove_file(folder.path().join(format!("{gone}.cbtlog"))).expect("there");
    }
    writable.create(disk, size(100 * BLOCK)).expect("it is gone");
    let error = writable.snapshot(disk, lost).expect_err("the other one's parent");
    assert!(matches!(error, ChainError::NameTaken { uuid, by } if (uuid, by) == (lost, left)), "{error}");
}

#[test]
fn a_disk_has_its_limit() {
    let (folder, writable) = writable();
    let too_large = |error| matches!(error, ChainError::TooLarge { uuid, .. } if uuid == id(0));
    assert!(too_large(writable.create(id(0), size(WritableStore::LARGEST + 1)).expect_err("too large")));
    assert!(contents(folder.path()).is_empty());
    writable.create(id(0), size(BLOCK)).expect("new");
    let grow = |bytes| writable.set(id(0), |header| header.virtual_size = size(bytes));
    assert!(too_large(grow(u64::MAX / 2).expect_err("too large")));
    assert_eq!(header(&writable, id(0)).virtual_size, size(BLOCK));
}

/// To open a named pipe would wait until someone writes into it.
#[cfg(unix)]
#[test]
fn only_files_and_block_devices_are_logs() {
    let (folder, writable) = writable();
    writable.create(id(0), size(BLOCK)).expect("new");
    let pipe = folder.path().join(format!("{}.cbtlog", id(1)));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("there is mkfifo").success());
    let store = writable.store().expect("there");
    assert!(matches!(store.log(id(1)), Err(ChainError::Log { uuid, .. }) if uuid == id(1)));
    assert!(matches!(store.list_changed_blocks(id(1), id(0)), Err(ChainError::Log { .. })));
    assert!(matches!(writable.snapshot(id(1), id(2)), Err(ChainError::Log { .. })));
    assert_eq!(store.chains().len(), 2);
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("there").map(|entry| entry.expect("readable"));
    entries
        .map(|entry| (entry.file_name().into_string().expect("text"), fs::read(entry.path()).expect("there")))
        .collect()
}

/// Else the log that is there would go on without what is written from now on.
#[test]
fn a_log_with_a_name_in_upper_case_is_the_one_that_is_changed() {
    let (folder, writable) = writable();
    let [disk, first, second] = [0xab, 0xcd, 0xef].map(|byte| Uuid::from_bytes([byte; 16]));
    writable.create(disk, size(20 * BLOCK)).expect("new");
    let names = || {
        let entries = fs::read_dir(folder.path()).expect("a folder");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    let upper = |uuid: Uuid| format!("{}.cbtlog", uuid.to_string().to_uppercase());
    let raise = |uuid: Uuid| {
        let lower = folder.path().join(format!("{uuid}.cbtlog"));
        fs::rename(lower, folder.path().join(upper(uuid))).expect("there");
    };
    raise(disk);
    let error = writable.create(disk, size(BLOCK)).expect_err("it has a log");
    assert!(matches!(error, ChainError::Exists { .. }), "{error}");
    for (snapshot, block) in [(first, 3), (second, 5)] {
        writable.snapshot(disk, snapshot).expect("possible");
        raise(snapshot);
        writable.mark(disk, ByteRange::between(block * BLOCK, block * BLOCK + 1)).expect("on the disk");
    }
    writable.set(disk, |header| header.consistent = true).expect("there");
    assert_eq!(names(), [upper(disk), upper(first), upper(second)].map(std::ffi::OsString::from));
    writable.delete(second).expect("there");
    assert_eq!(names(), [upper(disk), upper(first)].map(std::ffi::OsString::from));
    let answer = writable.store().expect("there").list_changed_blocks(first, disk).expect("a chain");
    assert_eq!((answer.bitmap.count(), answer.bitmap.get(3), answer.bitmap.get(5)), (2, Some(true), Some(true)));
}
