//! The origin of a list, where its file says it.

use uuid::Uuid;

/// The origin of a list, as far as its file says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The UUID of the older disk.
    pub uuid_from: Option<Uuid>,
    /// The UUID of the newer disk.
    pub uuid_to: Option<Uuid>,
    /// The digest of the bitmap: `sha256:` and 64 digits, over the offset and the length of each range that changed, as
    /// little-endian 64-bit numbers, which is the format `pairs`.
    pub bitmap_digest: Option<String>,
}
