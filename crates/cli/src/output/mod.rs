//! What becomes of output: formatted in order, held back until the run has succeeded, and written whole or not at all.

mod atomic_file;
pub(crate) mod buffer;
pub(crate) mod formatter;
mod held;
pub(crate) mod human;
pub(crate) mod json_with_warnings;
pub(crate) mod ordered;
pub(crate) mod packed;
pub(crate) mod prepare;
pub(crate) mod progress;
