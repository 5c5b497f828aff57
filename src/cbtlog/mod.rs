//! `.cbtlog` files: what the storage manager of XenServer and XCP-ng keeps next to each tracked disk, and the call
//! `VDI.list_changed_blocks` computed from them.

mod chain;
mod edit;
mod error;
mod forest;
mod header;
mod judgement;
mod lock;
mod mend;
mod store;

pub use chain::{ChangedBlocks, Warning};
pub use edit::Tracker;
pub use error::{ChainError, End, Unrelated};
pub use forest::{Chain, ChainEnd};
pub use header::{HEADER_BYTES, Header};
pub use judgement::Judgement;
pub use store::{Log, Store};
pub use uuid::Uuid;

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
