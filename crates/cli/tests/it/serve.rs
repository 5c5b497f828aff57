//! `cbt serve` with `cbt store` beside it, and what it imitates when it is told to.

use std::path::Path;
use std::time::{Duration, Instant};

use changed_blocks_xapi::client::{Client, Options, Secret};
use serde_json::{Value, json};

use crate::common::served::{PASSWORD, Served};
use crate::common::{Scratch, cbt, run};

const DISK: &str = "00000000-0000-0000-0000-00000000000a";
const OLDER: &str = "00000000-0000-0000-0000-00000000000b";
const BETWEEN: &str = "00000000-0000-0000-0000-00000000000c";
const OTHER: &str = "00000000-0000-0000-0000-00000000000d";
const NOBODY: &str = "00000000-0000-0000-0000-00000000000e";

fn store(folder: &Path, verb: &str, args: &[&str]) {
    run([&["store", verb, folder.to_str().expect("text")], args].concat()).bytes();
}

/// A client of the server, and the runtime that it needs.
struct Session {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Session {
    fn new(served: &Served) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let options = Options::new(&served.url, "root", Secret::from(PASSWORD.to_owned())).expect("a URL");
        let client = runtime.block_on(Client::login(options)).expect("the right password");
        Self { runtime, client }
    }

    #[track_caller]
    fn get(&mut self, method: &str, params: &[Value]) -> Value {
        self.runtime.block_on(self.client.call(method, params)).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn vdi(&mut self, uuid: &str) -> Value {
        self.get("VDI.get_by_uuid", &[json!(uuid)])
    }

    fn field(&mut self, vdi: &Value, field: &str) -> Value {
        self.get(&format!("VDI.get_{field}"), std::slice::from_ref(vdi))
    }
}

/// A folder with a disk of that size, and a server of it.
fn served(size: &str, options: &[&str]) -> (Scratch, Served) {
    let scratch = Scratch::new();
    store(scratch.path(), "create", &[DISK, "--virtual-size", size]);
    let served = Served::new(scratch.path(), options);
    (scratch, served)
}

#[test]
fn one_who_waits_for_events_hears_of_a_store_command() {
    let (scratch, served) = served("1M", &[]);
    let mut session = Session::new(&served);
    let classes = json!(["vdi"]);
    let mut token = session.get("event.from", &[classes.clone(), json!(""), json!(0.0)])["token"].take();
    let changes: [(&str, &[&str], &[&str]); 4] = [
        ("snapshot", &[DISK, OLDER], &["add", "mod"]),
        ("snapshot", &[OLDER, BETWEEN], &["add", "mod"]),
        ("delete", &[OLDER], &["mod", "del"]),
        ("delete", &[DISK], &["mod", "del"]),
    ];
    for (verb, args, expected) in changes {
        let mut changing = cbt(["store", verb, scratch.path().to_str().expect("text")]);
        let mut child = changing.args(args).spawn().expect("the command starts");
        let begun = Instant::now();
        let mut operations = Vec::new();
        // A look in the middle of a change may tell of it in parts.
        while !expected.iter().all(|expected| operations.contains(&json!(expected))) {
            let mut answer = session.get("event.from", &[classes.clone(), token, json!(30.0)]);
            let events = answer["events"].as_array().expect("a list");
            operations.extend(events.iter().map(|event| event["operation"].clone()));
            token = answer["token"].take();
            assert!(begun.elapsed() < Duration::from_secs(20), "{verb} {args:?}: {operations:?}");
        }
        assert!(child.wait().expect("it ends").success());
    }
}

#[test]
fn snapshots_of_a_store_command_have_times_that_follow_the_chain() {
    let (scratch, served) = served("1M", &[]);
    let mut session = Session::new(&served);
    store(scratch.path(), "snapshot", &[DISK, OLDER]);
    let disk = session.vdi(DISK);
    let by_call = session.get("VDI.snapshot", &[disk]);
    // A snapshot of a snapshot, which comes before it; the server allows the same.
    store(scratch.path(), "snapshot", &[OLDER, BETWEEN]);
    let older = session.vdi(OLDER);
    let allowed = session.field(&older, "allowed_operations");
    assert!(allowed.as_array().expect("a list").contains(&json!("snapshot")), "{allowed}");
    let second_by_call = session.get("VDI.snapshot", std::slice::from_ref(&older));
    let between = session.vdi(BETWEEN);
    let mut times = Vec::new();
    for vdi in [&between, &second_by_call, &older, &by_call] {
        times.push(session.field(vdi, "snapshot_time").as_str().expect("text").to_owned());
    }
    assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[test]
fn sizes_after_a_scan_are_reported_when_that_is_asked_for() {
    for (size, options, reported) in [
        ("2M", &["--sizes-after-scan"][..], 52),
        ("100M", &["--sizes-after-scan=file"][..], 248),
        ("100M", &["--sizes-after-scan=lvm"][..], 0),
        ("2M", &[][..], 2 << 20),
    ] {
        let (_scratch, served) = served(size, options);
        let mut session = Session::new(&served);
        let disk = session.vdi(DISK);
        let snapshot = session.get("VDI.snapshot", &[disk]);
        session.get("VDI.data_destroy", std::slice::from_ref(&snapshot));
        assert_eq!(session.field(&snapshot, "type"), json!("cbt_metadata"));
        assert_eq!(session.field(&snapshot, "virtual_size"), json!(reported));
    }
}

#[test]
fn bitmaps_are_filled_up_when_that_is_asked_for() {
    let size = (33 << 16).to_string();
    for (options, expected) in [(&["--pad-like-vhd"][..], "gAAAAIAAAAA="), (&[][..], "gAAAAIA=")] {
        let (scratch, served) = served(&size, options);
        store(scratch.path(), "snapshot", &[DISK, OLDER]);
        store(scratch.path(), "mark", &[DISK, "--offset", "0", "--length", "1"]);
        store(scratch.path(), "mark", &[DISK, "--offset", "2M", "--length", "1"]);
        let mut session = Session::new(&served);
        let [older, disk] = [OLDER, DISK].map(|uuid| session.vdi(uuid));
        assert_eq!(session.get("VDI.list_changed_blocks", &[older, disk]), json!(expected));
    }
}

/// One judgement on a store: the folder and the server refuse the same, with the same consequence.
#[test]
fn the_server_refuses_what_the_folder_refuses() {
    // Three in a chain, the last of which is the disk, and one more disk.
    let made = || {
        let scratch = Scratch::new();
        for disk in [DISK, OTHER] {
            store(scratch.path(), "create", &[disk, "--virtual-size", "1M"]);
        }
        for snapshot in [OLDER, BETWEEN] {
            store(scratch.path(), "snapshot", &[DISK, snapshot]);
        }
        scratch
    };
    let set = |folder: &Path, uuid: &str, args: &[&str]| store(folder, "set", &[&[uuid], args].concat());
    let log = |folder: &Path, uuid: &str| folder.join(format!("{uuid}.cbtlog"));
    let cut = |folder: &Path, uuid: &str, len: usize| {
        let log = log(folder, uuid);
        let bytes = std::fs::read(&log).expect("there");
        std::fs::write(&log, &bytes[..len]).expect("room");
    };
    type Damage<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, [&str; 2], i32, Damage<'_>); 14] = [
        ("none", [OLDER, DISK], 0, &|_| ()),
        ("the same", [OLDER, OLDER], 2, &|_| ()),
        ("swapped", [DISK, OLDER], 3, &|_| ()),
        ("unrelated", [OLDER, OTHER], 3, &|_| ()),
        ("not there", [OLDER, NOBODY], 3, &|_| ()),
        ("a log between was not closed", [OLDER, DISK], 3, &|folder| set(folder, BETWEEN, &["--consistent", "false"])),
        ("in use", [OLDER, DISK], 4, &|folder| set(folder, DISK, &["--consistent", "false"])),
        ("in use, and a log between was not closed", [OLDER, DISK], 3, &|folder| {
            set(folder, DISK, &["--consistent", "false"]);
            set(folder, BETWEEN, &["--consistent", "false"]);
        }),
        ("the older was not closed, which is no part of it", [OLDER, DISK], 0, &|folder| {
            set(folder, OLDER, &["--consistent", "false"]);
        }),
        ("cut short", [OLDER, DISK], 3, &|folder| cut(folder, DISK, 49)),
        ("cut short in the header", [OLDER, DISK], 3, &|folder| cut(folder, BETWEEN, 40)),
        ("grown between", [OLDER, DISK], 3, &|folder| set(folder, BETWEEN, &["--virtual-size", "2M"])),
        ("a circle", [OLDER, OTHER], 3, &|folder| set(folder, DISK, &["--child", OLDER, "--parent", BETWEEN])),
        ("a log is gone", [OLDER, DISK], 3, &|folder| std::fs::remove_file(log(folder, BETWEEN)).expect("there")),
    ];
    for (what, [from, to], code, damage) in cases {
        let scratch = made();
        damage(scratch.path());
        let served = Served::new(scratch.path(), &["--read-only"]);
        let in_folder = run(["list-changed-blocks", "--store", scratch.path().to_str().expect("text"), from, to]);
        let mut command = cbt(["list-changed-blocks", "--url", &served.url, from, to]);
        let asked: crate::common::Run =
            command.env("CBT_PASSWORD", PASSWORD).output().expect("the command starts").into();
        if code == 0 {
            assert_eq!(asked.bytes(), in_folder.bytes(), "{what}");
        } else {
            let (asked, in_folder) = (asked.failure(code), in_folder.failure(code));
            assert!(!asked.is_empty() && !in_folder.is_empty(), "{what}");
        }
    }
}
