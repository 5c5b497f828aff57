//! Arguments whose errors name them: numbers, and pairs of numbers.
//!
//! Invariant: a number that no 64-bit number holds is wrong usage, whichever argument it is, and never cut.

use changed_blocks::ByteRange;
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::errors::Failure;

/// A keyword that may be left out. It is judged only where its name is known. An explicit `None` is an object like any other:
/// as the size of a disk it would switch off a check that the caller believes in.
pub(crate) enum Keyword<'py> {
    LeftOut,
    Given(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Keyword<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self::Given(object.to_owned()))
    }
}

impl Keyword<'_> {
    /// The number, if one was given.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        match self {
            Self::LeftOut => Ok(None),
            Self::Given(object) => number(object, name).map(Some),
        }
    }
}

/// The number that an argument is.
pub(crate) fn number(object: &Bound<'_, PyAny>, name: &str) -> Result<u64, Failure> {
    if object.is_none() {
        let message = format!("{name} is None, not a number");
        return Err(Failure::usage_with_hint(message, "leave it out where it is not known"));
    }
    object.extract().map_err(|error| not_a_number(object, name, error))
}

/// As [`number`], of which 0 makes no sense.
pub(crate) fn positive<T: TryFrom<u64>>(object: &Bound<'_, PyAny>, name: &str) -> Result<T, Failure> {
    let value = number(object, name)?;
    value.try_into().map_err(|_| Failure::usage(format!("{name} is {value}: it has to be at least 1")))
}

fn not_a_number(object: &Bound<'_, PyAny>, name: &str, error: PyErr) -> Failure {
    let py = object.py();
    if error.is_instance_of::<PyOverflowError>(py) {
        return Failure::usage(format!("{name} is {object}: it has to be from 0 to 2^64 - 1"));
    }
    if error.is_instance_of::<PyTypeError>(py) {
        let advice = if object.is_instance_of::<PyString>() { format!(": write int({name})") } else { String::new() };
        return PyTypeError::new_err(format!("{name} is {}, not int{advice}", kind_of(object))).into();
    }
    error.into()
}

/// A place in a sequence; nothing if no sequence is that long.
pub(crate) fn index(object: &Bound<'_, PyAny>) -> PyResult<Option<isize>> {
    match object.extract() {
        Ok(index) => Ok(Some(index)),
        Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The name of the type of an object.
pub(crate) fn kind_of(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "an object".to_owned(), |name| name.to_string())
}

/// The reason why an object is no pair of offset and length.
pub(crate) enum PairFault {
    /// It is something else.
    NoPair(String),
    /// A number is none that a disk has.
    OutOfRange(String),
    /// An exception of the object itself.
    Raised(PyErr),
}

impl PairFault {
    fn of(item: &Bound<'_, PyAny>, error: PyErr) -> Self {
        let py = item.py();
        if error.is_instance_of::<PyTypeError>(py) {
            return Self::NoPair(format!("is {}, not a pair of numbers: (offset, length)", kind_of(item)));
        }
        if error.is_instance_of::<PyOverflowError>(py) {
            return Self::OutOfRange("has a number that is not from 0 to 2^64 - 1".to_owned());
        }
        Self::Raised(error)
    }
}

/// The offset and the length of any object that gives two numbers.
pub(crate) fn pair_of(item: &Bound<'_, PyAny>) -> Result<ByteRange, PairFault> {
    let numbers = || -> PyResult<_> {
        let mut numbers = item.try_iter()?;
        let mut number = || numbers.next().transpose()?.map(|number| number.extract::<u64>()).transpose();
        Ok((number()?, number()?, number()?))
    };
    match numbers().map_err(|error| PairFault::of(item, error))? {
        (Some(offset_bytes), Some(len_bytes), None) => Ok(ByteRange { offset_bytes, len_bytes }),
        _ => Err(PairFault::NoPair("is no pair of numbers: (offset, length)".to_owned())),
    }
}

/// The range that a question is about. No list and no bitmap knows of bytes beyond the end of its disk.
pub(crate) fn range_on_disk(
    offset: &Bound<'_, PyAny>,
    length: &Bound<'_, PyAny>,
    end_of_disk: u128,
) -> Result<ByteRange, Failure> {
    let range = ByteRange { offset_bytes: number(offset, "offset")?, len_bytes: number(length, "length")? };
    let end = u128::from(range.offset_bytes) + u128::from(range.len_bytes);
    if end > end_of_disk {
        return Err(Failure::usage_with_hint(
            format!("the range ends at {end}, beyond the end of the disk at {end_of_disk}"),
            "if the disk has grown, the bytes beyond are new: read them, and ask for those before the end",
        ));
    }
    Ok(range)
}
