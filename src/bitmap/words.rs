//! The words of a bitmap: made, set, counted and scanned.
//!
//! Invariant: there are as many words as the blocks need, and the bits beyond the last block are zero.

use crate::arch::count_ones;
use crate::boundaries::BoundaryWriter;
use crate::verified::Verified;
use crate::word_list::set_bits;
use crate::{Error, Extent, Result, Tier};

/// The message of the panic in functions that do not return errors.
pub(super) const ENOUGH: &str = "memory for the bitmap";

/// A bitmap in memory: one bit a block, 1 = changed.
///
/// Made from every source by [`Scanner::bitmap`](crate::Scanner::bitmap), from extents by
/// [`from_extents`](Self::from_extents), and written out again by [`to_base64`](Self::to_base64) and its siblings.
///
/// ```
/// use changed_blocks::{Bitmap, Encoding, Extent, Lengths, Scanner};
/// let scanner = Scanner::new(Encoding::Base64);
/// let monday = scanner.bitmap("YAAAAA==")?;
/// let tuesday = scanner.bitmap("GAAAAA==")?;
/// let both = monday.union(&tuesday, Lengths::Equal)?;
/// assert_eq!(both.extents(), [Extent::new(1, 5)]);
/// assert_eq!(both.to_base64(), "eAAAAA==");
/// # Ok::<(), changed_blocks::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bitmap {
    /// As many as the blocks need; the bits beyond the last block are zero.
    pub(super) words: Vec<u64>,
    pub(super) blocks: u64,
}

impl Bitmap {
    /// A bitmap of that many blocks, none of them changed.
    ///
    /// # Panics
    ///
    /// If there is not as much memory; see [`try_new`](Self::try_new) for sizes that someone else made up.
    #[must_use]
    pub fn new(blocks: u64) -> Self {
        Self::try_new(blocks).expect(ENOUGH)
    }

    /// A bitmap of that many blocks, none of them changed.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn try_new(blocks: u64) -> Result<Self> {
        // Zeros that the system has at hand cost nothing before they are touched.
        let words = words_for(blocks).and_then(|words| bytemuck::try_zeroed_vec(words).ok());
        words.map(|words| Self { words, blocks }).ok_or_else(|| out_of_memory(blocks))
    }

    /// A bitmap of that many blocks, in which just those of the extents are changed. They may come in any order and
    /// overlap.
    ///
    /// # Panics
    ///
    /// If an extent reaches beyond the last block, or there is not as much memory.
    #[must_use]
    pub fn from_extents(blocks: u64, extents: &[Extent]) -> Self {
        let mut bitmap = Self::new(blocks);
        for &extent in extents {
            bitmap.set(extent);
        }
        bitmap
    }

    /// The number of blocks.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// The bitmap as `Lsb0` words: block 0 in the lowest bit of the first word. The bits beyond the last block are zero.
    #[must_use]
    pub fn as_words(&self) -> &[u64] {
        &self.words
    }

    /// Whether a block is changed; `None` if the disk does not have it.
    #[must_use]
    pub fn get(&self, block: u64) -> Option<bool> {
        let word = self.words.get(usize::try_from(block / 64).ok()?)?;
        (block < self.blocks).then_some(word >> (block % 64) & 1 == 1)
    }

    /// The number of changed blocks. Complexity: linear in the length of the bitmap.
    #[must_use]
    pub fn count(&self) -> u64 {
        count_ones(tier(), &self.words)
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

    /// Marks the blocks of an extent as changed.
    ///
    /// # Panics
    ///
    /// If the extent reaches beyond the last block.
    pub fn set(&mut self, extent: Extent) {
        let (start, end) = (extent.start_block, extent.end_block);
        assert!(end <= self.blocks, "block {} of a bitmap of {} blocks", end.saturating_sub(1), self.blocks);
        set_bits(&mut self.words, start, end);
    }

    /// Changes the number of blocks: new ones are unchanged ones, and what lies beyond is dropped.
    ///
    /// # Panics
    ///
    /// If there is not as much memory; see [`try_resize`](Self::try_resize) for sizes that someone else made up.
    pub fn resize(&mut self, blocks: u64) {
        self.try_resize(blocks).expect(ENOUGH);
    }

    /// As [`resize`](Self::resize), where there may not be as much memory.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`]. The bitmap is then as it was.
    pub fn try_resize(&mut self, blocks: u64) -> Result<()> {
        if self.words.is_empty() {
            *self = Self::try_new(blocks)?;
            return Ok(());
        }
        let words = words_for(blocks).ok_or_else(|| out_of_memory(blocks))?;
        let more = words.saturating_sub(self.words.len());
        // Room for later growth is not worth a failure.
        let reserved = self.words.try_reserve(more).or_else(|_| self.words.try_reserve_exact(more));
        reserved.map_err(|_| out_of_memory(blocks))?;
        self.words.resize(words, 0);
        self.blocks = blocks;
        self.clear_beyond();
        Ok(())
    }

    /// Marks all blocks as unchanged.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Marks what another bitmap has marked, unless that has a changed block which this one does not have. Returns whether
    /// it did.
    pub(crate) fn unite(&mut self, other: &Self) -> bool {
        let last = other.words.iter().rposition(|&word| word != 0);
        let end = last.map_or(0, |last| (last as u64 + 1) * 64 - u64::from(other.words[last].leading_zeros()));
        if end > self.blocks {
            return false;
        }
        self.words.iter_mut().zip(&other.words).for_each(|(word, more)| *word |= more);
        true
    }

    /// Makes the bits beyond the last block zero.
    pub(super) fn clear_beyond(&mut self) {
        if let (Some(last), 1..) = (self.words.last_mut(), self.blocks % 64) {
            *last &= (1 << (self.blocks % 64)) - 1;
        }
    }
}

/// The tier for what has no error to return: if the one that was asked for cannot be had, scans say so.
fn tier() -> Verified {
    Tier::detect().and_then(Tier::verify).unwrap_or(Verified::PORTABLE)
}

/// Nothing if the address space has no room for so many.
fn words_for(blocks: u64) -> Option<usize> {
    usize::try_from(blocks.div_ceil(64)).ok()
}

pub(super) fn out_of_memory(blocks: u64) -> Error {
    Error::OutOfMemory { bytes: blocks.div_ceil(8) }
}
