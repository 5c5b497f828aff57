//! A pool that sends too much, or never comes to an end.

use std::time::{Duration, Instant};

use changed_blocks_xapi::client::{Client, Error, Options, changed_blocks};
use serde_json::{Value, json};
use uuid::Uuid;

use super::mock::{Act, Call, Mock, assert_discreet, disks, ok};
use crate::cases::cases;

const MIB: usize = 1 << 20;

async fn listing(options: Options) -> Result<(), Error> {
    changed_blocks(options, Uuid::from_u128(1), Uuid::from_u128(2)).await.map(drop)
}

/// More than the 1 MiB that an answer may have if it is no bitmap.
fn long() -> String {
    "x".repeat(cases(MIB * 5 / 4, 3 * MIB))
}

/// An answer with this result, beside which stands as much text as nobody needs.
fn padded(call: &Call, result: Value) -> Act {
    let body = json!({"jsonrpc": "2.0", "more": long(), "result": result, "id": call.id});
    Act::Send(ok(&body.to_string()))
}

#[tokio::test]
async fn everything_but_the_bitmap_is_limited() {
    let refused = move |call: &Call| call.error("SR_BACKEND_FAILURE_46", &["", &long(), ""]);
    let failed =
        move |call: &Call| call.result(json!({"status": "failure", "error_info": ["SR_BACKEND_FAILURE_46", long()]}));
    type Answers = Box<dyn Fn(&Call) -> Act + Send + Sync>;
    let cases: Vec<(&str, Answers)> = vec![
        ("session.login_with_password", Box::new(refused)),
        ("session.login_with_password", Box::new(move |call| call.result(long()))),
        ("VDI.get_by_uuid", Box::new(refused)),
        ("VDI.get_by_uuid", Box::new(|call| padded(call, json!("OpaqueRef:1")))),
        ("Async.VDI.list_changed_blocks", Box::new(refused)),
        ("task.get_record", Box::new(refused)),
        ("task.get_record", Box::new(failed)),
        (
            "task.get_record",
            Box::new(move |call| {
                let info = vec!["x"; cases(MIB / 2, MIB)];
                call.result(json!({"status": "success", "result": "<value>AAAA</value>", "error_info": info}))
            }),
        ),
        (
            "task.get_record",
            Box::new(|call| padded(call, json!({"status": "success", "result": "<value>AAAA</value>"}))),
        ),
        ("VDI.get_record", Box::new(refused)),
        ("VDI.get_record", Box::new(move |call| call.record(&long(), 24 << 16, ""))),
    ];
    for (place, (method, answer)) in cases.into_iter().enumerate() {
        let mock = Mock::start(move |call| (call.method == method).then(|| answer(call))).await;
        let error = listing(mock.options()).await.expect_err(method);
        assert!(matches!(error, Error::TooLong { limit: 0x10_0000, .. }), "{place}: {method}: {error:?}");
        let methods = mock.methods();
        if method != "session.login_with_password" {
            assert_eq!(methods.last().unwrap(), "session.logout", "{method}");
        }
        let begun = methods.contains(&"Async.VDI.list_changed_blocks".to_owned()) && !method.starts_with("Async");
        assert_eq!(methods.contains(&"task.destroy".to_owned()), begun, "{method}: {methods:?}");
    }
    // The call that is no task.
    let mock = Mock::start(move |call| (call.method == "VDI.list_changed_blocks").then(|| refused(call))).await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    let error = client.list_changed_blocks(&from, &to).await.unwrap_err();
    assert!(matches!(error, Error::TooLong { limit: 0x10_0000, more: true, .. }), "{error:?}");
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_bitmap_may_be_longer_and_so_may_other_calls_whose_limit_is_set() {
    let bitmap = || "A".repeat(5 * MIB);
    let mock = Mock::start(move |call| match call.method.as_str() {
        "VDI.list_changed_blocks" => Some(call.result(bitmap())),
        "task.get_record" => {
            let result = format!("<value>{}</value>", bitmap());
            Some(call.result(json!({"name_label": "x", "status": "success", "result": result, "error_info": []})))
        }
        "event.from" => Some(call.result(bitmap())),
        _ => None,
    })
    .await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    assert_eq!(client.list_changed_blocks(&from, &to).await.unwrap().base64().len(), 5 * MIB);
    assert_eq!(client.list_changed_blocks_task(&from, &to).await.unwrap().base64().len(), 5 * MIB);
    assert_eq!(client.call("event.from", &[]).await.unwrap_err().kind(), "answer-too-long");
    client.close().await.unwrap();
    let mut client = Client::login(mock.options().text_limit(6 << 20)).await.unwrap();
    assert!(client.call("event.from", &[]).await.is_ok());
    client.close().await.unwrap();
    // Their sum is limited as well.
    let mut client = Client::login(mock.options().answer_limit(4 << 20)).await.unwrap();
    let error = client.list_changed_blocks(&from, &to).await.unwrap_err();
    assert!(matches!(error, Error::TooLong { limit: 0x40_0000, .. }), "{error:?}");
    client.close().await.unwrap();
}

#[tokio::test]
async fn parameters_are_counted_and_messages_are_cut() {
    let count = cases(40_000, 400_000);
    let many = vec!["€"; count * 3 / 8];
    let old = [&["SOMETHING_NEW"][..], &many].concat();
    let deep = format!("{}{}", "[".repeat(count), "]".repeat(count));
    let long = "é".repeat(count);
    let bodies = [
        json!({"error": {"message": "SOMETHING_NEW", "data": many}}).to_string(),
        json!({"error": old}).to_string(),
        format!(r#"{{"error":["SOMETHING_NEW",{deep},{deep}]}}"#).replace(&format!(",{deep}]"), "]"),
        json!({"error": ["SOMETHING_NEW", long]}).to_string(),
        json!({"error": [long]}).to_string(),
    ];
    for body in bodies {
        let start: String = body.chars().take(40).collect();
        let mock = Mock::start(move |call| (call.method == "VDI.list_changed_blocks").then(|| call.body(&body))).await;
        let mut client = mock.login().await;
        let (from, to) = disks(&mut client).await;
        let error = client.list_changed_blocks(&from, &to).await.unwrap_err();
        let text = error.to_string();
        let Error::Refused { params, .. } = &error else { panic!("{start}: {error:?}") };
        assert!(params.len() <= 64, "{start}: {} parameters", params.len());
        assert!(text.chars().count() < 700, "{start}: {text}");
        assert!(params.len() < 64 || text.ends_with(", and 56 or more)"), "{text}");
        assert!(params.len() == 64 || text.contains(" more characters)"), "{text}");
        client.close().await.unwrap();
    }
    // Values are as deep as the JSON library lets them be.
    let deep = format!(r#"{{"id":ID,"result":{}{}}}"#, "[".repeat(count), "]".repeat(count));
    let mock = Mock::start(move |call| {
        (call.method == "other.call").then(|| call.body(&deep.replace("ID", &call.id.to_string())))
    })
    .await;
    let mut client = mock.login().await;
    assert_eq!(client.call("other.call", &[]).await.unwrap_err().kind(), "protocol");
    client.close().await.unwrap();
}

const HEAD: &str = "HTTP/1.1 200 OK\r\n";

fn endless(first: &str, again: &str, pause: Duration) -> Act {
    Act::Endless { first: first.into(), again: again.into(), pause }
}

#[tokio::test]
async fn an_answer_without_an_end_is_an_error_soon() {
    type Case = (&'static str, &'static str, &'static str, &'static str);
    let cases: [Case; 8] = [
        ("headers", HEAD, "x-more: 0123456789abcdef0123456789abcdef\r\n", "protocol"),
        ("one header", "HTTP/1.1 200 OK\r\nx-more: ", "0123456789abcdef0123456789abcdef", "protocol"),
        ("a reason", "HTTP/1.1 500 ", "because because because because ", "protocol"),
        ("interim answers", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n", "protocol"),
        ("a body", "HTTP/1.1 200 OK\r\n\r\n", "0123456789abcdef0123456789abcdef", "answer-too-long"),
        (
            "chunks",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "20\r\n                                \r\n",
            "answer-too-long",
        ),
        (
            "an extension of a chunk",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4;x=",
            "0123456",
            "transport",
        ),
        ("trailers", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", "x: 0123456789\r\n", "transport"),
    ];
    for (name, first, again, kind) in cases {
        for method in ["VDI.list_changed_blocks", "VDI.get_by_uuid"] {
            let again = again.repeat(512);
            let mock = Mock::start(move |call| {
                (call.method == method && call.params[1] != "OpaqueRef:1")
                    .then(|| endless(first, &again, Duration::ZERO))
            })
            .await;
            let mut client = mock.login().await;
            let start = Instant::now();
            let error = client.call(method, &["x".into()]).await.expect_err(name);
            assert_eq!(error.kind(), kind, "{name}: {error}");
            let is_head = ["headers", "one header", "a reason"].contains(&name);
            assert_eq!(error.to_string().contains("the head of the answer is too long"), is_head, "{name}: {error}");
            assert!(start.elapsed() < Duration::from_secs(20), "{name}: {:?}", start.elapsed());
            assert_discreet(&error);
            client.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_compressed_answer_is_refused() {
    for header in ["content-encoding: gzip", "Content-Encoding: identity, br", "transfer-encoding: gzip, chunked"] {
        let mock = Mock::start(move |call| {
            let chunks = "3\r\n\x1f\x08\x08\r\n0\r\n\r\n";
            let bytes = if header.starts_with('t') {
                format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n{chunks}")
            } else {
                format!("HTTP/1.1 200 OK\r\n{header}\r\ncontent-length: 3\r\n\r\n\x1f\x08\x08")
            };
            (call.method == "VDI.get_by_uuid").then(|| Act::Send(bytes.into_bytes()))
        })
        .await;
        let mut client = mock.login().await;
        let error = client.vdi(Uuid::nil()).await.unwrap_err();
        assert!(error.kind() == "protocol" && error.to_string().contains("compressed"), "{header}: {error}");
        client.close().await.unwrap();
        assert!(mock.calls().iter().all(|call| !call.head.contains("accept-encoding")));
    }
}

#[tokio::test]
async fn a_time_limit_is_that_of_everything() {
    let drip = Duration::from_millis(100);
    type Answers = fn(&Call, Duration) -> Act;
    let cases: [(&str, &str, Answers); 7] = [
        ("a silent login", "session.", |_, _| Act::Silence),
        ("silence after the login", "", |_, _| Act::Silence),
        ("a head byte by byte", "", |_, drip| endless("H", "T", drip)),
        ("headers one by one", "", |_, drip| endless(HEAD, "x: y\r\n", drip)),
        ("interim answers one by one", "", |_, drip| endless("", "HTTP/1.1 100 Continue\r\n\r\n", 10 * drip)),
        ("a body byte by byte", "", |_, drip| {
            endless("HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n{\"result\":\"", "A", drip)
        }),
        ("a task that never ends", "task.get_record", |call, _| {
            if call.method == "task.get_record" { call.result(json!({"status": "pending"})) } else { Act::Silence }
        }),
    ];
    let ends = cases.map(|(name, method, answer)| async move {
        // Whatever is done to clean up is answered in the same way.
        let mock = Mock::start(move |call| {
            let login = call.method == "session.login_with_password";
            let fits = call.method.starts_with(method) && (!login || method == "session.");
            let ending = matches!(call.method.as_str(), "task.cancel" | "task.destroy" | "session.logout");
            (fits || ending).then(|| answer(call, drip))
        })
        .await;
        let start = Instant::now();
        let error = listing(mock.options().time_limit(Duration::from_secs(1))).await.unwrap_err();
        let took = start.elapsed();
        assert_eq!(error.kind(), "time-limit", "{name}: {error}");
        // The limit, 5 s for cleaning up, and something for a machine that is busy.
        assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(10), "{name}: {took:?}");
        assert_discreet(&error);
    });
    let tasks: Vec<_> = ends.into_iter().map(tokio::spawn).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// A signal to end a listing is heard while a long answer is read.
#[tokio::test]
async fn nothing_else_waits_while_a_long_answer_is_read() {
    // Escapes keep the parser busy.
    let text = r"\/AA\/".repeat(2 * MIB);
    let start = Instant::now();
    serde_json::from_str::<String>(&format!("\"{text}\"")).unwrap();
    let alone = start.elapsed();
    let mock = Mock::start(move |call| {
        let body = format!(r#"{{"result":"{text}","id":{}}}"#, call.id);
        (call.method == "VDI.list_changed_blocks").then(|| Act::Send(ok(&body)))
    })
    .await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    let mut longest = Duration::ZERO;
    {
        let mut listing = std::pin::pin!(client.list_changed_blocks(&from, &to));
        loop {
            let start = Instant::now();
            let done = tokio::select! {
                answer = &mut listing => Some(answer.unwrap()),
                () = tokio::time::sleep(Duration::from_millis(1)) => None,
            };
            longest = longest.max(start.elapsed());
            if done.is_some() {
                break;
            }
        }
    }
    client.close().await.unwrap();
    assert!(longest < (alone / 2).max(Duration::from_millis(500)), "{longest:?}, where reading takes {alone:?}");
}
