//! A server that has no more files to open: what it cannot read is an error, and never another answer.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::{Uuid, WritableStore};
use serde_json::{Value, json};

use crate::common::{Scratch, cases, cbt};

const DISK: Uuid = Uuid::from_u128(1);
const SNAPSHOT: Uuid = Uuid::from_u128(2);
const MIB: u64 = 1 << 20;
const PASSWORD: &str = "a password";

/// A connection that is used over and over.
struct Connection(BufReader<TcpStream>);

impl Connection {
    /// The answer of a call, or the code and parameters of its error. Nothing if the connection is closed.
    fn call(&mut self, method: &str, params: &[Value]) -> Option<Result<Value, Value>> {
        let body = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1}).to_string();
        let head = format!("POST /jsonrpc HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
        self.0.get_mut().write_all((head + &body).as_bytes()).ok()?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            match line.to_ascii_lowercase().trim_end().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().expect("a length"),
                _ if line == "\r\n" => break,
                _ => {}
            }
        }
        let mut answer = vec![0; length];
        self.0.read_exact(&mut answer).ok()?;
        let mut answer: Value = serde_json::from_slice(&answer).expect("JSON");
        let error = answer["error"].take();
        Some(if error.is_null() { Ok(answer["result"].take()) } else { Err(error) })
    }
}

/// Ends along with this.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_log_that_cannot_be_opened_is_no_disk_of_other_properties() {
    let scratch = Scratch::new();
    let writable = WritableStore::open(scratch.path()).expect("there");
    let size = |mib: u64| VirtualSize::new(mib * MIB).expect("not 0");
    writable.create(DISK, size(1)).expect("new");
    writable.snapshot(DISK, SNAPSHOT).expect("there");
    for number in 100..115 {
        writable.create(Uuid::from_u128(number), size(3)).expect("new");
    }
    let mut serve = cbt(["serve", "--listen", "127.0.0.1:0", "--store"]);
    serve.arg(scratch.path()).env("CBT_PASSWORD", PASSWORD);
    let mut served = Served(serve.stdout(Stdio::piped()).spawn().expect("it starts"));
    let mut line = String::new();
    BufReader::new(served.0.stdout.take().expect("piped")).read_line(&mut line).expect("text");
    let address = line.trim_end().strip_prefix("url http://").expect("an address").to_owned();
    let connect = || {
        let stream = TcpStream::connect(&address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("possible");
        stream
    };
    let mut first = Connection(BufReader::new(connect()));
    let login = first.call("session.login_with_password", &[json!("root"), json!(PASSWORD)]);
    let session = login.expect("it answers").expect("the right password");
    let mut ask = |method: &str, vdi: &Value| first.call(method, &[session.clone(), vdi.clone()]);
    let [disk, snapshot] = [DISK, SNAPSHOT]
        .map(|uuid| ask("VDI.get_by_uuid", &json!(uuid.to_string())).expect("it answers").expect("a disk"));
    // The notes are older than the log.
    for vdi in [&disk, &snapshot] {
        let params = [session.clone(), vdi.clone(), json!("noted")];
        first.call("VDI.set_name_label", &params).expect("it answers").expect("possible");
    }
    writable.set(DISK, |header| header.virtual_size = size(5)).expect("it grows");
    let all = first.call("VDI.get_all_records", std::slice::from_ref(&session)).expect("it answers").expect("records");
    let expected = BTreeMap::from([
        ("VDI.get_all_records", all),
        ("VDI.get_virtual_size", json!(5 * MIB)),
        ("VDI.get_is_a_snapshot", json!(true)),
        ("VDI.get_snapshot_of", disk.clone()),
        ("VDI.get_cbt_enabled", json!(true)),
    ]);
    // Several ask at once, so that one may take the file that another was about to open.
    let mut askers: Vec<Connection> = (0..6).map(|_| Connection(BufReader::new(connect()))).collect();
    let ask_all = |asker: &mut Connection, free: usize| {
        let (mut right, mut refused) = (0, BTreeMap::new());
        for (method, expected) in &expected {
            let vdi = if *method == "VDI.get_virtual_size" { &disk } else { &snapshot };
            let params = [session.clone(), vdi.clone()];
            match asker.call(method, if method.contains("all") { &params[..1] } else { &params }) {
                Some(Ok(answer)) => {
                    assert!(answer == *expected, "{method} with {free} files left: {answer}");
                    right += 1;
                }
                Some(Err(error)) => *refused.entry(error["message"].to_string()).or_insert(0) += 1,
                None => {}
            }
        }
        (right, refused)
    };
    let process = served.0.id().to_string();
    let limit = |files: usize| {
        Command::new("prlimit")
            .args(["--pid", &process, &format!("--nofile={files}:")])
            .status()
            .is_ok_and(|it| it.success())
    };
    let (mut right, mut refused) = (0, BTreeMap::new());
    let open = std::fs::read_dir(format!("/proc/{process}/fd")).expect("it runs").count();
    // One file fewer each time, until there is none.
    for free in (0..=8).rev() {
        if !limit(open + free) {
            return crate::common::skip("few files: there is no prlimit");
        }
        for _ in 0..cases(2, 8) {
            std::thread::scope(|scope| {
                let asking: Vec<_> = askers.iter_mut().map(|asker| scope.spawn(|| ask_all(asker, free))).collect();
                for asking in asking {
                    let (more, codes) = asking.join().expect("each answer was right");
                    right += more;
                    refused.extend(codes);
                }
            });
        }
    }
    assert!(right > 0);
    // Errors that pass are worth another try.
    assert!(refused.keys().all(|code| code == "\"INTERNAL_ERROR\""), "{refused:?}");
    assert!(!refused.is_empty(), "it never ran out of files");
    assert!(limit(1024));
    // It comes back to itself.
    let again = Connection(BufReader::new(connect())).call("VDI.get_virtual_size", &[session.clone(), disk.clone()]);
    assert_eq!(again, Some(Ok(json!(5 * MIB))));
}
