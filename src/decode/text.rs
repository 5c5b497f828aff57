//! The driver over text: symbols and line breaks in, tiles out.

use super::alphabet::Class;
use super::{Alphabet, Sink};
use crate::arch::contract::{Aligned, TILE_SYMBOLS, TILE_WORDS};
use crate::arch::count_steps;
use crate::arch::uniform::{ByteSegment, UniformSkipper};
use crate::tier::Verified;

/// How far a piece of text went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TextEnd {
    /// How many bytes were dealt with: all, unless the text stopped or the sink was full.
    pub(crate) read: usize,
    /// How many symbols were taken.
    pub(crate) symbols: u64,
    /// The place, from the start of the piece, of the first byte that is neither a symbol nor a line break. Nothing
    /// from there on was taken.
    pub(crate) stop: Option<usize>,
    /// The place and value of the last symbol taken.
    pub(crate) last: Option<(usize, u8)>,
}

/// Decodes the symbols of `text`, stepping over line breaks, up to the first byte that is neither, or until the sink
/// is full.
pub(crate) fn decode(alphabet: Alphabet, tier: Verified, text: &[u8], sink: &mut impl Sink) -> TextEnd {
    let skipper = UniformSkipper::new(alphabet.uniform_symbols(), TILE_SYMBOLS);
    let mut emitter = Emitter { alphabet, tier, skipper, words: None };
    // Filled with zeros only once it is needed: most texts are whole tiles, and many are short.
    let mut staged = None;
    let mut at = 0;
    let mut symbols = 0;
    let stop = loop {
        // The usual case: nothing but symbols, decoded where they lie.
        while !sink.is_full() {
            let taken = emitter.take_tiles(&text[at..], sink);
            if taken == 0 {
                break;
            }
            at += taken;
            symbols += taken;
        }
        if sink.is_full() || at == text.len() {
            break None;
        }
        // There is a line break, the end, or something else within the next tile: gather its symbols.
        let staged = &mut staged.get_or_insert(Aligned([0; TILE_SYMBOLS])).0;
        let (read, count, stopped) = gather(alphabet, &text[at..], staged);
        at += read;
        symbols += count;
        if count > 0 {
            // Filling up with the last bit adds no boundary, and makes whole words.
            let last = alphabet.last_bit(staged[count - 1]);
            let whole = count.next_multiple_of(64);
            staged[count..whole].fill(alphabet.uniform_symbols()[usize::from(last)]);
            let emitted = emitter.emit(&staged[..whole], count, sink);
            assert_eq!(emitted, count, "gathered symbols are symbols");
        }
        if stopped {
            break Some(at);
        }
    };
    let last = text[..at].iter().rposition(|&byte| alphabet.class(byte) == Class::Symbol);
    TextEnd { read: at, symbols: symbols as u64, stop, last: last.map(|place| (place, text[place])) }
}

/// What turns symbols into words for a sink.
struct Emitter {
    alphabet: Alphabet,
    tier: Verified,
    skipper: UniformSkipper,
    /// There once they are needed.
    words: Option<Aligned<[u64; TILE_WORDS]>>,
}

impl Emitter {
    /// Hands whole tiles to the sink: as many as it takes at once, or one, or as much of one as surely is symbols.
    /// Returns how many symbols that were; none if the next tile is not there or does not begin with enough symbols.
    fn take_tiles(&mut self, text: &[u8], sink: &mut impl Sink) -> usize {
        let taken = if self.alphabet == Alphabet::Base64 { sink.base64(text) } else { 0 };
        match text.get(..TILE_SYMBOLS) {
            Some(tile) if taken == 0 => self.emit(tile, TILE_SYMBOLS, sink),
            _ => taken,
        }
    }

    /// Hands one tile to the sink, of which the first `count` symbols count, up to the first stretch of which not all
    /// bytes are symbols. Returns how many symbols that were.
    fn emit(&mut self, tile: &[u8], count: usize, sink: &mut impl Sink) -> usize {
        let Self { alphabet, tier, skipper, words } = self;
        let words = &mut words.get_or_insert(Aligned([0; TILE_WORDS])).0;
        let per_symbol = alphabet.bits_per_symbol();
        let mut left = count;
        let mut rest = tile;
        while !rest.is_empty() {
            let steps = |steps: &[_], uniform_bytes, uniform| count_steps(*tier, steps, uniform_bytes, uniform);
            match skipper.next(rest, sink.last_bit(), steps) {
                ByteSegment::Uniform(len) => {
                    let counting = len.min(left);
                    left -= counting;
                    sink.uniform((counting * per_symbol) as u64);
                    rest = &rest[len..];
                }
                ByteSegment::Mixed(symbols) => {
                    let words = &mut words[..symbols.len() * per_symbol / 64];
                    if !alphabet.decode(*tier, symbols, words) {
                        break;
                    }
                    let counting = symbols.len().min(left);
                    left -= counting;
                    sink.words(words, (counting * per_symbol) as u64);
                    rest = &rest[symbols.len()..];
                }
            }
        }
        count - left
    }
}

/// Copies symbols until the tile is full, the text ends, or a byte is neither symbol nor line break. Returns how many
/// bytes of the text were read, how many symbols that gave, and whether such a byte comes next.
fn gather(alphabet: Alphabet, text: &[u8], staged: &mut [u8; TILE_SYMBOLS]) -> (usize, usize, bool) {
    let classes = alphabet.classes();
    let mut count = 0;
    for (read, &byte) in text.iter().enumerate() {
        if count == TILE_SYMBOLS {
            return (read, count, false);
        }
        match classes[usize::from(byte)] {
            Class::Symbol => {
                staged[count] = byte;
                count += 1;
            }
            Class::Break => {}
            Class::Space | Class::Padding | Class::Other => return (read, count, true),
        }
    }
    (text.len(), count, false)
}
