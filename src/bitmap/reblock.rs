//! A bitmap at another block size.

use super::coarser::or_coarser;
use super::words::{Bitmap, out_of_memory, tier};
use crate::word_list::set_bits;
use crate::{BlockSize, Geometry, Result};

impl Bitmap {
    /// The bitmap at another block size. A larger block is changed if any byte of it is part of a changed block; a smaller
    /// one, if it is part of a changed block. No change is lost, whichever way, and none appears beyond the disk.
    ///
    /// A partial last block counts as a block. Without the virtual size, nothing is known of the end but the number of
    /// blocks: the disk is taken to end with the last one.
    ///
    /// To read a bitmap at a larger block size at once, use [`Scanner::bitmap_at`](crate::Scanner::bitmap_at).
    ///
    /// ```
    /// use changed_blocks::{Bitmap, BlockSize, Extent};
    /// // Blocks 1 and 2, and 70, of 64 KiB.
    /// let bitmap = Bitmap::from_extents(100, &[Extent::new(1, 3), Extent::new(70, 71)]);
    /// let coarser = bitmap.reblock(BlockSize::new(2 << 20)?)?;
    /// assert_eq!((coarser.blocks(), coarser.extents()), (4, vec![Extent::new(0, 1), Extent::new(2, 3)]));
    /// let finer = bitmap.reblock(BlockSize::new(16 << 10)?)?;
    /// assert_eq!((finer.blocks(), finer.extents()), (400, vec![Extent::new(4, 12), Extent::new(280, 284)]));
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    ///
    /// # Complexity
    ///
    /// Linear in the length of this bitmap and of the result, by words.
    pub fn reblock(&self, block_size: BlockSize) -> Result<Self> {
        let geometry = Geometry { block_size, ..self.geometry };
        let (from, to) = (self.geometry.block_size.log2(), block_size.log2());
        let blocks = match geometry.blocks() {
            Some(blocks) => blocks,
            None if to >= from => self.blocks.div_ceil(1 << (to - from)),
            None => self.blocks.checked_mul(1 << (from - to)).ok_or_else(|| out_of_memory(u64::MAX))?,
        };
        let mut result = Self { geometry, ..Self::try_new(blocks)? };
        if to >= from {
            or_coarser(tier(), &mut result.words, to - from, 0, &self.words, self.words.len() as u64 * 64);
        } else {
            let mut cursor = self.cursor();
            let mut at = 0;
            while let Some(run) = cursor.next_changed_from(at) {
                at = run.end_block;
                // The last block of the disk may have fewer small ones. What ends beyond 2^64 of them is not in memory.
                set_bits(
                    &mut result.words,
                    run.start_block << (from - to),
                    blocks.min(at.saturating_mul(1 << (from - to))),
                );
            }
        }
        Ok(result)
    }
}
