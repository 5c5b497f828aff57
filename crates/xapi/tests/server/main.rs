//! The server, as a client sees it.

mod calls;
mod clients;
mod events;
mod folder;
mod imitations;
mod labels;
mod queries;
mod requests;
mod snapshot_times;
mod state;
mod tasks;
mod wire;
mod wires;
