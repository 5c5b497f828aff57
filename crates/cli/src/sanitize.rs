//! Messages made safe for a terminal, which obeys no name of a file, of a host or of anything else from elsewhere.
//!
//! All that goes to standard error passes here, and so do messages in JSON and in drawings on standard output. Values for
//! programs stay as they are: in JSON, which has escapes of its own, a path is the path.

use changed_blocks_xapi::Plain;
use clap::error::{ContextKind, ContextValue};

/// The longest message. The error of a path comes after it, and a path may have 4,096 bytes.
const MAX_CHARS: usize = 10_000;

/// A message in one line.
pub(crate) fn sanitize(message: &str) -> String {
    Plain::new(message).at_most(MAX_CHARS).to_string()
}

/// A text with several lines of its own, in which there may be text from elsewhere.
fn sanitize_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(sanitize).collect();
    lines.join("\n")
}

/// Whether no argument of this run has anything in it to make safe.
pub(crate) fn are_arguments_clean() -> bool {
    std::env::args_os().all(|arg| arg.to_str().is_some_and(|arg| sanitize(arg) == arg))
}

/// The error of a command line, without colours. An argument that is quoted in it stays in its line.
pub(crate) fn sanitize_usage(error: &mut clap::Error) -> String {
    let parts: Vec<_> = error.context().map(|(kind, value)| (kind, value.clone())).collect();
    for (kind, value) in parts {
        let value = match value {
            ContextValue::String(text) => ContextValue::String(sanitize(&text)),
            ContextValue::Strings(texts) => ContextValue::Strings(texts.iter().map(|text| sanitize(text)).collect()),
            // Tips quote it once more.
            _ if kind == ContextKind::Suggested => ContextValue::None,
            _ => continue,
        };
        error.insert(kind, value);
    }
    sanitize_lines(&error.render().to_string())
}
