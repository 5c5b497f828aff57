//! Listings that run as tasks.

use std::time::Duration;

use changed_blocks_xapi::client::{Answer, Client, Error, Refusal};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::mock::{Act, Mock, disks};

async fn list(client: &mut Client) -> Result<Answer, Error> {
    let (from, to) = disks(client).await;
    client.list_changed_blocks_task(&from, &to).await
}

/// Runs a task that is found with this record, and gives what came of it and the calls for the task.
async fn with_record(record: Value) -> (Result<Answer, Error>, Vec<String>) {
    let mock = Mock::start(move |call| (call.method == "task.get_record").then(|| call.result(record.clone()))).await;
    let mut client = mock.login().await;
    let outcome = list(&mut client).await;
    client.close().await.unwrap();
    let methods = mock.methods();
    assert_eq!(methods.last().unwrap(), "session.logout");
    (outcome, methods.into_iter().filter(|method| method.starts_with("task.")).collect())
}

#[tokio::test]
async fn a_task_is_watched_to_its_end_and_destroyed() {
    let mock = Mock::start(|call| {
        let status = ["pending", "pending", "cancelling", "success"][call.earlier.min(3)];
        let result = if status == "success" { "<value>q83v</value>" } else { "" };
        (call.method == "task.get_record")
            .then(|| call.result(json!({"status": status, "result": result, "progress": 0.5, "error_info": []})))
    })
    .await;
    let mut client = mock.login().await;
    assert_eq!(list(&mut client).await.unwrap().base64(), b"q83v");
    client.close().await.unwrap();
    let methods = mock.methods();
    assert_eq!(methods[3], "Async.VDI.list_changed_blocks");
    assert_eq!(methods[4..8], ["task.get_record"; 4]);
    assert_eq!(methods[8..], ["task.destroy", "session.logout"]);
    assert!(mock.calls()[4..9].iter().all(|call| call.params[1] == "OpaqueRef:task-0"));
}

#[tokio::test]
async fn both_forms_of_a_result_are_understood() {
    for (result, base64) in [
        ("<value>q83v</value>", "q83v"),
        ("<value><string>q83v</string></value>", "q83v"),
        ("<value>q/+/\n</value>\n", "q/+/\n"),
    ] {
        let (outcome, calls) = with_record(json!({"status": "success", "result": result})).await;
        assert_eq!((outcome.unwrap().base64(), calls.len()), (base64.as_bytes(), 2));
    }
}

#[tokio::test]
async fn a_success_without_a_bitmap_is_an_error() {
    for record in [
        json!({"status": "success"}),
        json!({"status": "success", "result": null}),
        json!({"status": "success", "result": ""}),
        json!({"status": "success", "result": "q83v"}),
        json!({"status": "success", "result": "<value/>"}),
        json!({"status": "success", "result": "<value></value>"}),
        json!({"status": "success", "result": "<value> \n</value>"}),
        json!({"status": "success", "result": "<value><string></string></value>"}),
        json!({"status": "success", "result": "<value><string/></value>"}),
        json!({"status": "success", "result": "<value>q83v"}),
        json!({"status": "success", "result": "<value><array><data/></array></value>"}),
        json!({"status": "success", "result": ["<value>q83v</value>"]}),
        json!({"status": "failure", "error_info": []}),
        json!({"status": "failure"}),
        json!({"status": "SUCCESS", "result": "<value>q83v</value>"}),
        json!({"status": 1, "result": "<value>q83v</value>"}),
        json!({"result": "<value>q83v</value>"}),
        json!("success"),
        Value::Null,
    ] {
        let (outcome, calls) = with_record(record.clone()).await;
        let error = outcome.unwrap_err();
        assert!(error.kind() == "protocol" && error.to_string().contains("offset"), "{record}: {error}");
        assert_eq!(calls.last().unwrap(), "task.destroy", "{record}");
    }
}

#[tokio::test]
async fn failed_and_cancelled_tasks_are_refusals() {
    let same = "Failed to calculate changed blocks for given VDIs. [opterr=Source and target VDI are same]";
    for (record, refusal) in [
        (json!({"status": "failure", "error_info": ["SR_BACKEND_FAILURE_460", "", same, ""]}), Refusal::Same),
        (json!({"status": "failure", "error_info": ["TASK_CANCELLED", "OpaqueRef:task-0"]}), Refusal::Cancelled),
        (json!({"status": "cancelled", "error_info": ["TASK_CANCELLED", "OpaqueRef:task-0"]}), Refusal::Cancelled),
        (json!({"status": "cancelled", "error_info": [], "result": "<value>q83v</value>"}), Refusal::Cancelled),
        (json!({"status": "cancelled"}), Refusal::Cancelled),
    ] {
        let (outcome, calls) = with_record(record.clone()).await;
        assert_eq!(outcome.unwrap_err().refusal(), Some(refusal), "{record}");
        assert_eq!(calls, ["task.get_record", "task.destroy"], "{record}");
    }
}

#[tokio::test]
async fn a_task_that_is_given_up_is_stopped_destroyed_and_logged_out_of() {
    // While it runs, and while the answer about it is on its way.
    for silent in [false, true] {
        let mock = Mock::start(move |call| {
            (call.method == "task.get_record").then(|| match silent {
                true => Act::Silence,
                false => call.result(json!({"status": "pending", "result": ""})),
            })
        })
        .await;
        let mut client = mock.login().await;
        assert!(timeout(Duration::from_millis(300), list(&mut client)).await.is_err());
        client.close().await.unwrap();
        let methods = mock.methods();
        assert_eq!(methods[methods.len() - 3..], ["task.cancel", "task.destroy", "session.logout"]);
        assert_eq!(mock.calls_of("task.destroy")[0].params[1], "OpaqueRef:task-0");
        // The connection with the open answer was not used again.
        assert_eq!(mock.calls_of("session.logout")[0].connection, usize::from(silent));
    }
}

#[tokio::test]
async fn a_task_that_could_not_be_destroyed_is_destroyed_when_closing() {
    let mock = Mock::start(|call| {
        (call.method == "task.destroy" && call.earlier == 0).then(|| call.error("INTERNAL_ERROR", &["?"]))
    })
    .await;
    let mut client = mock.login().await;
    assert_eq!(list(&mut client).await.unwrap().base64(), b"AAAA");
    client.close().await.unwrap();
    assert_eq!(mock.calls_of("task.destroy").len(), 2);

    // It may be gone by itself.
    let mock = Mock::start(|call| {
        (call.method == "task.destroy").then(|| call.error("HANDLE_INVALID", &["task", "OpaqueRef:task-0"]))
    })
    .await;
    let mut client = mock.login().await;
    list(&mut client).await.unwrap();
    client.close().await.unwrap();
    assert_eq!(mock.calls_of("task.destroy").len(), 1);

    // The session is ended even if the task is not, and the error is told.
    let mock = Mock::start(|call| (call.method == "task.destroy").then(|| call.error("INTERNAL_ERROR", &["?"]))).await;
    let mut client = mock.login().await;
    list(&mut client).await.unwrap();
    assert_eq!(client.close().await.unwrap_err().kind(), "internal");
    assert_eq!(mock.methods().last().unwrap(), "session.logout");
}

#[tokio::test]
async fn a_task_outlives_the_session_that_began_it() {
    let mock = Mock::start(|call| {
        (call.method.starts_with("task.") && call.params[0] == "OpaqueRef:session-0")
            .then(|| call.error("SESSION_INVALID", &["OpaqueRef:session-0"]))
    })
    .await;
    let mut client = mock.login().await;
    list(&mut client).await.unwrap();
    client.close().await.unwrap();
    assert_eq!(mock.calls_of("Async.VDI.list_changed_blocks").len(), 1);
    assert_eq!(mock.calls_of("session.logout")[0].params[0], "OpaqueRef:session-1");
}

#[tokio::test]
async fn a_start_without_a_reference_is_an_error() {
    for result in [json!(""), Value::Null, json!(7), json!(["OpaqueRef:task"])] {
        let mock = Mock::start(move |call| {
            (call.method == "Async.VDI.list_changed_blocks").then(|| call.result(result.clone()))
        })
        .await;
        let mut client = mock.login().await;
        assert_eq!(list(&mut client).await.unwrap_err().kind(), "protocol");
        client.close().await.unwrap();
        assert_eq!(mock.calls_of("task.get_record").len(), 0);
    }
}
