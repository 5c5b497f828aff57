//! Names and notes of disks and tasks, and disks that grow.

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::{HEADER_BYTES, Uuid};
use changed_blocks_xapi::server::DataServer;
use serde_json::{Value, json};

use super::wire::{Served, Session};

const DISK: Uuid = Uuid::from_u128(1);

fn served_disk(size: u64) -> Served {
    let served = Served::new();
    served.writable().create(DISK, VirtualSize::new(size).expect("not 0")).expect("new");
    served
}

#[test]
fn names_tags_and_notes_of_disks_are_kept() {
    let served = served_disk(1 << 30);
    let session = served.login();
    let disk = session.vdi(DISK);
    let run = |verb: &str, params: &[Value]| {
        let params: Vec<Value> = std::iter::once(&disk).chain(params).cloned().collect();
        session.call(&format!("VDI.{verb}"), &params)
    };
    let get = |field: &str| session.get(&format!("VDI.get_{field}"), &[&disk]);
    let done = Ok(json!(""));
    assert_eq!(run("set_name_label", &[json!("näme")]), done);
    assert_eq!(run("set_name_description", &[json!("text")]), done);
    assert_eq!(run("add_to_other_config", &[json!("k"), json!("1")]), done);
    assert_eq!(
        run("add_to_other_config", &[json!("k"), json!("2")]).expect_err("it is there"),
        ["MAP_DUPLICATE_KEY", "VDI", "other_config", disk.as_str().expect("text"), "k"]
    );
    assert_eq!(get("other_config"), json!({"k": "1"}));
    assert_eq!(run("remove_from_other_config", &[json!("k")]), done);
    assert_eq!(run("remove_from_other_config", &[json!("k")]), done);
    assert_eq!(get("other_config"), json!({}));
    assert_eq!(run("set_other_config", &[json!({"xo:backup:job": "j", "folder": ""})]), done);
    for (verb, tags) in [("set_tags", json!(["b", "a", "b"])), ("add_tags", json!("c")), ("remove_tags", json!("b"))] {
        assert_eq!(run(verb, &[tags]), done);
    }
    assert_eq!(run("add_tags", &[json!("c")]), done);
    assert_eq!(get("tags"), json!(["a", "c"]));
    let record = session.get("VDI.get_record", &[&disk]);
    assert_eq!((&record["name_label"], &record["name_description"]), (&json!("näme"), &json!("text")));
    assert_eq!(record["is_a_snapshot"], json!(false));
    assert_eq!(session.get("VDI.get_by_name_label", &[&json!("näme")]), json!([disk]));
    // In a task, too, where a host does.
    session.get("Async.VDI.set_name_label", &[&disk, &json!("näme")]);
    assert_eq!(
        session.error("Async.VDI.add_tags", &[&disk, &json!("x")]),
        ["MESSAGE_METHOD_UNKNOWN", "Async.VDI.add_tags"]
    );
    // The labels that a disk is made with count, too; and a snapshot has those of its disk.
    let made = json!({"virtual_size": 4096, "tags": ["t"], "other_config": {"a": "b"}});
    let other = session.get("VDI.create", &[&made]);
    assert_eq!(session.get("VDI.get_tags", &[&other]), json!(["t"]));
    assert_eq!(session.get("VDI.get_other_config", &[&other]), json!({"a": "b"}));
    let made = json!({"virtual_size": 4096, "tags": null, "other_config": null});
    assert_eq!(session.get("VDI.get_tags", &[&session.get("VDI.create", &[&made])]), json!([]));
    let snapshot = session.get("VDI.snapshot", &[&disk]);
    assert_eq!(session.get("VDI.get_other_config", &[&snapshot]), json!({"xo:backup:job": "j", "folder": ""}));
    let records = session.get("VDI.get_all_records", &[]);
    drop(session);
    let served = Served::of(served.stop(), |options| options);
    assert_eq!(served.login().get("VDI.get_all_records", &[]), records);
}

#[test]
fn labels_that_make_no_sense_or_take_too_much_room_are_refused() {
    let served = served_disk(1 << 30);
    let session = served.login();
    let disk = session.vdi(DISK);
    let code = |verb: &str, params: &[&Value]| session.error(&format!("VDI.{verb}"), params).swap_remove(0);
    let bad = json!(5);
    for verb in ["set_name_label", "set_name_description", "set_tags", "add_tags", "remove_tags"] {
        assert_eq!(code(verb, &[&disk]), "MESSAGE_PARAMETER_COUNT_MISMATCH");
        assert_eq!(code(verb, &[&disk, &bad]), "FIELD_TYPE_ERROR");
        assert_eq!(code(verb, &[&bad, &json!("a")]), "FIELD_TYPE_ERROR");
        let value = if verb == "set_tags" { json!([]) } else { json!("x") };
        assert_eq!(code(verb, &[&json!("none"), &value]), "HANDLE_INVALID");
    }
    for value in [json!({"a": 1}), json!([]), json!("a")] {
        assert_eq!(code("set_other_config", &[&disk, &value]), "FIELD_TYPE_ERROR");
    }
    assert_eq!(code("set_tags", &[&disk, &json!(["a", 1])]), "FIELD_TYPE_ERROR");
    let long = json!("x".repeat(70_000));
    for verb in ["set_name_label", "set_name_description", "add_tags"] {
        assert_eq!(code(verb, &[&disk, &long]), "INTERNAL_ERROR");
    }
    assert_eq!(code("create", &[&json!({"virtual_size": 4096, "name_label": long})]), "INTERNAL_ERROR");
    let notes: serde_json::Map<String, Value> = (0..17).map(|i| (i.to_string(), json!("x".repeat(4000)))).collect();
    assert_eq!(code("set_other_config", &[&disk, &Value::Object(notes)]), "INTERNAL_ERROR");
    let many: Vec<String> = (0..2000).map(|i| i.to_string()).collect();
    assert_eq!(code("set_tags", &[&disk, &json!(many)]), "INTERNAL_ERROR");
    assert!(!served.folder().join("vdis.json").exists(), "nothing was worth writing down");
}

#[test]
fn disks_grow_and_never_shrink() {
    let served = served_disk(1 << 20);
    let session = served.login();
    let disk = session.vdi(DISK);
    let size = |of: &Value| session.get("VDI.get_virtual_size", &[of]);
    let snapshot = session.get("VDI.snapshot", &[&disk]);
    assert_eq!(session.get("VDI.resize", &[&disk, &json!(64 << 20)]), json!(""));
    assert_eq!(size(&disk), json!(64 << 20));
    assert_eq!(size(&snapshot), json!(1 << 20));
    let log = std::fs::read(served.folder().join(format!("{DISK}.cbtlog"))).expect("there");
    assert_eq!(log.len(), HEADER_BYTES + 1024 / 8);
    // A block that only the larger disk has.
    served.writable().mark(DISK, changed_blocks::ByteRange::between(63 << 20, 64 << 20)).expect("on the disk");
    let answer = session.get("VDI.list_changed_blocks", &[&snapshot, &disk]);
    assert_eq!(answer.as_str().map(str::len), Some(172));
    assert!(answer.as_str().is_some_and(|answer| answer.ends_with("//8=")), "{answer}");
    for method in ["VDI.resize", "VDI.resize_online"] {
        let shrinking = ["SR_BACKEND_FAILURE_79", "", "VDI Invalid size [opterr=shrinking not allowed]", ""];
        assert_eq!(session.error(method, &[&disk, &json!("1048576")]), shrinking);
        assert_eq!(session.error(method, &[&snapshot, &json!("2097152")])[0], "OPERATION_NOT_ALLOWED");
        assert_eq!(session.error(method, &[&disk, &json!("much")]), ["FIELD_TYPE_ERROR", "size"]);
        assert_eq!(session.error(method, &[&disk, &json!(i64::MAX)])[0], "INTERNAL_ERROR");
    }
    assert_eq!(size(&disk), json!(64 << 20));
    // To its own size is no change.
    session.get("VDI.resize", &[&disk, &json!(64 << 20)]);
    session.get("VDI.data_destroy", &[&snapshot]);
    assert_eq!(session.error("VDI.resize", &[&snapshot, &json!("2097152")])[0], "VDI_INCOMPATIBLE_TYPE");
    // One that is attached only grows where that is what was asked for.
    served.writable().set(DISK, |header| header.consistent = false).expect("there");
    let in_use = ["VDI_IN_USE", disk.as_str().expect("text"), "resize"];
    assert_eq!(session.error("VDI.resize", &[&disk, &json!(128 << 20)]), in_use);
    session.get("VDI.resize_online", &[&disk, &json!(128 << 20)]);
    assert_eq!(size(&disk), json!(128 << 20));
    // Without tracking, too.
    let untracked = session.get("VDI.create", &[&json!({"virtual_size": 4096})]);
    session.get("VDI.resize", &[&untracked, &json!("8192")]);
    assert_eq!(size(&untracked), json!(8192));
    drop(session);
    let served = Served::of(served.stop(), |options| options);
    let session = served.login();
    assert_eq!(session.get("VDI.get_virtual_size", &[&untracked]), json!(8192));
    assert_eq!(session.get("VDI.get_virtual_size", &[&disk]), json!(128 << 20));
}

#[test]
fn a_store_that_is_only_read_refuses_labels_and_growth() {
    let served = Served::of(served_disk(1 << 20).stop(), |options| options.read_only(true));
    let files = || {
        let mut files: Vec<_> =
            std::fs::read_dir(served.folder()).expect("there").map(|file| file.expect("there").path()).collect();
        files.sort();
        files.into_iter().map(|path| (std::fs::read(&path).expect("there"), path)).collect::<Vec<_>>()
    };
    let before = files();
    let session = served.login();
    let disk = session.vdi(DISK);
    for (method, params) in [
        ("VDI.set_name_label", vec![json!("a")]),
        ("VDI.set_name_description", vec![json!("a")]),
        ("VDI.set_tags", vec![json!(["a"])]),
        ("VDI.add_tags", vec![json!("a")]),
        ("VDI.remove_tags", vec![json!("a")]),
        ("VDI.set_other_config", vec![json!({})]),
        ("VDI.add_to_other_config", vec![json!("a"), json!("b")]),
        ("VDI.remove_from_other_config", vec![json!("a")]),
        ("VDI.resize", vec![json!(2 << 20)]),
        ("VDI.resize_online", vec![json!(2 << 20)]),
        ("VM.snapshot", vec![json!("a")]),
    ] {
        let params: Vec<&Value> = std::iter::once(&disk).chain(&params).collect();
        let error = session.error(method, &params);
        assert_eq!((&*error[0], &*error[1]), ("RBAC_PERMISSION_DENIED", &*method.to_lowercase()));
    }
    // Notes that are not kept can be made all the same.
    let sr = session.get("SR.get_all", &[])[0].take();
    session.get("SR.scan", &[&sr]);
    let task = session.get("task.create", &[&json!("a"), &json!("")]);
    session.get("task.destroy", &[&task]);
    assert_eq!(files(), before);
}

#[test]
fn clients_have_tasks_of_their_own() {
    let served = Served::new();
    let session = served.login();
    let task = session.get("task.create", &[&json!("[XO] backup"), &json!("of all")]);
    let field = |name: &str| session.get(&format!("task.get_{name}"), &[&task]);
    assert_eq!((field("name_label"), field("name_description")), (json!("[XO] backup"), json!("of all")));
    assert_eq!((field("status"), field("progress"), field("result")), (json!("pending"), json!(0.0), json!("")));
    assert_eq!(field("finished"), json!("19700101T00:00:00Z"));
    session.get("task.set_progress", &[&task, &json!(0.25)]);
    assert_eq!(field("progress"), json!(0.25));
    session.get("task.set_progress", &[&task, &json!(1)]);
    assert_eq!(field("progress"), json!(1.0));
    session.get("task.add_to_other_config", &[&task, &json!("a"), &json!("1")]);
    assert_eq!(session.error("task.add_to_other_config", &[&task, &json!("a"), &json!("1")])[0], "MAP_DUPLICATE_KEY");
    assert_eq!(field("other_config"), json!({"a": "1"}));
    session.get("task.remove_from_other_config", &[&task, &json!("a")]);
    session.get("task.set_other_config", &[&task, &json!({"b": "2"})]);
    assert_eq!(field("other_config"), json!({"b": "2"}));
    session.get("task.set_result", &[&task, &json!("a <result>")]);
    assert_eq!(field("result"), json!("a <result>"));
    session.get("task.set_error_info", &[&task, &json!(["CODE", "a"])]);
    assert_eq!(field("error_info"), json!(["CODE", "a"]));
    assert_eq!(session.error("task.cancel", &[&task]), ["OPERATION_NOT_ALLOWED", "task cannot be cancelled"]);
    for status in ["cancelling", "failure", "cancelled", "pending", "success"] {
        session.get("task.set_status", &[&task, &json!(status)]);
        assert_eq!(field("status"), json!(status));
    }
    assert_ne!(field("finished"), json!("19700101T00:00:00Z"));
    assert_eq!(session.error("task.set_status", &[&task, &json!("done")]), ["INVALID_VALUE", "status", "done"]);
    assert_eq!(session.error("task.set_progress", &[&task, &json!("x")])[0], "FIELD_TYPE_ERROR");
    assert_eq!(session.error("task.set_result", &[&task, &json!("x".repeat(70_000))])[0], "INTERNAL_ERROR");
    // Xen Orchestra writes an underscore for the point.
    let other = session.get("task_create", &[&json!("a"), &json!("")]);
    session.get("task_set_status", &[&other, &json!("success")]);
    session.get("task.destroy", &[&other]);
    session.get("task.destroy", &[&task]);
    assert_eq!(session.get("task.get_all", &[]), json!([]));
    let gone = ["HANDLE_INVALID", "task", task.as_str().expect("text")];
    for (method, value) in [("set_status", json!("success")), ("set_progress", json!(0.5)), ("set_result", json!(""))] {
        assert_eq!(session.error(&format!("task.{method}"), &[&task, &value]), gone);
    }
}

#[test]
fn the_data_is_where_one_was_told_that_it_is() {
    let served = served_disk(1 << 20);
    let session: Session<'_> = served.login();
    let disk = session.vdi(DISK);
    assert_eq!(session.get("VDI.get_nbd_info", &[&disk]), json!([]));
    let snapshot = session.get("VDI.snapshot", &[&disk]);
    drop(session);
    let folder = served.stop();

    let certificate = folder.path().join("certificate.pem");
    let names = ["b.example".to_owned(), "*.a.example".to_owned(), "a.example".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("possible");
    std::fs::write(&certificate, made.cert.pem()).expect("room");
    let server = DataServer::new("[::1]:10809", &certificate).expect("right");
    let served = Served::of(folder, |options| options.nbd(server));
    let session = served.login();
    let info = json!({
        "exportname": format!("/{DISK}?session_id={}", session.reference.as_str().expect("text")),
        "address": "::1",
        "port": 10809,
        "cert": made.cert.pem(),
        "subject": "a.example",
    });
    assert_eq!(session.get("VDI.get_nbd_info", &[&disk]), json!([info]));
    // In a task it is XML.
    let task = session.get("Async.VDI.get_nbd_info", &[&disk]);
    while session.get("task.get_status", &[&task]) == json!("pending") {}
    let result = session.get("task.get_result", &[&task]);
    let result = result.as_str().expect("text");
    assert!(result.starts_with("<value><array><data><value><struct><member><name>exportname</name>"), "{result}");
    session.get("VDI.data_destroy", &[&snapshot]);
    let reference = snapshot.as_str().expect("text");
    let incompatible = ["VDI_INCOMPATIBLE_TYPE", reference, "cbt_metadata"];
    assert_eq!(session.error("VDI.get_nbd_info", &[&snapshot]), incompatible);

    let refuse = |address: &str, file: &std::path::Path| {
        DataServer::new(address, file).expect_err("it makes no sense").to_string()
    };
    for address in ["", "localhost", ":10809", "localhost:0", "localhost:x", "::1:10809", "nbd://a:10809", "[::1]"] {
        assert!(refuse(address, &certificate).contains("HOST:PORT"), "{address}");
    }
    assert!(refuse("a:1", &served.folder().join("none")).contains("none"));
    assert!(refuse("a:1", &served.folder().join("vdis.json")).contains("no certificate"));
    std::fs::write(&certificate, made.cert.pem() + &made.signing_key.serialize_pem()).expect("room");
    assert!(refuse("a:1", &certificate).contains("private key"));
}
