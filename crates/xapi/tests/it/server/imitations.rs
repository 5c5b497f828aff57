//! Oddities of storage that the server imitates when it is told to, so that authors of tools meet them at their desk.

use std::time::Duration;

use changed_blocks::cbtlog::Uuid;
use changed_blocks::{ByteRange, VirtualSize};
use changed_blocks_xapi::server::{Options, SizesAfterScan};
use serde_json::{Value, json};

use super::wire::{Served, Session};

const DISK: Uuid = Uuid::from_u128(1);
const MIB: u64 = 1 << 20;

/// A disk, in whose first block something has changed since a snapshot, and the snapshot without its data.
fn disk(served: &Served, session: &Session<'_>, bytes: u64) -> [Value; 2] {
    served.writable().create(DISK, VirtualSize::new(bytes).expect("not 0")).expect("new");
    let disk = session.vdi(DISK);
    let snapshot = session.get("VDI.snapshot", &[&disk]);
    served.writable().mark(DISK, ByteRange::between(0, 1)).expect("on the disk");
    session.get("VDI.data_destroy", &[&snapshot]);
    [snapshot, disk]
}

#[test]
fn sizes_after_a_scan_are_those_of_logs() {
    let (file, lvm) = (Some(SizesAfterScan::File), Some(SizesAfterScan::Lvm));
    for (disk_bytes, storage, reported) in [
        (2 * MIB, file, 52),
        (100 * MIB, file, 248),
        (2 * MIB, lvm, 0),
        (100 * MIB, lvm, 0),
        (2 * MIB, None, 2 * MIB),
        (100 * MIB, None, 100 * MIB),
    ] {
        let served = Served::with(|options| match storage {
            Some(storage) => options.sizes_after_scan(storage),
            None => options,
        });
        let session = served.login();
        let [snapshot, disk] = disk(&served, &session, disk_bytes);
        assert_eq!(session.get("VDI.get_virtual_size", &[&snapshot]), json!(reported));
        assert_eq!(session.get("VDI.get_record", &[&snapshot])["virtual_size"], json!(reported));
        assert_eq!(session.get("VDI.get_all_records", &[])[snapshot.as_str().expect("text")]["virtual_size"], reported);
        let events = session.get("event.from", &[&json!(["vdi"]), &json!(""), &json!(0)]);
        let of_snapshot = events["events"].as_array().expect("a list").iter().find(|event| event["ref"] == snapshot);
        assert_eq!(of_snapshot.expect("it is there")["snapshot"]["virtual_size"], reported);
        // Disks and whole snapshots have theirs, and listings go by the logs.
        assert_eq!(session.get("VDI.get_virtual_size", &[&disk]), json!(disk_bytes));
        let newer = session.get("VDI.snapshot", &[&disk]);
        assert_eq!(session.get("VDI.get_virtual_size", &[&newer]), json!(disk_bytes));
        session.get("VDI.data_destroy", &[&newer]);
        let answer = session.get("VDI.list_changed_blocks", &[&snapshot, &newer]);
        let bytes = disk_bytes.div_ceil(8 << 16);
        assert_eq!(answer.as_str().map(str::len), usize::try_from(bytes.div_ceil(3) * 4).ok());
        assert!(answer.as_str().expect("text").starts_with("gAAA"), "{answer}");
    }
}

#[test]
fn bitmaps_are_filled_up_like_those_of_vhds_over_every_wire() {
    // 33 blocks have 5 bytes, and 32 have 4 anyway.
    for (bytes, plain, filled_up) in [(33 << 16, "gAAAAAA=", "gAAAAAAAAAA="), (2 * MIB, "gAAAAA==", "gAAAAA==")] {
        for (pad, expected) in [(false, plain), (true, filled_up)] {
            let served = Served::with(|options: Options| options.pad_like_vhd(pad));
            let session = served.login();
            let [snapshot, disk] = disk(&served, &session, bytes);
            let list = "VDI.list_changed_blocks";
            assert_eq!(session.get(list, &[&snapshot, &disk]), json!(expected));
            let of_task = json!(format!("<value>{expected}</value>"));
            let task = session.get(&format!("Async.{list}"), &[&snapshot, &disk]);
            while session.get("task.get_status", &[&task]) == json!("pending") {
                std::thread::sleep(Duration::from_millis(5));
            }
            assert_eq!(session.get("task.get_result", &[&task]), of_task);
            assert_eq!(session.get("task.get_record", &[&task])["result"], of_task);
            // JSON-RPC 1.0, and XML-RPC.
            let params = json!([session.reference, snapshot, disk]);
            let old = served.post("/jsonrpc", &json!({"method": list, "params": params, "id": 1}).to_string());
            let old: Value = serde_json::from_slice(&old.body).expect("JSON");
            assert_eq!(old["result"], json!(expected));
            let xml = |method: &str, params: &[&Value]| {
                let param = |text: &&Value| format!("<param><value>{}</value></param>", text.as_str().expect("text"));
                let params: String = std::iter::once(&&session.reference).chain(params).map(param).collect();
                served.post(
                    "/",
                    &format!("<methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>"),
                )
            };
            let direct = xml(list, &[&snapshot, &disk]);
            assert!(direct.text().contains(&format!("<name>Value</name><value>{expected}</value>")), "{direct:?}");
            let record = xml("task.get_record", &[&task]);
            let of_task = format!("<name>result</name><value>&lt;value&gt;{expected}&lt;/value&gt;</value>");
            assert!(record.text().contains(&of_task), "{record:?}");
        }
    }
}
