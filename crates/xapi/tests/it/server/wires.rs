//! Calls in each notation, and their answers in the types of that notation.

use std::fmt::Write;

use quick_xml::events::Event;
use quick_xml::reader::Reader;
use serde_json::{Value, json};

use super::wire::{PASSWORD, Served};

/// A notation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire {
    JsonOne,
    JsonTwo,
    Xml,
}

pub(crate) const WIRES: [Wire; 3] = [Wire::JsonOne, Wire::JsonTwo, Wire::Xml];

/// One that speaks it, and has logged in.
pub(crate) struct Client<'s> {
    served: &'s Served,
    pub(crate) wire: Wire,
    pub(crate) session: Value,
}

impl<'s> Client<'s> {
    /// Logs in with what a client gives beside the password.
    pub(crate) fn login(served: &'s Served, wire: Wire, more: &[&str]) -> Self {
        let mut client = Self { served, wire, session: json!("") };
        let mut params = vec![json!("root"), json!(PASSWORD)];
        params.extend(more.iter().map(|text| json!(text)));
        client.session = client.raw("session.login_with_password", &params).expect("right");
        assert!(text(&client.session).starts_with("OpaqueRef:"));
        client
    }

    /// Calls without a session.
    pub(crate) fn raw(&self, method: &str, params: &[Value]) -> Result<Value, Vec<String>> {
        match self.wire {
            Wire::Xml => {
                let mut body = format!("<?xml version='1.0'?><methodCall><methodName>{method}</methodName><params>");
                for param in params {
                    body.push_str("<param>");
                    write_xml(&mut body, param);
                    body.push_str("</param>");
                }
                body.push_str("</params></methodCall>");
                let reply = self.served.post("/RPC2", &body);
                assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/xml")), "{reply:?}");
                let mut answer = read_xml(reply.text());
                match text(&answer["Status"]) {
                    "Success" => Ok(answer["Value"].take()),
                    _ => Err(texts(&answer["ErrorDescription"])),
                }
            }
            Wire::JsonTwo => self.served.call(method, params),
            Wire::JsonOne => {
                let request = json!({"method": method, "params": params, "id": 3});
                let reply = self.served.post("/jsonrpc", &request.to_string());
                assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{reply:?}");
                let mut answer: Value = serde_json::from_slice(&reply.body).expect("JSON");
                assert_eq!(answer["id"], json!(3));
                if answer["error"].is_null() { Ok(answer["result"].take()) } else { Err(texts(&answer["error"])) }
            }
        }
    }

    fn call(&self, method: &str, params: &[&Value]) -> Result<Value, Vec<String>> {
        let params: Vec<Value> = std::iter::once(&self.session).chain(params.iter().copied()).cloned().collect();
        self.raw(method, &params)
    }

    /// A call that has to succeed.
    #[track_caller]
    pub(crate) fn get(&self, method: &str, params: &[&Value]) -> Value {
        self.call(method, params).unwrap_or_else(|error| panic!("{:?} {method}: {error:?}", self.wire))
    }

    /// A call that succeeds and has nothing to tell.
    #[track_caller]
    pub(crate) fn run(&self, method: &str, params: &[&Value]) {
        assert_eq!(self.get(method, params), json!(""), "{method}");
    }

    /// A call that has to fail, with the code and parameters.
    #[track_caller]
    pub(crate) fn error(&self, method: &str, params: &[&Value]) -> Vec<String> {
        self.call(method, params).expect_err("there is nothing to answer")
    }

    /// 64 bits are digits in XML-RPC, and a number in JSON.
    #[track_caller]
    pub(crate) fn int(&self, value: &Value) -> i64 {
        match self.wire {
            Wire::Xml => text(value).parse().expect("digits"),
            _ => value.as_i64().unwrap_or_else(|| panic!("{value} is no number")),
        }
    }

    /// XML-RPC has a type of its own for times.
    #[track_caller]
    pub(crate) fn time<'v>(&self, value: &'v Value) -> &'v str {
        let time = match self.wire {
            Wire::Xml => text(&value["dateTime.iso8601"]),
            _ => text(value),
        };
        assert_eq!((time.len(), &time[8..9], &time[17..]), (18, "T", &*format!("{}Z", &time[17..][..0])), "{time}");
        time
    }

    /// An integer as this client's users give it.
    pub(crate) fn as_int(&self, number: u64) -> Value {
        if self.wire == Wire::Xml { json!(number.to_string()) } else { json!(number) }
    }
}

#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    value.as_array().expect("a list").iter().map(|value| text(value).to_owned()).collect()
}

/// The names of a struct's members.
pub(crate) fn names(value: &Value) -> Vec<&str> {
    value.as_object().expect("a struct").keys().map(String::as_str).collect()
}

fn write_xml(to: &mut String, value: &Value) {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    to.push_str("<value>");
    match value {
        Value::String(text) => to.push_str(&format!("<string>{}</string>", escaped(text))),
        Value::Bool(bool) => to.push_str(&format!("<boolean>{}</boolean>", u8::from(*bool))),
        Value::Number(number) if number.is_f64() => to.push_str(&format!("<double>{number}</double>")),
        Value::Array(values) => {
            to.push_str("<array><data>");
            values.iter().for_each(|value| write_xml(to, value));
            to.push_str("</data></array>");
        }
        Value::Object(members) => {
            to.push_str("<struct>");
            for (name, value) in members {
                write!(to, "<member><name>{}</name>", escaped(name)).expect("room");
                write_xml(to, value);
                to.push_str("</member>");
            }
            to.push_str("</struct>");
        }
        other => panic!("{other} is not sent"),
    }
    to.push_str("</value>");
}

/// The value of an answer: a time is a struct with the name of its type.
fn read_xml(xml: &str) -> Value {
    let mut stack: Vec<(String, String, Vec<Value>)> = Vec::new();
    let mut reader = Reader::from_str(xml);
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(tag) => stack.push((tag.name().as_ref().to_owned(), String::new(), Vec::new())),
            Event::Text(more) => {
                if let Some((_, text, _)) = stack.last_mut() {
                    text.push_str(&more);
                }
            }
            Event::GeneralRef(name) => {
                let char = quick_xml::escape::unescape(&format!("&{};", &*name)).expect("known").into_owned();
                stack.last_mut().expect("in a value").1.push_str(&char);
            }
            Event::End(_) => {
                let (tag, text, mut inner) = stack.pop().expect("it was opened");
                let value = match &*tag {
                    "boolean" => json!(text == "1"),
                    "double" => json!(text.parse::<f64>().expect("a number")),
                    "dateTime.iso8601" => json!({ "dateTime.iso8601": text }),
                    "data" => Value::Array(inner),
                    "struct" => inner
                        .into_iter()
                        .map(|mut member| (member[0].as_str().expect("a name").to_owned(), member[1].take()))
                        .collect(),
                    "member" => Value::Array(inner),
                    "name" => json!(text),
                    "value" if inner.is_empty() => json!(text),
                    "methodResponse" => return inner.remove(0),
                    "value" | "array" | "param" | "params" => inner.remove(0),
                    other => panic!("{other} is not expected"),
                };
                stack.last_mut().expect("in an answer").2.push(value);
            }
            Event::Eof => panic!("the answer has no end"),
            _ => {}
        }
    }
}
