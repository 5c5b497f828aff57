//! The times of snapshots: they follow the chain, no two are equal, and they stay.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::{Store, Uuid, WritableStore};
use serde_json::json;

use super::wire::{Served, Session};

const DISK: Uuid = Uuid::from_u128(1);

fn disk(writable: &WritableStore, uuid: Uuid) {
    writable.create(uuid, VirtualSize::new(1 << 20).expect("not 0")).expect("new");
}

/// The times of all snapshots, once it is certain that they are different and follow the chains.
fn times(served: &Served, session: &Session<'_>) -> BTreeMap<Uuid, String> {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let records = session.get("VDI.get_all_records", &[]);
    let snapshots = records.as_object().expect("an object").values().filter(|record| record["is_a_snapshot"] == true);
    let times: BTreeMap<Uuid, String> = snapshots
        .map(|record| (text(&record["uuid"]).parse().expect("a UUID"), text(&record["snapshot_time"])))
        .collect();
    let different: BTreeSet<&String> = times.values().collect();
    assert_eq!(different.len(), times.len(), "{times:?}");
    for chain in Store::open(served.folder()).expect("there").chains() {
        let chain: Vec<&String> = chain.logs.iter().flatten().filter_map(|log| times.get(&log.uuid)).collect();
        assert!(chain.is_sorted(), "{chain:?}");
    }
    times
}

#[test]
fn snapshots_within_a_second_have_different_times_that_follow_the_chain() {
    let served = Served::new();
    let writable = served.writable();
    for n in 1..=3 {
        disk(&writable, Uuid::from_u128(n));
    }
    // Found without a note, and their UUIDs do not follow the chain.
    for n in [13, 11, 12] {
        writable.snapshot(DISK, Uuid::from_u128(n)).expect("possible");
    }
    writable.snapshot(Uuid::from_u128(2), Uuid::from_u128(20)).expect("possible");
    let session = served.login();
    let found = times(&served, &session);
    assert_eq!(found.len(), 4);
    let [first, third] = [1, 3].map(|n| session.vdi(Uuid::from_u128(n)));
    for n in 0..4 {
        session.get("VDI.snapshot", &[&first]);
        writable.snapshot(DISK, Uuid::from_u128(30 + n)).expect("possible");
        session.get("VDI.snapshot", &[&third]);
    }
    // Nor do those of a disk without a chain.
    let untracked = session.get("VDI.create", &[&json!({"virtual_size": 4096})]);
    let taken: Vec<_> = (0..4).map(|_| session.get("VDI.snapshot", &[&untracked])).collect();
    let times_taken: Vec<String> = taken
        .iter()
        .map(|vdi| session.get("VDI.get_snapshot_time", &[vdi]).as_str().expect("text").to_owned())
        .collect();
    assert!(times_taken.is_sorted(), "{times_taken:?}");
    let all = times(&served, &session);
    assert_eq!(all.len(), 20);
    for (uuid, time) in &found {
        assert_eq!(all[uuid], *time, "told times stay");
    }
}

#[test]
fn times_stay_whatever_becomes_of_the_logs() {
    let served = Served::new();
    let writable = served.writable();
    disk(&writable, DISK);
    for n in [11, 12, 13] {
        writable.snapshot(DISK, Uuid::from_u128(n)).expect("possible");
    }
    let session = served.login();
    let mut expected = times(&served, &session);
    assert_eq!(times(&served, &session), expected);
    let of_disk = session.vdi(DISK);
    session.get("VDI.data_destroy", &[&session.vdi(Uuid::from_u128(11))]);
    writable.delete(Uuid::from_u128(12)).expect("there");
    expected.remove(&Uuid::from_u128(12));
    assert_eq!(times(&served, &session), expected);
    session.get("VDI.disable_cbt", &[&of_disk]);
    assert_eq!(times(&served, &session), expected);
    session.get("VDI.destroy", &[&of_disk]);
    assert_eq!(times(&served, &session), expected);
    // Another server, which knows what is written down.
    let served = Served::of(served.stop(), |options| options);
    let session = served.login();
    assert_eq!(times(&served, &session), expected);
    drop(session);
    let served = Served::of(served.stop(), |options| options.read_only(true));
    assert_eq!(times(&served, &served.login()), expected);
}

/// It was one when it was told, and its time stays.
#[test]
fn a_snapshot_stays_one_when_its_disk_is_gone() {
    let served = Served::new();
    let writable = served.writable();
    disk(&writable, DISK);
    let snapshot = Uuid::from_u128(2);
    writable.snapshot(DISK, snapshot).expect("possible");
    let session = served.login();
    let vdi = session.vdi(snapshot);
    let before = times(&served, &session);
    writable.delete(DISK).expect("there");
    assert_eq!(session.get("VDI.get_is_a_snapshot", &[&vdi]), json!(true));
    assert_eq!(times(&served, &session), before);
}

#[test]
fn a_snapshot_of_a_snapshot_is_as_good_as_one_made_elsewhere() {
    let served = Served::new();
    let writable = served.writable();
    disk(&writable, DISK);
    let session = served.login();
    let first = session.get("VDI.snapshot", &[&session.vdi(DISK)]);
    writable.mark(DISK, changed_blocks::ByteRange::between(0, 1)).expect("on the disk");
    let second = session.get("VDI.snapshot", &[&session.vdi(DISK)]);
    let before = times(&served, &session);
    let allowed = session.get("VDI.get_allowed_operations", &[&second]);
    assert!(allowed.as_array().expect("a list").contains(&json!("snapshot")), "{allowed}");
    let between = session.get("VDI.snapshot", &[&second]);
    let elsewhere = Uuid::from_u128(9);
    writable.snapshot(DISK, elsewhere).expect("possible");
    writable.snapshot(elsewhere, Uuid::from_u128(10)).expect("possible");
    let after = times(&served, &session);
    assert_eq!(after.len(), 5);
    assert_eq!(session.get("VDI.get_is_a_snapshot", &[&between]), json!(true));
    // The newest time stays also where there is no room left between two.
    let newest = before.iter().max_by_key(|(_, time)| (*time).clone()).expect("there are two");
    assert_eq!(after[newest.0], *newest.1);
    let list = |from, to| session.get("VDI.list_changed_blocks", &[from, to]);
    assert_eq!(list(&first, &between), json!("gAA="), "what the snapshot had goes to the one between");
    assert_eq!(list(&between, &second), json!("AAA="));
}

/// A folder from before times were written down, and one whose times were edited.
#[test]
fn times_that_cannot_be_are_mended() {
    let served = Served::new();
    let writable = served.writable();
    disk(&writable, DISK);
    let uuids = [11, 12, 13].map(Uuid::from_u128);
    for uuid in uuids {
        writable.snapshot(DISK, uuid).expect("possible");
    }
    let folder = served.stop();
    let entry =
        |time: i64| json!({"virtual_size": 1 << 20, "is_a_snapshot": true, "snapshot_of": DISK, "snapshot_time": time});
    for times_noted in [[1000, 1000, 1000], [3000, 2000, 1000], [0, 0, 0], [i64::MAX, i64::MIN, 5]] {
        let vdis: BTreeMap<String, _> =
            uuids.iter().zip(times_noted).map(|(uuid, time)| (uuid.to_string(), entry(time))).collect();
        let told: BTreeMap<String, i64> =
            uuids.iter().zip(times_noted).map(|(uuid, time)| (uuid.to_string(), time)).collect();
        for note in [json!({"vdis": vdis}), json!({"vdis": vdis, "snapshot_times": told})] {
            std::fs::write(folder.path().join("vdis.json"), note.to_string()).expect("room");
            let copy = tempfile::tempdir().expect("room");
            for file in std::fs::read_dir(folder.path()).expect("there") {
                let file = file.expect("there");
                std::fs::copy(file.path(), copy.path().join(file.file_name())).expect("room");
            }
            let served = Served::of(copy, |options| options);
            assert_eq!(times(&served, &served.login()).len(), 3);
        }
    }
}

/// As tools set them that pack files reproducibly.
#[test]
fn logs_that_are_as_old_as_time_have_snapshots_with_times_too() {
    let folder = tempfile::tempdir().expect("room");
    let writable = WritableStore::open(folder.path()).expect("there");
    disk(&writable, DISK);
    for n in [11, 12, 13] {
        writable.snapshot(DISK, Uuid::from_u128(n)).expect("possible");
    }
    for log in std::fs::read_dir(folder.path()).expect("there") {
        let log = std::fs::File::options().write(true).open(log.expect("there").path()).expect("there");
        log.set_modified(UNIX_EPOCH + Duration::from_secs(1)).expect("possible");
    }
    let served = Served::of(folder, |options| options);
    let times = times(&served, &served.login());
    // The first second says that there is no time.
    assert!(times.len() == 3 && times.values().all(|time| **time > *"19700101T00:00:00Z"), "{times:?}");
}
