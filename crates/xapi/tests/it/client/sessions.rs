//! Logging in and out, masters, and pools that are busy.

use std::time::{Duration, Instant};

use changed_blocks::Consequence;
use changed_blocks_xapi::client::{Client, Error, Refusal};
use serde_json::json;

use super::mock::{Act, Call, Mock, PASSWORD, assert_discreet, disks};

fn is_login(call: &Call) -> bool {
    call.method == "session.login_with_password"
}

#[tokio::test]
async fn a_session_is_begun_used_and_ended_on_one_connection() {
    let mock = Mock::start(|_| None).await;
    let mut client = Client::login(mock.options().originator("nightly")).await.unwrap();
    let (from, to) = disks(&mut client).await;
    assert_eq!(client.list_changed_blocks(&from, &to).await.unwrap().base64(), b"AAAA");
    client.close().await.unwrap();

    let calls = mock.calls();
    let of = |index: usize| (calls[index].method.as_str(), json!(calls[index].params));
    assert_eq!(of(0), ("session.login_with_password", json!(["backup", PASSWORD, "1.0", "nightly"])));
    assert_eq!(of(3), ("VDI.list_changed_blocks", json!(["OpaqueRef:session-0", from.as_str(), to.as_str()])));
    assert_eq!(of(4), ("session.logout", json!(["OpaqueRef:session-0"])));
    assert_eq!(calls.len(), 5);
    assert!(calls.iter().all(|call| call.connection == 0));
    for line in ["post /jsonrpc http/1.1", &format!("host: 127.0.0.1:{}", mock.port), "content-type: application/json"]
    {
        assert!(calls[0].head.lines().any(|found| found == line), "{}", calls[0].head);
    }
}

#[tokio::test]
async fn the_master_is_asked_instead() {
    let mock = Mock::start(|call| {
        (is_login(call) && !call.head.contains("host: 127.0.0.3")).then(|| {
            let next = if call.head.contains("host: 127.0.0.1") { "127.0.0.2" } else { "127.0.0.3" };
            call.error("HOST_IS_SLAVE", &[next])
        })
    })
    .await;
    let mut client = mock.login().await;
    disks(&mut client).await;
    client.close().await.unwrap();
    let calls = mock.calls();
    assert_eq!(calls.iter().map(|call| call.connection).collect::<Vec<_>>(), [0, 1, 2, 2, 2, 2]);
    assert!(calls.last().unwrap().head.contains(&format!("host: 127.0.0.3:{}", mock.port)));
}

#[tokio::test]
async fn members_that_name_no_master_are_an_error() {
    // Two that name each other.
    let mock = Mock::start(|call| {
        let next = if call.head.contains("host: 127.0.0.1") { "127.0.0.2" } else { "127.0.0.1" };
        Some(call.error("HOST_IS_SLAVE", &[next]))
    })
    .await;
    let error = Client::login(mock.options()).await.unwrap_err();
    assert!(
        matches!(&error, Error::NoMaster { hosts } if *hosts == ["127.0.0.1", "127.0.0.2", "127.0.0.1"]),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "no master of the pool was found: 127.0.0.1 names 127.0.0.2 names 127.0.0.1");
    assert_eq!(mock.calls().len(), 2);

    // Each names one more.
    let mock = Mock::start(|call| Some(call.error("HOST_IS_SLAVE", &[&format!("127.0.0.{}", call.earlier + 2)]))).await;
    let error = Client::login(mock.options()).await.unwrap_err();
    assert_eq!((error.kind(), mock.calls().len()), ("no-master", 4));

    // The name is no host's, or there is none.
    for params in [&["127.0.0.2\r\nx: y"][..], &["http://127.0.0.2"], &[""], &[]] {
        let mock = Mock::start(move |call| Some(call.error("HOST_IS_SLAVE", params))).await;
        let error = Client::login(mock.options()).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().contains('\n'), mock.calls().len()), ("refused", false, 1));
    }
}

#[tokio::test]
async fn a_password_does_not_leave_the_machine_in_the_clear() {
    let mock = Mock::start(|call| Some(call.error("HOST_IS_SLAVE", &["192.0.2.1"]))).await;
    let error = Client::login(mock.options()).await.unwrap_err();
    assert_eq!(error.kind(), "url");
    let error = Client::login(mock.options_at("http://192.0.2.1")).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("http://")), ("url", true));
}

#[tokio::test]
async fn a_session_that_ended_is_renewed_once() {
    let mock = Mock::start(|call| {
        (call.method == "VDI.list_changed_blocks" && call.params[0] == "OpaqueRef:session-0")
            .then(|| call.error("SESSION_INVALID", &["OpaqueRef:session-0"]))
    })
    .await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    for _ in 0..2 {
        client.list_changed_blocks(&from, &to).await.unwrap();
    }
    client.close().await.unwrap();
    assert_eq!(mock.calls_of("session.login_with_password").len(), 2);
    assert_eq!(mock.calls_of("VDI.list_changed_blocks").len(), 3);
    assert_eq!(mock.calls_of("session.logout")[0].params[0], "OpaqueRef:session-1");

    let mock = Mock::start(|call| {
        let session = call.params[0].as_str().unwrap();
        (call.method == "VDI.list_changed_blocks").then(|| call.error("SESSION_INVALID", &[session]))
    })
    .await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    let error = client.list_changed_blocks(&from, &to).await.unwrap_err();
    assert_discreet(&error);
    assert_eq!(error.refusal(), Some(Refusal::SessionInvalid));
    assert_eq!(mock.calls_of("VDI.list_changed_blocks").len(), 2);
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_password_that_is_refused_is_not_tried_again() {
    // It was changed while the task ran, and the pool was restarted: whatever is cleaned up needs a session.
    let mock = Mock::start(|call| match call.method.as_str() {
        "session.login_with_password" if call.earlier > 0 => {
            Some(call.error("SESSION_AUTHENTICATION_FAILED", &["backup", "no"]))
        }
        "session.login_with_password" => None,
        method if method.starts_with("task.") || method == "session.logout" => {
            Some(call.error("SESSION_INVALID", &["OpaqueRef:session-0"]))
        }
        _ => None,
    })
    .await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    let error = client.list_changed_blocks_task(&from, &to).await.unwrap_err();
    assert_eq!((error.refusal(), error.consequence()), (Some(Refusal::LoginFailed), Consequence::Operator));
    drop(client.close().await);
    assert_eq!(mock.calls_of("session.login_with_password").len(), 2);
}

#[tokio::test]
async fn a_host_that_is_no_longer_the_master_names_the_new_one() {
    let mock = Mock::start(|call| {
        let old = call.head.contains("host: 127.0.0.1");
        (old && (call.method == "VDI.list_changed_blocks" || (is_login(call) && call.earlier > 0)))
            .then(|| call.error("HOST_IS_SLAVE", &["127.0.0.2"]))
    })
    .await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    client.list_changed_blocks(&from, &to).await.unwrap();
    client.close().await.unwrap();
    assert!(mock.calls_of("session.logout")[0].head.contains("host: 127.0.0.2"));
}

#[tokio::test]
async fn a_session_that_has_ended_is_logged_out_already() {
    let mock = Mock::start(|call| {
        (call.method == "session.logout").then(|| call.error("SESSION_INVALID", &["OpaqueRef:session-0"]))
    })
    .await;
    mock.login().await.close().await.unwrap();

    let mock =
        Mock::start(|call| (call.method == "session.logout").then(|| call.error("INTERNAL_ERROR", &["?"]))).await;
    assert_eq!(mock.login().await.close().await.unwrap_err().kind(), "internal");
}

#[tokio::test]
async fn a_busy_pool_is_asked_again() {
    for code in ["OTHER_OPERATION_IN_PROGRESS", "TOO_MANY_PENDING_TASKS"] {
        let mock = Mock::start(move |call| {
            (!call.method.ends_with("logout") && call.earlier < 2 && call.method != "VDI.get_by_uuid")
                .then(|| call.error(code, &[]))
        })
        .await;
        let start = Instant::now();
        let mut client = mock.login().await;
        // Each call waits for half of 200 and half of 400 ms at least.
        assert!(start.elapsed() >= Duration::from_millis(300));
        let (from, to) = disks(&mut client).await;
        client.list_changed_blocks(&from, &to).await.unwrap();
        client.close().await.unwrap();
        assert_eq!(mock.calls_of("session.login_with_password").len(), 3);
        assert_eq!(mock.calls_of("VDI.list_changed_blocks").len(), 3);
    }
}

#[tokio::test]
async fn a_pool_that_stays_busy_is_given_up() {
    let mock = Mock::start(|call| {
        let record = json!({"status": "failure", "error_info": ["OTHER_OPERATION_IN_PROGRESS", "SR", "OpaqueRef:sr"]});
        match call.method.as_str() {
            "VDI.list_changed_blocks" => Some(call.error("OTHER_OPERATION_IN_PROGRESS", &["SR", "OpaqueRef:sr"])),
            "task.get_record" => Some(call.result(record)),
            _ => None,
        }
    })
    .await;
    let mut client = Client::login(mock.options().busy_limit(Duration::from_millis(700))).await.unwrap();
    let (from, to) = disks(&mut client).await;
    for task in [false, true] {
        let start = Instant::now();
        let error = if task {
            client.list_changed_blocks_task(&from, &to).await.unwrap_err()
        } else {
            client.list_changed_blocks(&from, &to).await.unwrap_err()
        };
        let took = start.elapsed();
        assert_eq!(error.refusal(), Some(Refusal::Busy));
        assert!(took >= Duration::from_millis(700) && took < Duration::from_secs(3), "{took:?}");
    }
    client.close().await.unwrap();
    for method in ["VDI.list_changed_blocks", "Async.VDI.list_changed_blocks"] {
        assert!((3..=6).contains(&mock.calls_of(method).len()), "{method}");
    }
    assert_eq!(mock.calls_of("task.destroy").len(), mock.calls_of("Async.VDI.list_changed_blocks").len());
}

#[tokio::test]
async fn a_disk_in_use_is_not_waited_for() {
    let mock = Mock::start(|call| {
        (call.method == "VDI.list_changed_blocks").then(|| call.error("VDI_IN_USE", &["OpaqueRef:2", "destroy"]))
    })
    .await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    let error = client.list_changed_blocks(&from, &to).await.unwrap_err();
    assert_eq!(error.to_string(), "the newer disk is in use: VDI_IN_USE (OpaqueRef:2, destroy)");
    assert_eq!(mock.calls_of("VDI.list_changed_blocks").len(), 1);
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_client_that_is_dropped_logs_out_all_the_same() {
    let mock = Mock::start(|_| None).await;
    drop(mock.login().await);
    mock.wait_for("session.logout").await;

    // Also when what it was doing, or its closing, is given up.
    let mock = Mock::start(|call| (call.method == "task.get_record").then_some(Act::Silence)).await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    let listing = client.list_changed_blocks_task(&from, &to);
    assert!(tokio::time::timeout(Duration::from_millis(200), listing).await.is_err());
    tokio::select! {
        biased;
        closed = client.close() => panic!("{closed:?} at once"),
        () = std::future::ready(()) => {}
    }
    mock.wait_for("session.logout").await;
    assert_eq!(mock.calls_of("task.destroy").last().unwrap().params[1], "OpaqueRef:task-0");
}
