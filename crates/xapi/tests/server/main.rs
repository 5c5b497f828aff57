//! The server, as a client sees it.

mod calls;
mod events;
mod requests;
mod tasks;
mod wire;
