//! The parser of answers and the meter of their length, held against a JSON library that copies everything.

use serde_json::Value;

use super::answer::Answer;
use super::error::Error;
use super::message::MOST_PARAMS;
use super::meter::{Limits, Meter};
use super::rpc::Reply;
use super::task::State;

/// The bitmap in an answer, as the result of the call or of a task, is the string that a JSON library finds there, or an
/// error; so is the code of a refusal. All bytes are counted but those of the bitmap.
pub(crate) fn answer(data: &[u8]) {
    let parse = || Reply::parse("fuzzed", 1, data.to_vec());
    let outcome = parse();
    // Strings that are skipped need not be Unicode. They have to be to be copied.
    let found = serde_json::from_slice::<Value>(data).ok();
    let (reply, found) = match (outcome, found) {
        (Err(Error::Refused { code, params, .. }), Some(found)) => return refusal(&found["error"], &code, &params),
        (Ok(reply), Some(found)) => (reply, found),
        _ => return,
    };
    let result = found.get("result").cloned().expect("there is one");
    let raw = reply.result.clone();
    match Answer::of_call(reply) {
        Ok(answer) => {
            assert_eq!(result.as_str().map(str::as_bytes), Some(answer.base64()));
            assert!(!answer.base64().trim_ascii().is_empty());
            counted("VDI.list_changed_blocks", data, data.len() - (raw.len() - 2));
        }
        Err(error) => assert!(matches!(error, Error::Protocol { .. })),
    }
    let Ok(State::Done(Ok(answer))) = parse().and_then(|reply| State::of(reply, "OpaqueRef:1")) else { return };
    assert_eq!(result["status"], "success");
    let whole = result["result"].as_str().expect("text");
    let text = whole.trim_ascii();
    let inner = text.strip_prefix("<value>").and_then(|text| text.strip_suffix("</value>")).expect("a value");
    let string = inner.strip_prefix("<string>").and_then(|text| text.strip_suffix("</string>"));
    assert_eq!(string.unwrap_or(inner).as_bytes(), answer.base64());
    counted("task.get_record", data, data.len() - whole.len());
}

/// The code and the parameters are those in the `error` member, of either form.
fn refusal(error: &Value, code: &str, params: &[String]) {
    let list = error.as_array().map(Vec::as_slice);
    let (found, all) = match list {
        Some(list) => (&list[0], &list[1..]),
        None => (&error["message"], error["data"].as_array().map_or(&[][..], Vec::as_slice)),
    };
    assert_eq!(found.as_str(), Some(code));
    if list.is_some() || error["data"].is_array() {
        assert_eq!(params.len(), all.len().min(MOST_PARAMS));
        for (param, found) in params.iter().zip(all) {
            assert!(found.as_str().is_none_or(|text| text == param || param == "(withheld)"));
        }
    }
}

/// The meter counts so many bytes, whatever the pieces are. Where there are escapes, it may count more: it does not
/// take the names of members for anything else than what is written.
fn counted(method: &str, data: &[u8], expected: usize) {
    for length in [1, 7, data.len()] {
        let mut meter = Meter::new(method, Limits { bitmap: u64::MAX, text: u64::MAX });
        data.chunks(length).for_each(|piece| meter.take(piece).expect("no limit"));
        let text = usize::try_from(meter.text()).expect("as long as the data");
        assert!(text == expected || (data.contains(&b'\\') && text <= data.len()), "{text} for {expected}");
    }
}
