//! The digest of a bitmap: by it, a list that was shaped is known to be of that bitmap.
//!
//! It is over the ranges that changed, so that it is the same for each encoding: SHA-256 of the list in the format `pairs`.

use changed_blocks::ByteRange;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};

/// A digest that is not yet whole.
pub(crate) struct BitmapDigest(Context);

/// A digest as bytes.
pub(crate) type DigestBytes = [u8; SHA256_OUTPUT_LEN];

impl BitmapDigest {
    pub(crate) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Adds the next range.
    pub(crate) fn add(&mut self, range: ByteRange) {
        self.0.update(&range.offset_bytes.to_le_bytes());
        self.0.update(&range.len_bytes.to_le_bytes());
    }

    pub(crate) fn finish(self) -> DigestBytes {
        let mut bytes = DigestBytes::default();
        bytes.copy_from_slice(self.0.finish().as_ref());
        bytes
    }
}

/// The digest as a list carries it.
pub(crate) fn digest_text(bytes: &DigestBytes) -> String {
    bytes.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
