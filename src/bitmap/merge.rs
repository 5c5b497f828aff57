//! The bits of an input, added to a bitmap as they are decoded: block by block, or at once at a larger block size.
//!
//! Invariant: the bitmap is grown only for ones. Zeros after the last one take no memory, so a bitmap grows by what was read
//! and not by what a sparse file or a header claims.

use std::ops::{ControlFlow, Range};

use super::coarser::or_coarser;
use super::words::Bitmap;
use crate::decode::Segment;
use crate::pipeline::{ChunkResult, Plan, decode};
use crate::source::{Input, Scratch};
use crate::word_list::{or_bits, set_bits};
use crate::{Error, Result};

/// Marks the blocks as changed that an input has marked.
pub(super) struct Merger<'b> {
    bitmap: &'b mut Bitmap,
    /// How many blocks of the input make one of the bitmap, as a power of two.
    ratio_log2: u8,
    /// The number of blocks of the disk, where it is known, and all that follows: in blocks of the input.
    disk_blocks: Option<u64>,
    /// The first changed block that the disk does not have.
    beyond: Option<u64>,
    /// The position of the next bit.
    position: u64,
    /// The last bit.
    carry: bool,
    /// The first failure to grow, after which nothing more is taken.
    failure: Option<Error>,
}

impl<'b> Merger<'b> {
    /// A merger whose first bit is at `position`.
    pub(super) const fn new(bitmap: &'b mut Bitmap, ratio_log2: u8, disk_blocks: Option<u64>, position: u64) -> Self {
        Self { bitmap, ratio_log2, disk_blocks, beyond: None, position, carry: false, failure: None }
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The first changed block that the disk does not have.
    pub(super) const fn beyond(&self) -> Option<u64> {
        self.beyond
    }

    /// Adds a chunk of the input, as far as it can be read, after so many zeros.
    pub(super) fn read(
        &mut self,
        plan: &Plan,
        input: &impl Input,
        (zeros, range): (u64, Range<u64>),
        scratch: &mut Scratch,
    ) -> Result<ChunkResult> {
        if zeros > 0 {
            self.position += zeros;
            self.carry = false;
        }
        let result = decode(plan, input, range, scratch, self.carry, |segment| {
            self.push(segment);
            if self.failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        self.failure.take().map_or(Ok(result), Err)
    }

    /// Adds the bits from `start` up to `end`, which were merged into a bitmap of their own: its first word is the one that
    /// the bit `start` is in.
    pub(super) fn add(&mut self, other: &Bitmap, start: u64, end: u64, beyond: Option<u64>) -> Result<()> {
        self.position = end;
        self.beyond = self.beyond.or(beyond);
        if other.blocks > 0 {
            let first = start >> self.ratio_log2 >> 6;
            if first * 64 + other.blocks > self.bitmap.blocks {
                self.bitmap.try_resize(first * 64 + other.blocks)?;
            }
            or_bits(&mut self.bitmap.words, first * 64, &other.words, other.blocks);
        }
        Ok(())
    }

    /// Grows the bitmap so that it has a block for the last one before `end`. Returns whether there was memory for it.
    fn grow(&mut self, end: u64) -> bool {
        let blocks = end.div_ceil(1 << self.ratio_log2);
        if blocks > self.bitmap.blocks
            && let Err(error) = self.bitmap.try_resize(blocks)
        {
            self.failure.get_or_insert(error);
        }
        self.failure.is_none()
    }

    /// How many of the next bits lie on the disk.
    fn on_disk(&self, bits: u64) -> u64 {
        self.disk_blocks.map_or(bits, |blocks| bits.min(blocks.saturating_sub(self.position)))
    }

    /// Adds a segment that follows the last bit.
    fn push(&mut self, segment: Segment<'_>) {
        let carry = self.carry;
        self.carry = segment.last_bit(carry);
        self.position += match segment {
            Segment::Uniform { bits } => {
                if carry {
                    self.push_ones(bits);
                }
                bits
            }
            Segment::Words { words, bits } => {
                self.push_words(words, bits);
                bits
            }
        };
    }

    fn push_ones(&mut self, bits: u64) {
        let end = self.position + self.on_disk(bits);
        if end < self.position + bits {
            self.beyond.get_or_insert(end);
        }
        if end > self.position && self.grow(end) {
            let (start, end) = (self.position >> self.ratio_log2, end.div_ceil(1 << self.ratio_log2));
            set_bits(&mut self.bitmap.words, start, end);
        }
    }

    fn push_words(&mut self, words: &[u64], bits: u64) {
        let on_disk = self.on_disk(bits);
        if self.beyond.is_none() {
            let bit = (on_disk..bits).find(|&bit| bit_of(words, bit));
            self.beyond = bit.map(|bit| self.position + bit);
        }
        if on_disk > 0 && words.iter().any(|&word| word != 0) && self.grow(self.position + on_disk) {
            or_coarser(&mut self.bitmap.words, self.ratio_log2, self.position, words, on_disk);
        }
    }
}

fn bit_of(words: &[u64], bit: u64) -> bool {
    words.get((bit / 64) as usize).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}
