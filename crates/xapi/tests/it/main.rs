//! The tests of client and server from outside, in one program: a second one would be linked for nothing.
//!
//! They share a process. A server whose memory is looked at is a process of its own: see `attack::process`.

#[cfg(feature = "server")]
mod attack;
#[path = "../../../../tests/it/common/cases.rs"]
mod cases;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "server")]
mod crowd;
#[cfg(all(feature = "client", feature = "server"))]
mod pair;
#[cfg(feature = "server")]
mod server;
mod skip;
