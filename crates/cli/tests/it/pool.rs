//! `cbt serve`, and `cbt list-changed-blocks --url`, which asks it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use changed_blocks_xapi::Secret;
use changed_blocks_xapi::client::{Client, Options};
use serde_json::json;

use crate::common::served::{PASSWORD, Served};
use crate::common::{Scratch, cbt, run, wait_at_most};

const DISK: &str = "00000000-0000-0000-0000-00000000000a";
const OLDER: &str = "00000000-0000-0000-0000-00000000000b";
const NOBODY: &str = "00000000-0000-0000-0000-00000000000c";

/// A disk of 100 GiB and some bytes, in which ten MiB changed since a snapshot.
fn store() -> (Scratch, PathBuf) {
    let scratch = Scratch::new();
    let store = scratch.join("store");
    std::fs::create_dir(&store).expect("room");
    let change = |args: &[&str]| {
        let (verb, rest) = args.split_first().expect("a verb");
        run([&["store", verb, store.to_str().expect("text")], rest].concat()).bytes()
    };
    change(&["create", DISK, "--virtual-size", "107374182500"]);
    change(&["snapshot", DISK, OLDER]);
    change(&["mark", DISK, "--offset", "1G", "--length", "10M"]);
    change(&["mark", DISK, "--offset", "107374182499", "--length", "1"]);
    (scratch, store)
}

fn ask(url: &str, options: &[&str]) -> crate::common::Run {
    let mut command = cbt(["list-changed-blocks", "--url", url]);
    command.args(options).env("CBT_PASSWORD", PASSWORD).output().expect("the command starts").into()
}

fn from_folder(store: &Path, options: &[&str]) -> Vec<u8> {
    let store = store.to_str().expect("text");
    run([&["list-changed-blocks", "--store", store, OLDER, DISK], options].concat()).bytes()
}

#[test]
fn a_pool_answers_what_the_folder_answers() {
    let (_scratch, store) = store();
    let served = Served::new(&store, &[]);
    assert!(served.url.starts_with("http://127.0.0.1:"), "{}", served.url);
    assert_eq!((&*served.user, &served.password, &served.fingerprint), ("root", &None, &None));
    for output in ["base64", "text", "human", "json", "ndjson", "csv"] {
        let options = ["--output", output];
        let [from, to] = [format!("vdi-from-uuid={OLDER}"), format!("vdi-to-uuid={DISK}")];
        let answer = ask(&served.url, &[&[OLDER, DISK], &options[..]].concat()).bytes();
        assert_eq!(answer, from_folder(&store, &options), "{output}");
        assert_eq!(ask(&served.url, &[&[&*to, &*from], &options[..]].concat()).bytes(), answer, "{output}");
    }
    let text = String::from_utf8(ask(&served.url, &[OLDER, DISK, "--output", "text"]).bytes()).expect("text");
    assert_eq!(text, "1073741824 10485760\n107374182400 100\n");
    let window = ["--output", "text", "--offset", "2G"];
    assert_eq!(ask(&served.url, &[&[OLDER, DISK], &window[..]].concat()).bytes(), b"107374182400 100\n");
}

#[cfg(unix)]
#[test]
fn tls_with_a_certificate_of_its_own() {
    let (scratch, store) = store();
    let served = Served::new(&store, &["--tls", "--read-only", "--user", "someone"]);
    let fingerprint = served.fingerprint.clone().expect("it is told");
    let in_one = fingerprint.replace(':', "").to_lowercase();
    let user = ["--user", "someone", OLDER, DISK];
    let expected = from_folder(&store, &[]);
    for trust in [["--fingerprint", &*fingerprint], ["--fingerprint", &*in_one]] {
        assert_eq!(ask(&served.url, &[&user, &trust[..]].concat()).bytes(), expected);
    }
    assert_eq!(ask(&served.url, &[&user, &["--insecure"][..]].concat()).bytes(), expected);
    // Nothing vouches for it.
    let refusal = ask(&served.url, &user).failure(1);
    assert!(refusal.contains(&fingerprint) && refusal.contains("--fingerprint"), "{refusal}");
    let other = fingerprint.replace(|char: char| char.is_ascii_digit(), "0");
    let refusal = ask(&served.url, &[&user, &["--fingerprint", &*other][..]].concat()).failure(1);
    assert!(refusal.contains(&fingerprint) && refusal.contains(&other), "{refusal}");
    let options = [&user, &["--fingerprint", &*other, "--output", "json"][..]].concat();
    let refusal = ask(&served.url, &options).json_failure(1);
    assert_eq!((&*refusal.error, &*refusal.consequence), ("pin-changed", "operator"));
    let plain = Served::new(&store, &["--read-only"]);
    let refusal = ask(&plain.url.replace("http:", "https:"), &[OLDER, DISK, "--insecure", "--output", "json"]);
    assert_eq!(refusal.json_failure(1).error, "not-tls");
    let no_file = scratch.join("none.pem");
    let refusal = ask(&served.url, &[&user, &["--ca", no_file.to_str().expect("text")][..]].concat()).failure(1);
    assert!(refusal.contains("none.pem"), "{refusal}");
    assert!(served.terminate().success());
}

#[test]
fn passwords_come_from_files_and_the_environment_and_are_told_by_no_one() {
    let (scratch, store) = store();
    let served = Served::start(&store, &[], None);
    let made_up = served.password.clone().expect("it is told");
    assert!(made_up.len() >= 20, "{made_up}");
    let file = scratch.file("password", format!("{made_up}\r\n"));
    let list = |options: &[&str], variable: Option<&str>| -> crate::common::Run {
        let mut command = cbt(["list-changed-blocks", "--url", &served.url, OLDER, DISK]);
        command.args(options).env_remove("CBT_PASSWORD");
        if let Some(password) = variable {
            command.env("CBT_PASSWORD", password);
        }
        command.output().expect("the command starts").into()
    };
    let expected = from_folder(&store, &[]);
    let with_file = ["--password-file", file.to_str().expect("text")];
    assert_eq!(list(&with_file, None).bytes(), expected);
    assert_eq!(list(&with_file, Some("wrong")).bytes(), expected, "the file comes first");
    assert_eq!(list(&[], Some(&made_up)).bytes(), expected);

    let wrong = list(&["--output", "json"], Some("sesame")).json_failure(1);
    assert_eq!(wrong.error, "login-failed");
    assert!(!wrong.message.contains("sesame") && wrong.hint.is_some(), "{wrong:?}");
    for (content, code) in [(&b""[..], 2), (b"\n", 2), (b"one\ntwo\n", 2), (b"\xff\n", 1), (&[b'x'; 5000], 2)] {
        let file = scratch.file("bad", content);
        let failure = list(&["--password-file", file.to_str().expect("text")], None).failure(code);
        assert!(failure.contains("bad") && !failure.contains("two"), "{failure}");
    }
    // Passwords that look right in an editor.
    for (mark, content) in [
        ("byte order mark of UTF-8", &b"\xef\xbb\xbfsesame\n"[..]),
        ("byte order mark of UTF-16", b"\xff\xfes\0e\0s\0a\0m\0e\0"),
        ("byte order mark of UTF-16", b"\xfe\xff\0s\0e\0s\0a\0m\0e"),
        ("NUL byte at offset 1", b"s\0e\0s\0a\0m\0e\0\n\0"),
        ("NUL byte at offset 6", b"sesame\0"),
    ] {
        let file = scratch.file("marked", content);
        let failure = list(&["--password-file", file.to_str().expect("text")], None).failure(2);
        assert!(failure.contains(mark) && failure.contains("marked") && !failure.contains("sesame"), "{failure}");
        let server = ["serve", "--store", store.to_str().expect("text"), "--listen", "127.0.0.1:0", "--password-file"];
        assert!(run(server.iter().copied().chain(file.to_str())).failure(2).contains(mark));
    }
    assert!(list(&[], Some("\u{feff}sesame")).failure(2).contains("byte order mark"));
    let failure = list(&["--password-file", "/no/such/file"], None).failure(1);
    assert!(failure.contains("/no/such/file"), "{failure}");
    // An argument is no place for it.
    let failure = list(&["--password", "sesame"], None).failure(2);
    assert!(failure.contains("--password"), "{failure}");
}

#[test]
fn refusals_of_a_pool_are_told_apart_by_the_exit_code() {
    let (_scratch, store) = store();
    let served = Served::new(&store, &[]);
    let json = |from: &str, to: &str, code| ask(&served.url, &[from, to, "--output", "json"]).json_failure(code);
    assert_eq!(json(DISK, OLDER, 3).error, "unrelated");
    assert_eq!(json(DISK, DISK, 2).error, "same");
    assert_eq!(json(NOBODY, DISK, 3).error, "missing");
    run(["store", "set", store.to_str().expect("text"), DISK, "--consistent", "false"]).bytes();
    assert_eq!(json(OLDER, DISK, 4).error, "in-use");
    std::fs::write(store.join(format!("{DISK}.cbtlog")), b"damaged").expect("room");
    let damaged = json(OLDER, DISK, 3);
    assert_eq!(damaged.error, "inconsistent");
    assert!(damaged.message.contains("SR_BACKEND_FAILURE_459"), "{damaged:?}");
}

#[test]
fn what_cannot_be_asked_is_said() {
    let usage = |url: &str, options: &[&str]| ask(url, &[&[OLDER, DISK], options].concat()).failure(2);
    for url in ["", "ftp://pool", "https://root:sesame@pool", "https://pool/api", "pool:0"] {
        assert!(!usage(url, &[]).contains("sesame"));
    }
    usage("https://pool", &["--fingerprint", "00"]);
    usage("https://pool", &["--fingerprint", &"00".repeat(32), "--insecure"]);
    usage("https://pool", &["--store", "logs"]);
    usage("https://pool", &["--allow-inconsistent"]);
    usage("https://pool", &["--offset", "1G"]);
    run(["list-changed-blocks", OLDER, DISK]).failure(2);
    run(["list-changed-blocks", "--store", "logs", "--insecure", OLDER, DISK]).failure(2);
    // Nobody listens there.
    let refused = ask("http://127.0.0.1:1", &[OLDER, DISK, "--output", "json"]).json_failure(1);
    assert_eq!(refused.error, "connect");
    // The password does not go to others without TLS.
    let plain = ask("http://192.0.2.1", &[OLDER, DISK]).failure(2);
    assert!(plain.contains("password"), "{plain}");
}

#[test]
fn no_output_is_left_when_the_pool_fails() {
    let (scratch, store) = store();
    let served = Served::new(&store, &[]);
    let output = scratch.file("changed.txt", "as it was");
    let path = output.to_str().expect("text");
    ask(&served.url, &[DISK, OLDER, "--output", "text", "-o", path]).failure(3);
    assert_eq!(std::fs::read(&output).expect("there"), b"as it was");
    ask(&served.url, &[OLDER, DISK, "--output", "text", "-o", path]).bytes();
    assert_eq!(std::fs::read(&output).expect("there"), from_folder(&store, &["--output", "text"]));
    assert_eq!(scratch.names(), ["changed.txt", "store"]);
}

#[test]
fn what_cannot_be_served_is_said() {
    let (scratch, store) = store();
    let store = store.to_str().expect("text");
    let serve = |options: &[&str], code| run([&["serve", "--listen", "127.0.0.1:0"], options].concat()).failure(code);
    serve(&[], 2);
    serve(&["--store", "/no/such/folder"], 1);
    let file = scratch.file("file", "x");
    serve(&["--store", file.to_str().expect("text")], 1);
    let damaged = scratch.join("damaged");
    std::fs::create_dir(&damaged).expect("room");
    std::fs::write(damaged.join("vdis.json"), "{\"vdis\": 1}").expect("room");
    let failure = serve(&["--store", damaged.to_str().expect("text")], 1);
    assert!(failure.contains("vdis.json"), "{failure}");
    let failure = serve(&["--store", store, "--certificate", "/no/such.pem", "--key", "/no/such.pem"], 2);
    assert!(failure.contains("/no/such.pem"), "{failure}");
    serve(&["--store", store, "--certificate", "/no/such.pem"], 2);
    serve(&["--store", store, "--password", "sesame"], 2);
    let nbd = ["--store", store, "--nbd", "localhost:10809"];
    serve(&nbd, 2);
    serve(&["--store", store, "--nbd-certificate", "/no/such.pem"], 2);
    let failure = serve(&[&nbd[..], &["--nbd-certificate", "/no/such.pem"]].concat(), 2);
    assert!(failure.contains("/no/such.pem"), "{failure}");
    let failure = serve(&["--store", store, "--nbd", "localhost", "--nbd-certificate", "/no/such.pem"], 2);
    assert!(failure.contains("HOST:PORT"), "{failure}");
    let failure = run(["serve", "--store", store, "--listen", "0.0.0.0:0"]).failure(2);
    assert!(failure.contains("--tls"), "{failure}");
    for address in ["8080", "localhost", "localhost:x", "127.0.0.1:99999"] {
        let failure = run(["serve", "--store", store, "--listen", address]).failure(2);
        assert!(failure.contains("ADDRESS:PORT"), "{failure}");
    }
    // The port is taken, or the folder.
    let served = Served::new(Path::new(store), &[]);
    let taken = served.url.strip_prefix("http://").expect("an address");
    let failure = run(["serve", "--store", store, "--read-only", "--listen", taken]).failure(1);
    assert!(failure.contains(taken), "{failure}");
    let failure = serve(&["--store", store], 1);
    assert!(failure.contains("another server"), "{failure}");
    Served::new(Path::new(store), &["--read-only"]);
}

/// The reader of the answer waits, and so does everything else.
#[cfg(unix)]
#[test]
fn it_can_be_interrupted_while_the_answer_is_written() {
    let scratch = Scratch::new();
    let store = scratch.join("store");
    std::fs::create_dir(&store).expect("room");
    let change = |args: &[&str]| run([&["store", args[0], store.to_str().expect("text")], &args[1..]].concat()).bytes();
    change(&["create", DISK, "--virtual-size", "1T"]);
    change(&["snapshot", DISK, OLDER]);
    let served = Served::new(&store, &[]);
    let mut command = cbt(["list-changed-blocks", "--url", &served.url, OLDER, DISK]);
    let mut child =
        command.env("CBT_PASSWORD", PASSWORD).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // The first bytes show that it has begun to write; the pipe has no room for all of them.
    let mut output = child.stdout.take().expect("piped");
    std::io::Read::read_exact(&mut output, &mut [0; 100]).expect("it begins");
    crate::common::served::signal(&child, "INT");
    assert!(wait_at_most(&mut child, Duration::from_secs(20)).is_some(), "it goes on");
    let run: crate::common::Run = child.wait_with_output().expect("it has ended").into();
    assert_eq!((run.code, &*run.stderr), (Some(1), "cbt: interrupted\n"));
}

/// A listing that takes long, since someone has the folder.
#[cfg(unix)]
#[test]
fn what_was_begun_in_the_pool_is_ended_when_it_is_interrupted() {
    let (_scratch, store) = store();
    let served = Served::new(&store, &[]);
    let options = || Options::new(&served.url, "root", Secret::from(PASSWORD)).expect("an address");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for name in ["INT", "TERM", "HUP"] {
        let held = std::fs::File::open(&store).expect("there");
        held.lock().expect("possible");
        let mut command = cbt(["list-changed-blocks", "--url", &served.url, OLDER, DISK]);
        command.env("CBT_PASSWORD", PASSWORD).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        runtime.block_on(async {
            let mut other = Client::login(options()).await.expect("right");
            let tasks = async |other: &mut Client| other.call("task.get_all", &[]).await.expect("possible");
            let deadline = Instant::now() + Duration::from_secs(20);
            while tasks(&mut other).await == json!([]) {
                assert!(Instant::now() < deadline, "there is no task");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            crate::common::served::signal(&child, name);
            assert!(wait_at_most(&mut child, Duration::from_secs(20)).is_some(), "it goes on");
            assert_eq!(tasks(&mut other).await, json!([]), "{name}");
            other.close().await.expect("in good order");
        });
        let run: crate::common::Run = child.wait_with_output().expect("it has ended").into();
        assert_eq!(run.failure(1), "cbt: interrupted\n");
    }
}

/// A pool that is slow: it takes the connection and says nothing.
#[cfg(unix)]
#[test]
fn it_can_be_interrupted() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    for name in ["INT", "TERM", "HUP"] {
        let mut command = cbt(["list-changed-blocks", "--url", &url, OLDER, DISK]);
        command.env("CBT_PASSWORD", PASSWORD).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command starts");
        let (_connection, _) = listener.accept().expect("it connects");
        crate::common::served::signal(&child, name);
        assert!(wait_at_most(&mut child, Duration::from_secs(20)).is_some(), "it goes on");
        let run: crate::common::Run = child.wait_with_output().expect("it has ended").into();
        assert_eq!(run.failure(1), "cbt: interrupted\n");
    }
}
