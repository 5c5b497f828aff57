//! Input bytes to `Lsb0` words, a tile at a time.
//!
//! A driver ([`text`], [`raw`]) walks one contiguous piece of input and hands tiles to a [`Sink`]. It knows no files
//! and no threads. Under the text driver lie the kernels of [`arch`](crate::arch): they turn whole tiles of symbols
//! into words, and say only whether every byte was a symbol. Which byte was not, and what that means, the driver and
//! [`tail`] find out.

mod alphabet;
pub(crate) mod raw;
pub(crate) mod tail;
pub(crate) mod text;

pub(crate) use alphabet::Alphabet;

/// Takes the bits of a piece of input, in block order.
pub(crate) trait Sink {
    /// The last bit taken so far.
    fn last_bit(&self) -> bool;

    /// Whether the sink has enough for now. A driver asks after every tile or so, and stops if it has.
    fn is_full(&self) -> bool {
        false
    }

    /// Takes whole tiles of base64 symbols from the start of `text`, as many as it can at once, and returns the number
    /// of symbols taken. Not all sinks can take any.
    fn base64(&mut self, _text: &[u8]) -> usize {
        0
    }

    /// Takes `bits` further bits, each equal to [`last_bit`](Self::last_bit).
    fn uniform(&mut self, bits: u64);

    /// Takes the first `bits` bits of `Lsb0` words. What follows them in the last word equals the last bit, so it
    /// holds no boundary.
    fn words(&mut self, words: &[u64], bits: u64);
}
