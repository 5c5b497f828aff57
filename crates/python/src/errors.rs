//! Errors of the library as exceptions of Python, which `python/changed_blocks/errors.py` defines: a class a consequence.

use std::borrow::Cow;

use changed_blocks::cbtlog::ChainError;
use changed_blocks::{Consequence, Error};
use pyo3::prelude::*;

/// The kind of errors that the library never gets to see.
const INVALID_ARGUMENT: &str = "invalid-argument";

/// The reason why a call has no result.
pub(crate) enum Failure {
    Bitmap(Error),
    Chain(ChainError),
    /// An argument that makes no sense.
    Usage {
        message: String,
        hint: Option<&'static str>,
    },
    /// An exception that came up meanwhile: of a file object, or of Ctrl-C.
    Python(PyErr),
}

impl Failure {
    /// Something is wrong with an argument that the library never gets to see.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: None }
    }

    /// As [`usage`](Self::usage), with advice in a sentence.
    pub(crate) fn usage_with_hint(message: impl Into<String>, hint: &'static str) -> Self {
        Self::Usage { message: message.into(), hint: Some(hint) }
    }

    /// As an exception, with a sentence more of advice if the input itself is wrong.
    pub(crate) fn with_advice(self, py: Python<'_>, advice: &str) -> PyErr {
        match self {
            Self::Bitmap(error) if error.consequence() == Consequence::FullBackup => of_bitmap(py, error, Some(advice)),
            failure => failure.into(),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Bitmap(error)
    }
}

impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Self {
        Self::Chain(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        Python::attach(|py| match failure {
            Failure::Python(error) => error,
            Failure::Bitmap(error) => of_bitmap(py, error, None),
            Failure::Chain(error) => of_chain(py, error),
            Failure::Usage { message, hint } => {
                let (kind, consequence, hint) = (INVALID_ARGUMENT, Consequence::WrongUsage, hint.map(Cow::Borrowed));
                Facts { message, kind, consequence, offset: None, hint, api_code: None }.raise(py, None)
            }
        })
    }
}

/// The facts that an exception has as its attributes. The consequence is that of its class.
struct Facts {
    message: String,
    kind: &'static str,
    consequence: Consequence,
    offset: Option<u64>,
    hint: Option<Cow<'static, str>>,
    api_code: Option<&'static str>,
}

/// The facts that errors of bitmaps and of chains have in common.
macro_rules! facts {
    ($error:expr, $api_code:expr) => {
        Facts {
            message: $error.to_string(),
            kind: $error.kind(),
            consequence: $error.consequence(),
            offset: $error.offset(),
            hint: $error.hint(),
            api_code: $api_code,
        }
    };
}

impl Facts {
    fn into_exception(self, py: Python<'_>) -> PyResult<PyErr> {
        let class = match self.consequence {
            Consequence::FullBackup => "FullBackupError",
            Consequence::Retry => "RetryError",
            Consequence::Busy => "BusyError",
            Consequence::Operator => "OperatorError",
            Consequence::WrongUsage => "UsageError",
        };
        let facts = (self.message, self.kind, self.offset, self.hint, self.api_code);
        let exception = py.import("changed_blocks.errors")?.getattr(class)?.call1(facts)?;
        Ok(PyErr::from_value(exception))
    }

    fn raise(self, py: Python<'_>, cause: Option<PyErr>) -> PyErr {
        match self.into_exception(py) {
            Ok(exception) => {
                exception.set_cause(py, cause);
                exception
            }
            Err(error) => error,
        }
    }
}

fn of_bitmap(py: Python<'_>, error: Error, advice: Option<&str>) -> PyErr {
    let mut facts = facts!(error, None);
    if let Some(advice) = advice {
        let hint = facts.hint.map_or_else(|| advice.to_owned(), |hint| format!("{hint}; {advice}"));
        facts.hint = Some(hint.into());
    }
    match cause_of(error) {
        Ok(cause) => facts.raise(py, cause),
        Err(raised) => raised,
    }
}

fn of_chain(py: Python<'_>, error: ChainError) -> PyErr {
    let facts = facts!(error, error.api_code());
    let cause = match error {
        ChainError::Open { source, .. } | ChainError::Write { source, .. } => Some(PyErr::from(source)),
        ChainError::Log { source, .. } => cause_of(source).unwrap_or_else(Some),
        _ => None,
    };
    facts.raise(py, cause)
}

/// The error of the system, if it is one of reading. `Err` is an exception that a file object raised: that is the error.
fn cause_of(error: Error) -> Result<Option<PyErr>, PyErr> {
    let Error::Read { source, .. } = error else { return Ok(None) };
    source.downcast::<PyErr>().map_or_else(|source| Ok(Some(source.into())), Err)
}
