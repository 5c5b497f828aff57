//! The words of a bitmap: made, set and resized.
//!
//! Invariant: there are as many words as the blocks need, and the bits beyond the last block are zero. Where the virtual
//! size is known, the bitmap has as many blocks as that disk.

use std::hash::{Hash, Hasher};

use crate::verified::Verified;
use crate::word_list::set_bits;
use crate::{Encoding, Error, Extent, Geometry, Result, Tier, length};

/// The message of the panic in functions that do not return errors.
pub(super) const ENOUGH: &str = "memory for the bitmap";

/// A bitmap in memory: one bit a block, 1 = changed.
///
/// Made from every source by [`Scanner::bitmap`](crate::Scanner::bitmap), at another block size by
/// [`Scanner::bitmap_at`](crate::Scanner::bitmap_at), from extents by [`from_extents`](Self::from_extents), and written out
/// again by [`to_base64`](Self::to_base64) and its siblings.
///
/// A bitmap knows its [`geometry`](Self::geometry): the size of its blocks, and the size of the disk where that is known.
/// Bitmaps are equal if they have the same number of blocks, of the same size, and the same of them are changed. The
/// virtual size is not compared: it says nothing about blocks, but how many bytes the last one has.
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
#[derive(Clone, Debug, Default)]
pub struct Bitmap {
    /// As many as the blocks need; the bits beyond the last block are zero.
    pub(super) words: Vec<u64>,
    pub(super) blocks: u64,
    pub(super) geometry: Geometry,
}

impl PartialEq for Bitmap {
    fn eq(&self, other: &Self) -> bool {
        let sizes = |bitmap: &Self| (bitmap.blocks, bitmap.geometry.block_size);
        sizes(self) == sizes(other) && self.words == other.words
    }
}

impl Eq for Bitmap {}

impl Hash for Bitmap {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.blocks, self.geometry.block_size, &self.words).hash(state);
    }
}

impl Bitmap {
    /// A bitmap of that many blocks of 64 KiB, none of them changed.
    ///
    /// # Panics
    ///
    /// If there is not as much memory; see [`try_new`](Self::try_new) for sizes that someone else made up.
    #[must_use]
    pub fn new(blocks: u64) -> Self {
        Self::try_new(blocks).expect(ENOUGH)
    }

    /// A bitmap of that many blocks of 64 KiB, none of them changed.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub fn try_new(blocks: u64) -> Result<Self> {
        // Zeros that the system has at hand cost nothing before they are touched.
        let words = words_for(blocks).and_then(|words| bytemuck::try_zeroed_vec(words).ok());
        words.map(|words| Self { words, blocks, ..Self::default() }).ok_or_else(|| out_of_memory(blocks))
    }

    /// A bitmap of that many blocks of 64 KiB, in which just those of the extents are changed. They may come in any order and
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

    /// This bitmap, as one of blocks of another size, or of a disk whose size is known. It is a fact about the bitmap, and
    /// changes no bit: see [`reblock`](Self::reblock) for a bitmap at another block size.
    ///
    /// Where the virtual size is known, the bitmap has as many blocks as the disk afterwards: zeros that fill it up are
    /// left out.
    ///
    /// # Errors
    ///
    /// [`Error::TooShort`], [`Error::TooLong`] and [`Error::BlockBeyondEnd`] if it cannot be a bitmap of that disk.
    ///
    /// ```
    /// use changed_blocks::{Bitmap, BlockSize, ByteRange, Extent, Geometry, VirtualSize};
    /// let disk = Geometry { block_size: BlockSize::new(1 << 20)?, virtual_size: Some(VirtualSize::new(2_500_000)?) };
    /// let bitmap = Bitmap::from_extents(3, &[Extent::new(2, 3)]).with_geometry(disk)?;
    /// assert_eq!(bitmap.byte_ranges()?, [ByteRange { offset_bytes: 2 << 20, len_bytes: 402_848 }]);
    /// # Ok::<(), changed_blocks::Error>(())
    /// ```
    pub fn with_geometry(mut self, geometry: Geometry) -> Result<Self> {
        length::check(self.blocks, Encoding::Bits, &geometry)?;
        let blocks = geometry.blocks().unwrap_or(self.blocks);
        match self.cursor().next_changed_from(blocks) {
            Some(beyond) => Err(Error::BlockBeyondEnd { block: beyond.start_block, blocks }),
            None => self.fit(geometry, blocks).map(|()| self),
        }
    }

    /// Takes the geometry, and that many blocks, which are those of the disk where its size is known.
    pub(crate) fn fit(&mut self, geometry: Geometry, blocks: u64) -> Result<()> {
        debug_assert!(geometry.blocks().is_none_or(|expected| expected == blocks));
        self.try_resize(blocks)?;
        self.geometry = geometry;
        Ok(())
    }

    /// The number of blocks.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// The size of the blocks, and the size of the disk where it is known.
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The bitmap as `Lsb0` words: block 0 in the lowest bit of the first word. The bits beyond the last block are zero.
    #[must_use]
    pub fn as_words(&self) -> &[u64] {
        &self.words
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

    /// Changes the number of blocks: new ones are unchanged ones, and what lies beyond is dropped. The virtual size is
    /// forgotten if it is that of another number of blocks.
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
        if self.words.capacity() == 0 {
            self.words = Self::try_new(blocks)?.words;
        }
        let words = words_for(blocks).ok_or_else(|| out_of_memory(blocks))?;
        let more = words.saturating_sub(self.words.len());
        // Room for later growth is not worth a failure.
        let reserved = self.words.try_reserve(more).or_else(|_| self.words.try_reserve_exact(more));
        reserved.map_err(|_| out_of_memory(blocks))?;
        self.words.resize(words, 0);
        self.blocks = blocks;
        self.clear_beyond();
        if self.geometry.blocks().is_some_and(|of_disk| of_disk != blocks) {
            self.geometry.virtual_size = None;
        }
        Ok(())
    }

    /// Has no blocks any more, but their memory.
    pub(crate) fn empty(&mut self) {
        self.words.clear();
        (self.blocks, self.geometry) = (0, Geometry::default());
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
pub(super) fn tier() -> Verified {
    Tier::detect().and_then(Tier::verify).unwrap_or(Verified::PORTABLE)
}

/// Nothing if the address space has no room for so many.
fn words_for(blocks: u64) -> Option<usize> {
    usize::try_from(blocks.div_ceil(64)).ok()
}

pub(super) fn out_of_memory(blocks: u64) -> Error {
    Error::OutOfMemory { bytes: blocks.div_ceil(8) }
}
