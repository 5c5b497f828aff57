//! Everything at once that takes up memory.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::process::Process;
use crate::cases::cases;
use crate::server::wire::{PASSWORD, post};
use crate::skip::skip;

/// The most memory that the server may have had.
const MOST: u64 = 256 << 20;

/// How long the attack goes on.
const TIME: Duration = Duration::from_secs(8);

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("possible");
    stream.set_write_timeout(Some(Duration::from_secs(60))).expect("possible");
    stream
}

fn ask(stream: &mut TcpStream, method: &str, params: &Value) {
    let call = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 1});
    // It may be refused before all was sent.
    let request = post("/jsonrpc", &call.to_string()).replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let _ = stream.write_all(request.as_bytes());
}

/// The answer over a connection of its own; nothing if the call was refused as a request.
fn call(address: SocketAddr, method: &str, params: &Value) -> Option<Value> {
    let mut stream = connect(address);
    ask(&mut stream, method, params);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let head = all.windows(4).position(|window| window == b"\r\n\r\n")?;
    serde_json::from_slice(&all[head + 4..]).ok()
}

fn login(address: SocketAddr) -> Value {
    call(address, "session.login_with_password", &json!(["root", PASSWORD])).expect("an answer")["result"].take()
}

/// A folder whose notes are at their limit, half of them long names, half disks.
fn full() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("room");
    let name = |i: u32| if i < 64 { "&".repeat(60 << 10) } else { String::new() };
    let disk = |i: u32| {
        (uuid::Uuid::from_u128(u128::from(i)).to_string(), json!({"virtual_size": 1 << 30, "name_label": name(i)}))
    };
    let disks: serde_json::Map<String, Value> = (0..4160).map(disk).collect();
    std::fs::write(folder.path().join("vdis.json"), json!({"vdis": disks}).to_string()).expect("room");
    folder
}

#[test]
fn a_server_at_all_its_limits_stays_small_and_answers() {
    if !cases(false, true) {
        skip("a server at all its limits (takes long; set CHANGED_BLOCKS_TESTS=full)");
        return;
    }
    let process = Process::new(full());
    let address = process.address;
    let sessions: Vec<Value> = (0..4).map(|_| login(address)).collect();
    // Tasks with long references, and tasks with as much text as there is room for.
    std::thread::scope(|scope| {
        for session in &sessions {
            scope.spawn(move || {
                for i in 0..250 {
                    let long = "&".repeat(100 << 10);
                    if i % 16 == 0 {
                        call(address, "Async.VDI.destroy", &json!([session, long]));
                    } else if i % 4 == 0 {
                        call(address, "Async.SR.scan", &json!([session, long]));
                    } else if let Some(task) = call(address, "task.create", &json!([session, "", ""])) {
                        let text = "&".repeat(20 << 10);
                        call(address, "task.set_result", &json!([session, task["result"], text]));
                    }
                }
            });
        }
    });
    let tasks = call(address, "task.get_all", &json!([sessions[0]])).expect("an answer")["result"].take();
    assert!(tasks.as_array().expect("a list").len() > 500, "{}", tasks.as_array().map_or(0, Vec::len));
    let prepared = process.peak();

    let token = call(address, "event.from", &json!([sessions[0], ["pool"], "", 0.0])).expect("an answer");

    // Those who ask for all there is and do not read it.
    let star = json!(["*"]);
    let mut silent = Vec::new();
    for i in 0..24 {
        let session = &sessions[i % 4];
        let mut stream = connect(address);
        match i % 4 {
            0 => ask(&mut stream, "VDI.get_all_records", &json!([session])),
            1 => ask(&mut stream, "task.get_all_records", &json!([session])),
            2 => ask(&mut stream, "event.from", &json!([session, star, "", 30.0])),
            _ => {
                let body = format!(
                    "<methodCall><methodName>VDI.get_all_records</methodName><params><param><value>{}</value></param></params></methodCall>",
                    session.as_str().expect("text")
                );
                let _ = stream.write_all(post("/RPC2", &body).as_bytes());
            }
        }
        silent.push(stream);
    }
    // Those who wait for a thousand objects each.
    let many = Value::from_iter((0..1000).map(|i| format!("task/OpaqueRef:00000000-0000-0000-0000-{i:012}")));
    for _ in 0..32 {
        let mut stream = connect(address);
        ask(&mut stream, "event.from", &json!([sessions[0], many, token["result"]["token"], 60.0]));
        silent.push(stream);
    }
    // Long calls of small values and of long texts, and calls that read all of them, as fast as they are answered.
    let answered = AtomicUsize::new(0);
    let mut slowest = Duration::ZERO;
    std::thread::scope(|scope| {
        let end = Instant::now() + TIME;
        for i in 0..8 {
            let (session, answered) = (&sessions[i % 4], &answered);
            scope.spawn(move || {
                let values: Value = match i % 4 {
                    0 => json!(vec![json!([0]); 4000]),
                    1 => json!(vec![json!({"a": 0}); 2000]),
                    2 => json!("x".repeat(280 << 10)),
                    _ => json!(vec![Value::Null; 60_000]),
                };
                while Instant::now() < end {
                    call(address, "VDI.set_other_config", &json!([session, "OpaqueRef:NULL", values]));
                    let where_ = "field \"name__label\" = \"&\" or not true ".repeat(500) + "or true";
                    call(address, "VDI.get_all_records_where", &json!([session, where_]));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while Instant::now() < end {
            let start = Instant::now();
            let pools = call(address, "pool.get_all", &json!([sessions[0]])).expect("an answer");
            assert_eq!(pools["result"].as_array().map(Vec::len), Some(1), "{pools}");
            slowest = slowest.max(start.elapsed());
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    drop(silent);
    let after = call(address, "task.get_all", &json!([sessions[0]])).expect("an answer");
    assert!(after["result"].is_array(), "{after}");
    assert!(slowest < Duration::from_secs(30), "{slowest:?}");
    let Some(peak) = process.peak() else {
        skip("the server's memory (this system does not tell)");
        return;
    };
    assert!(peak < MOST, "{peak} bytes, {prepared:?} of them before the readers came");
}
