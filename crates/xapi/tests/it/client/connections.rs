//! Connections that break, are slow, or are none.

use std::time::{Duration, Instant};

use changed_blocks_xapi::client::{Client, Error};
use tokio::time::timeout;

use super::mock::{Act, Mock, assert_discreet, disks, ok};

const LIST: &str = "VDI.list_changed_blocks";

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced() {
    let mock = Mock::start(|call| {
        (call.method == "VDI.get_by_uuid")
            .then(|| Act::SendAndClose(ok(&format!(r#"{{"result":"OpaqueRef:1","id":{}}}"#, call.id))))
    })
    .await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    // Once it is known to be closed, and once with no time to notice.
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.list_changed_blocks(&from, &to).await.unwrap();
    client.close().await.unwrap();
    let connections: Vec<_> = mock.calls().iter().map(|call| call.connection).collect();
    assert_eq!(connections, [0, 0, 1, 2, 2]);

    // A call that changes something is made again only if it cannot have been seen.
    let mock = Mock::start(|call| {
        (call.method == "session.login_with_password")
            .then(|| Act::SendAndClose(ok(&format!(r#"{{"result":"OpaqueRef:session","id":{}}}"#, call.id))))
            .or_else(|| (call.method == "VDI.snapshot").then(|| call.result("OpaqueRef:2")))
    })
    .await;
    let mut client = mock.login().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(client.call("VDI.snapshot", &["OpaqueRef:1".into()]).await.unwrap(), "OpaqueRef:2");
    client.close().await.unwrap();
    assert_eq!(mock.calls_of("VDI.snapshot").len(), 1);
}

#[tokio::test]
async fn a_connection_that_is_closed_without_a_word_is_replaced_only_for_calls_that_read() {
    let mock = Mock::start(|call| {
        (call.connection == 0 && call.method != "session.login_with_password").then(|| Act::SendAndClose(Vec::new()))
    })
    .await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    client.list_changed_blocks(&from, &to).await.unwrap();
    client.close().await.unwrap();
    assert_eq!(mock.calls_of("VDI.get_by_uuid").len(), 3);

    let mock = Mock::start(|call| (call.method == "VDI.snapshot").then(|| Act::SendAndClose(Vec::new()))).await;
    let mut client = mock.login().await;
    let error = client.call("VDI.snapshot", &[]).await.unwrap_err();
    assert!(matches!(error, Error::Transport { received: 0, expected: None, .. }), "{error:?}");
    assert_eq!(mock.calls_of("VDI.snapshot").len(), 1);
    client.close().await.unwrap();

    // And only once.
    let mock = Mock::start(|call| (call.method == LIST).then(|| Act::SendAndClose(Vec::new()))).await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    assert_eq!(client.list_changed_blocks(&from, &to).await.unwrap_err().kind(), "transport");
    assert_eq!(mock.calls_of(LIST).len(), 2);
    client.close().await.unwrap();
}

/// Lists with an answer in which `ID` stands for its number, and sees what becomes of it.
async fn answered(client: &mut Client) -> Result<Vec<u8>, Error> {
    let (from, to) = disks(client).await;
    client.list_changed_blocks(&from, &to).await.map(|answer| answer.base64().to_vec())
}

/// Makes an answer of the start of a body.
type Frame = fn(&str, usize) -> String;

#[tokio::test]
async fn an_answer_that_is_cut_anywhere_is_an_error() {
    // However it is framed, a part of an answer is none.
    let frames: [(&str, Frame); 4] = [
        ("cut short of its length", |body, cut| {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", body.len(), &body[..cut])
        }),
        ("with the length of the part", |body, cut| {
            format!("HTTP/1.1 200 OK\r\ncontent-length: {cut}\r\n\r\n{}", &body[..cut])
        }),
        ("until the end of the connection", |body, cut| format!("HTTP/1.1 200 OK\r\n\r\n{}", &body[..cut])),
        ("in chunks without an end", |body, cut| {
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{cut:x}\r\n{}\r\n", &body[..cut])
        }),
    ];
    let bodies = |id: &serde_json::Value| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"ygAAAMoAAADKAAAA"}}"#);
    for (name, frame) in frames {
        let mock = Mock::start(move |call| {
            (call.method == LIST).then(|| {
                let body = bodies(&call.id);
                Act::SendAndClose(frame(&body, call.earlier.min(body.len() - 1)).into_bytes())
            })
        })
        .await;
        let mut client = mock.login().await;
        for _ in 0..60 {
            let error = answered(&mut client).await.expect_err(name);
            assert!(matches!(error.kind(), "transport" | "protocol"), "{name}: {error:?}");
            assert_discreet(&error);
        }
        client.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_cut_says_how_much_there_was() {
    let mock = Mock::start(|call| {
        (call.method == LIST)
            .then(|| Act::SendAndClose(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"result\":\"AA".to_vec()))
    })
    .await;
    let mut client = mock.login().await;
    let error = answered(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::Transport { received: 13, expected: Some(1000), .. }), "{error:?}");
    assert!(error.to_string().contains("the connection broke off after 13 of 1000 bytes of the answer: "), "{error}");
    client.close().await.unwrap();
}

#[tokio::test]
async fn bodies_without_a_length_are_taken() {
    let mock = Mock::start(|call| {
        let body = format!(r#"{{"result":"ygAAAA==","id":{}}}"#, call.id);
        let (one, two) = body.split_at(15);
        let chunks = format!("{:x}\r\n{one}\r\n{:X};x=y\r\n{two}\r\n0\r\nx-trailer: 1\r\n\r\n", one.len(), two.len());
        (call.method == LIST).then(|| match call.earlier {
            0 => Act::Send(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}").into_bytes()),
            1 => Act::SendAndClose(format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes()),
            _ => Act::SendAndClose(format!("HTTP/1.0 200 OK\r\n\r\n{body}").into_bytes()),
        })
    })
    .await;
    let mut client = mock.login().await;
    for _ in 0..3 {
        assert_eq!(answered(&mut client).await.unwrap(), b"ygAAAA==");
    }
    client.close().await.unwrap();
}

#[tokio::test]
async fn other_statuses_and_other_protocols_are_errors() {
    for (bytes, kind, text) in [
        ("HTTP/1.1 500 Internal Error\r\ncontent-length: 0\r\n\r\n", "http", "500"),
        ("HTTP/1.1 302 Found\r\nlocation: https://192.0.2.1/\r\ncontent-length: 0\r\n\r\n", "http", "302"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}", "http", "404"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "http", "204"),
        ("HTTP/1.1 206 Partial Content\r\ncontent-length: 2\r\n\r\n{}", "http", "206"),
        ("SSH-2.0-OpenSSH_9.6\r\n", "protocol", "not HTTP"),
        ("\0\0\0\0", "protocol", "not HTTP"),
        ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{}", "protocol", "not HTTP"),
    ] {
        let mock =
            Mock::start(move |call| (call.method == LIST).then(|| Act::SendAndClose(bytes.as_bytes().to_vec()))).await;
        let mut client = mock.login().await;
        let error = answered(&mut client).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{bytes}: {error:?}");
        assert!(error.to_string().contains(text) && error.hint().is_some(), "{bytes}: {error}");
        assert_eq!(mock.calls_of(LIST).len(), 1, "{bytes}");
        client.close().await.unwrap();
    }
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_read() {
    // A length alone, with nothing after it, is enough.
    for (limit, head) in [(None, "content-length: 1073741825"), (Some(100), "content-length: 101")] {
        let mock = Mock::start(move |call| {
            (call.method == LIST).then(|| Act::Send(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").into_bytes()))
        })
        .await;
        let options = limit.into_iter().fold(mock.options(), |options, limit| options.answer_limit(limit));
        let mut client = Client::login(options).await.unwrap();
        let error = answered(&mut client).await.unwrap_err();
        assert!(matches!(error, Error::TooLong { more: false, .. }), "{error:?}");
        client.close().await.unwrap();
    }
    // Chunks go on for ever.
    let mock = Mock::start(|call| {
        let chunks = "10\r\n0123456789abcdef\r\n".repeat(10);
        (call.method == LIST)
            .then(|| Act::Send(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}").into_bytes()))
    })
    .await;
    let mut client = Client::login(mock.options().answer_limit(100)).await.unwrap();
    let error = answered(&mut client).await.unwrap_err();
    assert!(matches!(error, Error::TooLong { more: true, limit: 100, .. }), "{error:?}");
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_silent_pool_is_not_waited_for_for_ever() {
    for (bytes, waited_for) in [
        ("", "the answer"),
        ("HTTP/1.1 200 OK\r\n", "the answer"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{\"resu", "the rest of the answer"),
    ] {
        let mock = Mock::start(move |call| (call.method == LIST).then(|| Act::Send(bytes.as_bytes().to_vec()))).await;
        let mut client = Client::login(mock.options().answer_timeout(Duration::from_millis(300))).await.unwrap();
        let start = Instant::now();
        let error = answered(&mut client).await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(3));
        assert!(matches!(error, Error::Timeout { waited_for: found, .. } if found == waited_for), "{error:?}");
        assert!(error.to_string().ends_with(&format!("{waited_for} took longer than 0.3 s")), "{error}");
        client.close().await.unwrap();
        assert_eq!(mock.calls_of("session.logout")[0].connection, 1);
    }
}

#[tokio::test]
async fn a_pool_that_cannot_be_reached_is_an_error_soon() {
    let mock = Mock::start(|_| None).await;
    // Nothing listens there.
    let error = Client::login(mock.options_at("http://127.0.0.1:1")).await.unwrap_err();
    assert!(error.kind() == "connect" && error.to_string().starts_with("127.0.0.1:1: cannot connect: "), "{error}");
    let error = Client::login(mock.options_at("https://name.invalid")).await.unwrap_err();
    assert!(matches!(error.kind(), "connect" | "timeout"), "{error}");

    // It takes connections, and says nothing to TLS.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let options = mock.options_at(&url).trust(changed_blocks_xapi::client::Trust::Insecure);
    let error = Client::login(options.connect_timeout(Duration::from_millis(200))).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { waited_for: "connecting", .. }), "{error:?}");
}

#[tokio::test]
async fn the_answer_to_a_call_that_was_given_up_is_not_taken_for_another() {
    let mock = Mock::start(|call| {
        let late = format!("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{{\"result\":\"LATE\",\"id\":{}", call.id);
        (call.method == LIST && call.earlier == 0).then(|| Act::Send(late.into_bytes()))
    })
    .await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    assert!(timeout(Duration::from_millis(100), client.list_changed_blocks(&from, &to)).await.is_err());
    assert_eq!(client.list_changed_blocks(&from, &to).await.unwrap().base64(), b"AAAA");
    client.close().await.unwrap();
    assert_eq!(mock.calls_of(LIST)[1].connection, 1);
    assert_eq!(mock.calls_of("session.logout")[0].connection, 1);
}
