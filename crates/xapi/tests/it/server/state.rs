//! All views of the disks are of one state: records, fields, events, allowed operations and refusals.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::{Uuid, WritableStore};
use serde_json::{Value, json};

use super::wire::{Served, Session};
use crate::cases::cases;

const DISK: Uuid = Uuid::from_u128(1);
const MIB: u64 = 1 << 20;

/// Each operation that a record lists, and its method.
const OPERATIONS: [&str; 8] = [
    "snapshot",
    "enable_cbt",
    "disable_cbt",
    "data_destroy",
    "list_changed_blocks",
    "destroy",
    "resize",
    "resize_online",
];

fn size(bytes: u64) -> VirtualSize {
    VirtualSize::new(bytes).expect("not 0")
}

fn uuid_of(session: &Session<'_>, vdi: &Value) -> Uuid {
    let uuid = session.get("VDI.get_uuid", &[vdi]);
    Uuid::parse_str(uuid.as_str().expect("text")).expect("a UUID")
}

/// A disk, or a snapshot, in each state that matters to an operation, made anew each time.
fn in_each_state(
    session: &Session<'_>,
    writable: &WritableStore,
    folder: &std::path::Path,
) -> BTreeMap<&'static str, Value> {
    let record = json!({"virtual_size": (2 * MIB).to_string()});
    let untracked = || session.get("VDI.create", &[&record]);
    let tracked = || {
        let disk = untracked();
        session.get("VDI.enable_cbt", &[&disk]);
        disk
    };
    let snapshot_of = |disk: &Value| session.get("VDI.snapshot", &[disk]);
    let not_closed = |disk: Value| {
        writable.set(uuid_of(session, &disk), |header| header.consistent = false).expect("there");
        disk
    };
    let log_of = |disk: &Value| folder.join(format!("{}.cbtlog", uuid_of(session, disk)));
    let cut_short = |disk: Value| {
        let log = log_of(&disk);
        let bytes = fs::read(&log).expect("there");
        fs::write(&log, &bytes[..bytes.len() - 1]).expect("room");
        disk
    };
    let garbled = |disk: Value| {
        fs::write(log_of(&disk), b"damaged").expect("room");
        disk
    };
    let without_data = |snapshot: Value| {
        session.get("VDI.data_destroy", &[&snapshot]);
        snapshot
    };
    let without_log = |disk: Value| {
        writable.delete(uuid_of(session, &disk)).expect("there");
        disk
    };
    let made_elsewhere = |with_child: bool| {
        let [disk, snapshot] = [0, 1].map(|_| Uuid::new_v4());
        writable.create(disk, size(2 * MIB)).expect("new");
        writable.snapshot(disk, snapshot).expect("possible");
        session.vdi(if with_child { snapshot } else { disk })
    };
    BTreeMap::from([
        ("a disk that is not tracked", untracked()),
        ("a disk", tracked()),
        ("a disk with a snapshot", {
            let disk = tracked();
            snapshot_of(&disk);
            disk
        }),
        ("a disk in use", not_closed(tracked())),
        ("a disk whose log is cut short", cut_short(tracked())),
        ("a disk whose log is garbled", garbled(tracked())),
        ("a snapshot", snapshot_of(&tracked())),
        ("a snapshot of a snapshot", snapshot_of(&snapshot_of(&tracked()))),
        ("a snapshot of a disk that is not tracked", snapshot_of(&untracked())),
        ("a snapshot that was not closed", not_closed(snapshot_of(&tracked()))),
        ("a snapshot whose log is garbled", garbled(snapshot_of(&tracked()))),
        ("a snapshot without data", without_data(snapshot_of(&tracked()))),
        ("a snapshot with neither data nor log", without_log(without_data(snapshot_of(&tracked())))),
        ("a disk made elsewhere", made_elsewhere(false)),
        ("a snapshot made elsewhere", made_elsewhere(true)),
    ])
}

#[test]
fn an_operation_is_allowed_exactly_when_it_is_not_refused() {
    let mut outcomes = BTreeMap::<bool, usize>::new();
    for operation in OPERATIONS.into_iter().step_by(cases(2, 1)) {
        let served = Served::new();
        let session = served.login();
        for (state, vdi) in in_each_state(&session, &served.writable(), served.folder()) {
            let allowed = session.get("VDI.get_allowed_operations", &[&vdi]);
            let listed = allowed.as_array().expect("a list").contains(&json!(operation));
            let mut params = vec![vdi.clone()];
            if operation == "list_changed_blocks" {
                // An older one to which the disk is related, if there is any: its own snapshot.
                let snapshots = session.get("VDI.get_allowed_operations", &[&vdi]);
                let takes = snapshots.as_array().expect("a list").contains(&json!("snapshot"));
                let older = if takes { session.get("VDI.snapshot", &[&vdi]) } else { older_than(&session, &vdi) };
                params.insert(0, older);
            }
            if operation.starts_with("resize") {
                params.push(json!(64 * MIB));
            }
            let result = session.call(&format!("VDI.{operation}"), &params);
            assert_eq!(listed, result.is_ok(), "{operation} of {state}: {result:?}");
            *outcomes.entry(listed).or_default() += 1;
        }
    }
    assert!(outcomes.values().all(|&count| count > 20), "{outcomes:?}");
}

/// A disk before another in its chain, put there by way of its log if no call does it.
fn older_than(session: &Session<'_>, vdi: &Value) -> Value {
    let (folder, uuid) = (session.folder(), uuid_of(session, vdi));
    let older = Uuid::new_v4();
    let writable = WritableStore::open(folder).expect("there");
    if writable.snapshot(uuid, older).is_err() {
        // Nothing leads to a log that is not there, or is damaged.
        writable.create(older, size(MIB)).expect("new");
    }
    session.vdi(older)
}

/// All records of disks, by their references.
fn records(session: &Session<'_>) -> BTreeMap<String, Value> {
    let all = session.get("VDI.get_all_records", &[]);
    all.as_object().expect("an object").iter().map(|(name, record)| (name.clone(), record.clone())).collect()
}

/// The records, once it is certain that each other way to ask for them has equal answers.
fn views(session: &Session<'_>) -> BTreeMap<String, Value> {
    let all = records(session);
    let everything = session.get("event.from", &[&json!(["vdi"]), &json!(""), &json!(0)]);
    let events = everything["events"].as_array().expect("a list").iter();
    let snapshots: BTreeMap<String, Value> =
        events.map(|event| (event["ref"].as_str().expect("text").to_owned(), event["snapshot"].clone())).collect();
    assert_eq!(snapshots, all);
    for (name, record) in all.iter().step_by(cases(3, 1)) {
        let reference = json!(name);
        assert_eq!(session.get("VDI.get_record", &[&reference]), *record);
        for (field, value) in record.as_object().expect("an object") {
            let answer = session.call(&format!("VDI.get_{field}"), std::slice::from_ref(&reference));
            if *value == json!(-1) {
                // Records have to have something there.
                assert_eq!(answer.expect_err("it is not known")[0], "SR_BACKEND_FAILURE_459", "{field}");
            } else {
                assert_eq!(answer, Ok(value.clone()), "{field}");
            }
        }
    }
    all
}

#[test]
fn every_view_of_a_disk_has_equal_fields() {
    let served = Served::new();
    let session = served.login();
    let events = |token: &Value| session.get("event.from", &[&json!(["vdi"]), token, &json!(0)]);
    let mut token = events(&json!(""))["token"].take();
    let mut known = records(&session);
    // The view of a client that only ever hears of changes.
    let mut catch_up = || {
        let mut answer = events(&token);
        token = answer["token"].take();
        for event in answer["events"].as_array().expect("a list") {
            let name = event["ref"].as_str().expect("text").to_owned();
            match event.get("snapshot") {
                Some(record) => drop(known.insert(name, record.clone())),
                None => assert!(known.remove(&name).is_some(), "it was told of {name}"),
            }
        }
        assert_eq!(known, records(&session));
    };
    in_each_state(&session, &served.writable(), served.folder());
    catch_up();
    views(&session);
    let writable = served.writable();
    let [older, newer, twin] = [2, 3, 4].map(Uuid::from_u128);
    writable.create(DISK, size(MIB)).expect("new");
    catch_up();
    writable.snapshot(DISK, older).expect("possible");
    writable.snapshot(DISK, newer).expect("possible");
    writable.snapshot(newer, twin).expect("possible");
    catch_up();
    writable.set(DISK, |header| header.virtual_size = size(5 * MIB)).expect("possible");
    writable.set(DISK, |header| header.consistent = false).expect("possible");
    catch_up();
    let allowed = session.get("VDI.get_allowed_operations", &[&session.vdi(DISK)]);
    assert!(!allowed.as_array().expect("a list").contains(&json!("list_changed_blocks")), "{allowed}");
    writable.delete(newer).expect("there");
    writable.delete(DISK).expect("there");
    catch_up();
}

#[test]
fn a_waiting_client_hears_of_a_change_within_two_seconds() {
    let served = Served::new();
    let (session, writable) = (served.login(), served.writable());
    let from =
        |classes: &Value, token: &Value, seconds: u64| session.get("event.from", &[classes, token, &json!(seconds)]);
    let vdi = json!(["vdi"]);
    let mut token = from(&vdi, &json!(""), 0)["token"].take();
    let mut hear = |change: &dyn Fn(), operation: &str, uuid: &str| {
        token = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let answer = from(&vdi, &token, 60);
                (answer, Instant::now())
            });
            // It waits by then, or asks a moment later: it hears of it in either case.
            std::thread::sleep(Duration::from_millis(100));
            change();
            let changed = Instant::now();
            let (mut answer, heard) = waiting.join().expect("it ends well");
            assert!(heard.saturating_duration_since(changed) < Duration::from_secs(2), "{operation}");
            let event = &answer["events"][0];
            assert_eq!((&event["operation"], &event["class"]), (&json!(operation), &json!("vdi")));
            if operation != "del" {
                assert_eq!(event["snapshot"]["uuid"], json!(uuid));
            }
            assert_eq!(answer["valid_ref_counts"]["vdi"], json!(u64::from(operation != "del")));
            answer["token"].take()
        });
    };
    let uuid = DISK.to_string();
    hear(&|| writable.create(DISK, size(MIB)).expect("new"), "add", &uuid);
    hear(&|| writable.set(DISK, |header| header.virtual_size = size(2 * MIB)).expect("possible"), "mod", &uuid);
    hear(&|| writable.set(DISK, |header| header.consistent = false).expect("possible"), "mod", &uuid);
    hear(&|| writable.delete(DISK).expect("there"), "del", &uuid);
}

/// Others, about whose objects it does not want to know, keep waking it.
#[test]
fn a_waiting_client_hears_of_a_change_among_others() {
    let served = Served::new();
    let session = served.login();
    let pools = session.get("pool.get_all", &[]);
    let from = |token: &Value| session.get("event.from", &[&json!(["vdi"]), token, &json!(60)]);
    let token = from(&json!(""))["token"].take();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                session.get("event.inject", &[&json!("pool"), &pools[0]]);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let waiting = scope.spawn(|| (from(&token), Instant::now()));
        std::thread::sleep(Duration::from_millis(100));
        served.writable().create(DISK, size(MIB)).expect("new");
        let changed = Instant::now();
        let ended = waiting.join();
        done.store(true, Ordering::Relaxed);
        let (answer, heard) = ended.expect("it ends well");
        assert_eq!(answer["events"][0]["operation"], json!("add"));
        assert!(heard.saturating_duration_since(changed) < Duration::from_secs(2));
    });
}

#[test]
fn the_repository_is_told_of_along_with_its_disks() {
    let served = Served::new();
    let session = served.login();
    let sr = json!(["sr"]);
    let token = session.get("event.from", &[&sr, &json!(""), &json!(0)])["token"].take();
    served.writable().create(DISK, size(MIB)).expect("new");
    let answer = session.get("event.from", &[&sr, &token, &json!(10)]);
    let event = &answer["events"][0];
    assert_eq!((&event["operation"], &event["snapshot"]["VDIs"]), (&json!("mod"), &json!([session.vdi(DISK)])));
}

/// One that came and changed before a client asked again has come.
#[test]
fn a_disk_comes_before_it_changes() {
    let served = Served::new();
    let session = served.login();
    let from = |token: &Value| session.get("event.from", &[&json!(["vdi"]), token, &json!(0)]);
    let token = from(&json!(""))["token"].take();
    let disk = session.get("VDI.create", &[&json!({"virtual_size": MIB})]);
    session.get("VDI.enable_cbt", &[&disk]);
    let mut answer = from(&token);
    assert_eq!(answer["events"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["events"][0]["operation"], json!("add"));
    session.get("VDI.disable_cbt", &[&disk]);
    assert_eq!(from(&answer["token"].take())["events"][0]["operation"], json!("mod"));
}

#[test]
fn a_server_that_only_reads_tells_what_another_server_does() {
    let served = Served::new();
    let reader = served.beside();
    let (session, reading) = (served.login(), reader.login());
    let events = |token: &Value| reading.get("event.from", &[&json!(["vdi"]), token, &json!(10)]);
    let token = events(&json!(""))["token"].take();
    // Nothing but the other server's notes tells of it.
    let disk = session.get("VDI.create", &[&json!({"name_label": "a disk", "virtual_size": MIB})]);
    assert_eq!(reading.get("VDI.get_name_label", &[&disk]), json!("a disk"));
    assert_eq!(events(&token)["events"][0]["ref"], disk);
    session.get("VDI.enable_cbt", &[&disk]);
    for _ in 0..3 {
        let snapshot = session.get("VDI.snapshot", &[&disk]);
        session.get("VDI.data_destroy", &[&snapshot]);
        assert_eq!(records(&reading), records(&session));
    }
    session.get("VDI.destroy", &[&disk]);
    assert_eq!(records(&reading), records(&session));
}

/// A note does not make a disk of it. Only to switch tracking off by a call leaves the disk.
#[test]
fn a_disk_made_elsewhere_goes_along_with_its_log() {
    let served = Served::new();
    let (session, writable) = (served.login(), served.writable());
    let [labelled, without_data, switched_off] = [10, 20, 30].map(Uuid::from_u128);
    let snapshot = Uuid::from_u128(21);
    for disk in [labelled, without_data, switched_off] {
        writable.create(disk, size(MIB)).expect("new");
    }
    writable.snapshot(without_data, snapshot).expect("possible");
    let token = session.get("event.from", &[&json!(["vdi"]), &json!(""), &json!(0)])["token"].take();
    let vdis = [labelled, snapshot, switched_off].map(|uuid| session.vdi(uuid));
    session.get("VDI.add_to_other_config", &[&vdis[0], &json!("key"), &json!("value")]);
    session.get("VDI.data_destroy", &[&vdis[1]]);
    session.get("VDI.disable_cbt", &[&vdis[2]]);
    writable.delete(labelled).expect("there");
    writable.delete(snapshot).expect("there");
    let left = records(&session);
    assert_eq!(left.len(), 2, "{left:?}");
    assert_eq!(left[vdis[2].as_str().expect("text")]["cbt_enabled"], json!(false));
    let answer = session.get("event.from", &[&json!(["vdi"]), &token, &json!(0)]);
    let mut gone: Vec<&Value> = answer["events"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|event| event["operation"] == "del")
        .map(|event| &event["ref"])
        .collect();
    gone.sort_by_key(|reference| reference.as_str());
    let mut expected = [&vdis[0], &vdis[1]];
    expected.sort_by_key(|reference| reference.as_str());
    assert_eq!(gone, expected);
    let sr = session.get("SR.get_all", &[]);
    assert_eq!(
        session.error("VDI.get_uuid", &[&vdis[0]]),
        ["VDI_MISSING", sr[0].as_str().expect("text"), vdis[0].as_str().expect("text")]
    );
}
