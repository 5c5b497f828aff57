//! The calls on disks: what they answer, what they change, and each of their errors.

use std::fs;

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use changed_blocks::{Bitmap, ByteRange, Encoding, Scanner};
use serde_json::{Value, json};

use super::wire::Served;

const DISK: Uuid = Uuid::from_u128(1);
const MIB: u64 = 1 << 20;

pub(super) fn size(bytes: u64) -> VirtualSize {
    VirtualSize::new(bytes).expect("not 0")
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// The blocks that an answer has.
pub(super) fn blocks(answer: &Value, virtual_size: u64) -> Vec<u64> {
    let scanner = Scanner::new(Encoding::Base64).virtual_size(size(virtual_size));
    let bitmap: Bitmap = scanner.bitmap(text(answer).as_bytes()).expect("a bitmap of that disk");
    (0..bitmap.blocks()).filter(|&block| bitmap.get(block) == Some(true)).collect()
}

#[test]
fn the_sequence_of_the_guide() {
    let served = Served::new();
    let session = served.login();
    let record = json!({"name_label": "a disk", "virtual_size": (16 * MIB).to_string(), "SR": "OpaqueRef:NULL"});
    let disk = session.get("VDI.create", &[&record]);
    assert_eq!(session.get("VDI.get_cbt_enabled", &[&disk]), json!(false));
    session.get("VDI.enable_cbt", &[&disk]);
    session.get("VDI.enable_cbt", &[&disk]);
    assert_eq!(session.get("VDI.get_cbt_enabled", &[&disk]), json!(true));
    let uuid = Uuid::parse_str(text(&session.get("VDI.get_uuid", &[&disk]))).expect("a UUID");
    assert_ne!(text(&disk), format!("OpaqueRef:{uuid}"), "a reference is no UUID");
    let older = session.get("VDI.snapshot", &[&disk]);
    for block in [0, 7, 8, 255] {
        served.writable().mark(uuid, ByteRange::between(block << 16, (block << 16) + 1)).expect("on the disk");
    }
    let newer = session.get("VDI.snapshot", &[&disk, &json!({"driver": "parameters"})]);
    let answer = session.get("VDI.list_changed_blocks", &[&older, &newer]);
    assert_eq!(blocks(&answer, 16 * MIB), [0, 7, 8, 255]);
    session.get("VDI.data_destroy", &[&older]);
    session.get("VDI.data_destroy", &[&older]);
    assert_eq!(session.get("VDI.get_type", &[&older]), json!("cbt_metadata"));
    assert_eq!(session.get("VDI.list_changed_blocks", &[&older, &newer]), answer);
    assert_eq!(session.get("VDI.get_snapshot_of", &[&newer]), disk);
    let mut snapshots = [text(&older), text(&newer)];
    snapshots.sort_unstable();
    let mut found = session.get("VDI.get_snapshots", &[&disk]);
    let found = found.as_array_mut().expect("a list");
    found.sort_by_key(|reference| text(reference).to_owned());
    assert_eq!(*found, snapshots);
    // The changes in the log of a snapshot go to the next one.
    served.writable().mark(uuid, ByteRange::between(MIB, MIB + 1)).expect("on the disk");
    session.get("VDI.destroy", &[&newer]);
    assert_eq!(blocks(&session.get("VDI.list_changed_blocks", &[&older, &disk]), 16 * MIB), [0, 7, 8, 16, 255]);
    session.get("VDI.disable_cbt", &[&disk]);
    assert_eq!(session.get("VDI.get_cbt_enabled", &[&disk]), json!(false));
    let error = session.error("VDI.list_changed_blocks", &[&older, &disk]);
    assert_eq!(error[0], "SR_BACKEND_FAILURE_460");
    session.get("session.logout", &[]);
    assert_eq!(session.error("VDI.get_all", &[]), ["SESSION_INVALID", text(&session.reference)]);
}

#[test]
fn records_have_the_fields_that_clients_look_at() {
    let served = Served::new();
    served.writable().create(DISK, size(5 << 40)).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    let record = session.get("VDI.get_record", &[&disk]);
    for (field, value) in [
        ("uuid", json!(DISK.to_string())),
        ("virtual_size", json!(5_497_558_138_880_u64)),
        ("cbt_enabled", json!(true)),
        ("type", json!("user")),
        ("is_a_snapshot", json!(false)),
        ("snapshot_of", json!("OpaqueRef:NULL")),
        ("snapshots", json!([])),
        ("snapshot_time", json!("19700101T00:00:00Z")),
        ("managed", json!(true)),
        ("other_config", json!({})),
        ("SR", session.get("SR.get_all", &[])[0].clone()),
    ] {
        assert_eq!(record[field], value, "{field}");
        assert_eq!(session.get(&format!("VDI.get_{field}"), &[&disk]), value, "{field}");
    }
    let all = session.get("VDI.get_all_records", &[]);
    assert_eq!(all, json!({text(&disk): record}));
    assert_eq!(session.get("VDI.get_all", &[]), json!([disk]));
    assert_eq!(session.get("VDI.get_by_name_label", &[&json!("")]), json!([disk]));
    assert_eq!(session.get("VDI.get_by_name_label", &[&json!("other")]), json!([]));
    for class in ["pool", "host", "SR"] {
        let records = session.get(&format!("{class}.get_all_records"), &[]);
        let (reference, record) = records.as_object().and_then(|all| all.iter().next()).expect("there is one");
        let reference = json!(reference);
        assert_eq!(session.get(&format!("{class}.get_record"), &[&reference]), *record);
        assert_eq!(session.get(&format!("{class}.get_by_uuid"), &[&record["uuid"]]), reference);
        assert_eq!(session.get(&format!("{class}.get_name_label"), &[&reference]), json!("changed-blocks"));
    }
    // 64 bits are digits in XML-RPC.
    let call = format!(
        "<methodCall><methodName>VDI.get_virtual_size</methodName><params><param><value>{}</value></param>\
         <param><value>{}</value></param></params></methodCall>",
        text(&session.reference),
        text(&disk)
    );
    assert!(served.post("/", &call).text().contains("<name>Value</name><value>5497558138880</value>"));
}

/// Each error that the server can give, as section 6.4 of the design has it.
#[test]
fn errors_are_those_of_a_host() {
    let served = Served::new();
    let writable = served.writable();
    writable.create(DISK, size(MIB)).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    let older = session.get("VDI.snapshot", &[&disk]);
    let newer = session.get("VDI.snapshot", &[&disk]);
    let unknown = json!("OpaqueRef:00000000-0000-0000-0000-00000000000f");
    let list = "VDI.list_changed_blocks";
    let unrelated = |error: Vec<String>, option: &str| {
        let text = format!("Failed to calculate changed blocks for given VDIs. [opterr={option}]");
        assert_eq!(error[..3], ["SR_BACKEND_FAILURE_460", "", &text]);
        assert_eq!(error.len(), 4);
    };
    let no_relation = "Source and target VDI are unrelated";

    for (from, to, bad) in [(&unknown, &disk, &unknown), (&disk, &unknown, &unknown)] {
        assert_eq!(session.error(list, &[from, to]), ["HANDLE_INVALID", "VDI", text(bad)]);
    }
    for bad in ["", "OpaqueRef:NULL", &DISK.to_string(), "OpaqueRef:", "\u{e4}"] {
        assert_eq!(session.error("VDI.get_uuid", &[&json!(bad)]), ["HANDLE_INVALID", "VDI", bad]);
        assert_eq!(session.error("SR.get_uuid", &[&json!(bad)]), ["HANDLE_INVALID", "SR", bad]);
    }
    for class in ["VDI", "SR", "pool", "host", "task"] {
        let error = session.error(&format!("{class}.get_by_uuid"), &[&json!("no-uuid")]);
        assert_eq!(error, ["UUID_INVALID", class, "no-uuid"]);
    }
    unrelated(session.error(list, &[&disk, &disk]), "Source and target VDI are same");
    unrelated(session.error(list, &[&newer, &older]), no_relation);

    writable.create(Uuid::from_u128(2), size(MIB)).expect("new");
    let other = session.vdi(Uuid::from_u128(2));
    unrelated(session.error(list, &[&older, &other]), no_relation);
    session.get("VDI.disable_cbt", &[&other]);
    unrelated(session.error(list, &[&older, &other]), no_relation);
    unrelated(session.error(list, &[&other, &disk]), no_relation);

    writable.set(DISK, |header| header.consistent = false).expect("there");
    assert_eq!(session.error(list, &[&older, &disk]), ["VDI_IN_USE", text(&disk), "list_changed_blocks"]);
    assert_eq!(session.error("VDI.destroy", &[&disk]), ["VDI_IN_USE", text(&disk), "destroy"]);
    session.get(list, &[&older, &newer]);
    writable.set(DISK, |header| header.consistent = true).expect("there");

    // A log between was not closed cleanly: the host's answer would hide that changes may be missing.
    let inconsistent = "Changed block tracking log is in an inconsistent state. [opterr=Inconsistent bitmaps]";
    let between = Uuid::parse_str(text(&session.get("VDI.get_uuid", &[&newer]))).expect("a UUID");
    writable.set(between, |header| header.consistent = false).expect("there");
    assert_eq!(session.error(list, &[&older, &disk])[..3], ["SR_BACKEND_FAILURE_459", "", inconsistent]);
    writable.set(between, |header| header.consistent = true).expect("there");

    // The log is too short for its disk.
    let log = served.folder().join(format!("{DISK}.cbtlog"));
    let bytes = fs::read(&log).expect("there");
    for length in 0..bytes.len() {
        fs::write(&log, &bytes[..length]).expect("room");
        let error = session.error(list, &[&older, &disk]);
        assert_eq!(error[..3], ["SR_BACKEND_FAILURE_459", "", inconsistent], "{length}");
        assert!(error[3].contains(&log.display().to_string()), "{error:?}");
    }
    // A size that lies.
    let mut lying = bytes.clone();
    lying[40..48].copy_from_slice(&(1_u64 << 62).to_le_bytes());
    fs::write(&log, &lying).expect("room");
    assert_eq!(session.error(list, &[&older, &disk])[..3], ["SR_BACKEND_FAILURE_459", "", inconsistent]);
    // The disk is smaller than the one before.
    fs::write(&log, &bytes).expect("room");
    writable.set(DISK, |header| header.virtual_size = size(2 * MIB)).expect("there");
    let third = session.get("VDI.snapshot", &[&disk]);
    fs::write(&log, &bytes).expect("room");
    let uuid = Uuid::parse_str(text(&session.get("VDI.get_uuid", &[&third]))).expect("a UUID");
    writable.set(uuid, |header| header.child = Some(DISK)).expect("there");
    assert_eq!(session.error(list, &[&older, &disk])[..3], ["SR_BACKEND_FAILURE_459", "", inconsistent]);

    // It cannot be read at all.
    fs::remove_file(&log).expect("there");
    fs::create_dir(&log).expect("room");
    let error = session.error(list, &[&older, &disk]);
    assert_eq!((&*error[0], &*error[1]), ("SR_BACKEND_FAILURE_46", ""));
    assert!(error[2].starts_with("The VDI is not available [opterr="), "{error:?}");
    fs::remove_dir(&log).expect("there");

    // A disk that was only known by its log has gone along with it.
    let sr = session.get("SR.get_all", &[]);
    assert_eq!(session.error(list, &[&older, &disk]), ["VDI_MISSING", text(&sr[0]), text(&disk)]);
    // One that was destroyed in order is no disk any more.
    session.get("VDI.destroy", &[&third]);
    assert_eq!(session.error(list, &[&older, &third]), ["HANDLE_INVALID", "VDI", text(&third)]);
}

#[test]
fn a_circle_of_logs_is_answered_with_an_error() {
    let served = Served::new();
    let writable = served.writable();
    for n in 1..=3 {
        writable.create(Uuid::from_u128(n), size(MIB)).expect("new");
        let next = Some(Uuid::from_u128(n % 2 + 1));
        writable.set(Uuid::from_u128(n), |header| (header.parent, header.child) = (next, next)).expect("there");
    }
    let session = served.login();
    let [from, to] = [1, 3].map(|n| session.vdi(Uuid::from_u128(n)));
    let error = session.error("VDI.list_changed_blocks", &[&from, &to]);
    assert_eq!(error[0], "SR_BACKEND_FAILURE_460");
    assert!(error[3].contains("circle"), "{error:?}");
    assert_eq!(session.get("VDI.get_snapshot_of", &[&from]), json!("OpaqueRef:NULL"));
}

#[test]
fn calls_that_make_no_sense_are_refused() {
    let served = Served::new();
    served.writable().create(DISK, size(MIB)).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    let snapshot = session.get("VDI.snapshot", &[&disk]);
    let code = |method: &str, params: &[&Value]| session.error(method, params).swap_remove(0);
    for method in ["VDI.enable_cbt", "VDI.disable_cbt"] {
        assert_eq!(session.error(method, &[&snapshot]), ["OPERATION_NOT_ALLOWED", "VDI is a snapshot"]);
    }
    assert_eq!(session.error("VDI.data_destroy", &[&disk]), ["OPERATION_NOT_ALLOWED", "VDI is not a snapshot"]);
    session.get("VDI.data_destroy", &[&snapshot]);
    let incompatible = ["VDI_INCOMPATIBLE_TYPE", text(&snapshot), "cbt_metadata"];
    assert_eq!(session.error("VDI.snapshot", &[&snapshot]), incompatible);
    session.get("VDI.disable_cbt", &[&disk]);
    let untracked = session.get("VDI.snapshot", &[&disk]);
    assert_eq!(session.get("VDI.get_cbt_enabled", &[&untracked]), json!(false));
    assert_eq!(session.error("VDI.data_destroy", &[&untracked]), ["VDI_NO_CBT_METADATA", text(&untracked)]);

    assert_eq!(session.error("VDI.nonsense", &[&disk]), ["MESSAGE_METHOD_UNKNOWN", "VDI.nonsense"]);
    for method in ["", "VDI", "VDI.", ".", "PIF.get_all", "VDI.get_", "VDI.get_nonsense", "get_all"] {
        assert_eq!(session.error(method, &[&disk]), ["MESSAGE_METHOD_UNKNOWN", method]);
    }
    let wrong_count = |method: &str, expected: &str, found: &str| {
        vec!["MESSAGE_PARAMETER_COUNT_MISMATCH".to_owned(), method.to_owned(), expected.to_owned(), found.to_owned()]
    };
    assert_eq!(session.error("VDI.get_uuid", &[]), wrong_count("VDI.get_uuid", "1", "0"));
    assert_eq!(session.error("VDI.get_all", &[&disk]), wrong_count("VDI.get_all", "0", "1"));
    assert_eq!(session.error("VDI.destroy", &[]), wrong_count("VDI.destroy", "1", "0"));
    let list = "VDI.list_changed_blocks";
    assert_eq!(session.error(list, &[&disk]), wrong_count(list, "2", "1"));
    let login = "session.login_with_password";
    let refused = |params: &[Value]| served.call(login, params).expect_err("no login");
    assert_eq!(refused(&[json!("root")]), wrong_count(login, "2", "1"));
    assert_eq!(refused(&[json!("root"), json!(5)]), ["FIELD_TYPE_ERROR", "uname or pwd"]);
    for bad in [json!(1), json!(true), json!([]), json!({}), json!(1.5)] {
        assert_eq!(code("VDI.get_uuid", &[&bad]), "FIELD_TYPE_ERROR");
        assert_eq!(code("VDI.destroy", &[&bad]), "FIELD_TYPE_ERROR");
        assert_eq!(code(list, &[&disk, &bad]), "FIELD_TYPE_ERROR");
    }
    for virtual_size in [json!(0), json!(-1), json!("x"), json!(null), json!(u64::MAX)] {
        assert_eq!(
            session.error("VDI.create", &[&json!({"virtual_size": virtual_size})]),
            ["FIELD_TYPE_ERROR", "virtual_size"]
        );
    }
    assert_eq!(
        served.call("VDI.get_all", &[json!("OpaqueRef:NULL")]),
        Err(vec!["SESSION_INVALID".into(), "OpaqueRef:NULL".into()])
    );
    assert_eq!(served.call("VDI.get_all", &[]), Err(vec!["SESSION_INVALID".into(), "".into()]));
}
