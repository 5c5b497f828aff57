//! JSON-RPC, of both versions.

use std::cell::Cell;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::budgets::{CALL_ID, CALL_VALUES};
use super::call::{Call, Malformed};
use super::failure::Failure;
use super::value::{Pieces, Struct, Value, time_text};

/// How the answer to a call is to be written.
#[derive(Debug)]
pub(super) struct Envelope {
    version: Version,
    /// The id by which the client tells its calls apart, as it wrote it.
    id: Box<RawValue>,
}

#[derive(Debug)]
enum Version {
    One,
    Two,
}

#[derive(Deserialize)]
struct Request {
    jsonrpc: Option<String>,
    method: String,
    #[serde(default)]
    params: Params,
    id: Option<Box<RawValue>>,
}

/// Reads a call. Nesting is bounded by the JSON library.
pub(super) fn parse(body: &[u8]) -> Result<(Call, Envelope), Malformed> {
    // The JSON library does not look at what it skips.
    let text = std::str::from_utf8(body).map_err(|error| Malformed::new(format!("not UTF-8: {error}")))?;
    // A list would be taken for the members in their order. Several calls in one are not known here.
    if !text.trim_start().starts_with('{') {
        return Err(Malformed::new("a call is one JSON object".to_owned()));
    }
    let request: Request = serde_json::from_str(text).map_err(|error| Malformed::new(error.to_string()))?;
    let version = match request.jsonrpc.as_deref() {
        None | Some("1.0") => Version::One,
        Some("2.0") => Version::Two,
        Some(other) => return Err(Malformed::new(format!("there is no JSON-RPC {other:?}"))),
    };
    let id = request.id.unwrap_or_else(|| RawValue::NULL.to_owned());
    if id.get().len() > CALL_ID {
        return Err(Malformed::new(format!("the id of a call has at most {CALL_ID} bytes")));
    }
    Ok((Call::new(request.method, request.params.0), Envelope { version, id }))
}

/// The parameters of a call.
#[derive(Default)]
struct Params(Vec<Value>);

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let values_left = Cell::new(CALL_VALUES + 1);
        match AValue(&values_left).deserialize(from)? {
            Value::List(params) => Ok(Self(params)),
            _ => Err(D::Error::custom("params are a list")),
        }
    }
}

/// Reads a value straight from the text, as long as there are not too many of them.
#[derive(Clone, Copy)]
struct AValue<'c>(&'c Cell<usize>);

impl<'de> DeserializeSeed<'de> for AValue<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        let left = self.0.get().checked_sub(1);
        self.0.set(left.ok_or_else(|| D::Error::custom(format!("a call has at most {CALL_VALUES} values")))?);
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AValue<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    /// A null is no value.
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::EMPTY)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Value, E> {
        Ok(Value::Bool(bool))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "what is beyond 64 bits with a sign is a float")]
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Int))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    /// In order; of members that have the same name, the last counts.
    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut members = Struct::new();
        while let Some(name) = items.next_key::<String>()? {
            members.push((name.into(), items.next_value_seed(self)?));
        }
        members.reverse();
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        members.dedup_by(|(later, _), (first, _)| later == first);
        Ok(Value::Struct(members))
    }
}

/// Writes an answer.
pub(super) fn answer(to: &mut Pieces, result: Result<Value, Failure>, envelope: &Envelope) {
    match (&envelope.version, result) {
        (Version::One, Ok(value)) => {
            to.push("{\"result\":");
            write(to, value);
            to.push(",\"error\":null");
        }
        (Version::One, Err(failure)) => {
            to.push("{\"result\":null,\"error\":");
            list(to, failure.description().map(|text| Value::text(text.to_owned())));
        }
        (Version::Two, Ok(value)) => {
            to.push("{\"jsonrpc\":\"2.0\",\"result\":");
            write(to, value);
        }
        (Version::Two, Err(Failure { code, params })) => {
            to.push("{\"jsonrpc\":\"2.0\",\"error\":{\"code\":1,\"message\":");
            string(to, code);
            to.push(",\"data\":");
            list(to, params.into_iter().map(Value::text));
            to.push("}");
        }
    }
    to.push(",\"id\":");
    to.push(envelope.id.get());
    to.push("}");
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
                member(to, i == 0, &name, value);
            }
            to.push("}");
        }
        Value::Records(records) => {
            to.push("{");
            let mut first = true;
            records.each(|name, value| {
                member(to, std::mem::take(&mut first), &name, value);
            });
            to.push("}");
        }
        Value::Items(items) => {
            to.push("[");
            let mut first = true;
            items.each(|_, value| {
                to.push(if std::mem::take(&mut first) { "" } else { "," });
                write(to, value);
            });
            to.push("]");
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

fn member(to: &mut Pieces, first: bool, name: &str, value: Value) {
    to.push(if first { "" } else { "," });
    string(to, name);
    to.push(":");
    write(to, value);
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
