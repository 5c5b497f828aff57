//! A bitmap back to bytes and text.

use super::Bitmap;
use crate::BitOrder;

impl Bitmap {
    /// The bytes of the bitmap: one bit a block, the last byte filled up with zeros.
    #[must_use]
    pub fn to_raw(&self, order: BitOrder) -> Vec<u8> {
        let bytes = |word: &u64| match order {
            BitOrder::Lsb0 => word.to_le_bytes(),
            BitOrder::Msb0 => word.reverse_bits().to_be_bytes(),
        };
        let mut raw: Vec<u8> = self.words.iter().flat_map(bytes).collect();
        raw.truncate(self.words.len() * 8 - self.unused_bytes());
        raw
    }

    /// The bitmap as `VDI.list_changed_blocks` answers: standard base64, padded, of the `Msb0` bytes; no line break.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64_simd::STANDARD.encode_to_string(self.to_raw(BitOrder::Msb0))
    }

    /// One character a block, `0` or `1`; no line break.
    #[must_use]
    pub fn to_bits(&self) -> String {
        let bits = self.words.iter().flat_map(|word| (0..64).map(move |i| if word >> i & 1 == 1 { '1' } else { '0' }));
        // The text is in memory, so its length is a usize.
        bits.take(usize::try_from(self.blocks).unwrap_or(usize::MAX)).collect()
    }

    /// How many bytes of the last word no block needs.
    fn unused_bytes(&self) -> usize {
        // At most 7.
        usize::try_from(self.words.len() as u64 * 8 - self.blocks.div_ceil(8)).unwrap_or(0)
    }
}
