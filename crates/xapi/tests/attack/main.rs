//! The server under attack: its limits, pushed against.

mod admission;
mod budgets;
mod memory;
mod process;
#[path = "../server/wire.rs"]
#[expect(dead_code, reason = "the tests of the server use more of it")]
mod wire;
