//! The reader of text: symbols and line breaks in, segments out.
//!
//! ```text
//! next_segment:  if the next tile is there, and its first segment is all symbols:  that segment
//!                else:  compact the symbols of the next tile, stepping over line breaks,
//!                       up to the end or the first byte that is neither;  decode these
//! ```
//!
//! Nothing from the first byte on that is neither a symbol nor a line break is ever part of a segment.

use super::alphabet::{Alphabet, Class};
use super::segment::Segment;
use crate::arch::contract::{Aligned, TILE_SYMBOLS, TILE_WORDS};
use crate::arch::count_steps;
use crate::arch::uniform::{ByteSegment, UniformSkipper};
use crate::verified::Verified;

/// How far a piece of text was read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TextProgress {
    /// How many bytes were read: all, unless the text stopped or no more was asked for.
    pub(crate) read: usize,
    /// How many symbols were taken.
    pub(crate) symbols: u64,
    /// The place, from the start of the piece, of the first byte that is neither a symbol nor a line break. Nothing
    /// from there on was taken.
    pub(crate) stop: Option<usize>,
    /// The place and value of the last symbol taken.
    pub(crate) last: Option<(usize, u8)>,
}

/// Reads one contiguous piece of text.
pub(crate) struct TextReader<'t> {
    alphabet: Alphabet,
    tier: Verified,
    text: &'t [u8],
    /// How many bytes were read.
    at: usize,
    /// How many bytes of the present tile were not read yet.
    tile_left: usize,
    symbols: u64,
    stopped: bool,
    skipper: UniformSkipper,
    /// Symbols without the line breaks between them. Filled with zeros only once it is needed: most texts are whole
    /// tiles, and many are short.
    scratch: Option<Aligned<[u8; TILE_SYMBOLS]>>,
    /// The words of the last segment, likewise.
    words: Option<Aligned<[u64; TILE_WORDS]>>,
}

impl<'t> TextReader<'t> {
    #[inline]
    pub(crate) const fn new(alphabet: Alphabet, tier: Verified, text: &'t [u8]) -> Self {
        let skipper = UniformSkipper::new(alphabet.uniform_symbols(), TILE_SYMBOLS);
        Self {
            alphabet,
            tier,
            text,
            at: 0,
            tile_left: 0,
            symbols: 0,
            stopped: false,
            skipper,
            scratch: None,
            words: None,
        }
    }

    /// The text that was not read yet.
    pub(crate) fn rest(&self) -> &'t [u8] {
        &self.text[self.at..]
    }

    /// Counts symbols at the start of the [`rest`](Self::rest) as read: a kernel took them from there.
    pub(crate) const fn skip(&mut self, symbols: usize) {
        self.at += symbols;
        self.symbols += symbols as u64;
        self.tile_left = 0;
    }

    /// The next segment, of a tile at the most, that follows the bit `carry`. Nothing at the end of the text, or where it
    /// stops.
    pub(crate) fn next_segment(&mut self, carry: bool) -> Option<Segment<'_>> {
        if self.tile_left == 0 && self.rest().len() >= TILE_SYMBOLS {
            self.tile_left = TILE_SYMBOLS;
        }
        if self.tile_left > 0 {
            let tile = &self.text[self.at..self.at + self.tile_left];
            let tier = self.tier;
            let steps = |steps: &[_], uniform_bytes, uniform| count_steps(tier, steps, uniform_bytes, uniform);
            let (segment, uniform) = match self.skipper.next(tile, carry, steps) {
                ByteSegment::Uniform(len) => (&tile[..len], true),
                ByteSegment::Mixed(symbols) => (symbols, false),
            };
            if uniform || decode(self.alphabet, self.tier, segment, &mut self.words) {
                self.at += segment.len();
                self.tile_left -= segment.len();
                self.symbols += segment.len() as u64;
                return Some(self.segment(segment.len(), uniform));
            }
        }
        self.compacted_segment()
    }

    /// The segment of the symbols of the next tile, of which there may be less than a tile, and among which there may be
    /// line breaks.
    fn compacted_segment(&mut self) -> Option<Segment<'_>> {
        self.tile_left = 0;
        if self.at == self.text.len() || self.stopped {
            return None;
        }
        let scratch = &mut self.scratch.get_or_insert(Aligned([0; TILE_SYMBOLS])).0;
        let (read, count, stopped) = compact_symbols(self.alphabet, &self.text[self.at..], scratch);
        self.at += read;
        self.symbols += count as u64;
        self.stopped = stopped;
        // Filling up with the last bit adds no boundary, and makes whole words.
        let last = self.alphabet.last_bit(*scratch[..count].last()?);
        let whole = count.next_multiple_of(64);
        scratch[count..whole].fill(self.alphabet.uniform_symbols()[usize::from(last)]);
        let symbols = &scratch[..whole];
        assert!(decode(self.alphabet, self.tier, symbols, &mut self.words), "compacted symbols are symbols");
        Some(self.segment(count, false))
    }

    /// The segment of so many symbols, of which the words were decoded unless they are `uniform`.
    fn segment(&self, symbols: usize, uniform: bool) -> Segment<'_> {
        let bits = symbols * self.alphabet.bits_per_symbol();
        match &self.words {
            Some(words) if !uniform => Segment::Words { words: &words.0[..bits.div_ceil(64)], bits: bits as u64 },
            _ => Segment::Uniform { bits: bits as u64 },
        }
    }

    /// How far the text was read.
    pub(crate) fn progress(&self) -> TextProgress {
        let taken = &self.text[..self.at];
        let last = taken.iter().rposition(|&byte| self.alphabet.class(byte) == Class::Symbol);
        TextProgress {
            read: self.at,
            symbols: self.symbols,
            stop: self.stopped.then_some(self.at),
            last: last.map(|place| (place, taken[place])),
        }
    }
}

/// Decodes symbols, a multiple of 64. Returns whether all bytes were symbols.
fn decode(alphabet: Alphabet, tier: Verified, symbols: &[u8], words: &mut Option<Aligned<[u64; TILE_WORDS]>>) -> bool {
    let words = &mut words.get_or_insert(Aligned([0; TILE_WORDS])).0;
    alphabet.decode(tier, symbols, &mut words[..symbols.len() * alphabet.bits_per_symbol() / 64])
}

/// Copies symbols until the scratch is full, the text ends, or a byte is neither symbol nor line break. Returns how many
/// bytes of the text were read, how many symbols that gave, and whether such a byte comes next.
fn compact_symbols(alphabet: Alphabet, text: &[u8], scratch: &mut [u8; TILE_SYMBOLS]) -> (usize, usize, bool) {
    let classes = alphabet.classes();
    let mut count = 0;
    for (read, &byte) in text.iter().enumerate() {
        if count == TILE_SYMBOLS {
            return (read, count, false);
        }
        match classes[usize::from(byte)] {
            Class::Symbol => {
                scratch[count] = byte;
                count += 1;
            }
            Class::Break => {}
            Class::Space | Class::Padding | Class::Other => return (read, count, true),
        }
    }
    (text.len(), count, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tier;

    /// The bits of all segments, one by one, and how far the text was read.
    fn read(alphabet: Alphabet, tier: Verified, text: &[u8]) -> (Vec<bool>, TextProgress) {
        let mut reader = TextReader::new(alphabet, tier, text);
        let (mut bits, mut carry) = (Vec::new(), false);
        while let Some(segment) = reader.next_segment(carry) {
            match segment {
                Segment::Uniform { bits: more } => bits.resize(bits.len() + usize::try_from(more).expect("few"), carry),
                Segment::Words { words, bits: more } => bits.extend((0..more).map(|i| is_one(words, i))),
            }
            carry = segment.last_bit(carry);
            assert_eq!(bits.last(), Some(&carry), "the last bit of a segment");
        }
        (bits, reader.progress())
    }

    fn is_one(words: &[u64], bit: u64) -> bool {
        words[usize::try_from(bit / 64).expect("few")] >> (bit % 64) & 1 == 1
    }

    /// Some tiles of symbols, uniform or not, of which the last is not whole, with line breaks from `first_break` on.
    fn text(alphabet: Alphabet, first_break: usize) -> Vec<u8> {
        let [zeros, ones] = alphabet.uniform_symbols();
        let mixed = if alphabet == Alphabet::Base64 { &b"AQz/9+kA"[..] } else { b"01101000" };
        let lengths = [(zeros, 1000), (ones, 5000), (zeros, 9000)];
        let mut text: Vec<u8> = lengths.iter().flat_map(|&(symbol, len)| vec![symbol; len]).collect();
        text.splice(6000..6000, mixed.iter().copied().cycle().take(7777));
        let mut at = first_break;
        while at < text.len() {
            text.insert(at, if at.is_multiple_of(2) { b'\n' } else { b'\r' });
            at += 613;
        }
        text
    }

    fn is_symbol(byte: u8) -> bool {
        !b"\r\n".contains(&byte)
    }

    #[test]
    fn segments_together_are_the_bits_of_the_text_up_to_where_it_stops() {
        for alphabet in [Alphabet::Base64, Alphabet::Bits] {
            for first_break in [0, 300, 4095, 4096, 4097, usize::MAX] {
                let good = text(alphabet, first_break);
                let symbols: Vec<u8> = good.iter().copied().filter(|&byte| is_symbol(byte)).collect();
                let bits = symbols.iter().flat_map(|&symbol| match alphabet {
                    Alphabet::Base64 => {
                        let value = Alphabet::base64_value(symbol);
                        (0..6).rev().map(|bit| value >> bit & 1 == 1).collect()
                    }
                    Alphabet::Bits => vec![symbol == b'1'],
                });
                let bits: Vec<bool> = bits.collect();
                for (stop, bad) in [(0, b'='), (1, b'!'), (4096, b' '), (6500, b'\0'), (good.len(), b'-')] {
                    let mut stopped = good.clone();
                    stopped.truncate(stop);
                    stopped.push(bad);
                    stopped.extend_from_slice(&good[stop..]);
                    let count = good[..stop].iter().filter(|&&byte| is_symbol(byte)).count();
                    for tier in Tier::available().map(|tier| tier.verify().expect("available")) {
                        let about = format!("{alphabet:?} {tier:?} {first_break} {stop}");
                        let (found, progress) = read(alphabet, tier, &stopped);
                        assert!(found == bits[..count * alphabet.bits_per_symbol()], "{about}");
                        assert_eq!((progress.read, progress.stop), (stop, Some(stop)), "{about}");
                        assert_eq!(progress.symbols, count as u64, "{about}");
                        let last = progress.last.map(|(place, symbol)| (stopped[place], symbol));
                        assert_eq!(last, symbols[..count].last().map(|&symbol| (symbol, symbol)), "{about}");
                        if stop == good.len() {
                            assert!(read(alphabet, tier, &good).0 == bits, "{about}");
                        }
                    }
                }
            }
        }
    }
}
