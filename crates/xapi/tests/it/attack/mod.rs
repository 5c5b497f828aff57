//! The server under attack: its limits, pushed against.

mod admission;
mod budgets;
mod memory;
pub(crate) mod process;
