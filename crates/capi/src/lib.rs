//! The C library `libchanged_blocks`: the engine for programs in C, and in all languages that can call C.
//!
//! Invariant: no panic crosses the border, and a function that fails hands out no result. The header,
//! `include/changed_blocks.h`, is made from the comments here by cbindgen; `.ci/c` compares them.
//!
//! | module | what it is for |
//! |---|---|
//! | [`code`] | the result codes and their names |
//! | [`error`] | the error as callers see it, made of the library's errors |
//! | [`guard`] | the border itself: panics, null pointers, handles |
//! | [`process`] | children after fork() |
//! | [`options`] | the structs that callers fill, also those of other releases |
//! | [`ranges`], [`reader`], [`visit`], [`push`] | the four ways to byte ranges |
//! | [`shape`] | from what changed to what is read, set operations |
//! | [`bitmap`] | questions, larger blocks, set operations, back to text |
//! | [`chain`] | the call over a folder of logs |
//! | [`buffer`] | bytes that the library has made |

#![allow(non_camel_case_types, reason = "the names are those of the header")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the comments are for C, where every call is unsafe; the header has the rules"
)]
#![allow(clippy::doc_markdown, reason = "the comments are for C")]

// In the order of the header.
pub mod code;
pub mod error;
pub mod options;

pub mod ranges;
pub mod reader;
pub mod visit;

pub mod push;

pub mod shape;

pub mod bitmap;
pub mod chain;

pub mod buffer;
pub mod guard;
pub mod process;
