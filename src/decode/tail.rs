//! The end of a text: padding, white space, and what is wrong with everything else.
//!
//! The text reader stops at the first byte that is neither symbol nor line break. From there on the text may hold
//! only its padding and white space, so it is read here, byte by byte. Which offset an error names:
//!
//! * a byte that belongs into no text is named itself;
//! * a space or a `=` is wrong only because of what follows it, and is named once that has been seen.

use super::alphabet::{Alphabet, Class};
use crate::{Error, Result};

/// The facts about a text that matter at its end, as far as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    alphabet: Alphabet,
    symbols: u64,
    last_symbol: (u64, u8),
    padding: u8,
    first_padding: u64,
    space: Option<(u64, u8)>,
    reached: bool,
}

impl Tail {
    pub(crate) const fn new(alphabet: Alphabet) -> Self {
        Self { alphabet, symbols: 0, last_symbol: (0, 0), padding: 0, first_padding: 0, space: None, reached: false }
    }

    /// Whether no symbol was seen yet, so that white space does not matter.
    pub(crate) const fn is_before_text(&self) -> bool {
        self.symbols == 0 && !self.reached
    }

    /// How many symbols there were so far.
    pub(crate) const fn symbols(&self) -> u64 {
        self.symbols
    }

    /// Counts symbols that were decoded; the last of them is needed to judge the padding.
    pub(crate) fn count(&mut self, symbols: u64, last_symbol: Option<(u64, u8)>) {
        self.symbols += symbols;
        self.last_symbol = last_symbol.unwrap_or(self.last_symbol);
    }

    /// Takes bytes from the end of the text; the first of them is at `offset` of the input.
    pub(crate) fn take(&mut self, bytes: &[u8], offset: u64) -> Result<()> {
        self.reached = true;
        for (at, &byte) in (offset..).zip(bytes) {
            match (self.alphabet.class(byte), self.space) {
                (Class::Break, _) => {}
                (Class::Space, _) => self.space = self.space.or(Some((at, byte))),
                (Class::Other, _) => return Err(self.alphabet.invalid(at, byte)),
                (Class::Symbol | Class::Padding, Some((at, space))) => return Err(self.alphabet.invalid(at, space)),
                (Class::Symbol, None) => return Err(Error::MisplacedPadding { offset: self.first_padding }),
                (Class::Padding, None) => self.take_padding(at)?,
            }
        }
        Ok(())
    }

    fn take_padding(&mut self, offset: u64) -> Result<()> {
        let expected = self.alphabet.padding(self.symbols);
        if self.padding == expected {
            return Err(Error::MisplacedPadding { offset });
        }
        if self.padding == 0 {
            let (place, symbol) = self.last_symbol;
            // Two symbols have 12 bits for one byte, three have 18 for two.
            let unused = 2 * expected;
            if Alphabet::base64_value(symbol) & ((1 << unused) - 1) != 0 {
                return Err(Error::TrailingBits { offset: place, byte: symbol });
            }
            self.first_padding = offset;
        }
        self.padding += 1;
        Ok(())
    }

    /// Judges the text as a whole, at its end. Returns the number of bits that it holds.
    pub(crate) fn finish(&self, input_len: u64) -> Result<u64> {
        let (found, expected) = (self.padding, self.alphabet.padding(self.symbols));
        match self.alphabet {
            Alphabet::Bits => Ok(self.symbols),
            Alphabet::Base64 if self.symbols % 4 == 1 => Err(Error::IncompleteGroup { offset: input_len }),
            Alphabet::Base64 if found < expected => Err(Error::MissingPadding { offset: input_len, expected, found }),
            // Whole bytes; what remains of the last symbol was checked to be zero.
            Alphabet::Base64 => Ok(self.symbols / 4 * 24 + self.symbols % 4 * 6 / 8 * 8),
        }
    }
}
