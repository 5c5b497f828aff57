//! Words on a test that does not run here, which are seen in the log all the same.

use std::io::Write;

/// Says it straight to standard error: what is printed in the usual way is kept from the log of a test that passes.
pub(crate) fn skip(what: &str) {
    writeln!(std::io::stderr(), "skipped: {what}").expect("standard error is there");
}
