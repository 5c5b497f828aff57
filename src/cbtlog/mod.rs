//! `.cbtlog` files: what the storage manager of XenServer and XCP-ng keeps next to each tracked disk, and the call
//! `VDI.list_changed_blocks` computed from them.

mod chain;
mod edit;
mod error;
mod forest;
mod holder;
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
pub use holder::Holder;
pub use judgement::Judgement;
pub use store::{Log, Store};
pub use tracker::Tracker;
pub use uuid::Uuid;

pub use crate::encoding::{HEADER_BYTES, Header};
