//! Stores that are read-only, left and served again, locked by others, or damaged.

use std::fs;

use changed_blocks::ByteRange;
use changed_blocks::cbtlog::{HEADER_BYTES, Uuid, WritableStore};
use changed_blocks_xapi::server::{Options, Server};
use serde_json::json;

use super::calls::{blocks, size, text};
use super::wire::{Served, Session};

const DISK: Uuid = Uuid::from_u128(1);
const MIB: u64 = 1 << 20;

#[test]
fn a_store_that_is_only_read_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("room");
    let writable = WritableStore::open(folder.path()).expect("there");
    writable.create(DISK, size(MIB)).expect("new");
    writable.snapshot(DISK, Uuid::from_u128(2)).expect("possible");
    let contents = |folder: &std::path::Path| {
        let mut files: Vec<_> =
            fs::read_dir(folder).expect("there").map(|entry| entry.expect("there").path()).collect();
        files.sort();
        files.into_iter().map(|path| (fs::read(&path).expect("there"), path)).collect::<Vec<_>>()
    };
    let before = contents(folder.path());
    let served = Served::of(folder, |options| options.read_only(true));
    let session = served.login();
    let [disk, snapshot] = [DISK, Uuid::from_u128(2)].map(|uuid| session.vdi(uuid));
    session.get("VDI.list_changed_blocks", &[&snapshot, &disk]);
    session.get("VDI.get_all_records", &[]);
    for method in ["VDI.create", "VDI.snapshot", "VDI.enable_cbt", "VDI.disable_cbt", "VDI.data_destroy", "VDI.destroy"]
    {
        let error = session.error(method, &[&snapshot]);
        assert_eq!((&*error[0], &*error[1]), ("RBAC_PERMISSION_DENIED", &*method.to_lowercase()));
    }
    assert_eq!(contents(served.folder()), before);
}

#[test]
fn everything_is_still_there_after_a_restart() {
    let served = Served::new();
    served.writable().create(DISK, size(MIB)).expect("new");
    served.writable().snapshot(DISK, Uuid::from_u128(2)).expect("possible");
    let session = served.login();
    let disk = session.vdi(DISK);
    let named = session.get("VDI.create", &[&json!({"name_label": "<näme & \u{1f4be}>", "virtual_size": 4096})]);
    let snapshot = session.get("VDI.snapshot", &[&disk]);
    session.get("VDI.data_destroy", &[&snapshot]);
    // Now nothing but the file says whose snapshots these are.
    session.get("VDI.disable_cbt", &[&disk]);
    let records = session.get("VDI.get_all_records", &[]);
    assert_eq!(records.as_object().map(serde_json::Map::len), Some(4));
    assert_eq!(records[text(&session.vdi(Uuid::from_u128(2)))]["snapshot_of"], disk);
    assert_eq!(records[text(&named)]["name_label"], json!("<näme & \u{1f4be}>"));
    drop(session);
    let served = Served::of(served.stop(), |options| options);
    assert_eq!(served.login().get("VDI.get_all_records", &[]), records);
    // Also when a kill has left a file half written.
    let folder = served.stop();
    let half = |name: String, bytes: &[u8]| {
        fs::write(folder.path().join(format!("{name}.{}.new", "0123456789abcdef".repeat(2))), bytes).expect("room");
    };
    half("vdis.json".to_owned(), b"{\"vdis\":");
    half(format!("{DISK}.cbtlog"), &[0; HEADER_BYTES]);
    let served = Served::of(folder, |options| options);
    assert_eq!(served.login().get("VDI.get_all_records", &[]), records);
}

/// As a `cbt store` that was stopped in the middle would do it.
#[cfg(unix)]
#[test]
fn a_folder_that_someone_else_has_locked_holds_up_only_those_who_need_it() {
    let served = Served::new();
    served.writable().create(DISK, size(MIB)).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    let held = fs::File::open(served.folder()).expect("there");
    held.lock().expect("possible");
    std::thread::scope(|scope| {
        let waiting: Vec<_> = ["VDI.snapshot", "VDI.enable_cbt", "VDI.snapshot"]
            .into_iter()
            .map(|method| scope.spawn(|| session.get(method, &[&disk])))
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(300));
        served.login();
        served.call("system.listMethods", &[]).expect("a list");
        drop(held);
        for waiting in waiting {
            waiting.join().expect("it ends well");
        }
    });
    assert_eq!(session.get("VDI.get_snapshots", &[&disk]).as_array().map(Vec::len), Some(2));
}

/// Damage is for whoever needs that log.
#[test]
fn a_damaged_log_does_not_stand_in_the_way_of_others() {
    let served = Served::new();
    served.writable().create(DISK, size(MIB)).expect("new");
    let damaged = Uuid::from_u128(9);
    fs::write(served.folder().join(format!("{damaged}.cbtlog")), b"damaged").expect("room");
    let session: Session<'_> = served.login();
    let records = session.get("VDI.get_all_records", &[]);
    assert_eq!(records.as_object().map(serde_json::Map::len), Some(2));
    assert_eq!(records[text(&session.vdi(damaged))]["virtual_size"], json!(-1));
    let error = session.error("VDI.list_changed_blocks", &[&session.vdi(DISK), &session.vdi(damaged)]);
    assert_eq!(error[0], "SR_BACKEND_FAILURE_459");
}

/// Windows and some tools write names in upper case.
#[test]
fn a_log_named_in_upper_case_is_served_like_any_other() {
    let folder = tempfile::tempdir().expect("room");
    let writable = WritableStore::open(folder.path()).expect("there");
    let [disk, snapshot] = [0xabc, 0xdef].map(Uuid::from_u128);
    writable.create(disk, size(MIB)).expect("new");
    writable.snapshot(disk, snapshot).expect("possible");
    writable.mark(disk, ByteRange::between(0, 1)).expect("on the disk");
    for uuid in [disk, snapshot] {
        let name = |uuid: String| folder.path().join(format!("{uuid}.cbtlog"));
        fs::rename(name(uuid.to_string()), name(uuid.to_string().to_uppercase())).expect("there");
    }
    let served = Served::of(folder, |options| options);
    let session = served.login();
    assert_eq!(session.get("VDI.get_all", &[]).as_array().map(Vec::len), Some(2));
    let [newer, older] = [disk, snapshot].map(|uuid| session.vdi(uuid));
    assert_eq!(session.get("VDI.get_snapshot_of", &[&older]), newer);
    assert_eq!(blocks(&session.get("VDI.list_changed_blocks", &[&older, &newer]), MIB), [0]);
    let between = session.get("VDI.snapshot", &[&newer]);
    assert_eq!(blocks(&session.get("VDI.list_changed_blocks", &[&older, &between]), MIB), [0]);
    session.get("VDI.destroy", &[&between]);
    assert_eq!(blocks(&session.get("VDI.list_changed_blocks", &[&older, &newer]), MIB), [0]);
    session.get("VDI.destroy", &[&older]);
    session.get("VDI.disable_cbt", &[&newer]);
    let left = fs::read_dir(served.folder()).expect("there").filter(|file| {
        let path = file.as_ref().expect("there").path();
        path.extension().is_some_and(|extension| extension == "cbtlog")
    });
    assert_eq!(left.count(), 0);
}

/// Changes would be missing from answers.
#[test]
fn a_folder_with_a_log_that_would_be_missed_is_not_served() {
    let served = Served::new();
    served.writable().create(DISK, size(MIB)).expect("new");
    let session = served.login();
    let disk = session.vdi(DISK);
    let misnamed = served.folder().join(format!("{}.cbtlog", DISK.simple()));
    fs::copy(served.folder().join(format!("{DISK}.cbtlog")), &misnamed).expect("room");
    for (method, params) in [("VDI.get_all", vec![]), ("VDI.list_changed_blocks", vec![&disk, &disk])] {
        let error = session.error(method, &params);
        assert!(error[1].contains(&misnamed.display().to_string()), "{error:?}");
    }
    let options = Options::new(served.folder(), "root", "a password").read_only(true);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let bound = runtime.block_on(Server::bind("127.0.0.1:0".parse().expect("an address"), options));
    let error = bound.expect_err("it cannot be served").to_string();
    assert!(error.contains(&misnamed.display().to_string()), "{error}");
    fs::remove_file(&misnamed).expect("there");
    assert_eq!(session.get("VDI.get_all", &[]), json!([disk]));
}
