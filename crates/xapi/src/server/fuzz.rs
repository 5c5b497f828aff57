//! The parsers of requests and of their expressions, held against what they have understood.

use serde_json::json;

use super::call::Call;
use super::filter::{Filter, Joint, Operand};
use super::value::{Piece, Pieces, Value};
use super::{budgets, jsonrpc, xmlrpc};

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
    let mut answer = Pieces::default();
    jsonrpc::answer(&mut answer, Ok(Value::List(call.params)), &envelope);
    let answer = bytes(answer.finish().expect("room"));
    let mut answer: serde_json::Value = serde_json::from_slice(&answer).expect("answers are JSON");
    assert_eq!(request["method"], json!(call.method));
    assert_eq!(answer["id"], request["id"]);
    let params = request.get("params").cloned().unwrap_or_else(|| json!([]));
    assert_eq!(as_taken(answer["result"].take()), as_taken(params));
}

/// An expression that was understood means the same once it is written with all its parentheses, as long as that does not
/// nest too deeply. One that was not understood is told where.
pub(crate) fn expression(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(failure) => {
            let [whole, why] = &*failure.params else { panic!("{failure:?}") };
            let place = why.strip_prefix("at byte ").and_then(|why| why.split_once(':'));
            let place: usize = place.and_then(|(place, _)| place.parse().ok()).expect("a place");
            assert_eq!((failure.code, whole.clone()), ("INVALID_VALUE", budgets::echo(text.to_owned())));
            assert!(text.is_char_boundary(place), "{why}");
            return;
        }
    };
    let mut plain = String::new();
    write_out(&filter, &mut plain);
    if let Ok(again) = Filter::parse(&plain) {
        for length in 0..3 {
            // Fields with the first characters of their names as values.
            let value = |name: &str| Ok(name.chars().take(length).collect::<String>().into());
            assert_eq!(filter.holds(&value), again.holds(&value), "{plain}");
        }
    }
}

fn write_out(filter: &Filter, to: &mut String) {
    match filter {
        Filter::Constant(constant) => to.push_str(if *constant { "true" } else { "false" }),
        Filter::Equal(left, right) => {
            for (operand, after) in [(left, "="), (right, "")] {
                let (kind, text) = match operand {
                    Operand::Field(name) => ("field", name),
                    Operand::Text(text) => ("", text),
                };
                to.extend([kind, "\"", text, "\"", after]);
            }
        }
        Filter::Not(filter) => {
            to.push_str("(not ");
            write_out(filter, to);
            to.push(')');
        }
        Filter::Joined(first, rest) => {
            // The first is joined to the second, and what comes of that to the third.
            to.push_str(&"(".repeat(rest.len()));
            write_out(first, to);
            for (joint, filter) in rest {
                to.push_str(if *joint == Joint::And { " and " } else { " or " });
                write_out(filter, to);
                to.push(')');
            }
        }
    }
}

fn bytes(pieces: Vec<Piece>) -> Vec<u8> {
    let text = |piece| match piece {
        Piece::Text { text, .. } => text,
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
    let text = String::from_utf8(bytes(to.finish().expect("room"))).expect("text");
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
