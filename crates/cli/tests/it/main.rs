//! The tests of the command, in one program: a second one would be linked for nothing.
//!
//! They share a process. What they change of an environment, a folder or a limit is that of a command that they run.

mod common;

mod block_size;
mod blocks;
mod cbtlog;
mod check;
mod combinations;
mod combine;
mod convert;
mod edges;
mod endless;
mod errors;
mod extents;
mod few_files;
mod format_table;
mod formats;
mod help;
mod hints;
mod hostile;
mod identity;
mod inputs;
mod judgement;
mod kill;
mod map;
mod memory;
mod output;
mod pool;
mod qcow2;
mod readme;
mod round_trips;
mod scarce;
mod serve;
mod shapes;
mod stats;
mod store;
mod streams;
