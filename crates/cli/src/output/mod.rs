//! Output: printers write extents down in order, and it appears whole or not at all.
//!
//! A printer writes to a buffer, which holds output back, and the buffer to a target: standard output, a device, or a file
//! that appears at the end.

mod atomic_file;
pub(crate) mod bitmap_printer;
pub(crate) mod buffer;
mod extent_window;
mod human;
mod json_members;
pub(crate) mod list_printer;
mod pieces;
pub(crate) mod printer;
pub(crate) mod progress;
pub(crate) mod range_printer;
pub(crate) mod stats_data;
pub(crate) mod stats_human;
pub(crate) mod stats_report;
pub(crate) mod target;
