//! JSON-RPC, of both versions.

use serde_json::value::RawValue;

use super::value::{Piece, Pieces, Value, time_text};
use super::{Call, Failure, Malformed};

/// How the answer to a call is to be written.
#[derive(Debug)]
pub(super) struct Envelope {
    version: Version,
    /// What the client tells its calls apart by, as it wrote it.
    id: Box<RawValue>,
}

#[derive(Debug)]
enum Version {
    One,
    Two,
}

#[derive(serde::Deserialize)]
struct Request {
    jsonrpc: Option<String>,
    method: String,
    #[serde(default)]
    params: Vec<serde_json::Value>,
    id: Option<Box<RawValue>>,
}

/// Reads a call. Nesting is bounded by the JSON library.
pub(super) fn parse(body: &[u8]) -> Result<(Call, Envelope), Malformed> {
    // The JSON library does not look at what it skips.
    let text = std::str::from_utf8(body).map_err(|error| Malformed(format!("not UTF-8: {error}")))?;
    // A list would be taken for the members in their order. Several calls in one are not known here.
    if !text.trim_start().starts_with('{') {
        return Err(Malformed("a call is one JSON object".to_owned()));
    }
    let request: Request = serde_json::from_str(text).map_err(|error| Malformed(error.to_string()))?;
    let version = match request.jsonrpc.as_deref() {
        None | Some("1.0") => Version::One,
        Some("2.0") => Version::Two,
        Some(other) => return Err(Malformed(format!("there is no JSON-RPC {other:?}"))),
    };
    let id = request.id.unwrap_or_else(|| RawValue::NULL.to_owned());
    let params = request.params.into_iter().map(value_of).collect();
    Ok((Call::new(request.method, params), Envelope { version, id }))
}

fn value_of(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::EMPTY,
        serde_json::Value::Bool(bool) => Value::Bool(bool),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(int) => Value::Int(int),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Array(values) => Value::List(values.into_iter().map(value_of).collect()),
        serde_json::Value::Object(members) => {
            Value::Struct(members.into_iter().map(|(name, value)| (name.into(), value_of(value))).collect())
        }
    }
}

/// Writes an answer.
pub(super) fn answer(result: Result<Value, Failure>, envelope: &Envelope) -> Vec<Piece> {
    let mut to = Pieces::default();
    match (&envelope.version, result) {
        (Version::One, Ok(value)) => {
            to.push("{\"result\":");
            write(&mut to, value);
            to.push(",\"error\":null");
        }
        (Version::One, Err(failure)) => {
            to.push("{\"result\":null,\"error\":");
            list(&mut to, failure.description().map(|text| Value::text(text.to_owned())));
        }
        (Version::Two, Ok(value)) => {
            to.push("{\"jsonrpc\":\"2.0\",\"result\":");
            write(&mut to, value);
        }
        (Version::Two, Err(Failure { code, params })) => {
            to.push("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":");
            string(&mut to, code);
            to.push(",\"data\":");
            list(&mut to, params.into_iter().map(Value::text));
            to.push("}");
        }
    }
    to.push(",\"id\":");
    to.push(envelope.id.get());
    to.push("}");
    to.finish()
}

fn write(to: &mut Pieces, value: Value) {
    match value {
        Value::Text(text) => string(to, &text),
        Value::Int(number) => to.push(&number.to_string()),
        Value::Bool(bool) => to.push(if bool { "true" } else { "false" }),
        Value::Float(number) => to.push(&serde_json::json!(number).to_string()),
        Value::Time(seconds) => string(to, &time_text(seconds)),
        Value::List(values) => list(to, values.into_iter()),
        Value::Struct(members) => {
            to.push("{");
            for (i, (name, value)) in members.into_iter().enumerate() {
                to.push(if i == 0 { "" } else { "," });
                string(to, &name);
                to.push(":");
                write(to, value);
            }
            to.push("}");
        }
        Value::Bitmap(bitmap) => {
            to.push("\"");
            to.push_bitmap(bitmap);
            to.push("\"");
        }
        Value::TaskBitmap(bitmap) => {
            to.push("\"<value>");
            to.push_bitmap(bitmap);
            to.push("</value>\"");
        }
    }
}

fn list(to: &mut Pieces, values: impl Iterator<Item = Value>) {
    to.push("[");
    for (i, value) in values.enumerate() {
        to.push(if i == 0 { "" } else { "," });
        write(to, value);
    }
    to.push("]");
}

fn string(to: &mut Pieces, text: &str) {
    to.push(&serde_json::json!(text).to_string());
}
