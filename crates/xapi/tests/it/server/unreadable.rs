//! Logs that cannot be read now: nothing is told of what only they know, and nothing is taken for gone.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::{Uuid, WritableStore};
use serde_json::{Value, json};

use super::wire::{Served, Session};

const DISK: Uuid = Uuid::from_u128(1);
const OLDER: Uuid = Uuid::from_u128(2);
const OTHER: Uuid = Uuid::from_u128(3);
const MIB: u64 = 1 << 20;

fn size(mib: u64) -> VirtualSize {
    VirtualSize::new(mib * MIB).expect("not 0")
}

/// Ways in which the system refuses to read what is in the place of a log.
fn put_out_of_reach(log: &Path, away: &Path) -> Vec<fn(&Path)> {
    fs::rename(log, away).expect("one file system");
    vec![
        |log| fs::create_dir(log).expect("room"),
        |log| symlink("nowhere/log", log).expect("links"),
        |log| symlink(log, log).expect("links"),
        |log| {
            let made = std::process::Command::new("mkfifo").arg(log).status();
            if !made.is_ok_and(|status| status.success()) {
                fs::create_dir(log).expect("room");
            }
        },
    ]
}

fn remove(path: &Path) {
    if fs::remove_dir(path).is_err() {
        fs::remove_file(path).expect("there");
    }
}

/// Each call that asks for what the log knows, also if it asks for more.
fn questions(disk: &Value, older: &Value, sr: &Value) -> Vec<(&'static str, Vec<Value>)> {
    let mut questions = vec![
        ("VDI.get_all_records", vec![]),
        ("VDI.get_all_records_where", vec![json!("true")]),
        ("SR.get_all_records", vec![]),
        ("SR.get_virtual_allocation", vec![sr.clone()]),
        ("VDI.list_changed_blocks", vec![older.clone(), disk.clone()]),
        ("event.from", vec![json!(["vdi"]), json!(""), json!(0)]),
        ("event.from", vec![json!(["*"]), json!(""), json!(0)]),
        ("VDI.snapshot", vec![disk.clone()]),
        ("VDI.destroy", vec![disk.clone()]),
    ];
    for vdi in [disk, older] {
        for method in [
            "VDI.get_record",
            "VDI.get_virtual_size",
            "VDI.get_physical_utilisation",
            "VDI.get_is_a_snapshot",
            "VDI.get_snapshot_of",
            "VDI.get_snapshots",
            "VDI.get_snapshot_time",
            "VDI.get_cbt_enabled",
            "VDI.get_allowed_operations",
        ] {
            questions.push((method, vec![vdi.clone()]));
        }
    }
    questions
}

fn records(session: &Session<'_>) -> Value {
    session.get("VDI.get_all_records", &[])
}

#[test]
fn a_log_that_cannot_be_read_is_an_error_and_no_change() {
    for noted in [false, true] {
        let served = Served::new();
        let (session, writable) = (served.login(), served.writable());
        writable.create(DISK, size(1)).expect("new");
        writable.snapshot(DISK, OLDER).expect("there");
        writable.create(OTHER, size(1)).expect("new");
        let [disk, older] = [DISK, OLDER].map(|uuid| session.vdi(uuid));
        if noted {
            for vdi in [&disk, &older] {
                session.get("VDI.set_name_label", &[vdi, &json!("noted")]);
            }
        }
        // The notes are older than the log.
        writable.set(DISK, |header| header.virtual_size = size(5)).expect("it grows");
        let sr = session.get("SR.get_all", &[])[0].take();
        let before = records(&session);
        let token = session.get("event.from", &[&json!(["*"]), &json!(""), &json!(0)])["token"].take();
        for uuid in [DISK, OLDER] {
            let log = served.folder().join(format!("{uuid}.cbtlog"));
            let away = served.folder().join("away");
            for (number, put) in put_out_of_reach(&log, &away).into_iter().enumerate() {
                put(&log);
                for (method, params) in questions(&disk, &older, &sr) {
                    let error = session.call(method, &params).expect_err(method);
                    assert!(error.iter().any(|text| text.contains("cbtlog")), "{method} ({number}): {error:?}");
                    assert!(["SR_BACKEND_FAILURE_46", "INTERNAL_ERROR"].contains(&&*error[0]), "{error:?}");
                }
                // Other things go on.
                session.get("pool.get_all_records", &[]);
                session.get("session.get_all_subject_identifiers", &[]);
                remove(&log);
            }
            fs::rename(&away, &log).expect("one file system");
            assert_eq!(records(&session), before);
        }
        let events = session.get("event.from", &[&json!(["vdi", "sr"]), &token, &json!(0)]);
        assert_eq!(events["events"], json!([]));
    }
}

/// It would be as if disks had just come once it can.
#[test]
fn a_server_does_not_begin_without_knowing_all_disks() {
    let folder = tempfile::tempdir().expect("room");
    fs::create_dir(folder.path().join(format!("{DISK}.cbtlog"))).expect("room");
    let options = changed_blocks_xapi::server::Options::new(folder.path(), "root", "a password");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = changed_blocks_xapi::server::Server::bind("127.0.0.1:0".parse().expect("an address"), options);
    let error = runtime.block_on(server).expect_err("a log cannot be read");
    assert!(error.to_string().contains(&format!("{DISK}.cbtlog")), "{error}");
}

/// Only its log knows what such a disk is. Records have to have something in each field; whoever asks for one is refused.
#[test]
fn fields_that_only_a_damaged_log_knew_are_not_made_up() {
    let served = Served::new();
    let session = served.login();
    let writable: WritableStore = served.writable();
    writable.create(DISK, size(1)).expect("new");
    writable.create(OTHER, size(1)).expect("new");
    let [disk, other] = [DISK, OTHER].map(|uuid| session.vdi(uuid));
    session.get("VDI.set_name_label", &[&other, &json!("noted")]);
    let made = session.get("VDI.create", &[&json!({"virtual_size": MIB})]);
    session.get("VDI.enable_cbt", &[&made]);
    let made_uuid: Uuid = session.get("VDI.get_uuid", &[&made]).as_str().expect("text").parse().expect("a UUID");
    for uuid in [OTHER, made_uuid] {
        writable.set(uuid, |header| header.virtual_size = size(5)).expect("it grows");
    }
    for uuid in [DISK, OTHER, made_uuid] {
        fs::write(served.folder().join(format!("{uuid}.cbtlog")), b"damaged").expect("room");
    }
    for (vdi, fields) in [
        (
            &disk,
            &["virtual_size", "physical_utilisation", "is_a_snapshot", "read_only", "snapshot_of", "snapshot_time"][..],
        ),
        (&other, &["virtual_size", "physical_utilisation"]),
        (&made, &["virtual_size", "physical_utilisation"]),
    ] {
        for field in fields {
            let error = session.error(&format!("VDI.get_{field}"), &[vdi]);
            assert_eq!(error[0], "SR_BACKEND_FAILURE_459", "{error:?}");
        }
        let record = session.get("VDI.get_record", &[vdi]);
        assert_eq!((&record["virtual_size"], &record["physical_utilisation"]), (&json!(-1), &json!(-1)));
        assert_eq!(records(&session)[vdi.as_str().expect("text")], record);
    }
    let sr = session.get("SR.get_all", &[])[0].take();
    assert_eq!(session.get("SR.get_virtual_allocation", &[&sr]), json!(-1));
    // A note would say that it is no snapshot, and nobody knows.
    assert_eq!(session.error("VDI.set_name_label", &[&disk, &json!("a name")])[0], "SR_BACKEND_FAILURE_459");
    assert_eq!(session.get("VDI.get_name_label", &[&other]), json!("noted"));
    assert_eq!(session.get("VDI.get_is_a_snapshot", &[&other]), json!(false));
    // Once the log is gone, nobody knows better than the notes.
    session.get("VDI.set_name_label", &[&made, &json!("made here")]);
    fs::remove_file(served.folder().join(format!("{made_uuid}.cbtlog"))).expect("there");
    assert_eq!(session.get("VDI.get_virtual_size", &[&made]), json!(MIB));
    assert_eq!(session.get("VDI.get_name_label", &[&made]), json!("made here"));
}

/// Of a server that only reads, and goes by another's notes.
#[test]
fn notes_that_cannot_be_read_any_more_are_no_older_ones() {
    let served = Served::new();
    let session = served.login();
    let disk = session.get("VDI.create", &[&json!({"virtual_size": MIB})]);
    let reader = served.beside();
    let reading = reader.login();
    assert_eq!(records(&reading), records(&session));
    session.get("VDI.resize", &[&disk, &json!(5 * MIB)]);
    let (notes, away) = (served.folder().join("vdis.json"), served.folder().join("away"));
    fs::rename(&notes, &away).expect("one file system");
    let put: [fn(&Path); 3] = [
        |notes| fs::create_dir(notes).expect("room"),
        |notes| symlink("away", notes).expect("links"),
        |notes| fs::write(notes, "{\"vdis\":").expect("room"),
    ];
    for put in put {
        put(&notes);
        for method in ["VDI.get_virtual_size", "VDI.get_record"] {
            let error = reading.error(method, &[&disk]);
            assert!(error[0] == "INTERNAL_ERROR" && error[1].contains("vdis.json"), "{error:?}");
        }
        remove(&notes);
    }
    fs::rename(&away, &notes).expect("one file system");
    assert_eq!(records(&reading), records(&session));
}
