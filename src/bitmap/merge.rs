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
use crate::verified::Verified;
use crate::word_list::{or_bits, set_bits};
use crate::{Error, Result};

/// The blocks that the bits of an input become.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) tier: Verified,
    /// How many blocks of the input make one of the bitmap, as a power of two.
    pub(super) ratio_log2: u8,
    /// The number of blocks of the disk, where it is known: of those of the input, as all positions.
    pub(super) disk_blocks: Option<u64>,
}

/// Marks the blocks as changed that an input has marked.
pub(super) struct Merger<'b> {
    target: Target,
    bitmap: &'b mut Bitmap,
    /// The position of the bitmap's first bit.
    origin: u64,
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
    /// A merger of a whole input.
    pub(super) const fn new(target: Target, bitmap: &'b mut Bitmap) -> Self {
        Self { target, bitmap, origin: 0, beyond: None, position: 0, carry: false, failure: None }
    }

    /// A merger of so many bits from `position` on, into a bitmap that begins with the word that the first of them is in, and
    /// is as long as it can get.
    pub(super) fn of_chunk(target: Target, bitmap: &'b mut Bitmap, position: u64, bits: u64) -> Result<Self> {
        bitmap.empty();
        let origin = position - position % (64 << target.ratio_log2);
        let merger = Self { origin, position, ..Self::new(target, bitmap) };
        merger.bitmap.try_resize(merger.bits_up_to(position + bits))?;
        Ok(merger)
    }

    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Takes so many zeros.
    pub(super) const fn skip_zeros(&mut self, bits: u64) {
        if bits > 0 {
            self.position += bits;
            self.carry = false;
        }
    }

    /// Takes a range of the input, as far as it can be read.
    pub(super) fn read(
        &mut self,
        plan: &Plan,
        input: &impl Input,
        range: Range<u64>,
        scratch: &mut Scratch,
    ) -> Result<ChunkResult> {
        let result = decode(plan, input, range, scratch, self.carry, |segment| {
            self.push(segment);
            if self.failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        self.failure.take().map_or(Ok(result), Err)
    }

    /// Takes what another merger has taken of the same input, which begins with the next bits, perhaps after zeros.
    pub(super) fn add(&mut self, next: &Merger<'_>) -> Result<()> {
        if let Some(last) = next.bitmap.words.iter().rposition(|&word| word != 0) {
            let words = &next.bitmap.words[..=last];
            let (first, bits) = (next.origin >> self.target.ratio_log2, words.len() as u64 * 64);
            if first + bits > self.bitmap.blocks {
                self.bitmap.try_resize(first + bits)?;
            }
            or_bits(&mut self.bitmap.words, first, words, bits);
        }
        (self.position, self.carry) = (next.position, next.carry);
        self.beyond = self.beyond.or(next.beyond);
        Ok(())
    }

    /// Refuses changed blocks that the disk does not have.
    pub(super) fn require_on_disk(&self) -> Result<()> {
        match (self.beyond, self.target.disk_blocks) {
            (Some(block), Some(blocks)) => Err(Error::BlockBeyondEnd { block, blocks }),
            _ => Ok(()),
        }
    }

    /// The bits of the bitmap that have a part in those of the input up to `end`.
    const fn bits_up_to(&self, end: u64) -> u64 {
        (end - self.origin).div_ceil(1 << self.target.ratio_log2)
    }

    /// Grows the bitmap so that it has a block for the last one before `end`. Returns whether there was memory for it.
    fn grow(&mut self, end: u64) -> bool {
        let blocks = self.bits_up_to(end);
        if blocks > self.bitmap.blocks
            && let Err(error) = self.bitmap.try_resize(blocks)
        {
            self.failure.get_or_insert(error);
        }
        self.failure.is_none()
    }

    /// How many of the next bits lie on the disk.
    fn on_disk(&self, bits: u64) -> u64 {
        self.target.disk_blocks.map_or(bits, |blocks| bits.min(blocks.saturating_sub(self.position)))
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
            let start = (self.position - self.origin) >> self.target.ratio_log2;
            let end = self.bits_up_to(end);
            set_bits(&mut self.bitmap.words, start, end);
        }
    }

    fn push_words(&mut self, words: &[u64], bits: u64) {
        let on_disk = self.on_disk(bits);
        if self.beyond.is_none() {
            let bit = (on_disk..bits).find(|&bit| bit_of(words, bit));
            self.beyond = bit.map(|bit| self.position + bit);
        }
        let end = self.position + on_disk;
        let is_grown = self.bits_up_to(end) <= self.bitmap.blocks;
        if on_disk > 0 && (is_grown || words.iter().any(|&word| word != 0) && self.grow(end)) {
            let Target { tier, ratio_log2, .. } = self.target;
            or_coarser(tier, &mut self.bitmap.words, ratio_log2, self.position - self.origin, words, on_disk);
        }
    }
}

fn bit_of(words: &[u64], bit: u64) -> bool {
    words.get((bit / 64) as usize).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}
