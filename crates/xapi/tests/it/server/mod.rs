//! The server, as a client sees it.

mod calls;
mod clients;
mod events;
mod folder;
mod imitations;
mod labels;
mod locks;
mod queries;
mod requests;
mod snapshot_times;
mod state;
mod stores;
mod tasks;
mod unreadable;
pub(crate) mod wire;
mod wires;
