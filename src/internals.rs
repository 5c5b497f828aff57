//! The two halves of the hot path, and formatting, one at a time and on any tier: for benchmarks and fuzzing; and how
//! files are replaced, for the server. Not part of the public API: anything here may change in any release.

use crate::arch::contract::TILE_WORDS;
use crate::boundaries::BoundaryWriter;
pub use crate::cbtlog::replace::{remove_leftovers, replace};
use crate::decode::{Alphabet, Segment, TextReader};
use crate::format::lines::push_lines_on;
use crate::format::{Ndjson, Text};
use crate::{ByteRange, Error, Result, Tier};

/// Decodes base64 symbols (nothing else, a multiple of 32) into `Lsb0` words, after those that are
/// there.
pub fn decode(tier: Tier, symbols: &[u8], words: &mut Vec<u64>) -> Result<()> {
    let mut carry = words.last().is_some_and(|word| word >> 63 == 1);
    let mut reader = TextReader::new(Alphabet::Base64, tier.verify()?, symbols);
    while let Some(segment) = reader.next_segment(carry) {
        match segment {
            Segment::Uniform { bits } => {
                let more = usize::try_from(bits / 64).unwrap_or(usize::MAX);
                words.resize(words.len() + more, if carry { u64::MAX } else { 0 });
            }
            Segment::Words { words: more, .. } => words.extend_from_slice(more),
        }
        carry = segment.last_bit(carry);
    }
    match reader.progress().stop {
        Some(stop) => Err(Error::InvalidSymbol { offset: stop as u64, byte: symbols[stop] }),
        None => Ok(()),
    }
}

/// Appends the boundaries of `Lsb0` words that follow an unchanged block.
pub fn scan(tier: Tier, words: &[u64], boundaries: &mut Vec<u64>) -> Result<()> {
    let mut writer = BoundaryWriter::new(tier.verify()?, boundaries, 0, false);
    for tile in words.chunks(TILE_WORDS) {
        writer.scan_segment(Segment::Words { words: tile, bits: tile.len() as u64 * 64 });
    }
    Ok(())
}

/// Appends what `format::Text` does.
pub fn text_lines(tier: Tier, ranges: &[ByteRange], to: &mut Vec<u8>) -> Result<()> {
    push_lines_on::<Text>(tier.verify()?, ranges, to);
    Ok(())
}

/// Appends what `format::Ndjson` does.
pub fn ndjson_lines(tier: Tier, ranges: &[ByteRange], to: &mut Vec<u8>) -> Result<()> {
    push_lines_on::<Ndjson>(tier.verify()?, ranges, to);
    Ok(())
}
