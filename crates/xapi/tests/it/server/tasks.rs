//! Calls that go on in a task.

use std::io::{Read, Write};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use serde_json::{Value, json};

use super::wire::{Served, Session, post};

const DISK: Uuid = Uuid::from_u128(1);

/// The record of a task that has ended.
fn ended(session: &Session<'_>, task: &Value) -> Value {
    let start = Instant::now();
    loop {
        let record = session.get("task.get_record", &[task]);
        if record["status"] != json!("pending") {
            return record;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{record}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_answer_of_a_task_is_that_of_the_call() {
    let served = Served::new();
    served.writable().create(DISK, VirtualSize::new(20 << 30).expect("not 0")).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    let task = session.get("Async.VDI.snapshot", &[&disk]);
    let record = ended(&session, &task);
    assert_eq!(record["status"], json!("success"));
    let snapshot = record["result"].as_str().and_then(|text| text.strip_prefix("<value>")?.strip_suffix("</value>"));
    let snapshot = json!(snapshot.expect("a reference"));
    served.writable().mark(DISK, changed_blocks::ByteRange::between(1 << 30, 2 << 30)).expect("on the disk");
    let direct = session.get("VDI.list_changed_blocks", &[&snapshot, &disk]);
    let task = session.get("Async.VDI.list_changed_blocks", &[&snapshot, &disk]);
    let record = ended(&session, &task);
    assert_eq!(record["result"], json!(format!("<value>{}</value>", direct.as_str().expect("text"))));
    for (field, value) in [("status", json!("success")), ("progress", json!(1.0)), ("error_info", json!([]))] {
        assert_eq!(record[field], value);
        assert_eq!(session.get(&format!("task.get_{field}"), &[&task]), value);
    }
    assert_eq!(record["name_label"], json!("Async.VDI.list_changed_blocks"));
    assert_eq!(session.get("task.get_by_uuid", &[&record["uuid"]]), task);
    assert_eq!(session.get("task.get_all", &[]).as_array().map(Vec::len), Some(2));
    assert_eq!(session.get("task.destroy", &[&task]), json!(""));
    let gone = vec!["HANDLE_INVALID".to_owned(), "task".to_owned(), task.as_str().expect("text").to_owned()];
    for method in ["task.get_record", "task.get_status", "task.destroy", "task.cancel"] {
        assert_eq!(session.error(method, &[&task]), gone);
    }
}

#[test]
fn the_error_of_a_task_is_that_of_the_call() {
    let served = Served::new();
    served.writable().create(DISK, VirtualSize::new(1 << 30).expect("not 0")).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    let task = session.get("Async.VDI.list_changed_blocks", &[&disk, &disk]);
    let record = ended(&session, &task);
    assert_eq!((&record["status"], &record["result"]), (&json!("failure"), &json!("")));
    let error = session.error("VDI.list_changed_blocks", &[&disk, &disk]);
    assert_eq!(error[0], "SR_BACKEND_FAILURE_460");
    assert_eq!(record["error_info"], json!(error));
    // A call that has nothing to tell has an empty result.
    let task = session.get("Async.VDI.disable_cbt", &[&disk]);
    let record = ended(&session, &task);
    assert_eq!((&record["status"], &record["result"]), (&json!("success"), &json!("")));
    let not_async = session.error("Async.VDI.get_uuid", &[&disk]);
    assert_eq!(not_async, ["MESSAGE_METHOD_UNKNOWN", "Async.VDI.get_uuid"]);
}

#[test]
fn a_task_can_be_cancelled_and_there_is_an_end_to_them() {
    // No room for two bitmaps, so that the second task waits.
    let served = Served::limited(|limits| limits.bitmap_bytes = 1 << 20);
    let writable = served.writable();
    writable.create(DISK, VirtualSize::new(100 << 30).expect("not 0")).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    let snapshot = session.get("VDI.snapshot", &[&disk]);
    let first = session.get("Async.VDI.list_changed_blocks", &[&snapshot, &disk]);
    assert_eq!(ended(&session, &first)["status"], json!("success"));
    let second = session.get("Async.VDI.list_changed_blocks", &[&snapshot, &disk]);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(session.get("task.get_status", &[&second]), json!("pending"));
    assert_eq!(session.get("task.get_error_info", &[&second]), json!([]));
    session.get("task.cancel", &[&second]);
    let record = session.get("task.get_record", &[&second]);
    assert_eq!((&record["status"], &record["error_info"]), (&json!("cancelled"), &json!(["TASK_CANCELLED", second])));
    // One that has ended stays as it is.
    session.get("task.cancel", &[&first]);
    assert_eq!(session.get("task.get_status", &[&first]), json!("success"));
    // As the first goes, there is room for a third.
    let third = session.get("Async.VDI.list_changed_blocks", &[&snapshot, &disk]);
    session.get("task.destroy", &[&first]);
    assert_eq!(ended(&session, &third)["status"], json!("success"));

    // Tasks that have ended make place for any number of others.
    for _ in 0..1000 {
        session.get("Async.VDI.enable_cbt", &[&disk]);
    }
}

/// A change is not hidden by being cancelled.
#[test]
fn only_listings_can_be_cancelled() {
    let served = Served::new();
    served.writable().create(DISK, VirtualSize::new(1 << 30).expect("not 0")).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    for _ in 0..20 {
        let task = session.get("Async.VDI.snapshot", &[&disk]);
        match session.call("task.cancel", std::slice::from_ref(&task)) {
            // It had ended.
            Ok(_) => {}
            Err(error) => assert_eq!(error, ["OPERATION_NOT_ALLOWED", "task cannot be cancelled"]),
        }
        assert_eq!(ended(&session, &task)["status"], json!("success"));
    }
    assert_eq!(session.get("VDI.get_snapshots", &[&disk]).as_array().map(Vec::len), Some(20));
}

/// Byte by byte, it would keep the memory of its answer from all others.
#[test]
fn a_client_that_reads_an_answer_too_slowly_is_cut_off() {
    let served = Served::limited(|limits| {
        limits.bitmap_bytes = 32 << 20;
        limits.stall_time = Duration::from_secs(1);
        limits.answer_rate = 16 << 20;
    });
    served.writable().create(DISK, VirtualSize::new(16 << 40).expect("not 0")).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    let snapshot = session.get("VDI.snapshot", &[&disk]);
    let list = json!({"method": "VDI.list_changed_blocks", "params": [session.reference, snapshot, disk], "id": 1});
    let mut slow = served.connect();
    slow.write_all(post("/jsonrpc", &list.to_string()).as_bytes()).expect("it listens");
    let (got_answer, other_got_answer) = std::sync::mpsc::channel::<()>();
    let slow = std::thread::spawn(move || {
        let mut byte = [0];
        while matches!(slow.read(&mut byte), Ok(1))
            && other_got_answer.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout)
        {}
        // The bytes sent before it was cut off may still be there; the whole of it is not.
        let mut rest = Vec::new();
        let _ = slow.read_to_end(&mut rest);
        rest.len()
    });
    std::thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    let answer = session.get("VDI.list_changed_blocks", &[&snapshot, &disk]);
    drop(got_answer);
    assert_eq!(answer.as_str().map(str::len), Some(44_739_244));
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "it has to wait for the slow one to be cut off, not for its end"
    );
    assert!(slow.join().expect("it ends") < 44_000_000);
}

#[test]
fn a_disk_whose_bitmap_never_fits_is_refused_at_once() {
    let served = Served::limited(|limits| limits.bitmap_bytes = 1 << 20);
    served.writable().create(DISK, VirtualSize::new(16 << 40).expect("not 0")).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    let error = session.error("VDI.list_changed_blocks", &[&disk, &disk]);
    assert_eq!(error[0], "INTERNAL_ERROR");
    assert!(error[1].contains("33554432 bytes"), "{error:?}");
}
