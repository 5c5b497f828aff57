//! Set algebra: what changed in either, in both, in one but not the other.

use super::words::Bitmap;
use crate::{Error, Result};

/// How two bitmaps of different lengths are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lengths {
    /// Refuse them: they are not the same disk's.
    Equal,
    /// Extend the shorter one with unchanged blocks, as for a disk that has grown.
    Extend,
}

impl Bitmap {
    /// The blocks that are changed in either.
    ///
    /// # Errors
    ///
    /// [`Error::LengthMismatch`] if the lengths differ and [`Lengths::Equal`] is asked for, and [`Error::OutOfMemory`].
    pub fn union(&self, other: &Self, lengths: Lengths) -> Result<Self> {
        self.combine(other, lengths, |a, b| a | b)
    }

    /// The blocks that are changed in both.
    ///
    /// # Errors
    ///
    /// As for [`union`](Self::union).
    pub fn intersection(&self, other: &Self, lengths: Lengths) -> Result<Self> {
        self.combine(other, lengths, |a, b| a & b)
    }

    /// The blocks that are changed here and not in the other.
    ///
    /// # Errors
    ///
    /// As for [`union`](Self::union).
    pub fn difference(&self, other: &Self, lengths: Lengths) -> Result<Self> {
        self.combine(other, lengths, |a, b| a & !b)
    }

    /// The blocks that are changed in exactly one of the two.
    ///
    /// # Errors
    ///
    /// As for [`union`](Self::union).
    pub fn symmetric_difference(&self, other: &Self, lengths: Lengths) -> Result<Self> {
        self.combine(other, lengths, |a, b| a ^ b)
    }

    /// The blocks of the disk that are not changed.
    #[must_use]
    pub fn complement(&self) -> Self {
        let words = self.words.iter().map(|word| !word).collect();
        let mut complement = Self { words, blocks: self.blocks };
        complement.clear_beyond();
        complement
    }

    /// `operation` must give 0 for two zeros, so that nothing appears beyond the last block.
    fn combine(&self, other: &Self, lengths: Lengths, operation: impl Fn(u64, u64) -> u64) -> Result<Self> {
        let (left, right) = (self.blocks, other.blocks);
        if left != right && lengths == Lengths::Equal {
            return Err(Error::LengthMismatch { left, right });
        }
        let common = self.words.len().min(other.words.len());
        let blocks = left.max(right);
        let mut words = Vec::new();
        words
            .try_reserve_exact(self.words.len().max(other.words.len()))
            .map_err(|_| Error::OutOfMemory { bytes: blocks.div_ceil(8) })?;
        words.extend(self.words.iter().zip(&other.words).map(|(&a, &b)| operation(a, b)));
        words.extend(self.words[common..].iter().map(|&a| operation(a, 0)));
        words.extend(other.words[common..].iter().map(|&b| operation(0, b)));
        Ok(Self { words, blocks })
    }
}
