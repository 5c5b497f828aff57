//! Hosts and names of files that mean no good: what the command takes of them, how long, and what it prints.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::served::signal;
use crate::common::{Bits, Run, Scratch, cbt, run, skip, wait_at_most};

const OLDER: &str = "00000000-0000-0000-0000-00000000000b";
const NEWER: &str = "00000000-0000-0000-0000-00000000000a";
const PASSWORD: &str = "sesame-4711.example";
const MIB: usize = 1 << 20;

/// The answer to a call.
enum Act {
    /// The result is sent.
    Result(Value),
    /// The code of a refusal is sent, with its parameters.
    Error(Vec<String>),
    /// A long answer is sent: what begins it, something so many times, and what ends it.
    Long(&'static str, &'static str, usize, &'static str),
    Silence,
}

/// A pool that answers calls as a test says, on one connection after the other, and tells which were made.
struct Pool {
    url: String,
    calls: Receiver<String>,
}

impl Pool {
    fn new(answer: impl Fn(&str) -> Option<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (tell, calls) = channel();
        thread::spawn(move || {
            thread::scope(|scope| {
                for stream in listener.incoming() {
                    let (tell, answer) = (tell.clone(), &answer);
                    // The client closes connections when it likes.
                    scope.spawn(move || {
                        drop(serve(&stream.expect("a connection"), |call| drop(tell.send(call)), answer));
                    });
                }
            });
        });
        Self { url, calls }
    }

    /// Waits for a call.
    fn wait_for(&self, method: &str) {
        let wait = Duration::from_secs(60);
        while self.calls.recv_timeout(wait).expect("it is called") != method {}
    }

    fn ask(&self, options: &[&str]) -> Child {
        let mut command = cbt(["list-changed-blocks", "--url", &self.url, OLDER, NEWER]);
        command.args(options).env("CBT_PASSWORD", PASSWORD).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the command starts")
    }
}

fn serve(
    mut stream: &TcpStream,
    tell: impl Fn(String),
    answer: &(impl Fn(&str) -> Option<Act> + Send + Sync),
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().expect("a number");
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body: Value = serde_json::from_slice(&body)?;
        let (method, id) = (body["method"].as_str().expect("a method"), &body["id"]);
        let usual = || match method {
            "session.login_with_password" => "OpaqueRef:session".into(),
            "Async.VDI.list_changed_blocks" => "OpaqueRef:task".into(),
            "VDI.get_record" => json!({"type": "user", "virtual_size": "100000", "snapshot_of": ""}),
            "task.get_record" => json!({"status": "success", "result": "<value>AA==</value>"}),
            _ => "OpaqueRef:1".into(),
        };
        // Told of only when it can be answered: a test may do something then.
        tell(method.to_owned());
        let text = match answer(method).unwrap_or_else(|| Act::Result(usual())) {
            Act::Result(result) => json!({"result": result, "id": id}).to_string(),
            Act::Error(error) => json!({"error": error, "id": id}).to_string(),
            Act::Silence => continue,
            Act::Long(start, part, times, end) => {
                let (start, end) = (start.replace("ID", &id.to_string()), end.replace("ID", &id.to_string()));
                let length = start.len() + part.len() * times + end.len();
                stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{start}").as_bytes())?;
                let piece = part.repeat(1 << 16);
                for _ in 0..times >> 16 {
                    stream.write_all(piece.as_bytes())?;
                }
                stream.write_all(part.repeat(times % (1 << 16)).as_bytes())?;
                stream.write_all(end.as_bytes())?;
                tell("all sent".to_owned());
                continue;
            }
        };
        stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len()).as_bytes())?;
    }
}

/// Waits for the end of a command, and gives what it printed.
fn end(mut child: Child, limit: Duration) -> Run {
    assert!(wait_at_most(&mut child, limit).is_some(), "it goes on");
    child.wait_with_output().expect("it has ended").into()
}

/// The most memory that a process has had so far, in MiB.
fn peak(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok().map(|kib: u64| kib / 1024)
}

#[test]
fn a_refusal_of_255_mib_is_neither_held_nor_printed() {
    let long = 255 * MIB;
    for (place, method, act) in [
        ("a parameter", "task.get_record", Act::Long(r#"{"id":ID,"error":["X",""#, "x", long, r#""]}"#)),
        ("parameters", "task.get_record", Act::Long(r#"{"id":ID,"error":["X""#, r#","x""#, long / 4, "]}")),
        (
            "a task",
            "task.get_record",
            Act::Long(r#"{"id":ID,"result":{"status":"failure","error_info":["X",""#, "x", long, "\"]}}"),
        ),
        ("a login", "session.login_with_password", Act::Long(r#"{"id":ID,"error":["X",""#, "x", long, r#""]}"#)),
    ] {
        let act = std::sync::Mutex::new(Some(act));
        let pool = Pool::new(move |call| (call == method).then(|| act.lock().expect("fine").take()).flatten());
        let child = pool.ask(&["--output", "json"]);
        let memory = if method.starts_with("session") {
            None
        } else {
            // By then, all has been read that is read.
            pool.wait_for("session.logout");
            peak(&child)
        };
        let failure = end(child, Duration::from_secs(120)).json_failure(1);
        assert_eq!(failure.error, "answer-too-long", "{place}");
        assert!(failure.message.len() < 300, "{place}: {} bytes", failure.message.len());
        match memory {
            _ if std::env::var_os("CBT_UNDER_TEST").is_some() => {
                skip("the memory of a pool's refusal: an emulator has its own");
            }
            Some(mib) => assert!(mib < 64, "{place}: {mib} MiB"),
            None if method.starts_with("session") => {}
            None => skip("the memory of a pool's refusal: the command had ended, or there is no /proc"),
        }
    }
}

#[test]
fn it_can_be_interrupted_while_a_long_answer_comes_or_is_read() {
    // Long enough to be read for a while, and not so long that it is refused.
    for (name, end_of_answer) in [("INT", "\"}}"), ("TERM", "</value>\"}}")] {
        let start = r#"{"id":ID,"result":{"status":"success","result":"<value>"#;
        let pool = Pool::new(move |call| {
            (call == "task.get_record").then_some(Act::Long(start, "A", 200 * MIB, end_of_answer))
        });
        let child = pool.ask(&[]);
        // Once it is on its way, and once it has come, but for what the system holds.
        pool.wait_for(if name == "INT" { "task.get_record" } else { "all sent" });
        thread::sleep(Duration::from_millis(200));
        signal(&child, name);
        let told = Instant::now();
        pool.wait_for("session.logout");
        let took = told.elapsed();
        let run = end(child, Duration::from_secs(60));
        assert_eq!((run.code, &*run.stderr), (Some(1), "cbt: interrupted\n"));
        assert!(took < Duration::from_secs(5), "{name}: {took:?}");
    }
}

#[test]
fn a_timeout_is_that_of_everything() {
    // Also of what is done to clean up.
    let pool = Pool::new(|call| (call != "session.login_with_password").then_some(Act::Silence));
    let start = Instant::now();
    let failure = end(pool.ask(&["--timeout", "1s", "--output", "json"]), Duration::from_secs(60)).json_failure(4);
    let took = start.elapsed();
    assert_eq!(failure.error, "time-limit");
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_pool_does_not_get_the_password_printed() {
    let text = || format!("see https://root:secret@pool/, {PASSWORD}");
    for method in ["session.login_with_password", "VDI.get_by_uuid", "task.get_record"] {
        for code in ["HOST_IS_SLAVE", "SOMETHING_NEW", "UUID_INVALID"] {
            for echo in
                [PASSWORD.to_owned(), text(), PASSWORD.to_uppercase(), "c2VzYW1lLTQ3MTEuZXhhbXBsZQ==".to_owned()]
            {
                let error = vec![code.to_owned(), echo.clone(), "\u{1b}[2J".to_owned()];
                let pool = Pool::new(move |call| (call == method).then(|| Act::Error(error.clone())));
                for options in [&[][..], &["--output", "json"]] {
                    let run = end(pool.ask(options), Duration::from_secs(60));
                    let stderr = run.failure(1);
                    assert!(stderr.contains(code) && stderr.contains("(withheld)"), "{stderr}");
                    assert!(
                        !stderr.contains(&echo) && !stderr.contains("secret") && !stderr.contains('\u{1b}'),
                        "{stderr}"
                    );
                }
            }
        }
    }
}

/// The name of a file, as someone else may have chosen it.
const EVIL: &str = "\u{1b}]0;x\u{7}\u{1b}[2J\u{202e}b\u{9b}1m\nall is well\r";

/// Whether a terminal would obey nothing in it. The cleaner has a list of its own.
fn is_plain(text: &str) -> bool {
    text.chars().all(|char| char == '\n' || !(char.is_control() || ('\u{202a}'..='\u{202e}').contains(&char)))
}

#[test]
fn names_of_files_are_not_obeyed() {
    let scratch = Scratch::new();
    let folder = scratch.join(EVIL);
    std::fs::create_dir(&folder).expect("room");
    let evil = folder.to_str().expect("text");
    let bad = folder.join(format!("{OLDER}.cbtlog"));
    std::fs::write(&bad, Bits::new("0110").cbtlog(1 << 20, 0)).expect("room");
    std::fs::write(folder.join(format!("{NEWER}.cbtlog")), "damaged").expect("room");
    let missing = scratch.join(&format!("none{EVIL}"));
    let missing = missing.to_str().expect("text");
    let log = bad.to_str().expect("text");
    for args in [
        &["extents", missing][..],
        &["extents", log],
        &["extents", "--from", "cbtlog", missing],
        &["bits", missing],
        &["convert", missing],
        &["extents", log, "-o", missing, evil],
        &["extents", "/dev/null", "-o", evil],
        &["chain", missing],
        &["chain", evil],
        &["chain", evil, "11111111-1111-1111-1111-111111111111"],
        &["store", "mark", evil, NEWER, "--offset", "0", "--length", "1"],
        &["store", "create", log, OLDER, "--virtual-size", "1M"],
        &["store", "create", evil, OLDER, "--virtual-size", "1M"],
        &["store", "snapshot", missing, OLDER, NEWER],
        &["list-changed-blocks", "--store", evil, OLDER, NEWER],
        &["list-changed-blocks", "--store", missing, OLDER, NEWER],
        &["list-changed-blocks", "--url", "https://localhost:1", "--ca", missing, OLDER, NEWER],
        &["list-changed-blocks", "--url", "https://localhost:1", "--password-file", missing, OLDER, NEWER],
        &["list-changed-blocks", "--url", missing, OLDER, NEWER],
        &["serve", "--store", missing, "--listen", "127.0.0.1:0"],
        &["serve", "--store", evil, "--listen", evil],
        &["chain", "--output", evil, evil],
        &["extents", "--block-size", evil],
        &[evil],
    ] {
        let mut command = cbt(args);
        let result: Run = command.env("CBT_PASSWORD", "x").output().expect("the command starts").into();
        assert_ne!(result.code, Some(0), "{args:?}");
        assert!(is_plain(&result.stderr), "{args:?}: {:?}", result.stderr);
        assert!(is_plain(&String::from_utf8(result.stdout).expect("text")), "{args:?}");
    }
}

#[test]
fn json_has_paths_as_they_are_and_messages_that_can_be_shown() {
    let scratch = Scratch::new();
    let folder = scratch.join(EVIL);
    std::fs::create_dir(&folder).expect("room");
    let evil = folder.to_str().expect("text");
    let bad = folder.join(format!("{NEWER}.cbtlog"));
    std::fs::write(&bad, "damaged").expect("room");
    let result = run(["chain", evil, "--output", "json"]);
    assert_eq!(result.code, Some(3));
    let object: Value = serde_json::from_slice(&result.stdout).expect("JSON");
    assert_eq!(object["store"], evil);
    let log = &object["chains"][0]["logs"][0];
    assert_eq!(log["path"], bad.to_str().expect("text"));
    let message = log["problems"][0]["message"].as_str().expect("text");
    assert!(is_plain(message) && !message.contains('\n') && message.contains("\\u{1b}[2J"), "{message:?}");
    let failure = run(["extents", "--output", "json", bad.to_str().expect("text")]).json_failure(3);
    assert!(is_plain(&failure.message) && failure.message.contains("\\u{1b}[2J"), "{failure:?}");
    let failure = run(["extents", "--output", "json", "--block-size", evil]).json_failure(2);
    assert!(is_plain(&failure.message), "{failure:?}");
}

/// The shell puts names of files in the place of a `*`, and a terminal gets messages in colour.
#[test]
fn arguments_in_the_wrong_place_are_not_obeyed_and_stay_in_their_line() {
    for evil in ["\u{1b}[2Jx", "--\u{1b}[2Jx", "x\nhint: all is well", "--x\nhint: all is well", "x\n\ny"] {
        let attached = format!("--output={evil}");
        for args in [
            &[evil][..],
            &["extents", "a", evil],
            &["extents", &attached],
            &["chain", "a", evil],
            &["list-changed-blocks", "--timeout", evil],
            &["list-changed-blocks", evil, "--store", "a"],
        ] {
            let mut command = cbt(args);
            let result: Run = command.env("CLICOLOR_FORCE", "1").output().expect("the command starts").into();
            let stderr = result.failure(2);
            assert!(!stderr.contains("\u{1b}[2J") && !stderr.contains("\nhint: all"), "{args:?}: {stderr:?}");
            let mut command = cbt([args, &["--output", "json"]].concat());
            let result: Run = command.output().expect("the command starts").into();
            let failure = result.json_failure(2);
            assert!(!failure.message.contains(['\n', '\u{1b}']), "{args:?}: {failure:?}");
        }
        let failure = run(["extents", "a", evil, "--output", "json"]).json_failure(2);
        assert!(failure.message.contains("x\\n") || failure.message.contains("[2Jx"), "all of it: {failure:?}");
    }
    // Plain arguments keep colours and tips.
    let result: Run = cbt(["extent"]).env("CLICOLOR_FORCE", "1").output().expect("the command starts").into();
    let stderr = result.failure(2);
    assert!(stderr.contains("\u{1b}[") && stderr.contains("tip:"), "{stderr:?}");
}

#[test]
fn what_is_wrong_with_a_long_path_is_told() {
    let path = format!("/{}", ["missing"; 500].join("/"));
    let stderr = run(["extents", &path]).failure(1);
    assert!(stderr.contains(": No such file or directory"), "{stderr}");
}

/// Passwords typed in the wrong place are not printed either.
#[test]
fn users_and_passwords_in_addresses_are_withheld() {
    let url = "https://root:sesame@pool";
    for args in [
        &["list-changed-blocks", "--url", url, OLDER, NEWER][..],
        &["extents", "a", url],
        &[url],
        &["serve", "--listen", url],
    ] {
        for options in [&[][..], &["--output", "json"]] {
            let stderr = run([args, options].concat()).failure(2);
            assert!(!stderr.contains("sesame"), "{stderr}");
        }
    }
}
