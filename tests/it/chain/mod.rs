//! The call over a store: each case of the reference, histories of a model disk, and logs that are damaged.

// A test's own figures are small.
#![allow(clippy::cast_possible_truncation)]

mod cases;
mod folders;
mod histories;
mod judgement;
mod links;
mod logs;
