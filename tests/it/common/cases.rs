//! How much a property or an exhaustive test goes through: a part of its cases by default, all of them in CI.

use std::env::{VarError, var};
use std::io::Write;

/// `all` if the environment variable `CHANGED_BLOCKS_TESTS` is `full`, and `few` if it is not set.
pub(crate) fn cases<T>(few: T, all: T) -> T {
    match var("CHANGED_BLOCKS_TESTS").as_deref() {
        Ok("full") => all,
        Err(VarError::NotPresent) => few,
        other => panic!("CHANGED_BLOCKS_TESTS is {other:?}; it can only be \"full\""),
    }
}

/// All, or by default one in `step`, beginning with another one each turn: each meets some of the others.
#[allow(dead_code, reason = "not every crate has such tests")]
pub(crate) fn one_in<T>(step: usize, turn: usize, all: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    let (first, step) = cases((turn % step, step), (0, 1));
    all.into_iter().skip(first).step_by(step)
}

/// Whether a test that takes long for its few cases is left to CI. It says so, and why.
#[allow(dead_code, reason = "not every crate has such tests")]
pub(crate) fn is_left_to_ci(why: &str) -> bool {
    let is_left = cases(true, false);
    if is_left {
        // Straight to standard error: what is printed in the usual way is kept from the log of a test that passes.
        let _ = writeln!(std::io::stderr(), "skipped: {why}; CHANGED_BLOCKS_TESTS=full runs it");
    }
    is_left
}
