//! What becomes of output: printers write extents down, in order, and what they write appears whole or not at all.

mod atomic_file;
pub(crate) mod bitmap_printer;
pub(crate) mod buffer;
mod human;
mod json_with_warnings;
mod list_formatter;
pub(crate) mod list_printer;
pub(crate) mod printer;
pub(crate) mod progress;
pub(crate) mod target;
