//! `.cbtlog` files: what the storage manager of XenServer and XCP-ng keeps next to each tracked disk.

mod header;

pub use header::{HEADER_BYTES, Header};
