//! `cbt list-changed-blocks` against a pool that reports sizes of something else, that stays away, or that never ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};

use changed_blocks_xapi::Secret;
use changed_blocks_xapi::client::{Client, Options};
use serde_json::{Value, json};

use crate::common::served::{PASSWORD, Served};
use crate::common::{Run, Scratch, cbt, run};

const DISK: &str = "00000000-0000-0000-0000-00000000000a";
const OLDER: &str = "00000000-0000-0000-0000-00000000000b";
const NEWER: &str = "00000000-0000-0000-0000-00000000000c";

/// A pool whose records of the newer disk and of the task a test chooses.
struct Pool {
    /// `type`, `virtual_size`, and the size of the disk that it is a snapshot of.
    newer: (&'static str, u64, Option<u64>),
    /// `None`: HTTP 503 to all that is asked of the task.
    task: Option<Value>,
    /// Told of each look at the task.
    looks: Option<mpsc::Sender<()>>,
}

impl Pool {
    fn metadata_only(base64: &str, reported: u64, disk: Option<u64>) -> Self {
        let task = json!({"status": "success", "result": format!("<value>{}</value>", base64.trim_end())});
        Self { newer: ("cbt_metadata", reported, disk), task: Some(task), looks: None }
    }

    /// Its address. It answers for as long as the test runs.
    fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let pool = Arc::new(self);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let pool = Arc::clone(&pool);
                std::thread::spawn(move || pool.serve(stream));
            }
        });
        url
    }

    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let mut requests = BufReader::new(stream.try_clone().ok()?);
        loop {
            let mut length = 0;
            loop {
                let mut line = String::new();
                requests.read_line(&mut line).ok().filter(|&bytes| bytes > 0)?;
                let line = line.to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            requests.read_exact(&mut body).ok()?;
            let request: Value = serde_json::from_slice(&body).expect("JSON");
            let (status, body) = match self.result(request["method"].as_str()?, &request["params"][1]) {
                Some(result) => ("200 OK", json!({"result": result, "id": request["id"]}).to_string()),
                None => ("503 Service Unavailable", String::new()),
            };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).ok()?;
        }
    }

    fn result(&self, method: &str, reference: &Value) -> Option<Value> {
        let (kind, reported, disk) = self.newer;
        Some(match method {
            "session.login_with_password" => json!("OpaqueRef:session"),
            "VDI.get_by_uuid" => reference.clone(),
            "Async.VDI.list_changed_blocks" => json!("OpaqueRef:task"),
            "task.get_record" => {
                if let Some(looks) = &self.looks {
                    let _ = looks.send(());
                }
                self.task.clone()?
            }
            "task.cancel" | "task.destroy" if self.task.is_none() => return None,
            "VDI.get_record" if reference == "OpaqueRef:disk" => {
                json!({"type": "user", "virtual_size": disk, "snapshot_of": "OpaqueRef:NULL"})
            }
            "VDI.get_record" => {
                let snapshot_of = if disk.is_some() { "OpaqueRef:disk" } else { "OpaqueRef:NULL" };
                json!({"type": kind, "virtual_size": reported, "snapshot_of": snapshot_of})
            }
            _ => json!(""),
        })
    }
}

fn ask(url: &str, options: &[&str]) -> Run {
    let mut command = cbt(["list-changed-blocks", "--url", url, OLDER, NEWER]);
    command.args(options).env("CBT_PASSWORD", "sesame").output().expect("the command starts").into()
}

/// A list that came with one warning.
#[track_caller]
fn warned(run: Run) -> String {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.starts_with("cbt: warning: ") && run.stderr.contains("--virtual-size"), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    String::from_utf8(run.stdout).expect("text")
}

#[test]
fn a_snapshot_without_data_has_not_the_size_of_its_log() {
    let edges = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/edges");
    for (name, reported, size, list) in [
        ("2M", 0, "2M", "0 65536\n"),
        ("2M", 52, "2M", "0 65536\n"),
        ("100M", 0, "100M", "0 131072\n"),
        ("100M", 248, "100M", "0 131072\n"),
    ] {
        let base64 = std::fs::read_to_string(format!("{edges}/metadata-only-of-{name}.b64")).expect("there");
        let bytes = if name == "2M" { 2 << 20 } else { 100 << 20 };
        for disk in [None, Some(bytes)] {
            let url = Pool::metadata_only(&base64, reported, disk).start();
            assert_eq!(warned(ask(&url, &[])), base64);
            assert_eq!(warned(ask(&url, &["--output", "text"])), list);
            // Told the size, it checks it, and has nothing to warn of.
            assert_eq!(ask(&url, &["--virtual-size", size]).text(), base64);
            assert_eq!(ask(&url, &["--output", "text", "--virtual-size", size]).text(), list);
            let wrong = if name == "2M" { "100M" } else { "2M" };
            let failure = ask(&url, &["--virtual-size", wrong]);
            assert!(matches!(failure.code, Some(2 | 3)) && failure.stdout.is_empty(), "{failure:?}");
        }
        // More than the disk that it is a snapshot of: both figures are named.
        let url = Pool::metadata_only(&base64, reported, Some(bytes)).start();
        let failure = ask(&url, &["--virtual-size", "1G", "--output", "json"]).json_failure(3);
        assert_eq!(failure.error, "virtual-size-mismatch");
        assert!(failure.message.contains("1073741824") && failure.message.contains(&bytes.to_string()), "{failure:?}");
    }
}

#[test]
fn programs_find_the_warning_in_the_object() {
    let url = Pool::metadata_only("gAAAAA==", 52, None).start();
    let run = ask(&url, &["--output", "json"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let told: Value = serde_json::from_str(&run.stderr).expect("one object");
    let object: Value = serde_json::from_slice(&run.stdout).expect("one object");
    assert!(told["warning"].as_str().is_some_and(|text| text.contains("--virtual-size")), "{told}");
    assert_eq!(object["warnings"], json!([told["warning"]]));
    assert_eq!(object["virtual_size"], Value::Null);
    let object: Value =
        serde_json::from_slice(&ask(&url, &["--output", "json", "--virtual-size", "2M"]).bytes()).expect("one object");
    assert_eq!((&object["warnings"], &object["virtual_size"]), (&Value::Null, &json!(2 << 20)));
}

#[test]
fn a_block_size_is_not_found_from_a_size_that_is_not_known() {
    for disk in [None, Some(64 << 20)] {
        let base64 = "gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let url = Pool::metadata_only(base64, 80, disk).start();
        let failure = ask(&url, &["--block-size", "auto", "--output", "json"]);
        assert_eq!(failure.code, Some(2), "{}", failure.stderr);
        let lines: Vec<Value> =
            failure.stderr.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect();
        assert_eq!(lines.last().expect("an error")["error"], "no-virtual-size");
        let auto = ["--block-size", "auto", "--virtual-size", "64M", "--output", "text"];
        assert_eq!(ask(&url, &auto).text(), "0 262144\n");
    }
}

/// Each refusal names the next step, and the last one leads to the right list.
#[test]
fn the_hints_for_a_bitmap_of_smaller_blocks_lead_to_the_list() {
    let edges = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/edges");
    let base64 = std::fs::read_to_string(format!("{edges}/granularity-16k-of-64M.b64")).expect("there");
    let url = Pool::metadata_only(&base64, 560, Some(64 << 20)).start();
    let text = ["--output", "text"];
    let step = |options: &[&str], kind: &str, says: &str| {
        let failure = ask(&url, &[options, &["--output", "json"]].concat());
        let last = failure.stderr.lines().last().expect("an error");
        let error: Value = serde_json::from_str(last).expect("an object a line");
        assert!(failure.code == Some(3) && failure.stdout.is_empty(), "{failure:?}");
        assert_eq!(error["error"], kind, "{error}");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains(says)), "{error}");
    };
    step(&[], "too-long", "--virtual-size");
    step(&["--virtual-size", "64M"], "too-long", "--block-size 16k");
    let options = ["--virtual-size", "64M", "--block-size", "16k"];
    assert_eq!(ask(&url, &[&options, &text[..]].concat()).text(), "0 16384\n1638400 16384\n");
}

#[test]
fn the_server_imitates_it_for_the_desk() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    let store = path.to_str().expect("text");
    run(["store", "create", store, DISK, "--virtual-size", "2M"]).bytes();
    run(["store", "snapshot", store, DISK, OLDER]).bytes();
    run(["store", "mark", store, DISK, "--offset", "0", "--length", "1"]).bytes();
    run(["store", "snapshot", store, DISK, NEWER]).bytes();
    for storage in ["file", "lvm"] {
        let served = Served::new(&path, &[&format!("--sizes-after-scan={storage}")]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let options = Options::new(&served.url, "root", Secret::from(PASSWORD)).expect("an address");
            let mut client = Client::login(options).await.expect("right");
            let newer = client.vdi(NEWER.parse().expect("a UUID")).await.expect("known");
            client.call("VDI.data_destroy", &[json!(newer.as_str())]).await.expect("possible");
            client.close().await.expect("in good order");
        });
        let list = |options: &[&str]| -> Run {
            let mut command = cbt(["list-changed-blocks", "--url", &served.url, OLDER, NEWER, "--output", "text"]);
            command.args(options).env("CBT_PASSWORD", PASSWORD).output().expect("the command starts").into()
        };
        let unknown = list(&[]);
        assert!(unknown.stderr.contains("at most 2097152 bytes"), "{}", unknown.stderr);
        assert_eq!(warned(unknown), "0 65536\n");
        assert_eq!(list(&["--virtual-size", "2M"]).text(), "0 65536\n");
    }
}

#[test]
fn a_size_that_is_given_twice_must_be_the_same() {
    let base64 = "gAAAAA==\n";
    let mut pool = Pool::metadata_only(base64, 2 << 20, None);
    pool.newer.0 = "user";
    let url = pool.start();
    assert_eq!(ask(&url, &["--virtual-size", "2M"]).text(), base64);
    let failure = ask(&url, &["--virtual-size", "1M"]).failure(3);
    assert!(failure.contains("1048576") && failure.contains("2097152"), "{failure}");

    let scratch = Scratch::new();
    let store = scratch.join("store");
    std::fs::create_dir(&store).expect("room");
    let store = store.to_str().expect("text");
    run(["store", "create", store, NEWER, "--virtual-size", "2M"]).bytes();
    run(["store", "snapshot", store, NEWER, OLDER]).bytes();
    let list = |size| run(["list-changed-blocks", "--store", store, OLDER, NEWER, "--virtual-size", size]);
    assert_eq!(list("2M").text(), "AAAAAA==\n");
    let failure = list("1M").failure(3);
    assert!(failure.contains("1048576") && failure.contains("2097152"), "{failure}");
}

#[test]
fn a_task_that_never_ends_is_given_up_in_time() {
    let mut pool = Pool::metadata_only("gAAAAA==", 0, None);
    pool.task = Some(json!({"status": "pending"}));
    let url = pool.start();
    let failure = ask(&url, &["--timeout", "1s", "--output", "json"]).json_failure(4);
    assert_eq!(failure.error, "time-limit");
    for wrong in ["1", "0s", "1d"] {
        assert!(ask(&url, &["--timeout", wrong]).failure(2).contains("30s"));
    }
}

#[test]
fn the_time_limit_also_ends_the_search_for_a_pool_that_went_away() {
    let mut pool = Pool::metadata_only("gAAAAA==", 0, None);
    pool.task = None;
    let failure = ask(&pool.start(), &["--timeout", "1s"]).failure(4);
    assert!(failure.contains("within 1 s") && failure.contains("OpaqueRef:task could not be destroyed"), "{failure}");
}

#[cfg(unix)]
#[test]
fn a_task_that_is_left_running_is_named_when_it_is_interrupted() {
    use std::process::Stdio;
    use std::time::Duration;

    let mut pool = Pool::metadata_only("gAAAAA==", 0, None);
    pool.task = None;
    let (looks, looked) = mpsc::channel();
    pool.looks = Some(looks);
    let mut command = cbt(["list-changed-blocks", "--url", &pool.start(), OLDER, NEWER, "--output", "json"]);
    command.env("CBT_PASSWORD", PASSWORD).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    looked.recv_timeout(Duration::from_secs(20)).expect("it looks at the task");
    crate::common::served::signal(&child, "INT");
    assert!(crate::common::wait_at_most(&mut child, Duration::from_secs(20)).is_some(), "it goes on");
    let run: Run = child.wait_with_output().expect("it has ended").into();
    let lines: Vec<Value> = run.stderr.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let [warning, error] = &*lines else { panic!("{}", run.stderr) };
    let warning = warning["warning"].as_str().expect("a warning");
    assert!(warning.ends_with("its task OpaqueRef:task could not be destroyed"), "{warning}");
    assert_eq!((run.code, &error["error"]), (Some(1), &json!("interrupted")));
}
