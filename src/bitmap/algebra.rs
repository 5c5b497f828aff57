//! Set algebra: what changed in either, in both, in one but not the other.
//!
//! Blocks are combined with blocks of the same number, so both bitmaps must have blocks of one size. The virtual size of the
//! result is one that clips no block of either: that of the longer bitmap.

use super::words::{Bitmap, out_of_memory};
use crate::{Error, Geometry, Result};

/// How two bitmaps of different lengths are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lengths {
    /// Refuse them: they are not the same disk's. If only one of two knows its virtual size, it is that of both.
    Equal,
    /// Extend the shorter one with unchanged blocks, as for a disk that has grown. The virtual size is then known if the
    /// longer one knows it, or if both of the same length do.
    Extend,
}

impl Bitmap {
    /// The blocks that are changed in either.
    ///
    /// A bitmap of no blocks goes with any block size, so that [`Bitmap::default`] is where a union of many begins.
    ///
    /// # Errors
    ///
    /// [`Error::UnequalBlockSizes`] if one has blocks of another size: [`reblock`](Self::reblock) one of them first.
    /// [`Error::LengthMismatch`] if the lengths differ and [`Lengths::Equal`] is asked for, and [`Error::OutOfMemory`].
    pub fn union(&self, other: &Self, lengths: Lengths) -> Result<Self> {
        self.combined(other, lengths, |a, b| a | b)
    }

    /// The blocks that are changed in both.
    ///
    /// # Errors
    ///
    /// As for [`union`](Self::union).
    pub fn intersection(&self, other: &Self, lengths: Lengths) -> Result<Self> {
        self.combined(other, lengths, |a, b| a & b)
    }

    /// The blocks that are changed here and not in the other.
    ///
    /// # Errors
    ///
    /// As for [`union`](Self::union).
    pub fn difference(&self, other: &Self, lengths: Lengths) -> Result<Self> {
        self.combined(other, lengths, |a, b| a & !b)
    }

    /// The blocks that are changed in exactly one of the two.
    ///
    /// # Errors
    ///
    /// As for [`union`](Self::union).
    pub fn symmetric_difference(&self, other: &Self, lengths: Lengths) -> Result<Self> {
        self.combined(other, lengths, |a, b| a ^ b)
    }

    /// As [`union`](Self::union), in place.
    ///
    /// ```
    /// use changed_blocks::{Bitmap, Encoding, Lengths, Scanner};
    /// let scanner = Scanner::new(Encoding::Base64);
    /// let mut week = Bitmap::default();
    /// for day in ["YAAAAA==", "GAAAAA==", "AAAAAQ=="] {
    ///     week.union_with(&scanner.bitmap(day)?, Lengths::Extend)?;
    /// }
    /// assert_eq!(week.count(), 5);
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`union`](Self::union). The bitmap is then as it was.
    pub fn union_with(&mut self, other: &Self, lengths: Lengths) -> Result<()> {
        self.combine(other, lengths, |a, b| a | b)
    }

    /// As [`intersection`](Self::intersection), in place.
    ///
    /// # Errors
    ///
    /// As for [`union`](Self::union). The bitmap is then as it was.
    pub fn intersect_with(&mut self, other: &Self, lengths: Lengths) -> Result<()> {
        self.combine(other, lengths, |a, b| a & b)
    }

    /// As [`difference`](Self::difference), in place: what is changed in the other is not changed here any more.
    ///
    /// # Errors
    ///
    /// As for [`union`](Self::union). The bitmap is then as it was.
    pub fn subtract(&mut self, other: &Self, lengths: Lengths) -> Result<()> {
        self.combine(other, lengths, |a, b| a & !b)
    }

    /// As [`symmetric_difference`](Self::symmetric_difference), in place.
    ///
    /// # Errors
    ///
    /// As for [`union`](Self::union). The bitmap is then as it was.
    pub fn symmetric_difference_with(&mut self, other: &Self, lengths: Lengths) -> Result<()> {
        self.combine(other, lengths, |a, b| a ^ b)
    }

    /// The blocks of the disk that are not changed.
    #[must_use]
    pub fn complement(&self) -> Self {
        let words = self.words.iter().map(|word| !word).collect();
        let mut complement = Self { words, ..*self };
        complement.clear_beyond();
        complement
    }

    fn combined(&self, other: &Self, lengths: Lengths, operation: impl Fn(u64, u64) -> u64) -> Result<Self> {
        let mut words = Vec::new();
        let len = self.words.len().max(other.words.len());
        words.try_reserve_exact(len).map_err(|_| out_of_memory(self.blocks.max(other.blocks)))?;
        words.extend_from_slice(&self.words);
        let mut result = Self { words, ..*self };
        result.combine(other, lengths, operation)?;
        Ok(result)
    }

    /// `operation` must give 0 for two zeros, so that nothing appears beyond the last block.
    fn combine(&mut self, other: &Self, lengths: Lengths, operation: impl Fn(u64, u64) -> u64) -> Result<()> {
        let geometry = self.common_geometry(other, lengths)?;
        let (left, right) = (self.blocks, other.blocks);
        if left != right && lengths == Lengths::Equal {
            return Err(Error::LengthMismatch { left, right });
        }
        if left < right {
            self.try_resize(right)?;
        }
        let (common, rest) = self.words.split_at_mut(other.words.len());
        common.iter_mut().zip(&other.words).for_each(|(a, &b)| *a = operation(*a, b));
        rest.iter_mut().for_each(|a| *a = operation(*a, 0));
        self.geometry = geometry;
        Ok(())
    }

    /// The geometry of what is made of both.
    fn common_geometry(&self, other: &Self, lengths: Lengths) -> Result<Geometry> {
        let (left, right) = (self.geometry, other.geometry);
        if left.block_size == right.block_size || self.blocks == 0 || other.blocks == 0 {
            let (shorter, longer) = if self.blocks < other.blocks { (left, right) } else { (right, left) };
            let virtual_size = match (shorter.virtual_size, longer.virtual_size, lengths) {
                _ if self.blocks != other.blocks => longer.virtual_size,
                (Some(a), Some(b), _) => Some(a.max(b)),
                (one, other, Lengths::Equal) => one.or(other),
                // The one that is not known may be that of a disk that has grown in its last block.
                _ => None,
            };
            return Ok(Geometry { virtual_size, ..longer });
        }
        let bytes = |geometry: Geometry| geometry.block_size.bytes();
        Err(Error::UnequalBlockSizes { left: bytes(left), right: bytes(right) })
    }
}
