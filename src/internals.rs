//! The two halves of the hot path, and formatting, one at a time and on any tier: for benchmarks and fuzzing; and how
//! files are replaced, for the server. Not part of the public API: anything here may change in any release.

use crate::arch::contract::TILE_WORDS;
use crate::boundaries::BoundaryWriter;
pub use crate::cbtlog::replace::{remove_leftovers, replace};
use crate::decode::{Alphabet, Sink, text};
use crate::format::lines::push_lines_on;
use crate::format::{Ndjson, Text};
use crate::{ByteRange, Error, Result, Tier};

/// Decodes base64 symbols (nothing else, a multiple of 32) into `Lsb0` words, after those that are
/// there.
pub fn decode(tier: Tier, symbols: &[u8], words: &mut Vec<u64>) -> Result<()> {
    struct Collect<'a>(&'a mut Vec<u64>);
    impl Sink for Collect<'_> {
        fn last_bit(&self) -> bool {
            self.0.last().is_some_and(|word| word >> 63 == 1)
        }
        fn uniform(&mut self, bits: u64) {
            let fill = if self.last_bit() { u64::MAX } else { 0 };
            let words = usize::try_from(bits / 64).unwrap_or(usize::MAX);
            self.0.resize(self.0.len() + words, fill);
        }
        fn words(&mut self, words: &[u64], _bits: u64) {
            self.0.extend_from_slice(words);
        }
    }
    let end = text::decode(Alphabet::Base64, tier.verify()?, symbols, &mut Collect(words));
    match end.stop {
        Some(stop) => Err(Error::InvalidSymbol { offset: stop as u64, byte: symbols[stop] }),
        None => Ok(()),
    }
}

/// Appends the boundaries of `Lsb0` words that follow an unchanged block.
pub fn scan(tier: Tier, words: &[u64], boundaries: &mut Vec<u64>) -> Result<()> {
    let mut writer = BoundaryWriter::new(tier.verify()?, boundaries, 0, false);
    for tile in words.chunks(TILE_WORDS) {
        writer.words(tile, tile.len() as u64 * 64);
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
