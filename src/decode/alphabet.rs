//! The alphabets of bitmap texts.

use crate::Error;
use crate::arch::contract::{BASE64_SYMBOLS, BASE64_UNIFORM};
use crate::arch::{decode_base64, decode_bits};
use crate::verified::Verified;

/// A way to write a bitmap as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// Standard base64, six bits a symbol, `Msb0`, padded.
    Base64,
    /// `0` and `1`, one bit a symbol.
    Bits,
}

/// The kind of a byte in a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A symbol of the alphabet.
    Symbol,
    /// A line feed or a carriage return: allowed everywhere.
    Break,
    /// Other white space: allowed before and after the text only.
    Space,
    /// `=` where the alphabet has padding.
    Padding,
    /// Nothing that belongs into a text.
    Other,
}

const fn classes(symbols: &[u8], padding: bool) -> [Class; 256] {
    let mut classes = [Class::Other; 256];
    let mut i = 0;
    while i < symbols.len() {
        classes[symbols[i] as usize] = Class::Symbol;
        i += 1;
    }
    classes[b'\n' as usize] = Class::Break;
    classes[b'\r' as usize] = Class::Break;
    classes[b' ' as usize] = Class::Space;
    classes[b'\t' as usize] = Class::Space;
    classes[0x0b] = Class::Space;
    classes[0x0c] = Class::Space;
    if padding {
        classes[b'=' as usize] = Class::Padding;
    }
    classes
}

impl Alphabet {
    /// The kind of each byte in a text of this alphabet.
    pub(crate) const fn classes(self) -> &'static [Class; 256] {
        const BASE64: [Class; 256] = classes(BASE64_SYMBOLS, true);
        const BITS: [Class; 256] = classes(b"01", false);
        match self {
            Self::Base64 => &BASE64,
            Self::Bits => &BITS,
        }
    }

    /// The kind of a byte in a text of this alphabet.
    pub(crate) const fn class(self, byte: u8) -> Class {
        self.classes()[byte as usize]
    }

    /// How many bits a symbol stands for.
    pub(crate) const fn bits_per_symbol(self) -> usize {
        match self {
            Self::Base64 => 6,
            Self::Bits => 1,
        }
    }

    /// The six bits that a base64 symbol stands for, the first block in the most significant of them.
    pub(crate) fn base64_value(symbol: u8) -> u8 {
        let place = BASE64_SYMBOLS.iter().position(|&s| s == symbol).unwrap_or(0);
        // There are 64 of them.
        #[expect(clippy::cast_possible_truncation)]
        let value = place as u8;
        value
    }

    /// The symbols that hold only zeros, and only ones.
    pub(crate) const fn uniform_symbols(self) -> [u8; 2] {
        match self {
            Self::Base64 => BASE64_UNIFORM,
            Self::Bits => *b"01",
        }
    }

    /// The last bit, in block order, of what a symbol stands for.
    pub(crate) fn last_bit(self, symbol: u8) -> bool {
        match self {
            Self::Base64 => Self::base64_value(symbol) & 1 == 1,
            Self::Bits => symbol == b'1',
        }
    }

    /// How many `=` must follow that many symbols at the end of a text; none where padding would not help.
    pub(crate) const fn padding(self, symbols: u64) -> u8 {
        match (self, symbols % 4) {
            (Self::Base64, 2) => 2,
            (Self::Base64, 3) => 1,
            _ => 0,
        }
    }

    /// Decodes symbols into `Lsb0` words: a multiple of 64 of them, or of 32 for base64. Returns whether all bytes
    /// were symbols.
    pub(crate) fn decode(self, tier: Verified, symbols: &[u8], words: &mut [u64]) -> bool {
        match self {
            Self::Base64 => decode_base64(tier, symbols, words),
            Self::Bits => decode_bits(symbols, words),
        }
    }

    /// The error for a byte that does not belong where it is.
    pub(crate) const fn invalid(self, offset: u64, byte: u8) -> Error {
        match self {
            Self::Base64 => Error::InvalidSymbol { offset, byte },
            Self::Bits => Error::InvalidBit { offset, byte },
        }
    }
}
