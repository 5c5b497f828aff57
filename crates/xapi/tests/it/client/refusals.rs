//! Every error code that a pool is known to give.

use changed_blocks::Consequence;
use changed_blocks_xapi::client::{Client, Error, Refusal};
use serde_json::{Value, json};

use super::mock::{Call, Mock, PASSWORD, assert_discreet, disks};

const CASES: &[(&str, &[&str], Refusal, &str, Consequence)] = {
    use Consequence::{Busy, FullBackup, Operator, Retry, WrongUsage};
    &[
        ("HANDLE_INVALID", &["VDI", "OpaqueRef:1"], Refusal::Missing, "missing", FullBackup),
        ("HANDLE_INVALID", &["task", "OpaqueRef:1"], Refusal::TaskGone, "task-gone", Retry),
        ("HANDLE_INVALID", &[], Refusal::Other, "refused", Operator),
        ("UUID_INVALID", &["VDI", "00000000-0000-0000-0000-000000000001"], Refusal::Missing, "missing", FullBackup),
        ("UUID_INVALID", &["SR", "00000000-0000-0000-0000-000000000001"], Refusal::Other, "refused", Operator),
        ("VDI_MISSING", &["OpaqueRef:1", "OpaqueRef:2"], Refusal::Missing, "missing", FullBackup),
        ("VDI_IN_USE", &["OpaqueRef:2", "list_changed_blocks"], Refusal::InUse, "in-use", Busy),
        (
            "SR_BACKEND_FAILURE_459",
            &["", "Changed block tracking log is in an inconsistent state. [opterr=Inconsistent bitmaps]", "trace"],
            Refusal::Inconsistent,
            "inconsistent",
            FullBackup,
        ),
        (
            "SR_BACKEND_FAILURE_460",
            &[
                "",
                "Failed to calculate changed blocks for given VDIs. [opterr=Source and target VDI are unrelated]",
                "",
            ],
            Refusal::Unrelated,
            "unrelated",
            FullBackup,
        ),
        (
            "SR_BACKEND_FAILURE_460",
            &["", "Failed to calculate changed blocks for given VDIs. [opterr=Source and target VDI are same]", ""],
            Refusal::Same,
            "same",
            WrongUsage,
        ),
        ("SR_BACKEND_FAILURE_460", &[], Refusal::Unrelated, "unrelated", FullBackup),
        (
            "SR_BACKEND_FAILURE_46",
            &["", "The VDI is not available [opterr=Error scanning VDI]", ""],
            Refusal::Unavailable,
            "unavailable",
            FullBackup,
        ),
        ("SR_OPERATION_NOT_SUPPORTED", &["OpaqueRef:sr"], Refusal::Unsupported, "unsupported", FullBackup),
        ("VDI_INCOMPATIBLE_TYPE", &["OpaqueRef:1", "rrd"], Refusal::Unsupported, "unsupported", FullBackup),
        ("OTHER_OPERATION_IN_PROGRESS", &["SR", "OpaqueRef:sr"], Refusal::Busy, "busy", Busy),
        ("TOO_MANY_PENDING_TASKS", &[], Refusal::Busy, "busy", Busy),
        ("NOT_SUPPORTED_DURING_UPGRADE", &[], Refusal::Away, "away", Busy),
        ("HOST_STILL_BOOTING", &[], Refusal::Away, "away", Busy),
        ("HOST_OFFLINE", &["OpaqueRef:host"], Refusal::Away, "away", Busy),
        ("HOST_NOT_LIVE", &[], Refusal::Away, "away", Busy),
        ("CANNOT_CONTACT_HOST", &["OpaqueRef:host"], Refusal::Away, "away", Busy),
        ("SESSION_AUTHENTICATION_FAILED", &["backup", "no"], Refusal::LoginFailed, "login-failed", Operator),
        ("SESSION_INVALID", &["OpaqueRef:session-1"], Refusal::SessionInvalid, "session-invalid", Retry),
        ("HANDLE_INVALID", &["session", "OpaqueRef:session-1"], Refusal::SessionInvalid, "session-invalid", Retry),
        ("HOST_IS_SLAVE", &["192.0.2.1"], Refusal::Other, "refused", Operator),
        ("RBAC_PERMISSION_DENIED", &["vdi.x", "no"], Refusal::NotPermitted, "not-permitted", Operator),
        ("INTERNAL_ERROR", &["Not_found"], Refusal::Internal, "internal", Retry),
        ("MESSAGE_METHOD_UNKNOWN", &["VDI.x"], Refusal::MethodUnknown, "method-unknown", FullBackup),
        ("TASK_CANCELLED", &["OpaqueRef:task"], Refusal::Cancelled, "cancelled", Retry),
        ("SR_BACKEND_FAILURE_1200", &["", "?", ""], Refusal::Other, "refused", Operator),
        ("SOMETHING_NEW", &["1"], Refusal::Other, "refused", Operator),
    ]
};

fn owned(params: &[&str]) -> Vec<String> {
    params.iter().map(|&param| param.to_owned()).collect()
}

#[test]
fn codes_mean_what_they_mean() {
    for &(code, params, refusal, kind, consequence) in CASES {
        let params = owned(params);
        assert_eq!(Refusal::of(code, &params), refusal, "{code} {params:?}");
        let error = Error::Refused { kind: refusal, code: code.to_owned(), params };
        assert_eq!((error.kind(), error.consequence()), (kind, consequence), "{code}");
        let text = error.to_string();
        assert!(text.contains(code) && !text.contains("OpaqueRef:session"), "{text}");
        let advised = !matches!(refusal, Refusal::Other | Refusal::Cancelled);
        assert_eq!(error.hint().is_some(), advised, "{code}");
        assert_eq!(
            consequence == Consequence::FullBackup,
            error.hint().is_some_and(|hint| hint.contains("full backup"))
        );
    }
}

#[tokio::test]
async fn codes_come_with_their_parameters_in_both_forms_and_from_tasks() {
    for &(code, params, refusal, ..) in CASES {
        let script = move |call: &Call| match call.method.as_str() {
            "VDI.list_changed_blocks" => Some(call.error(code, params)),
            "other.call" => Some(call.old_error(code, params)),
            "task.get_record" => {
                let info: Vec<&str> = [code].into_iter().chain(params.iter().copied()).collect();
                Some(call.result(json!({"status": "failure", "result": "", "error_info": info})))
            }
            _ => None,
        };
        let mock = Mock::start(script).await;
        let options = mock.options().busy_limit(std::time::Duration::ZERO);
        let mut client = Client::login(options).await.unwrap();
        let (from, to) = disks(&mut client).await;
        for form in 0..3 {
            let error = match form {
                0 => client.list_changed_blocks(&from, &to).await.map(drop),
                1 => client.call("other.call", &[]).await.map(drop),
                _ => client.list_changed_blocks_task(&from, &to).await.map(drop),
            };
            let error = error.unwrap_err();
            assert_discreet(&error);
            let Error::Refused { kind, code: found, params: all } = error else { panic!("{code}: {error:?}") };
            assert_eq!((kind, found.as_str()), (refusal, code));
            // The session that ended was renewed in between, and is the only parameter that may be withheld.
            let same = all.iter().zip(params).all(|(found, sent)| found == sent || found == "(withheld)");
            assert!(all.len() == params.len() && same, "{code}: {all:?}");
        }
        client.close().await.unwrap();
        assert_eq!(mock.methods().last().unwrap(), "session.logout", "{code}");
    }
}

#[tokio::test]
async fn errors_of_other_forms_are_errors() {
    for (error, kind) in [
        (json!({"code": -32600, "message": "Invalid Request"}), "refused"),
        (json!({"code": 1, "message": "VDI_IN_USE", "data": null}), "in-use"),
        (json!({"code": 1, "message": "VDI_IN_USE", "data": "OpaqueRef:1"}), "in-use"),
        (json!({"code": 1, "message": "VDI_IN_USE", "data": [1, null, {"a": []}]}), "in-use"),
        (json!(["VDI_IN_USE", 1]), "in-use"),
        (json!([]), "protocol"),
        (json!([1]), "protocol"),
        (json!("VDI_IN_USE"), "protocol"),
        (json!({"code": 1}), "protocol"),
        (json!(false), "protocol"),
    ] {
        let sent = error.clone();
        let mock = Mock::start(move |call| {
            // A result beside an error does not make it good.
            let body = json!({"jsonrpc": "2.0", "result": "AAAA", "error": sent, "id": call.id});
            (call.method == "VDI.list_changed_blocks").then(|| call.body(&body.to_string()))
        })
        .await;
        let mut client = mock.login().await;
        let (from, to) = disks(&mut client).await;
        assert_eq!(client.list_changed_blocks(&from, &to).await.unwrap_err().kind(), kind, "{error}");
        client.close().await.unwrap();
    }
}

#[tokio::test]
async fn no_error_repeats_the_password() {
    let echo = |call: &Call| {
        let text = format!("no {} for you", call.params[1].as_str().unwrap());
        let text = text.as_str();
        match call.id.as_u64().unwrap() {
            // The client of this test is new each time, so what it is told depends on its user.
            _ if call.params[0] == "echo in a parameter" => call.error("SESSION_AUTHENTICATION_FAILED", &["u", text]),
            _ if call.params[0] == "echo in the code" => call.error(text, &[]),
            _ if call.params[0] == "echo of an old kind" => call.old_error(text, &[text]),
            _ if call.params[0] == "echo as an address" => call.error("HOST_IS_SLAVE", &[text]),
            _ if call.params[0] == "echo as a result" => call.result(json!({"text": text})),
            _ if call.params[0] == "echo in a list" => call.result(json!([text])),
            _ if call.params[0] == "echo in the id" => call.body(&json!({"result": "", "id": text}).to_string()),
            _ if call.params[0] == "echo of no JSON" => call.body(text),
            _ => call.body(&json!([text]).to_string()),
        }
    };
    let mock = Mock::start(move |call| Some(echo(call))).await;
    let url = format!("http://127.0.0.1:{}", mock.port);
    for user in [
        "echo in a parameter",
        "echo in the code",
        "echo of an old kind",
        "echo as an address",
        "echo as a result",
        "echo in a list",
        "echo in the id",
        "echo of no JSON",
        "other",
    ] {
        let password = changed_blocks_xapi::client::Secret::from(PASSWORD.to_owned());
        let options = changed_blocks_xapi::client::Options::new(&url, user, password).unwrap();
        let shown = format!("{options:?} {options:#?}");
        assert!(shown.contains(user) && !shown.contains(PASSWORD), "{shown}");
        let error = Client::login(options).await.unwrap_err();
        assert_discreet(&error);
    }
    assert_eq!(mock.calls()[0].params[1], Value::from(PASSWORD));
}

#[tokio::test]
async fn a_client_shows_neither_its_password_nor_its_session() {
    let mock = Mock::start(|_| None).await;
    let client = mock.login().await;
    let shown = format!("{client:?} {client:#?}");
    assert!(shown.contains("127.0.0.1") && !shown.contains(PASSWORD) && !shown.contains("OpaqueRef"), "{shown}");
    client.close().await.unwrap();
}
