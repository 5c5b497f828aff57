//! `VDI.list_changed_blocks` over the wire, to and from XAPI: the management interface of XenServer and XCP-ng.
//!
//! * [`client`] (feature `client`, on by default) asks a pool, over JSON-RPC and HTTPS.
//! * `server` (feature `server`) answers existing clients from a folder of `.cbtlog` files, for developing and testing
//!   backup tools, and for reading stores.
//!
//! The library turns the answer into extents: see [`changed_blocks`].

#![deny(unsafe_code)]

#[cfg(feature = "client")]
pub mod client;
mod fingerprint;
#[cfg(any(feature = "client", feature = "server"))]
mod pem;
mod plain;
mod secret;
#[cfg(feature = "server")]
pub mod server;

pub use fingerprint::{Fingerprint, FingerprintError};
pub use plain::Plain;
pub use secret::Secret;
/// As the signatures here have them.
pub use {serde_json, uuid};

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
