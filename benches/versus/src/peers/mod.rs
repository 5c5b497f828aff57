//! The peers: what else could be used.

pub(crate) mod decode;
pub(crate) mod processes;
pub(crate) mod runs;
