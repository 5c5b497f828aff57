//! What was not tested here, and why.

use std::io::Write;

/// Says it straight to standard error: what is printed in the usual way is kept from the log of a test that passes.
pub(crate) fn skip(what: &str) {
    writeln!(std::io::stderr(), "skipped: {what}").expect("standard error is there");
}
