//! A call of a client, whatever its notation.

use super::budgets;
use super::failure::Failure;
use super::value::Value;

/// How deeply values of a call may be nested.
pub(super) const DEPTH: usize = 32;

/// A call, whatever its notation.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) params: Vec<Value>,
    /// The session of the client, once that is known. It is no longer among the parameters then.
    pub(super) session: String,
    /// The part of the memory for calls that it takes up.
    pub(super) room: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl Call {
    pub(super) const fn new(method: String, params: Vec<Value>) -> Self {
        Self { method, params, session: String::new(), room: None }
    }

    /// Parameters that are all texts.
    pub(super) fn texts<const N: usize>(&self) -> Result<[&str; N], Failure> {
        let mut texts = [""; N];
        if self.params.len() != N {
            return Err(self.wrong_count(N));
        }
        for (text, value) in texts.iter_mut().zip(&self.params) {
            *text = value.as_text().ok_or_else(|| Failure::field_type("parameter"))?;
        }
        Ok(texts)
    }

    /// A wrong number of parameters, the session not counted in: it has been taken off.
    pub(super) fn wrong_count(&self, expected: usize) -> Failure {
        let (expected, found) = (expected.to_string(), self.params.len().to_string());
        Failure::new("MESSAGE_PARAMETER_COUNT_MISMATCH", [&self.method, &expected, &found])
    }

    /// The failure of a call of a method that there is not.
    pub(super) fn unknown_method(&self) -> Failure {
        Failure::new("MESSAGE_METHOD_UNKNOWN", [&self.method])
    }
}

/// A request that is no call, with the reason.
#[derive(Debug)]
pub(super) struct Malformed(pub(super) String);

impl Malformed {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(budgets::echo(why.into()))
    }
}
