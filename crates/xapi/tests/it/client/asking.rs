//! A listing in one call, from the login to the logout.

use std::time::{Duration, Instant};

use changed_blocks::{BlockSize, Consequence, VirtualSize};
use changed_blocks_xapi::client::{
    Changed, DiskSize, Error, Options, Refusal, Warning, changed_blocks, changed_blocks_unless,
};
use serde_json::json;
use uuid::Uuid;

use super::mock::{Act, Call, Mock, assert_discreet};

async fn ask(options: Options) -> Result<Changed, Error> {
    changed_blocks(options, Uuid::from_u128(1), Uuid::from_u128(2)).await
}

fn never_ends(call: &Call) -> Option<Act> {
    (call.method == "task.get_record").then(|| call.result(json!({"status": "pending"})))
}

#[tokio::test]
async fn one_call_logs_in_lists_and_logs_out() {
    let mock = Mock::start(|_| None).await;
    let changed = ask(mock.options()).await.unwrap();
    assert_eq!(changed.answer.base64(), b"AAAA");
    assert_eq!(changed.size, DiskSize::Exact(VirtualSize::new(24 << 16).unwrap()));
    assert!(changed.warnings.is_empty());
    assert_eq!(changed.ranges(BlockSize::DEFAULT).unwrap(), []);
    assert_eq!(
        mock.methods(),
        [
            "session.login_with_password",
            "VDI.get_by_uuid",
            "VDI.get_by_uuid",
            "Async.VDI.list_changed_blocks",
            "task.get_record",
            "task.destroy",
            "VDI.get_record",
            "session.logout"
        ]
    );
}

#[tokio::test]
async fn an_error_after_the_answer_is_a_warning() {
    for (method, kind) in [("session.logout", "internal"), ("task.destroy", "internal")] {
        let mock = Mock::start(move |call| (call.method == method).then(|| call.error("INTERNAL_ERROR", &["?"]))).await;
        let changed = ask(mock.options()).await.unwrap();
        assert_eq!(changed.answer.base64(), b"AAAA");
        let [warning @ Warning::NotClosed(error)] = &*changed.warnings else { panic!("{:?}", changed.warnings) };
        assert_eq!(error.kind(), kind);
        assert!(warning.to_string().starts_with("the session was not closed in good order: "), "{warning}");
    }
    // The pool goes away once it has told all.
    let mock = Mock::start(|call| match call.method.as_str() {
        "session.logout" => Some(Act::Reset),
        _ => None,
    })
    .await;
    assert_eq!(ask(mock.options()).await.unwrap().warnings.len(), 1);
}

#[tokio::test]
async fn an_error_comes_before_that_of_the_logout() {
    let mock = Mock::start(|call| {
        call.method
            .ends_with("list_changed_blocks")
            .then(|| call.error("VDI_IN_USE", &["OpaqueRef:2", "destroy"]))
            .or_else(|| (call.method == "session.logout").then(|| call.error("INTERNAL_ERROR", &["?"])))
    })
    .await;
    assert_eq!(ask(mock.options()).await.unwrap_err().refusal(), Some(Refusal::InUse));
}

#[tokio::test]
async fn a_task_that_never_ends_is_given_up_at_the_time_limit_and_destroyed() {
    let mock = Mock::start(never_ends).await;
    let start = Instant::now();
    let error = ask(mock.options().time_limit(Duration::from_millis(300))).await.unwrap_err();
    assert!(start.elapsed() >= Duration::from_millis(300) && start.elapsed() < Duration::from_secs(3));
    assert!(matches!(error, Error::TimeLimit { task: None, .. }), "{error:?}");
    assert_eq!((error.kind(), error.consequence()), ("time-limit", Consequence::Busy));
    assert_eq!(error.to_string(), "there was no answer within 0.3 s");
    let methods = mock.methods();
    assert_eq!(methods[methods.len() - 3..], ["task.cancel", "task.destroy", "session.logout"]);
}

#[tokio::test]
async fn the_time_limit_ends_a_login_too() {
    let mock = Mock::start(|_| Some(Act::Silence)).await;
    let error = ask(mock.options().time_limit(Duration::from_millis(200))).await.unwrap_err();
    assert_eq!(error.kind(), "time-limit");
    let mock = Mock::start(|call| Some(call.error("OTHER_OPERATION_IN_PROGRESS", &[]))).await;
    let error = ask(mock.options().time_limit(Duration::from_millis(200))).await.unwrap_err();
    assert_eq!(error.kind(), "time-limit");
}

#[tokio::test]
async fn a_task_that_could_not_be_destroyed_is_named() {
    let mock = Mock::start(|call| match call.method.as_str() {
        "task.destroy" | "task.cancel" => Some(call.error("INTERNAL_ERROR", &["?"])),
        _ => never_ends(call),
    })
    .await;
    let error = ask(mock.options().time_limit(Duration::from_millis(200))).await.unwrap_err();
    assert_discreet(&error);
    assert!(error.to_string().ends_with("its task OpaqueRef:task-0 could not be destroyed"), "{error}");
}

#[tokio::test]
async fn the_caller_can_stop_it_and_nothing_is_left() {
    let mock = Mock::start(never_ends).await;
    let stopped = tokio::time::sleep(Duration::from_millis(200));
    let asking = changed_blocks_unless(mock.options(), Uuid::from_u128(1), Uuid::from_u128(2), stopped);
    let error = asking.await.unwrap_err();
    assert_eq!(error.kind(), "stopped");
    let methods = mock.methods();
    assert_eq!(methods[methods.len() - 3..], ["task.cancel", "task.destroy", "session.logout"]);
}

#[tokio::test]
async fn a_task_that_is_being_begun_when_it_is_stopped_is_destroyed() {
    let mock = Mock::start(|call| {
        (call.method == "Async.VDI.list_changed_blocks").then(|| match call.result("OpaqueRef:late") {
            Act::Send(answer) => Act::SendLate(Duration::from_millis(600), answer),
            _ => unreachable!("it is sent"),
        })
    })
    .await;
    let stopped = tokio::time::sleep(Duration::from_millis(200));
    let asking = changed_blocks_unless(mock.options(), Uuid::from_u128(1), Uuid::from_u128(2), stopped);
    let error = asking.await.unwrap_err();
    assert!(matches!(error, Error::Stopped { task: None }), "{error:?}");
    let methods = mock.methods();
    assert_eq!(methods[methods.len() - 3..], ["task.cancel", "task.destroy", "session.logout"]);
    assert_eq!(mock.calls_of("task.destroy")[0].params[1], "OpaqueRef:late");
}
