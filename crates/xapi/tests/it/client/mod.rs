//! The client, against a pool that says what a test wants it to say.
#![allow(clippy::unwrap_used, reason = "a test that fails says where by itself")]

mod answers;
mod asking;
mod away;
mod connections;
mod discretion;
mod excess;
mod mock;
mod peers;
mod refusals;
mod sessions;
mod sizes;
mod tasks;
mod tls;
