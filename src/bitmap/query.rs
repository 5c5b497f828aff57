//! Questions that a bitmap answers: which blocks changed, how many, and whether any.

use super::words::{Bitmap, tier};
use crate::arch::count_ones;
use crate::boundaries::BoundaryWriter;
use crate::{ByteRange, Extent, Result};

impl Bitmap {
    /// Whether a block is changed; `None` if the disk does not have it. Complexity: constant.
    #[must_use]
    pub fn get(&self, block: u64) -> Option<bool> {
        let word = self.words.get(usize::try_from(block / 64).ok()?)?;
        (block < self.blocks).then_some(word >> (block % 64) & 1 == 1)
    }

    /// Whether a block is there and is changed. Complexity: constant.
    ///
    /// `false` for a block that the disk does not have: of a disk that has grown, a bitmap from before knows nothing. See
    /// [`get`](Self::get).
    #[must_use]
    pub fn contains(&self, block: u64) -> bool {
        self.get(block) == Some(true)
    }

    /// Whether any block is changed. Complexity: linear in the number of blocks before the first change.
    #[must_use]
    pub fn any(&self) -> bool {
        self.words.iter().any(|&word| word != 0)
    }

    /// Whether any block of an extent is changed, as far as the disk has them. Complexity: linear in the length of the extent,
    /// by words.
    #[must_use]
    pub fn any_in(&self, extent: Extent) -> bool {
        self.first(true, extent.start_block, extent.end_block).is_some()
    }

    /// Whether any byte of a range is part of a changed block, as far as the range is on the disk. Complexity: linear in the
    /// number of blocks of the range, by words.
    ///
    /// ```
    /// use changed_blocks::{Bitmap, ByteRange, Extent};
    /// let bitmap = Bitmap::from_extents(32, &[Extent::new(2, 3)]);
    /// assert!(bitmap.intersects(ByteRange { offset_bytes: 3 * 65_536 - 1, len_bytes: 100 }));
    /// assert!(!bitmap.intersects(ByteRange { offset_bytes: 3 * 65_536, len_bytes: 100 }));
    /// ```
    #[must_use]
    pub fn intersects(&self, range: ByteRange) -> bool {
        let block_bytes = self.geometry.block_size.bytes();
        let extent = Extent::new(range.offset_bytes / block_bytes, range.end_bytes().div_ceil(block_bytes));
        range.len_bytes > 0 && self.any_in(extent)
    }

    /// The number of changed blocks. Complexity: linear in the length of the bitmap.
    #[must_use]
    pub fn count(&self) -> u64 {
        count_ones(tier(), &self.words)
    }

    /// The changed blocks, in ascending order. Complexity: linear in the length of the bitmap and the number of changed
    /// blocks.
    ///
    /// ```
    /// use changed_blocks::{Bitmap, Extent};
    /// let bitmap = Bitmap::from_extents(100, &[Extent::new(2, 4), Extent::new(99, 100)]);
    /// assert_eq!(bitmap.iter().collect::<Vec<_>>(), [2, 3, 99]);
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        self.iter_from(0)
    }

    /// The changed blocks from `block` on, in ascending order; none if the disk ends before it. Blocks before are not looked
    /// at, so all may be had in parts, each from the block after the last one of the part before. Complexity: as of
    /// [`iter`](Self::iter), for all parts together.
    ///
    /// ```
    /// use changed_blocks::{Bitmap, Extent};
    /// let bitmap = Bitmap::from_extents(100, &[Extent::new(2, 4), Extent::new(99, 100)]);
    /// assert_eq!(bitmap.iter_from(3).collect::<Vec<_>>(), [3, 99]);
    /// ```
    pub fn iter_from(&self, block: u64) -> impl Iterator<Item = u64> {
        let first = usize::try_from(block / 64).map_or(self.words.len(), |first| first.min(self.words.len()));
        let words = self.words[first..].iter().zip((first as u64 * 64..).step_by(64));
        let from_block = move |(&word, start): (&u64, u64)| {
            let wanted = if start < block { u64::MAX << (block % 64) } else { u64::MAX };
            (word & wanted, start)
        };
        words.map(from_block).filter(|&(word, _)| word != 0).flat_map(|(word, start)| {
            let ones = std::iter::successors(Some(word), |ones| Some(ones & (ones - 1)).filter(|&ones| ones != 0));
            ones.map(move |ones| start + u64::from(ones.trailing_zeros()))
        })
    }

    /// The changed blocks as extents. Complexity: linear in the length of the bitmap.
    #[must_use]
    pub fn extents(&self) -> Vec<Extent> {
        let mut boundaries = Vec::new();
        BoundaryWriter::new(tier(), &mut boundaries, 0, false).scan_words(&self.words);
        // Only a run up to the last bit of the last word is still open.
        if boundaries.len() % 2 == 1 {
            boundaries.push(self.blocks);
        }
        crate::extent::into_extents(boundaries)
    }

    /// The changed blocks as byte ranges, the last one clipped where the virtual size is known. Complexity: linear in the
    /// length of the bitmap.
    ///
    /// # Errors
    ///
    /// [`Error::OffsetOverflow`](crate::Error::OffsetOverflow) if a changed block ends beyond 2^64 bytes.
    pub fn byte_ranges(&self) -> Result<Vec<ByteRange>> {
        let mut ranges = Vec::new();
        self.geometry.byte_ranges(&self.extents(), &mut ranges)?;
        Ok(ranges)
    }
}
