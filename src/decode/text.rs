//! The driver over text: symbols and line breaks in, tiles out.

use super::alphabet::Class;
use super::{Aligned, Alphabet, Sink, TILE_SYMBOLS, TILE_WORDS, is_uniform};
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
    let mut words = Aligned([0; TILE_WORDS]);
    let words = &mut words.0;
    let mut staged = Aligned([0; TILE_SYMBOLS]);
    let staged = &mut staged.0;
    let mut at = 0;
    let mut symbols = 0;
    let stop = loop {
        // The usual case: nothing but symbols, decoded where they lie.
        while !sink.is_full() {
            let taken = take_tiles(alphabet, tier, &text[at..], words, sink);
            if taken == 0 {
                break;
            }
            at += taken;
            symbols += taken;
        }
        if sink.is_full() {
            break None;
        }
        // There is a line break, the end, or something else within the next tile: gather its symbols.
        let (read, count, stopped) = gather(alphabet, &text[at..], staged);
        at += read;
        symbols += count;
        if count > 0 {
            // Filling up with the last bit adds no boundary, and makes whole words.
            let last = alphabet.last_bit(staged[count - 1]);
            let whole = count.next_multiple_of(64);
            staged[count..whole].fill(alphabet.uniform_symbol(last));
            let decoded = emit(alphabet, tier, &staged[..whole], count, words, sink);
            assert!(decoded, "gathered symbols are symbols");
        }
        if stopped {
            break Some(at);
        }
        if at == text.len() {
            break None;
        }
    };
    let last = text[..at].iter().rposition(|&byte| alphabet.class(byte) == Class::Symbol);
    TextEnd { read: at, symbols: symbols as u64, stop, last: last.map(|place| (place, text[place])) }
}

/// Hands whole tiles to the sink: as many as it takes at once, or one. Returns how many symbols that were; none if the
/// next tile is not there or not all of it is symbols.
fn take_tiles(
    alphabet: Alphabet,
    tier: Verified,
    text: &[u8],
    words: &mut [u64; TILE_WORDS],
    sink: &mut impl Sink,
) -> usize {
    let taken = if alphabet == Alphabet::Base64 { sink.base64(text) } else { 0 };
    match text.get(..TILE_SYMBOLS) {
        Some(tile) if taken == 0 && emit(alphabet, tier, tile, TILE_SYMBOLS, words, sink) => TILE_SYMBOLS,
        _ => taken,
    }
}

/// Hands one tile to the sink, of which the first `count` symbols count. Returns `false`, and hands over nothing, if
/// not all bytes are symbols.
fn emit(
    alphabet: Alphabet,
    tier: Verified,
    symbols: &[u8],
    count: usize,
    words: &mut [u64; TILE_WORDS],
    sink: &mut impl Sink,
) -> bool {
    let bits = (count * alphabet.bits_per_symbol()) as u64;
    if is_uniform(tier, symbols, alphabet.uniform_symbol(sink.last_bit())) {
        sink.uniform(bits);
        return true;
    }
    let words = &mut words[..symbols.len() * alphabet.bits_per_symbol() / 64];
    let decoded = alphabet.decode(tier, symbols, words);
    if decoded {
        sink.words(words, bits);
    }
    decoded
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
