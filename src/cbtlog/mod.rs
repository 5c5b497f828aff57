//! `.cbtlog` files: what the storage manager of XenServer and XCP-ng keeps next to each tracked disk, and the call
//! `VDI.list_changed_blocks` computed from them.

mod chain;
mod edit;
mod error;
mod forest;
mod judgement;
mod lock;
mod mend;
pub(crate) mod replace;
mod store;
mod tracker;

pub use chain::{ChangedBlocks, Warning};
pub use edit::LockedTracker;
pub use error::{ChainError, End, Unrelated};
pub use forest::{Chain, ChainEnd};
pub use judgement::Judgement;
pub use lock::Holder;
pub use store::{Log, Store};
pub use tracker::Tracker;
pub use uuid::Uuid;

pub use crate::encoding::{HEADER_BYTES, Header};

/// A disk that may be none, for messages.
struct Named(Option<Uuid>);

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(uuid) => uuid.fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// One who has a folder locked and may not be known, for messages.
struct HeldBy<'h>(Option<&'h Holder>);

impl std::fmt::Display for HeldBy<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(holder) => holder.fmt(f),
            None => f.write_str("another program, which the system does not tell"),
        }
    }
}
