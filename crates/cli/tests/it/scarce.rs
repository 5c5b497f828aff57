//! `cbt serve` where memory is scarce: what needs more of it is refused, and the server goes on.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::served::PASSWORD;
use crate::common::{Scratch, program, run, skip};

const DISK: &str = "00000000-0000-0000-0000-00000000000a";
const OLDER: &str = "00000000-0000-0000-0000-00000000000b";

/// A server that may have so many KiB of address space, and is gone along with this.
struct Scarce {
    child: Child,
    address: String,
}

impl Scarce {
    /// Nothing if it refuses to begin.
    fn new(store: &Scratch, kib: u64) -> Option<Self> {
        let mut command = Command::new("sh");
        let script = "ulimit -v \"$1\" && shift && exec \"$@\"";
        command.args(["-c", script, "sh", &kib.to_string()]).arg(program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--store"]).arg(store.path());
        let child = command.env("CBT_PASSWORD", PASSWORD).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("there is sh");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("text");
        match line.trim_end().strip_prefix("url http://") {
            Some(address) => Some(Self { address: address.to_owned(), child }),
            None => {
                let status = child.wait().expect("it ends");
                let mut why = String::new();
                child.stderr.take().expect("piped").read_to_string(&mut why).expect("text");
                assert_eq!(status.code(), Some(1), "{kib} KiB: {why}");
                assert!(!why.contains("panicked") && !why.contains("Backtrace"), "{kib} KiB: {why}");
                None
            }
        }
    }

    /// The answer, in which an error may be told.
    fn call(&self, method: &str, params: &Value) -> Result<Value, String> {
        let call = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1}).to_string();
        let mut stream = TcpStream::connect(&self.address).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(Duration::from_secs(120))).expect("possible");
        let head =
            format!("POST /jsonrpc HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", call.len());
        stream.write_all((head + &call).as_bytes()).map_err(|error| error.to_string())?;
        let mut all = String::new();
        stream.read_to_string(&mut all).map_err(|error| error.to_string())?;
        let body = all.split_once("\r\n\r\n").ok_or("no answer")?.1;
        serde_json::from_str(body).map_err(|error| format!("{error}: {}", body.len()))
    }
}

impl Drop for Scarce {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_needs_memory_that_is_not_there_is_refused_and_the_server_goes_on() {
    if std::env::var_os("CBT_UNDER_TEST").is_some() {
        return skip("a server with little memory: an emulator has its own");
    }
    let scratch = Scratch::new();
    let folder = scratch.path().to_str().expect("text");
    run(["store", "create", folder, DISK, "--virtual-size", "16T"]).bytes();
    run(["store", "snapshot", folder, DISK, OLDER]).bytes();
    let (mut began, mut refused, mut answered) = (0, 0, 0);
    for mib in [32, 64, 192, 1024] {
        let Some(mut served) = Scarce::new(&scratch, mib << 10) else { continue };
        began += 1;
        let session = served.call("session.login_with_password", &json!(["root", PASSWORD])).expect("little is needed");
        let session = &session["result"];
        let found = served.call("VDI.get_by_uuid", &json!([session, DISK])).expect("an answer");
        let disk = &found["result"];
        let found = served.call("VDI.get_by_uuid", &json!([session, OLDER])).expect("an answer");
        let older = &found["result"];
        let calls = [
            ("VDI.snapshot", json!([session, disk])),
            ("VDI.enable_cbt", json!([session, disk])),
            ("VDI.get_all_records", json!([session])),
            ("VDI.list_changed_blocks", json!([session, older, disk])),
            ("event.from", json!([session, ["*"], "", 0.0])),
        ];
        let (told, served_now) = (std::sync::Mutex::new(Vec::new()), &served);
        std::thread::scope(|scope| {
            for i in 0..10 {
                let ((method, params), told) = (&calls[i % calls.len()], &told);
                scope.spawn(move || {
                    let answer = served_now.call(method, params);
                    let answer = answer.unwrap_or_else(|error| panic!("{mib} MiB: {method}: {error}"));
                    told.lock().expect("no panic").push((*method, answer.get("error").cloned()));
                });
            }
        });
        for (method, error) in told.into_inner().expect("no panic") {
            match error {
                None => answered += 1,
                Some(error) if error["data"][0].as_str().is_some_and(|why| why.contains("memory")) => refused += 1,
                // The reference was not told then.
                Some(error) => assert!(disk.is_null() || older.is_null(), "{mib} MiB: {method}: {error}"),
            }
        }
        let tasks = served.call("session.get_uuid", &json!([session, session])).expect("it is still there");
        assert!(tasks.get("result").is_some() || tasks["error"]["data"][0] == "out of memory", "{tasks}");
        assert!(served.child.try_wait().expect("possible").is_none(), "{mib} MiB: it has ended");
        // A signal is for the first thread, which has lacked nothing.
        let id = served.child.id().to_string();
        assert!(Command::new("kill").args(["-ABRT", &id]).status().expect("there is kill").success());
        let status = served.child.wait().expect("it ends");
        assert_eq!(status.signal(), Some(6), "{mib} MiB: {status}");
    }
    assert!(began > 0 && refused > 0 && answered > 0, "{began} began, {refused} refused, {answered} answered");
}
