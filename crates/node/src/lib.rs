//! `changed-blocks` for Node.js: a few calls on bytes and numbers, as a native module, and as WebAssembly where no native
//! module fits. The package's own JavaScript, around both alike, is in `lib`.
//!
//! ```text
//! native.rs ─┐                ┌─▶ request: options
//! stream.rs ─┼▶ operation.rs ─┤
//! wasm.rs   ─┘                └─▶ outcome: numbers, in memory of JavaScript's
//! ```
//!
//! Invariant: a call has a whole outcome, or a `Failure`, never a part of an outcome; and nothing that
//! panics ends the process.

#![cfg_attr(test, allow(dead_code, reason = "the macro hands nothing to JavaScript in tests"))]
#![allow(unreachable_pub, reason = "the macro takes only `pub` for JavaScript, which is no other crate")]

mod failure;
#[cfg(not(target_family = "wasm"))]
mod native;
mod operation;
mod outcome;
#[cfg(not(target_family = "wasm"))]
mod pull;
#[cfg(not(target_family = "wasm"))]
mod queue;
mod request;
#[cfg(not(target_family = "wasm"))]
mod stream;
#[cfg(target_family = "wasm")]
mod wasm;
