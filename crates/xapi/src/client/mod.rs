//! Asks a pool for the changed blocks of a disk.
//!
//! ```toml
//! [dependencies]
//! changed-blocks = { path = "changed-blocks" } # a clone of the repository
//! changed-blocks-xapi = { path = "changed-blocks/crates/xapi" }
//! tokio = { version = "1.45", features = ["macros", "rt", "time", "net"] }
//! uuid = "1"
//! ```
//!
//! ```no_run
//! use changed_blocks::BlockSize;
//! use changed_blocks_xapi::client::{Options, Secret, Trust, changed_blocks};
//! use uuid::Uuid;
//!
//! # async fn list(password: String, older: Uuid, newer: Uuid) -> Result<(), Box<dyn std::error::Error>> {
//! let trust = Trust::Authorities("/etc/pool-ca.pem".into());
//! let options = Options::new("https://pool.example", "backup", Secret::from(password))?.trust(trust);
//! let changed = changed_blocks(options, older, newer).await?;
//! changed.warnings.iter().for_each(|warning| eprintln!("{warning}"));
//! for range in changed.ranges(BlockSize::DEFAULT)? {
//!     println!("{} {}", range.offset_bytes, range.len_bytes);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The runtime is tokio's, of either kind (`rt` or `rt-multi-thread`), with its drivers for time and network on:
//! `#[tokio::main]` builds such a one, and so does a `runtime::Builder` with `enable_all`.
//!
//! [`Client`] makes any other call.
//!
//! # Cancellation
//!
//! Every future here can be dropped at any moment, by a timeout or a `select!`. A connection with a call under way is
//! closed and never used again, so no answer is taken for another's. The client keeps its session and knows of its
//! task: it can be asked again, and [`Client::close`] destroys the task that was begun and logs out. A session or a task
//! whose reference was still on its way cannot be cleaned up; the pool collects it.

mod answer;
mod ask;
mod backoff;
mod body;
mod certificate;
mod connection;
#[cfg(test)]
mod consequences;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
mod fuzz;
mod handshake;
mod message;
mod meter;
mod options;
mod proof;
mod refusal;
mod rpc;
mod secrets;
mod session;
mod size;
mod stream;
mod task;
mod trust;
mod wire;

pub use crate::{Fingerprint, Secret};
pub use answer::Answer;
pub use ask::{Changed, Warning, changed_blocks, changed_blocks_unless};
pub use error::Error;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use fuzz::answer as fuzz_answer;
pub use handshake::Handshake;
pub use options::Options;
pub use refusal::Refusal;
pub use session::{Client, VdiRef};
pub use size::DiskSize;
pub use trust::Trust;
