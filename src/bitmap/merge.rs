//! The bits of an input, added to a bitmap as they are decoded.
//!
//! Invariant: the bitmap is grown only for ones. Zeros after the last one take no memory, so a bitmap grows by what was read
//! and not by what a sparse file or a header claims.

use std::ops::ControlFlow;

use super::words::Bitmap;
use crate::decode::Segment;
use crate::pipeline::{ChunkResult, ChunkSpan, Output, Plan, decode};
use crate::source::{Input, Scratch};
use crate::word_list::{or_bits, set_bits};
use crate::{Error, Result};

/// Bytes of input that are decoded at a time: their words stay in a cache.
const CHUNK_BYTES: u64 = 1 << 20;

/// Marks the blocks as changed that an input has marked.
pub(crate) struct MergeOutput<'b> {
    bitmap: &'b mut Bitmap,
    /// The number of blocks of the disk, where it is known.
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

impl<'b> MergeOutput<'b> {
    pub(crate) const fn new(bitmap: &'b mut Bitmap, disk_blocks: Option<u64>) -> Self {
        Self { bitmap, disk_blocks, beyond: None, position: 0, carry: false, failure: None }
    }

    /// Grows the bitmap to that many blocks at least. Returns whether there was memory for it.
    fn grow(&mut self, blocks: u64) -> bool {
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
            set_bits(&mut self.bitmap.words, self.position, end);
        }
    }

    fn push_words(&mut self, words: &[u64], bits: u64) {
        let on_disk = self.on_disk(bits);
        if self.beyond.is_none() {
            let bit = (on_disk..bits).find(|&bit| bit_of(words, bit));
            self.beyond = bit.map(|bit| self.position + bit);
        }
        if on_disk > 0 && words.iter().any(|&word| word != 0) && self.grow(self.position + on_disk) {
            or_bits(&mut self.bitmap.words, self.position, words, on_disk);
        }
    }
}

fn bit_of(words: &[u64], bit: u64) -> bool {
    words.get((bit / 64) as usize).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

impl Output for MergeOutput<'_> {
    fn position(&self) -> u64 {
        self.position
    }

    fn take(&mut self, plan: &Plan, input: &impl Input, at: u64, scratch: &mut Scratch) -> Result<ChunkResult> {
        let bytes = plan.chunk_bytes.map_or(CHUNK_BYTES, |bytes| bytes as u64);
        let span = ChunkSpan::starting_at(plan.codec, input, at, bytes);
        if span.hole > 0 {
            self.position += span.hole * 8;
            self.carry = false;
        }
        let result = decode(plan, input, span.range, scratch, self.carry, |segment| {
            self.push(segment);
            if self.failure.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        self.failure.take().map_or(Ok(result), Err)
    }

    fn finish(&mut self, _bits: u64) -> Result<()> {
        match (self.beyond, self.disk_blocks) {
            (Some(block), Some(blocks)) => Err(Error::BlockBeyondEnd { block, blocks }),
            _ => Ok(()),
        }
    }
}
