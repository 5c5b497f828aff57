//! Admission: clients get in while others only take up places.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use serde_json::json;

use crate::server::wire::{PASSWORD, Served, post};

/// The time that no login may take, on a machine that does other things as well.
const SOON: Duration = Duration::from_secs(1);

fn login_request(password: &str) -> String {
    let call = json!({"method": "session.login_with_password", "params": ["root", password], "id": 1});
    post("/jsonrpc", &call.to_string())
}

/// How long a login takes, at the worst of a few.
fn worst_login(served: &Served) -> Duration {
    let login = |_| {
        let start = Instant::now();
        served.login();
        start.elapsed()
    };
    (0..5).map(login).max().unwrap_or_default()
}

/// A request that has been sent, by one who stays.
fn ask(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    stream
}

#[test]
fn silent_connections_keep_no_one_out() {
    let whole = login_request(PASSWORD);
    // Nothing, a part of a head, a part of a body.
    for sent in ["", &whole[..10], &whole[..whole.len() - 10]] {
        let served = Served::limited(|limits| limits.connections = 256);
        let silent: Vec<_> = (0..600).map(|_| ask(served.address, sent)).collect();
        let worst = worst_login(&served);
        assert!(worst < SOON, "{worst:?} beside {} connections with {} bytes", silent.len(), sent.len());
    }
}

#[test]
fn wrong_passwords_keep_no_one_waiting_whether_they_stay_or_go() {
    let served = Served::new();
    let request = login_request("wrong");
    (0..500).for_each(|_| drop(ask(served.address, &request)));
    let worst = worst_login(&served);
    assert!(worst < SOON, "{worst:?} after wrong passwords whose senders have gone");
    let waiting: Vec<_> = (0..500).map(|_| ask(served.address, &request)).collect();
    let worst = worst_login(&served);
    assert!(worst < SOON, "{worst:?} beside wrong passwords whose senders wait");
    // They wait at the same time, and each gets its answer.
    let start = Instant::now();
    for mut stream in waiting {
        let mut answer = [0; 1000];
        let count = stream.read(&mut answer).expect("an answer");
        assert!(String::from_utf8_lossy(&answer[..count]).contains("SESSION_AUTHENTICATION_FAILED"));
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn an_address_that_has_guessed_too_often_is_refused_unseen_and_no_one_else_is() {
    let served = Served::limited(|limits| {
        limits.wrong_passwords = 20;
        limits.wrong_passwords_a_second = 1;
    });
    let session = served.login();
    let wrong: Vec<_> = (0..40).map(|_| ask(served.address, &login_request("wrong"))).collect();
    for mut stream in wrong {
        let _ = stream.read(&mut [0]).expect("an answer");
    }
    let refused = served.call("session.login_with_password", &[json!("root"), json!(PASSWORD)]);
    let refused = refused.expect_err("it has guessed too often");
    assert_eq!(refused[..2], ["SESSION_AUTHENTICATION_FAILED", "root"]);
    assert!(refused[2].starts_with("too many wrong passwords came from 127.0.0.1: "), "{refused:?}");
    // Sessions stay.
    session.get("pool.get_all", &[]);
    #[cfg(target_os = "linux")]
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let stream = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().expect("possible");
            socket.bind("127.0.0.2:0".parse().expect("an address")).expect("this machine has it");
            socket.connect(served.address).await.expect("it listens").into_std().expect("possible")
        });
        stream.set_nonblocking(false).expect("possible");
        assert!(answer(stream, &login_request(PASSWORD)).contains("OpaqueRef:"));
    }
    // After a while, it can try again.
    let start = Instant::now();
    while served.call("session.login_with_password", &[json!("root"), json!(PASSWORD)]).is_err() {
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}

fn answer(mut stream: TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).expect("it reads");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("possible");
    let mut answer = [0; 2000];
    let count = stream.read(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

/// A call that waits ends with its connection, whether that is closed or only its one side.
#[test]
fn a_wait_for_events_ends_with_its_client() {
    let served = Served::limited(|limits| limits.connections = 256);
    let session = served.login();
    let token = session.get("event.from", &[&json!([]), &json!(""), &json!(0)])["token"].take();
    let event_from = |seconds: f64| {
        let params = json!([session.reference, ["pool"], token, seconds]);
        post("/jsonrpc", &json!({"method": "event.from", "params": params, "id": 1}).to_string())
    };
    let waits = || {
        let start = Instant::now();
        answer(served.connect(), &event_from(3.0));
        start.elapsed() >= SOON * 3
    };
    assert!(waits());
    let asked: Vec<_> = (0..200).map(|_| ask(served.address, &event_from(300.0))).collect();
    let start = Instant::now();
    while waits() {
        assert!(start.elapsed() < Duration::from_secs(30), "there are fewer places for waiting than that");
    }
    // One half of them goes, the other closes one side only.
    let (gone, closed): (Vec<_>, Vec<_>) = asked.into_iter().enumerate().partition(|(number, _)| number % 2 == 0);
    drop(gone);
    for (_, stream) in &closed {
        // On a busy machine, the server may have closed one unread to make room for the others.
        if let Err(error) = stream.shutdown(Shutdown::Write) {
            assert_eq!(error.kind(), ErrorKind::NotConnected);
        }
    }
    let start = Instant::now();
    while !waits() {
        assert!(start.elapsed() < Duration::from_secs(30), "nobody waits any more");
    }
}

/// Neither the one that has all the memory for answers and does not read, nor those who wait for it.
#[test]
fn a_wait_for_a_listing_ends_with_its_client() {
    let served = Served::limited(|limits| {
        limits.connections = 4;
        limits.bitmap_bytes = 32 << 20;
    });
    let disk = Uuid::from_u128(1);
    served.writable().create(disk, VirtualSize::new(16 << 40).expect("not 0")).expect("new");
    let session = served.login();
    let disk = session.vdi(disk);
    let snapshot = session.get("VDI.snapshot", &[&disk]);
    let params = json!([session.reference, snapshot, disk]);
    let list = json!({"method": "VDI.list_changed_blocks", "params": params, "id": 1}).to_string();
    let mut slow = ask(served.address, &post("/jsonrpc", &list));
    slow.read_exact(&mut [0; 1000]).expect("an answer that is longer than that");
    let login = || {
        let mut stream = ask(served.address, &login_request(PASSWORD));
        stream.set_read_timeout(Some(SOON)).expect("possible");
        matches!(stream.read(&mut [0]), Ok(1))
    };
    let mut waiting = Vec::new();
    let start = Instant::now();
    // Until it is known that they have a session, a login takes their places.
    while waiting.len() < 3 || login() {
        assert!(start.elapsed() < Duration::from_secs(30), "all places are taken by those who wait");
        waiting.push(ask(served.address, &post("/jsonrpc", &list)));
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(waiting);
    let start = Instant::now();
    while !login() {
        assert!(start.elapsed() < Duration::from_secs(10), "nobody waits any more");
    }
    drop(slow);
    session.get("VDI.list_changed_blocks", &[&snapshot, &disk]);
}
