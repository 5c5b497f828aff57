//! The parsers of requests, held against what they have understood.

use serde_json::json;

use super::value::{Piece, Pieces, Value};
use super::{Call, jsonrpc, xmlrpc};

/// An XML-RPC call that was understood is understood in the same way once it is written again.
pub(crate) fn xml(data: &[u8]) {
    let Ok(call) = xmlrpc::parse(data) else { return };
    let again =
        xmlrpc::parse(&bytes(xmlrpc::call(&call.method, call.params.clone()))).expect("it was understood before");
    let written = Call::new(plain(&call.method).trim().to_owned(), call.params.into_iter().map(as_written).collect());
    assert_eq!(format!("{again:?}"), format!("{written:?}"));
}

/// The parameters of a JSON-RPC call come back as a JSON library reads them, and so does the id.
pub(crate) fn json(data: &[u8]) {
    let Ok((call, envelope)) = jsonrpc::parse(data) else { return };
    // Strings that are skipped need not be Unicode. They have to be to be copied.
    let Ok(request) = serde_json::from_slice::<serde_json::Value>(data) else { return };
    let answer = bytes(jsonrpc::answer(Ok(Value::List(call.params)), &envelope));
    let mut answer: serde_json::Value = serde_json::from_slice(&answer).expect("answers are JSON");
    assert_eq!(request["method"], json!(call.method));
    assert_eq!(answer["id"], request["id"]);
    let params = request.get("params").cloned().unwrap_or_else(|| json!([]));
    assert_eq!(as_taken(answer["result"].take()), as_taken(params));
}

fn bytes(pieces: Vec<Piece>) -> Vec<u8> {
    let text = |piece| match piece {
        Piece::Text(text) => text,
        Piece::Bitmap(_) => unreachable!("no call has one"),
    };
    pieces.into_iter().flat_map(text).collect()
}

/// Integers are digits, and characters that XML cannot have are question marks.
fn as_written(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::text(plain(&text)),
        Value::Int(number) => Value::text(number.to_string()),
        Value::List(values) => Value::List(values.into_iter().map(as_written).collect()),
        Value::Struct(members) => {
            Value::Struct(members.into_iter().map(|(name, value)| (plain(&name).into(), as_written(value))).collect())
        }
        other => other,
    }
}

fn plain(text: &str) -> String {
    let mut to = Pieces::default();
    xmlrpc::escape(&mut to, text);
    let text = String::from_utf8(bytes(to.finish())).expect("text");
    quick_xml::escape::unescape(&text).expect("escaped").into_owned()
}

/// There is no null. What is beyond 64 bits is a float, of which the JSON library reads the last digit as it likes.
fn as_taken(json: serde_json::Value) -> serde_json::Value {
    match json {
        serde_json::Value::Null => json!(""),
        serde_json::Value::Number(number) if number.as_i64().is_none() => json!("a float"),
        serde_json::Value::Array(values) => values.into_iter().map(as_taken).collect(),
        serde_json::Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, as_taken(value))).collect()
        }
        other => other,
    }
}
