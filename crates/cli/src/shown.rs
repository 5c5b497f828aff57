//! Messages, as everyone gets to see them: no name of a file, of a host or of anything else from elsewhere is obeyed by a
//! terminal.
//!
//! All that goes to standard error passes here, and so do messages in JSON and in drawings on standard output. What
//! programs read stays as it is: in JSON, which has escapes of its own, a path is the path.

use changed_blocks_xapi::Plain;

/// Characters of a message. A path may have many.
const LONGEST: usize = 2000;

/// A message in one line.
pub(crate) fn shown(message: &str) -> String {
    Plain::new(message).at_most(LONGEST).to_string()
}

/// A text of several lines of our own, in which something from elsewhere may stand.
pub(crate) fn shown_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(shown).collect();
    lines.join("\n")
}
