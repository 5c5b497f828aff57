//! Making and changing logs: what each step leaves, and what is refused. What a kill leaves is tested where steps can be
//! cut short, next to the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use changed_blocks::cbtlog::{ChainError, End, Header, Tracker, Uuid};
use changed_blocks::{ByteRange, Consequence, VirtualSize};
const BLOCK: u64 = 65_536;

fn id(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

fn size(bytes: u64) -> VirtualSize {
    VirtualSize::new(bytes).expect("not 0")
}

fn tracker() -> (tempfile::TempDir, Tracker) {
    let folder = tempfile::tempdir().expect("room");
    let tracker = Tracker::open(folder.path()).expect("there");
    (folder, tracker)
}

fn header(tracker: &Tracker, uuid: Uuid) -> Header {
    tracker.store().expect("there").log(uuid).expect("good").expect("a log").header
}

fn changed(tracker: &Tracker, from: Uuid, to: Uuid) -> BTreeSet<u64> {
    let answer = tracker.store().expect("there").list_changed_blocks_in_use(from, to).expect("a chain");
    answer.bitmap.extents().iter().flat_map(|extent| extent.start_block..extent.end_block).collect()
}

#[test]
fn the_guides_sequence() {
    let (_folder, tracker) = tracker();
    let [disk, monday, tuesday, wednesday] = [0, 1, 2, 3].map(id);
    tracker.create(disk, size(100 * BLOCK)).expect("new");
    tracker.snapshot(disk, monday).expect("a log");
    tracker.mark(disk, ByteRange::between(BLOCK, 3 * BLOCK)).expect("on the disk");
    tracker.snapshot(disk, tuesday).expect("a log");
    tracker.mark(disk, ByteRange::between(10 * BLOCK - 1, 10 * BLOCK + 1)).expect("on the disk");
    tracker.set(disk, |header| header.virtual_size = size(200 * BLOCK + 1)).expect("it grows");
    tracker.mark(disk, ByteRange::between(200 * BLOCK, 200 * BLOCK + 1)).expect("on the disk");
    tracker.snapshot(disk, wednesday).expect("a log");

    assert_eq!(changed(&tracker, monday, tuesday), BTreeSet::from([1, 2]));
    assert_eq!(changed(&tracker, tuesday, wednesday), BTreeSet::from([9, 10, 200]));
    assert_eq!(changed(&tracker, monday, wednesday), BTreeSet::from([1, 2, 9, 10, 200]));
    assert_eq!(changed(&tracker, wednesday, disk), BTreeSet::new());
    let links = |uuid| (header(&tracker, uuid).parent, header(&tracker, uuid).child);
    assert_eq!(links(monday), (None, Some(tuesday)));
    assert_eq!(links(tuesday), (Some(monday), Some(wednesday)));
    assert_eq!(links(disk), (Some(wednesday), None));

    // What the deleted one has seen goes to its child.
    tracker.delete(tuesday).expect("a log");
    assert_eq!(links(monday), (None, Some(wednesday)));
    assert_eq!(links(wednesday), (Some(monday), Some(disk)));
    assert_eq!(changed(&tracker, monday, wednesday), BTreeSet::from([1, 2, 9, 10, 200]));
    tracker.delete(monday).expect("the first");
    assert_eq!(links(wednesday), (None, Some(disk)));
    tracker.delete(disk).expect("the last");
    assert_eq!(links(wednesday), (None, None));
}

#[test]
fn what_is_refused_changes_nothing() {
    let (folder, tracker) = tracker();
    tracker.create(id(0), size(10 * BLOCK)).expect("new");
    let before = contents(folder.path());
    let exists = |error| matches!(error, ChainError::Exists { uuid, .. } if uuid == id(0));
    assert!(exists(tracker.create(id(0), size(1)).expect_err("there")));
    assert!(exists(tracker.snapshot(id(0), id(0)).expect_err("there")));
    let shrunk = tracker.set(id(0), |header| header.virtual_size = size(10 * BLOCK - 1)).expect_err("smaller");
    assert!(
        matches!(shrunk, ChainError::Shrunk { found, before, .. } if (found, before) == (10 * BLOCK - 1, 10 * BLOCK))
    );
    for range in [ByteRange::between(0, 10 * BLOCK + 1), ByteRange { offset_bytes: 5, len_bytes: u64::MAX }] {
        let error = tracker.mark(id(0), range).expect_err("beyond");
        assert!(matches!(error, ChainError::NotOnDisk { virtual_size: 655_360, .. }), "{error}");
    }
    tracker.mark(id(0), ByteRange::between(7, 7)).expect("nothing");
    for error in [
        tracker.mark(id(1), ByteRange::between(0, 1)).expect_err("none"),
        tracker.set(id(1), |_| ()).expect_err("none"),
        tracker.snapshot(id(1), id(2)).expect_err("none"),
        tracker.delete(id(1)).expect_err("none"),
    ] {
        assert!(matches!(error, ChainError::Missing { uuid, end: End::Only } if uuid == id(1)), "{error}");
        assert_eq!(error.consequence(), Consequence::WrongUsage);
    }
    assert_eq!(contents(folder.path()), before);
    assert!(Tracker::open(folder.path().join("nowhere")).is_err());
    // Damage is refused and left as it is, also where it is the child's.
    tracker.snapshot(id(0), id(1)).expect("a log");
    let path = folder.path().join(format!("{}.cbtlog", id(0)));
    fs::write(&path, [1; 49]).expect("room");
    let before = contents(folder.path());
    assert!(matches!(tracker.mark(id(0), ByteRange::between(0, 1)), Err(ChainError::Log { .. })));
    assert!(matches!(tracker.delete(id(1)), Err(ChainError::Log { uuid, .. }) if uuid == id(0)));
    assert_eq!(contents(folder.path()), before);
}

#[test]
fn what_a_kill_has_left_is_in_nobodys_way() {
    let (folder, tracker) = tracker();
    tracker.create(id(0), size(BLOCK)).expect("new");
    let rest = folder.path().join(format!("{}.cbtlog.new", id(0)));
    fs::write(&rest, "half of a").expect("room");
    assert_eq!(tracker.store().expect("there").uuids().len(), 1);
    tracker.mark(id(0), ByteRange::between(0, 1)).expect("written all the same");
    assert!(!rest.exists());
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("there").map(|entry| entry.expect("readable"));
    entries
        .map(|entry| (entry.file_name().into_string().expect("text"), fs::read(entry.path()).expect("there")))
        .collect()
}
