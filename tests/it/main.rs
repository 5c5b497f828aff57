//! The tests of the library from outside, in one program: a second one would be linked for nothing.
//!
//! They share a process. None changes its environment, its folder or its limits, or looks at the memory of all of it;
//! the one that does, `long_stream`, is a program of its own.

mod common;
#[path = "../naive/mod.rs"]
mod naive;

mod bitmap;
mod borders;
mod chain;
mod consequences;
mod files;
mod formats;
mod fuzz_replay;
mod guide_for_rust;
mod iterators;
mod malformed;
mod properties;
mod queries;
mod real_bitmaps;
mod reblock;
mod seams;
mod shape;
mod stats;
mod store_files;
mod streams;
mod visitors;
mod writable_store;
