//! `.cbtlog` files: what the storage manager of XenServer and XCP-ng keeps next to each tracked disk, and the call
//! `VDI.list_changed_blocks` computed from them.

mod api_code;
mod chain;
mod chains;
mod error;
mod holder;
mod judgement;
mod lock;
mod locked_store;
mod repair;
pub(crate) mod replace;
mod store;
mod writable_store;

pub use chain::{ChangedBlocks, Warning};
pub use chains::{Chain, ChainEnd};
pub use error::{ChainError, DiskRole, UnrelatedReason};
pub use holder::Holder;
pub use judgement::Judgement;
pub use locked_store::LockedStore;
pub use store::{LogEntry, Store};
pub use uuid::Uuid;
pub use writable_store::WritableStore;

pub use crate::encoding::{HEADER_BYTES, Header};
