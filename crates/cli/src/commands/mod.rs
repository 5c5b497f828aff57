//! The subcommands, a file each: from arguments through a plan to a run.

pub(crate) mod bits;
pub(crate) mod blocks;
pub(crate) mod chain;
mod chain_report;
pub(crate) mod check;
pub(crate) mod combine;
pub(crate) mod compare;
pub(crate) mod convert;
pub(crate) mod extents;
pub(crate) mod list_changed_blocks;
pub(crate) mod map;
pub(crate) mod serve;
pub(crate) mod stats;
pub(crate) mod store;
