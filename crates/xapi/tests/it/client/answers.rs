//! The bitmap in an answer, and how it is taken out of it.

use changed_blocks_xapi::client::Error;
use serde_json::json;
use uuid::Uuid;

use super::mock::{Act, Mock, disks, ok};
use crate::cases::cases;

const LIST: &str = "VDI.list_changed_blocks";

/// The outcome of a body in which `ID` stands for the number of the call.
async fn listed(body: &'static str) -> Result<Vec<u8>, Error> {
    let mock =
        Mock::start(move |call| (call.method == LIST).then(|| call.body(&body.replace("ID", &call.id.to_string()))))
            .await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    let answer = client.list_changed_blocks(&from, &to).await;
    client.close().await.unwrap();
    answer.map(|answer| {
        assert_eq!(answer.as_ref(), answer.base64());
        assert_eq!(format!("{answer:?}"), format!("Answer({} bytes of base64)", answer.base64().len()));
        answer.base64().to_vec()
    })
}

#[tokio::test]
async fn the_text_is_given_as_it_is() {
    for (body, text) in [
        (r#"{"jsonrpc":"2.0","result":"ygAAAA==","id":ID}"#, "ygAAAA=="),
        (r#"{"result":"ygAAAA==","error":null,"id":ID}"#, "ygAAAA=="),
        ("\n{ \"id\" : ID ,\r\n \"more\" : [ { } ] , \"result\" : \"ygAAAA==\" } \n", "ygAAAA=="),
        (r#"{"result":"\/+\/\/A\u0041==","id":ID}"#, "/+//AA=="),
        (r#"{"result":"AAAA\n","id":ID}"#, "AAAA\n"),
        // A text that is no base64 is for the engine to refuse.
        (r#"{"result":"n\u00f6 \"","id":ID}"#, "nö \""),
    ] {
        assert_eq!(listed(body).await.unwrap(), text.as_bytes(), "{body}");
    }
}

#[tokio::test]
async fn anything_else_is_an_error_and_never_an_empty_answer() {
    for body in [
        "",
        "null",
        "[]",
        "true",
        r#""AAAA""#,
        "AAAA",
        "<html></html>",
        r#"{"id":ID}"#,
        r#"{"result":null,"id":ID}"#,
        r#"{"result":null,"error":null,"id":ID}"#,
        r#"{"result":"","id":ID}"#,
        r#"{"result":"\n ","id":ID}"#,
        r#"{"result":[],"id":ID}"#,
        r#"{"result":["AAAA"],"id":ID}"#,
        r#"{"result":{"Status":"Success","Value":"AAAA"},"id":ID}"#,
        r#"{"result":true,"id":ID}"#,
        r#"{"result":0,"id":ID}"#,
        r#"{"result":"\ud800AAA","id":ID}"#,
        r#"{"result":"AAAA","result":"AAAA","id":ID}"#,
        r#"{"result":"AAAA","id":ID}{"result":"AAAA","id":ID}"#,
        r#"{"result":"AAAA","id":ID"#,
        r#"{"result":"AAAA"}"#,
        r#"{"result":"AAAA","id":null}"#,
        r#"{"result":"AAAA","id":"ID"}"#,
        r#"{"result":"AAAA","id":ID0}"#,
        r#"{"result":"AAAA","id":1}"#,
        r#"{"error":["VDI_IN_USE"],"id":1}"#,
    ] {
        let error = listed(body).await.expect_err(body);
        assert!(matches!(error, Error::Protocol { .. }), "{body}: {error:?}");
        assert!(error.to_string().starts_with("VDI.list_changed_blocks: "), "{body}: {error}");
    }
}

#[tokio::test]
async fn an_error_says_where_it_is() {
    for (body, offset) in [
        (r#"{"result":AAAA}"#, 10),
        ("{\n\n\"result\":AAAA}", 12),
        (r#"{"result":17,"id":ID}"#, 10),
        (r#"{"result":"AAAA","id""#, 21),
    ] {
        let error = listed(body).await.unwrap_err();
        let Error::Protocol { offset: Some(found), .. } = error else { panic!("{body}: {error:?}") };
        assert!(found.abs_diff(offset) <= 1, "{body}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_ends_its_connection() {
    let mock = Mock::start(|call| {
        (call.method == LIST && call.earlier == 0).then(|| call.body(r#"{"result":"LATE","id":1}"#))
    })
    .await;
    let mut client = mock.login().await;
    let (from, to) = disks(&mut client).await;
    assert_eq!(client.list_changed_blocks(&from, &to).await.unwrap_err().kind(), "protocol");
    assert_eq!(client.list_changed_blocks(&from, &to).await.unwrap().base64(), b"AAAA");
    client.close().await.unwrap();
    assert_eq!(mock.calls_of(LIST)[1].connection, 1);
}

#[tokio::test]
async fn any_call_can_be_made() {
    let mock = Mock::start(|call| {
        (call.method == "echo.it").then(|| call.result(json!({"params": call.params[1..], "null": null})))
    })
    .await;
    let mut client = mock.login().await;
    let value = client.call("echo.it", &[json!({"a": "é\n"}), json!(7)]).await.unwrap();
    assert_eq!(value, json!({"params": [{"a": "é\n"}, 7], "null": null}));
    assert!(client.vdi(Uuid::nil()).await.unwrap().as_str().starts_with("OpaqueRef:"));
    client.close().await.unwrap();
}

/// The longest answer that there is: of the largest disk of XCP-ng.
const LONGEST: usize = 44_731_052;

/// A text of that length that is not the same everywhere.
fn long_text(length: usize) -> String {
    (0..length / 4).map(|index| ["AAAA", "q83v", "/+//", "8AAA"][index % 7 % 4]).collect()
}

#[tokio::test]
async fn the_longest_answer_is_held_once() {
    let text = long_text(cases(LONGEST / 40 * 4, LONGEST));
    let slashes = text.matches('/').count();
    for (kind, room) in [("call", 0), ("task", 0), ("chunked", 0), ("escaped", slashes)] {
        let sent = text.clone();
        let mock = Mock::start(move |call| {
            (call.method == LIST || call.method == "task.get_record").then(|| {
                let body = format!(r#"{{"jsonrpc":"2.0","result":"{sent}","id":{}}}"#, call.id);
                let in_record = r#"{"status":"success","result":"<value>"#;
                match kind {
                    "task" => Act::Send(ok(&body
                        .replacen("\"result\":\"", &format!("\"result\":{in_record}"), 1)
                        .replacen("\",\"id\"", "</value>\"},\"id\"", 1))),
                    "chunked" => {
                        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                        Act::Send(format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes())
                    }
                    "escaped" => Act::Send(ok(&body.replace('/', "\\/"))),
                    _ => Act::Send(ok(&body)),
                }
            })
        })
        .await;
        let mut client = mock.login().await;
        let (from, to) = disks(&mut client).await;
        let answer = if kind == "task" {
            client.list_changed_blocks_task(&from, &to).await.unwrap()
        } else {
            client.list_changed_blocks(&from, &to).await.unwrap()
        };
        client.close().await.unwrap();
        assert!(answer.base64() == text.as_bytes(), "{kind}");
        let bound = (text.len() + room) / 10 * 11;
        assert!(answer.memory_bytes() <= bound, "{kind}: {} bytes are held for {}", answer.memory_bytes(), text.len());
    }
}
