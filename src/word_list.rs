//! Bits put one after the other, as `Lsb0` words.

use crate::decode::Segment;
use crate::{Error, Result};

/// The bits of a piece of input.
///
/// Invariant: there are as many words as the bits need. In the last of them, the bits after the end are zeros until
/// [`fill_up`](Self::fill_up).
#[derive(Default)]
pub(crate) struct WordList {
    words: Vec<u64>,
    bits: u64,
    last_bit: bool,
}

impl WordList {
    /// A list that begins with whole words, and goes on in their memory.
    pub(crate) fn after(words: Vec<u64>) -> Self {
        let (bits, last_bit) = (words.len() as u64 * 64, words.last().is_some_and(|word| word >> 63 == 1));
        Self { words, bits, last_bit }
    }

    pub(crate) fn into_words(self) -> Vec<u64> {
        self.words
    }

    pub(crate) fn as_words(&self) -> &[u64] {
        &self.words
    }

    pub(crate) const fn bits(&self) -> u64 {
        self.bits
    }

    pub(crate) const fn last_bit(&self) -> bool {
        self.last_bit
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
        (self.bits, self.last_bit) = (0, false);
    }

    /// Makes room for so many more bits.
    pub(crate) fn try_reserve(&mut self, bits: u64) -> Result<()> {
        let words = usize::try_from(bits.div_ceil(64)).unwrap_or(usize::MAX);
        self.words.try_reserve_exact(words).map_err(|_| Error::OutOfMemory { bytes: bits.div_ceil(8) })
    }

    /// Repeats the last bit up to the end of the last word, which adds no boundary.
    pub(crate) fn fill_up(&mut self) {
        if let (true, Some(last), 1..) = (self.last_bit, self.words.last_mut(), self.bits % 64) {
            *last |= u64::MAX << (self.bits % 64);
        }
    }

    fn resize(&mut self, bits: u64) {
        self.words.resize(usize::try_from(bits.div_ceil(64)).expect("words in memory"), 0);
        self.bits = bits;
    }

    /// Adds a segment that follows the last bit.
    pub(crate) fn push(&mut self, segment: Segment<'_>) {
        let start = self.bits;
        match segment {
            Segment::Uniform { bits } => {
                self.resize(start + bits);
                if self.last_bit {
                    set_bits(&mut self.words, start, start + bits);
                }
            }
            Segment::Words { words, bits } if start.is_multiple_of(64) && bits == words.len() as u64 * 64 => {
                self.words.extend_from_slice(words);
                self.bits += bits;
            }
            Segment::Words { words, bits } => {
                self.resize(start + bits);
                or_bits(&mut self.words, start, words, bits);
            }
        }
        self.last_bit = segment.last_bit(self.last_bit);
    }
}

/// Sets the bits from `start` to `end`.
///
/// # Panics
///
/// If `words` do not reach that far.
pub(crate) fn set_bits(words: &mut [u64], start: u64, end: u64) {
    if start >= end {
        return;
    }
    let (first, last) = (index(start), index(end - 1));
    let head = u64::MAX << (start % 64);
    let tail = u64::MAX >> (63 - (end - 1) % 64);
    if first == last {
        words[first] |= head & tail;
    } else {
        words[first] |= head;
        words[first + 1..last].fill(u64::MAX);
        words[last] |= tail;
    }
}

/// Adds the ones among the first `bits` bits of `from` to `words`, from the bit `start` on.
///
/// # Panics
///
/// If `words` do not reach as far as the last of these bits.
pub(crate) fn or_bits(words: &mut [u64], start: u64, from: &[u64], bits: u64) {
    let (first, shift) = (index(start), start % 64);
    let mut left = bits;
    for (i, &word) in from.iter().enumerate() {
        if left == 0 {
            break;
        }
        let word = if left < 64 { word & ((1 << left) - 1) } else { word };
        left = left.saturating_sub(64);
        words[first + i] |= word << shift;
        if shift > 0 && word >> (64 - shift) != 0 {
            words[first + i + 1] |= word >> (64 - shift);
        }
    }
}

/// The place of a bit's word.
fn index(bit: u64) -> usize {
    usize::try_from(bit / 64).expect("words in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bits of words, one by one.
    fn bits_of(words: &[u64], count: u64) -> Vec<bool> {
        (0..count).map(|bit| words[(bit / 64) as usize] >> (bit % 64) & 1 == 1).collect()
    }

    #[test]
    fn pieces_of_any_length_are_put_one_after_the_other() {
        let words: Vec<u64> = (1..=6u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        for lengths in [[64, 128, 1, 63, 65], [1, 2, 3, 4, 5], [63, 64, 65, 127, 129], [0, 7, 0, 64, 200]] {
            let (mut list, mut expected) = (WordList::default(), Vec::new());
            for bits in lengths {
                let piece = bits_of(&words, bits);
                // The rest of the last word repeats the last bit, as decoders give it.
                let mut given = words[..piece.len().div_ceil(64)].to_vec();
                if let (Some(last), 1..) = (given.last_mut(), bits % 64) {
                    let fill = u64::MAX << (bits % 64);
                    *last = if *piece.last().expect("some bits") { *last | fill } else { *last & !fill };
                }
                if bits > 0 {
                    list.push(Segment::Words { words: &given, bits });
                }
                expected.extend(piece);
                list.push(Segment::Uniform { bits: bits + 3 });
                let last = *expected.last().unwrap_or(&false);
                expected.extend((0..bits + 3).map(|_| last));
            }
            assert_eq!(bits_of(list.as_words(), list.bits()), expected, "{lengths:?}");
            assert_eq!(list.as_words().len() as u64, list.bits().div_ceil(64));
            list.fill_up();
            let last = *expected.last().expect("some bits");
            expected.resize(expected.len().next_multiple_of(64), last);
            assert_eq!(bits_of(list.as_words(), expected.len() as u64), expected, "filled up");
        }
    }
}
