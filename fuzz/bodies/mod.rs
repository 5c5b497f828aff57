//! The bodies of the fuzz targets. They are apart from the targets, so that `cargo test` replays the seeds and every input
//! that ever failed. They need nothing but the library, and the oracle as `crate::naive`.

// Each fuzz target uses one of these.
#![allow(dead_code, unused_imports)]

mod bitmaps;
mod chain;
mod cursor;
mod lines;
mod lists;
mod qcow2;
mod reblock;
mod scans;
mod setup;
mod shape;

pub(crate) use bitmaps::{algebra, roundtrip};
pub(crate) use chain::chain;
pub(crate) use lines::lines;
pub(crate) use lists::{list_binary_xml, list_formats, list_json, list_lines};
pub(crate) use qcow2::qcow2;
pub(crate) use reblock::reblock;
pub(crate) use scans::{cbtlog_header, raw, stream, text, tiers};
pub(crate) use shape::shape;
