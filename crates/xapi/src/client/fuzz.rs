//! The parser of answers, held against a JSON library that copies everything.

use serde_json::Value;

use super::rpc::Reply;
use super::task::State;
use super::{Answer, Error};

/// The bitmap in an answer, as the result of the call or of a task, is the string that a JSON library finds there, or an
/// error.
pub(crate) fn answer(data: &[u8]) {
    let parse = || Reply::parse("fuzzed", 1, data.to_vec());
    let Ok(reply) = parse() else { return };
    // Strings that are skipped need not be Unicode. They have to be to be copied.
    let Ok(found) = serde_json::from_slice::<Value>(data) else { return };
    let result = found.get("result").cloned().expect("there is one");
    match Answer::of_call(reply) {
        Ok(answer) => {
            assert_eq!(result.as_str().map(str::as_bytes), Some(answer.base64()));
            assert!(!answer.base64().trim_ascii().is_empty());
        }
        Err(error) => assert!(matches!(error, Error::Protocol { .. })),
    }
    let Ok(State::Done(Ok(answer))) = parse().and_then(|reply| State::of(reply, "OpaqueRef:1")) else { return };
    assert_eq!(result["status"], "success");
    let text = result["result"].as_str().expect("text").trim_ascii();
    let inner = text.strip_prefix("<value>").and_then(|text| text.strip_suffix("</value>")).expect("a value");
    let string = inner.strip_prefix("<string>").and_then(|text| text.strip_suffix("</string>"));
    assert_eq!(string.unwrap_or(inner).as_bytes(), answer.base64());
}
