//! The server, as a client sees it.

mod calls;
mod events;
mod imitations;
mod requests;
mod snapshot_times;
mod state;
mod tasks;
mod wire;
