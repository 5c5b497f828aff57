//! A bitmap back to bytes and text.

use std::io::{self, Write};

use super::words::Bitmap;
use crate::{BitOrder, Result};

/// How much is written at a time.
const PIECE_WORDS: usize = 8 << 10;

impl Bitmap {
    /// The bytes of the bitmap: one bit a block, the last byte filled up with zeros.
    ///
    /// # Panics
    ///
    /// If there is not as much memory; see [`try_to_raw`](Self::try_to_raw).
    #[must_use]
    pub fn to_raw(&self, order: BitOrder) -> Vec<u8> {
        self.try_to_raw(order).expect(super::words::ENOUGH)
    }

    /// As [`to_raw`](Self::to_raw), where there may not be as much memory.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::Error::OutOfMemory).
    pub fn try_to_raw(&self, order: BitOrder) -> Result<Vec<u8>> {
        let mut raw = Vec::new();
        raw.try_reserve_exact(self.words.len() * 8).map_err(|_| super::words::out_of_memory(self.blocks))?;
        raw.extend(self.words.iter().flat_map(|&word| bytes_of(word, order)));
        raw.truncate(raw.len() - self.unused_bytes());
        Ok(raw)
    }

    /// Writes the bytes of the bitmap, in little more memory than it has itself.
    pub(crate) fn write_raw(&self, order: BitOrder, to: &mut impl Write) -> io::Result<()> {
        let mut left = self.words.len() * 8 - self.unused_bytes();
        let mut piece = Vec::with_capacity(8 * PIECE_WORDS);
        for words in self.words.chunks(PIECE_WORDS) {
            piece.clear();
            piece.extend(words.iter().flat_map(|&word| bytes_of(word, order)));
            piece.truncate(left);
            left -= piece.len();
            to.write_all(&piece)?;
        }
        Ok(())
    }

    /// The bitmap as `VDI.list_changed_blocks` answers: standard base64, padded, of the `Msb0` bytes; no line break.
    ///
    /// # Panics
    ///
    /// If there is not as much memory; see [`try_to_base64`](Self::try_to_base64).
    #[must_use]
    pub fn to_base64(&self) -> String {
        self.try_to_base64().expect(super::words::ENOUGH)
    }

    /// As [`to_base64`](Self::to_base64), where there may not be as much memory.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::Error::OutOfMemory).
    pub fn try_to_base64(&self) -> Result<String> {
        let raw = self.try_to_raw(BitOrder::Msb0)?;
        let mut text = self.room(raw.len().div_ceil(3).saturating_mul(4))?;
        base64_simd::STANDARD.encode_append(raw, &mut text);
        Ok(text)
    }

    /// One character a block, `0` or `1`; no line break.
    ///
    /// # Panics
    ///
    /// If there is not as much memory; see [`try_to_bits`](Self::try_to_bits).
    #[must_use]
    pub fn to_bits(&self) -> String {
        self.try_to_bits().expect(super::words::ENOUGH)
    }

    /// As [`to_bits`](Self::to_bits), where there may not be as much memory.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](crate::Error::OutOfMemory).
    pub fn try_to_bits(&self) -> Result<String> {
        // More than there can be in memory is refused below.
        let len = usize::try_from(self.blocks).unwrap_or(usize::MAX);
        let mut text = self.room(len)?;
        let bits = self.words.iter().flat_map(|word| (0..64).map(move |i| if word >> i & 1 == 1 { '1' } else { '0' }));
        text.extend(bits.take(len));
        Ok(text)
    }

    /// An empty text with room for so many bytes.
    fn room(&self, bytes: usize) -> Result<String> {
        let mut text = String::new();
        text.try_reserve_exact(bytes).map_err(|_| super::words::out_of_memory(self.blocks))?;
        Ok(text)
    }

    /// How many bytes of the last word no block needs.
    fn unused_bytes(&self) -> usize {
        // At most 7.
        usize::try_from(self.words.len() as u64 * 8 - self.blocks.div_ceil(8)).unwrap_or(0)
    }
}

/// The bytes of a word of the inner form, as a bitmap of that order has them.
const fn bytes_of(word: u64, order: BitOrder) -> [u8; 8] {
    match order {
        BitOrder::Lsb0 => word.to_le_bytes(),
        BitOrder::Msb0 => word.reverse_bits().to_be_bytes(),
    }
}
