//! A pool that cannot be asked while a task runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use changed_blocks::Consequence;
use changed_blocks_xapi::client::{Answer, Client, Error, changed_blocks};
use serde_json::json;
use uuid::Uuid;

use super::mock::{Act, Call, Mock, assert_discreet, disks};

const LOOK: &str = "task.get_record";

async fn list(client: &mut Client) -> Result<Answer, Error> {
    let (from, to) = disks(client).await;
    client.list_changed_blocks_task(&from, &to).await
}

fn status(line: &str) -> Act {
    Act::Send(format!("HTTP/1.1 {line}\r\ncontent-length: 0\r\n\r\n").into_bytes())
}

type Answering = fn(&Call) -> Act;

/// Ways not to be there.
const AWAY: &[(&str, Answering)] = &[
    ("HTTP 503", |_| status("503 Service Unavailable")),
    ("HTTP 500", |_| status("500 Internal Server Error")),
    ("a reset", |_| Act::Reset),
    ("a closed connection", |_| Act::SendAndClose(Vec::new())),
    ("half an answer", |_| Act::SendAndClose(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"result\"".to_vec())),
    ("an upgrade", |call| call.error("NOT_SUPPORTED_DURING_UPGRADE", &[])),
    ("a boot", |call| call.error("HOST_STILL_BOOTING", &[])),
    ("a host that is off", |call| call.old_error("HOST_OFFLINE", &["OpaqueRef:host"])),
    ("too much to do", |call| call.error("TOO_MANY_PENDING_TASKS", &[])),
    ("silence", |_| Act::Silence),
];

#[tokio::test]
async fn a_pool_that_is_away_for_a_while_is_looked_for_until_it_is_back() {
    for (name, away) in AWAY {
        let mock = Mock::start(move |call| match call.method.as_str() {
            LOOK if (1..=2).contains(&call.earlier) => Some(away(call)),
            LOOK if call.earlier < 4 => Some(call.result(json!({"status": "pending", "result": ""}))),
            _ => None,
        })
        .await;
        let options = mock.options().answer_timeout(Duration::from_millis(200));
        let mut client = Client::login(options).await.unwrap();
        assert_eq!(list(&mut client).await.expect(name).base64(), b"AAAA");
        client.close().await.unwrap();
        assert_eq!(mock.calls_of("Async.VDI.list_changed_blocks").len(), 1, "{name}");
        assert!(mock.calls_of("task.cancel").is_empty(), "{name}");
    }
}

/// The answer is there already, and hours may have gone into it.
#[tokio::test]
async fn a_pool_that_is_away_when_it_is_asked_for_the_size_costs_no_answer() {
    for (name, away) in AWAY {
        let mock =
            Mock::start(move |call| (call.method == "VDI.get_record" && call.earlier < 2).then(|| away(call))).await;
        let options = mock.options().answer_timeout(Duration::from_millis(200));
        let changed = changed_blocks(options, Uuid::from_u128(1), Uuid::from_u128(2)).await.expect(name);
        assert_eq!(changed.answer.base64(), b"AAAA", "{name}");
        assert_eq!(mock.calls_of("Async.VDI.list_changed_blocks").len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_pool_that_stays_away_is_busy_and_its_task_is_left_running() {
    for (name, away) in AWAY {
        let mock = Mock::start(move |call| (call.method == LOOK).then(|| away(call))).await;
        let limit = Duration::from_millis(300);
        let options = mock.options().answer_timeout(Duration::from_millis(200)).away_limit(limit);
        let mut client = Client::login(options).await.unwrap();
        let start = Instant::now();
        let error = list(&mut client).await.expect_err(name);
        assert!(start.elapsed() >= limit && start.elapsed() < Duration::from_secs(3), "{name}");
        assert_discreet(&error);
        assert_eq!((error.kind(), error.consequence()), ("pool-away", Consequence::Busy), "{name}");
        let text = error.to_string();
        assert!(text.contains("OpaqueRef:task-0 is left running") && text.contains("0.3 s"), "{name}: {text}");
        assert!(error.hint().is_some());
        client.close().await.unwrap();
        assert!(mock.calls_of(LOOK).len() >= 2, "{name}");
        assert!(mock.calls_of("task.cancel").is_empty() && mock.calls_of("task.destroy").is_empty(), "{name}");
    }
}

#[tokio::test]
async fn the_time_a_pool_was_away_is_counted_anew_once_it_was_back() {
    // Away for 9 of 10 looks, which is longer in all than the limit, but never so long at a time.
    let mock = Mock::start(|call| match call.method.as_str() {
        LOOK if call.earlier == 8 => None,
        LOOK if call.earlier % 2 == 0 => Some(call.result(json!({"status": "pending"}))),
        LOOK => Some(status("503 Service Unavailable")),
        _ => None,
    })
    .await;
    let mut client = Client::login(mock.options().away_limit(Duration::from_millis(250))).await.unwrap();
    list(&mut client).await.unwrap();
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_refused_connection_is_looked_through_as_well() {
    // The master has gone, and the listener with it: the task is asked for at an address where nothing listens.
    let front = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = front.local_addr().unwrap();
    let mock = Mock::start(|call| (call.method == LOOK && call.earlier == 0).then_some(Act::Reset)).await;
    let back = format!("127.0.0.1:{}", mock.port);
    let forwarder = async move |listener: tokio::net::TcpListener| {
        let (mut near, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut far = tokio::net::TcpStream::connect(&back).await.unwrap();
        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
    };
    let server = tokio::spawn(async move {
        forwarder(front).await;
        // Nothing listens for a while.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        forwarder(socket.listen(1).unwrap()).await;
    });
    let mut client = Client::login(mock.options_at(&format!("http://{address}"))).await.unwrap();
    assert_eq!(list(&mut client).await.unwrap().base64(), b"AAAA");
    client.close().await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn a_task_that_is_gone_after_a_restart_is_said_to_be_gone() {
    let looks = AtomicUsize::new(0);
    let mock = Mock::start(move |call| {
        (call.method == LOOK).then(|| match looks.fetch_add(1, Ordering::Relaxed) {
            0 => Act::Reset,
            _ => call.error("HANDLE_INVALID", &["task", "OpaqueRef:task-0"]),
        })
    })
    .await;
    let mut client = mock.login().await;
    let error = list(&mut client).await.unwrap_err();
    assert_eq!(error.kind(), "task-gone");
    client.close().await.unwrap();
}

#[tokio::test]
async fn an_answer_about_the_task_that_makes_no_sense_is_not_looked_through() {
    for line in ["404 Not Found", "302 Found"] {
        let mock = Mock::start(move |call| (call.method == LOOK).then(|| status(line))).await;
        let mut client = mock.login().await;
        assert_eq!(list(&mut client).await.unwrap_err().kind(), "http");
        client.close().await.unwrap();
        assert_eq!(mock.calls_of(LOOK).len(), 1);
        assert_eq!(mock.calls_of("task.destroy").len(), 1);
    }
}
