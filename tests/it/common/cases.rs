//! How much a property or an exhaustive test goes through: a part of its cases by default, all of them in CI.

use std::env::{VarError, var};

/// `all` if the environment variable `CHANGED_BLOCKS_TESTS` is `full`, and `few` if it is not set.
pub(crate) fn cases<T>(few: T, all: T) -> T {
    match var("CHANGED_BLOCKS_TESTS").as_deref() {
        Ok("full") => all,
        Err(VarError::NotPresent) => few,
        other => panic!("CHANGED_BLOCKS_TESTS is {other:?}; it can only be \"full\""),
    }
}
