//! The two halves of the hot path, and formatting, one at a time and on any tier: for benchmarks and fuzzing; and how
//! files are replaced, for the server. Not part of the public API: anything here may change in any release.

use crate::boundaries::BoundaryWriter;
pub use crate::cbtlog::replace::{remove_leftovers, replace};
use crate::decode::{Alphabet, TextReader};
use crate::format::lines::push_lines_on;
use crate::format::{Ndjson, Text};
use crate::word_list::WordList;
use crate::{ByteRange, Error, Result, Tier};

/// Decodes base64 symbols (nothing else, a multiple of 32) into `Lsb0` words, after those that are
/// there.
pub fn decode(tier: Tier, symbols: &[u8], words: &mut Vec<u64>) -> Result<()> {
    let mut reader = TextReader::new(Alphabet::Base64, tier.verify()?, symbols);
    let mut list = WordList::after(std::mem::take(words));
    while let Some(segment) = reader.next_segment(list.last_bit()) {
        list.push(segment);
    }
    *words = list.into_words();
    match reader.progress().stop {
        Some(stop) => Err(Error::InvalidSymbol { offset: stop as u64, byte: symbols[stop] }),
        None => Ok(()),
    }
}

/// Appends the boundaries of `Lsb0` words that follow an unchanged block.
pub fn scan(tier: Tier, words: &[u64], boundaries: &mut Vec<u64>) -> Result<()> {
    BoundaryWriter::new(tier.verify()?, boundaries, 0, false).scan_words(words);
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
