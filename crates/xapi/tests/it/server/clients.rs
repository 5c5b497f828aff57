//! The first calls of existing clients, in their order, in every notation.

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use serde_json::{Value, json};

use super::wire::Served;
use super::wires::{Client, WIRES, Wire, names, text, texts};

const DISK: Uuid = Uuid::from_u128(1);

const NULL: &str = "OpaqueRef:NULL";

fn served() -> Served {
    let served = Served::new();
    served.writable().create(DISK, VirtualSize::new(64 << 20).expect("not 0")).expect("new");
    served
}

/// In each notation, on a store of its own.
fn in_each(sequence: impl Fn(&Served, Wire)) {
    for wire in WIRES {
        sequence(&served(), wire);
    }
}

/// The first, and only, member of a struct of records.
fn only(records: &Value) -> (Value, Value) {
    let records = records.as_object().expect("a struct");
    assert_eq!(records.len(), 1);
    let (reference, record) = records.iter().next().expect("there is one");
    (json!(reference), record.clone())
}

/// The host's record, as far as clients look at it when they log in.
fn check_host(client: &Client<'_>, host: &Value) {
    let record = client.get("host.get_record", &[host]);
    assert_eq!((client.int(&record["API_version_major"]), client.int(&record["API_version_minor"])), (2, 21));
    assert_eq!(record["enabled"], json!(true));
    assert_eq!((text(&record["hostname"]), text(&record["address"])), ("localhost", "127.0.0.1"));
    let software = &record["software_version"];
    let xapi: Vec<u32> = text(&software["xapi"]).split('.').map(|part| part.parse().expect("a number")).collect();
    assert_eq!(xapi.len(), 2, "{software}");
    for key in ["product_brand", "product_version", "platform_name", "platform_version", "xapi_build"] {
        assert!(!text(&software[key]).is_empty(), "{key}");
    }
}

/// `SetupSessionDetails` of the C# SDK, on which the PowerShell module is built. It speaks JSON-RPC 1.0 until it knows the
/// version, and 2.0 from then on.
#[test]
fn the_csharp_sdk_and_powershell_log_in() {
    in_each(|served, wire| {
        let mut client = Client::login(served, wire, &["2.21", "XenServer PowerShell Module"]);
        let (_, pool) = only(&client.get("pool.get_all_records", &[]));
        check_host(&client, &pool["master"]);
        if wire == Wire::JsonOne {
            client.wire = Wire::JsonTwo;
        }
        let session = client.session.clone();
        assert_eq!(client.get("session.get_is_local_superuser", &[&session]), json!(true));
        // It asks for these two only if not, and for nothing of other users.
        assert_eq!(client.get("session.get_subject", &[&session]), json!(NULL));
        assert_eq!(client.get("session.get_auth_user_sid", &[&session]), json!(""));
        assert_eq!(client.get("session.get_rbac_permissions", &[&session]), json!([]));
        // The calls of the PowerShell module for Get-XenVDI and Invoke-XenVDI.
        let disk = client.get("VDI.get_by_uuid", &[&json!(DISK.to_string())]);
        let record = client.get("VDI.get_record", &[&disk]);
        assert_eq!(client.int(&record["virtual_size"]), 64 << 20);
        let (reference, same) = only(&client.get("VDI.get_all_records", &[]));
        assert_eq!((&reference, &same), (&disk, &record));
        client.run("VDI.add_to_other_config", &[&disk, &json!("a"), &json!("b")]);
        client.run("session.logout", &[]);
        assert_eq!(client.error("session.get_uuid", &[&session])[0], "SESSION_INVALID");
    });
}

/// `setSessionDetails` of the Go SDK asks for the same twice.
#[test]
fn the_go_sdk_logs_in() {
    in_each(|served, wire| {
        let client = Client::login(served, wire, &["1.0", "Go sdk"]);
        for _ in ["the version of the API", "that of xapi"] {
            let pools = client.get("pool.get_all", &[]);
            let pool = client.get("pool.get_record", &[&pools[0]]);
            check_host(&client, &pool["master"]);
        }
        let session = client.session.clone();
        let record = client.get("session.get_record", &[&session]);
        assert_eq!((&record["originator"], &record["this_user"]), (&json!("Go sdk"), &json!(NULL)));
        assert!(client.time(&record["last_active"]) >= client.time(&record["validation_time"]));
        assert_eq!(client.get("session.get_by_uuid", &[&record["uuid"]]), session);
        client.run("session.logout", &[]);
    });
}

/// `Connection` of the Java SDK.
#[test]
fn the_java_sdk_logs_in() {
    in_each(|served, wire| {
        let client = Client::login(served, wire, &["2.21", "Java"]);
        let (_, pool) = only(&client.get("pool.get_all_records", &[]));
        check_host(&client, &pool["master"]);
        // A first look at what there is.
        for class in ["VDI", "SR", "host", "pool", "task", "SM", "VM", "VBD", "message"] {
            let records = client.get(&format!("{class}.get_all_records"), &[]);
            for (_, record) in records.as_object().expect("a struct") {
                assert!(!text(&record["uuid"]).is_empty(), "{class}");
                let where_uuid = json!(format!("field \"uuid\" = {}", record["uuid"]));
                let found = client.get(&format!("{class}.get_all_records_where"), &[&where_uuid]);
                assert_eq!(found.as_object().map(serde_json::Map::len), Some(1), "{class}");
            }
        }
        client.run("session.logout", &[]);
    });
}

/// `xen_session_login_with_password` of the C SDK, with three parameters.
#[test]
fn the_c_sdk_logs_in() {
    in_each(|served, wire| {
        let client = Client::login(served, wire, &["2.21"]);
        let host = client.get("session.get_this_host", &[&client.session]);
        assert_eq!(client.int(&client.get("host.get_API_version_major", &[&host])), 2);
        assert_eq!(client.int(&client.get("host.get_API_version_minor", &[&host])), 21);
        let disk = client.get("VDI.get_by_uuid", &[&json!(DISK.to_string())]);
        let record = client.get("VDI.get_record", &[&disk]);
        client.time(&record["snapshot_time"]);
        assert_eq!((&record["cbt_enabled"], &record["tags"]), (&json!(true), &json!([])));
        assert_eq!((&record["other_config"], &record["is_a_snapshot"]), (&json!({}), &json!(false)));
        client.run("session.logout", &[]);
    });
}

/// `XenAPI` of Python: the first parameter of each call is the session, and integers are text.
#[test]
fn the_python_client_logs_in() {
    in_each(|served, wire| {
        let client = Client::login(served, wire, &["2.3", "python"]);
        let session = client.session.clone();
        let host = client.get("session.get_this_host", &[&session]);
        check_host(&client, &host);
        assert_eq!(client.get("session.get_this_user", &[&session]), json!(NULL));
        assert_eq!(client.get("session.get_auth_user_name", &[&session]), json!("root"));
        assert_eq!(client.error("session.get_uuid", &[&json!(NULL)]), ["HANDLE_INVALID", "session", NULL]);
        assert_eq!(client.error("session.get_by_uuid", &[&json!("x")]), ["UUID_INVALID", "session", "x"]);
        let other = Client::login(served, wire, &[]);
        let record = other.get("session.get_record", &[&session]);
        assert_eq!(record["originator"], json!("python"));
        for field in names(&record).into_iter().filter(|field| *field != "last_active") {
            assert_eq!(other.get(&format!("session.get_{field}"), &[&session]), record[field], "{field}");
        }
        client.run("session.logout", &[]);
        assert_eq!(other.error("session.get_record", &[&session])[0], "HANDLE_INVALID");
    });
}

/// Xen Orchestra's own client (npm's `xen-api`), and what its backups call around a listing.
#[test]
fn xen_orchestra_backs_up_a_disk() {
    in_each(|served, wire| {
        let client = Client::login(served, wire, &[]);
        let (pool, record) = only(&client.get("pool.get_all_records", &[]));
        let (host, _) = only(&client.get("host.get_all_records", &[]));
        assert_eq!(record["master"], host);
        client.get("event.from", &[&json!(["*"]), &json!(""), &json!(0.1)]);
        client.run("pool.add_to_other_config", &[&pool, &json!("xo:injectEvents"), &json!("1")]);
        client.run("pool.remove_from_other_config", &[&pool, &json!("xo:injectEvents")]);
        let token = client.get("event.inject", &[&json!("pool"), &pool]);
        let events = client.get("event.from", &[&json!(["*"]), &token, &json!(0.1)]);
        assert_eq!(events["events"], json!([]));

        // As the client calls it, and over the wire with an underscore.
        let task = client.get("task_create", &[&json!("[XO] Backup"), &json!("")]);
        let disk = client.get("VDI.get_by_uuid", &[&json!(DISK.to_string())]);
        wait(&client, &client.get("Async.VDI.enable_cbt", &[&disk]));
        let snapshot = wait(&client, &client.get("Async.VDI.snapshot", &[&disk]));
        // Notes are replaced one by one.
        for (key, value) in [("xo:backup:job", "j"), ("xo:backup:datetime", "20260101T00:00:00Z")] {
            client.run("VDI.remove_from_other_config", &[&snapshot, &json!(key)]);
            client.run("VDI.add_to_other_config", &[&snapshot, &json!(key), &json!(value)]);
        }
        client.run("VDI.set_name_label", &[&snapshot, &json!("[XO Backup] disk")]);
        client.run("VDI.add_tags", &[&snapshot, &json!("xo")]);
        client.run("task.set_progress", &[&task, &json!(0.5)]);
        assert_eq!(client.get("VDI.get_cbt_enabled", &[&snapshot]), json!(true));
        let base = client.get("VDI.get_snapshot_of", &[&snapshot]);
        assert_eq!(base, disk);
        assert_eq!(client.get("VDI.get_sm_config", &[&snapshot]), json!({}));
        assert_eq!(client.int(&client.get("VDI.get_virtual_size", &[&snapshot])), 64 << 20);
        assert_eq!(client.get("VDI.get_nbd_info", &[&snapshot]), json!([]));
        let bitmap = wait(&client, &client.get("Async.VDI.list_changed_blocks", &[&snapshot, &disk]));
        assert_eq!(text(&bitmap).len(), 172);
        wait(&client, &client.get("Async.VDI.data_destroy", &[&snapshot]));
        assert_eq!(client.get("VDI.get_type", &[&snapshot]), json!("cbt_metadata"));
        client.run("task_set_status", &[&task, &json!("success")]);
        client.run("task.destroy", &[&task]);
        client.run("session.logout", &[]);
    });
}

/// The result of a call in a task, which is destroyed then.
fn wait(client: &Client<'_>, task: &Value) -> Value {
    while client.get("task.get_status", &[task]) == json!("pending") {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let record = client.get("task.get_record", &[task]);
    assert_eq!(record["status"], json!("success"), "{record}");
    assert!(client.time(&record["finished"]) >= client.time(&record["created"]));
    client.run("task.destroy", &[task]);
    let result = text(&record["result"]);
    json!(result.strip_prefix("<value>").and_then(|text| text.strip_suffix("</value>")).unwrap_or(result))
}

/// The vendor's samples for changed block tracking, and tools that are built like them.
#[test]
fn the_vendors_samples_list_changes() {
    in_each(|served, wire| {
        let client = Client::login(served, wire, &["0.1", "CBT example"]);
        // They begin with a machine. There is none, so what follows from it is asked of disks.
        let machine = json!("8a7e2f0c-0000-4000-8000-000000000000");
        assert_eq!(client.error("VM.get_by_uuid", &[&machine]), ["UUID_INVALID", "VM", text(&machine)]);
        assert_eq!(client.get("VM.get_by_name_label", &[&json!("machine")]), json!([]));
        for method in ["VM.get_VBDs", "VM.get_snapshots"] {
            assert_eq!(client.error(method, &[&json!(NULL)]), ["HANDLE_INVALID", "VM", NULL]);
        }
        assert_eq!(client.error("VM.snapshot", &[&json!(NULL), &json!("base")]), ["HANDLE_INVALID", "VM", NULL]);
        for method in ["VBD.get_VDI", "VBD.get_type"] {
            assert_eq!(client.error(method, &[&json!(NULL)]), ["HANDLE_INVALID", "VBD", NULL]);
        }
        let (sr, _) = only(&client.get("SR.get_all_records", &[]));
        client.run("SR.scan", &[&sr]);
        assert_eq!(client.error("SR.scan", &[&json!(NULL)]), ["HANDLE_INVALID", "SR", NULL]);
        let (_, plugin) = only(&client.get("SM.get_all_records", &[]));
        assert_eq!(plugin["type"], client.get("SR.get_type", &[&sr]));
        assert_eq!(client.int(&plugin["features"]["VDI_CONFIG_CBT"]), 1);
        assert!(texts(&plugin["capabilities"]).contains(&"VDI_SNAPSHOT".to_owned()));

        let disk = client.get("VDI.get_by_uuid", &[&json!(DISK.to_string())]);
        client.run("VDI.enable_cbt", &[&disk]);
        let base = client.get("VDI.snapshot", &[&disk]);
        assert_eq!(client.get("VDI.get_snapshot_of", &[&base]), disk);
        served.writable().mark(DISK, changed_blocks::ByteRange::between(0, 1)).expect("on the disk");
        let newer = client.get("VDI.snapshot", &[&disk]);
        let bitmap = client.get("VDI.list_changed_blocks", &[&base, &newer]);
        assert!(text(&bitmap).starts_with("gAAA"), "{bitmap}");
        assert_eq!(client.get("VDI.get_nbd_info", &[&newer]), json!([]));
        client.run("VDI.data_destroy", &[&base]);
        client.run("VDI.add_to_other_config", &[&base, &json!("backup"), &json!("1")]);
        let metadata = json!("field \"type\" = \"cbt_metadata\" and not field \"snapshot_of\" = \"OpaqueRef:NULL\"");
        let (found, record) = only(&client.get("VDI.get_all_records_where", &[&metadata]));
        assert_eq!((&found, &record["other_config"]), (&base, &json!({"backup": "1"})));
        client.run("VDI.resize", &[&disk, &client.as_int(128 << 20)]);
        assert_eq!(client.int(&client.get("VDI.get_virtual_size", &[&disk])), 128 << 20);
        let task = client.get("task.create", &[&json!("backup"), &json!("of a disk")]);
        client.run("task.set_status", &[&task, &json!("success")]);
        client.run("task.destroy", &[&task]);
        let host = client.get("session.get_this_host", &[&client.session]);
        assert_eq!(client.get("host.get_name_label", &[&host]), json!("changed-blocks"));
        assert_eq!(client.get("message.get_all_records", &[]), json!({}));
        let bad = client.error("VDI.get_all_records_where", &[&json!("field 'uuid'")]);
        assert_eq!(bad[..2], ["INVALID_VALUE".to_owned(), "field 'uuid'".to_owned()]);
        assert_eq!(client.error("VDI.update", &[&disk]), ["MESSAGE_METHOD_UNKNOWN", "VDI.update"]);
        client.run("session.logout", &[]);
    });
}
