//! JSON-RPC: requests, and what answers say.

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::Error;
use super::message::MOST_PARAMS;
use super::refusal::Refusal;
use crate::plain::WITHHELD;
use crate::secret::Wiped;

/// A request, as it is sent.
pub(super) fn request(id: u64, method: &str, params: &impl Serialize) -> Result<Bytes, Error> {
    #[derive(Serialize)]
    struct Request<'a, P> {
        jsonrpc: &'static str,
        method: &'a str,
        params: &'a P,
        id: u64,
    }
    let request = Request { jsonrpc: "2.0", method, params, id };
    let text = serde_json::to_vec(&request).map_err(|_| protocol(method, "the parameters are not JSON", None))?;
    // There may be a password in it.
    Ok(Bytes::from_owner(Wiped(text)))
}

/// The parameters of a call in a session: its reference comes first.
pub(super) struct SessionParams<'a>(pub(super) &'a str, pub(super) &'a [Value]);

impl Serialize for SessionParams<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq as _;
        let mut list = serializer.serialize_seq(Some(1 + self.1.len()))?;
        list.serialize_element(self.0)?;
        for param in self.1 {
            list.serialize_element(param)?;
        }
        list.end()
    }
}

/// An answer that is a result.
pub(super) struct Reply {
    method: String,
    pub(super) body: Vec<u8>,
    /// Where in the body the result is. It is one JSON value, without spaces around it.
    pub(super) result: Range<usize>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

/// A member that is there, even if it is `null`, which is then what it says.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl Reply {
    /// Reads the answer to the request with that number.
    pub(super) fn parse(method: &str, id: u64, body: Vec<u8>) -> Result<Self, Error> {
        // A list would be taken for the members in their order.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(protocol(method, "it is no JSON object", Some(0)));
        }
        let envelope: Envelope<'_> =
            serde_json::from_slice(&body).map_err(|error| unreadable(method, &error, &body))?;
        let answers = envelope.id.map(RawValue::get);
        let right = answers.is_some_and(|number| number.parse() == Ok(id));
        // An error may come without the number: the other side has perhaps not understood so much.
        if !right && (answers.is_some() || envelope.error.is_none()) {
            return Err(protocol(method, "it is the answer to another request, or has no id", None));
        }
        if let Some(error) = envelope.error {
            return Err(refused(method, error));
        }
        let result =
            envelope.result.ok_or_else(|| protocol(method, "there is neither a result nor an error in it", None))?;
        let result = range_in(&body, result);
        Ok(Self { method: method.to_owned(), body, result })
    }

    /// The result, as text of JSON.
    fn raw(&self) -> &[u8] {
        self.body.get(self.result.clone()).unwrap_or_default()
    }

    pub(super) fn value(&self) -> Result<Value, Error> {
        self.read("a JSON value")
    }

    /// The result, which has to be a reference: not long, and nothing that has to be escaped anywhere.
    pub(super) fn reference(&self) -> Result<String, Error> {
        const LONGEST: usize = 256;
        let text: String = self.read("a string")?;
        let wrong = match text.len() {
            0 => "the result is an empty string",
            1..=LONGEST if text.bytes().all(|byte| byte.is_ascii_graphic()) => return Ok(text),
            _ => "the result is no reference",
        };
        Err(self.wrong(wrong))
    }

    pub(super) fn read<'a, T: Deserialize<'a>>(&'a self, what: &str) -> Result<T, Error> {
        serde_json::from_slice(self.raw()).map_err(|_| self.wrong(&format!("the result is not {what}")))
    }

    pub(super) fn wrong(&self, problem: &str) -> Error {
        self.wrong_at(problem, self.result.start)
    }

    pub(super) fn wrong_at(&self, problem: &str, offset: usize) -> Error {
        protocol(&self.method, problem, u64::try_from(offset).ok())
    }
}

/// The refusal in an `error` member: `{"message": CODE, "data": [PARAMETER, …]}`, or `[CODE, PARAMETER, …]` before 2.0.
fn refused(method: &str, error: &RawValue) -> Error {
    let unknown = || protocol(method, "it is an error of an unknown form", None);
    read_refusal(error.get()).map_or_else(unknown, |(code, params)| refusal(code, params))
}

/// The code and the parameters. Only what is kept is made text.
fn read_refusal(json: &str) -> Option<(String, Vec<String>)> {
    #[derive(Deserialize)]
    struct Two<'a> {
        message: String,
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
    }
    if json.starts_with('{') {
        let Two { message, data } = serde_json::from_str(json).ok()?;
        let params = match data {
            None => Vec::new(),
            Some(data) if data.get().starts_with('[') => {
                texts(&serde_json::from_str::<Vec<&RawValue>>(data.get()).ok()?)?
            }
            Some(data) => texts(&[data])?,
        };
        return Some((message, params));
    }
    let list: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let (code, params) = list.split_first()?;
    Some((serde_json::from_str(code.get()).ok()?, texts(params)?))
}

/// Strings as what they say, other values as they are written.
fn texts(values: &[&RawValue]) -> Option<Vec<String>> {
    let text = |value: &&RawValue| match value.get() {
        string if string.starts_with('"') => serde_json::from_str(string).ok(),
        other => Some(other.to_owned()),
    };
    values.iter().take(MOST_PARAMS).map(text).collect()
}

/// The error that a code is.
pub(super) fn refusal(code: String, mut params: Vec<String>) -> Error {
    params.truncate(MOST_PARAMS);
    let kind = Refusal::of(&code, &params);
    if kind == Refusal::SessionInvalid {
        // With the reference of a session, no password is needed, and the pool may be wrong about its end.
        params.iter_mut().filter(|param| param.starts_with("OpaqueRef:")).for_each(|param| WITHHELD.clone_into(param));
    }
    Error::Refused { kind, code, params }
}

/// Does work that takes long for a long answer, on another thread then: whoever waits for it can give up meanwhile.
pub(super) async fn aside<T: Send + 'static>(answer_bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    const SHORT: usize = 1 << 20;
    if answer_bytes <= SHORT {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is being shut down, and nothing is waited for any more.
            Err(_) => std::future::pending().await,
        },
    }
}

/// A whole number as JSON: some versions of the pool put it into a string.
pub(super) fn whole_number(json: &str) -> Option<u64> {
    let digits = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(json);
    // `u64` would take a plus sign too.
    digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Where a value that was borrowed from a body is in it.
pub(super) fn range_in(body: &[u8], value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr().addr() - body.as_ptr().addr();
    start..start + value.get().len()
}

fn protocol(method: &str, problem: &str, offset: Option<u64>) -> Error {
    Error::Protocol { method: method.to_owned(), problem: problem.to_owned(), offset }
}

/// The error of serde about a body, without any piece of the body.
fn unreadable(method: &str, error: &serde_json::Error, body: &[u8]) -> Error {
    let problem = match error.classify() {
        serde_json::error::Category::Eof => "it ends in the middle of its JSON",
        serde_json::error::Category::Data => "it has not the form of a JSON-RPC answer",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON",
    };
    let lines = body.split_inclusive(|&byte| byte == b'\n').take(error.line().saturating_sub(1));
    let offset = lines.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1);
    protocol(method, problem, u64::try_from(offset).ok())
}
