//! The contract of the kernels: what each is given and what it gives back, on every tier alike.
//!
//! There are three jobs, and a folder for each tier that has kernels of its own for them:
//!
//! * `base64`: symbols to words. A kernel says only whether every byte was a symbol; which one was not, and what that
//!   means, is for `decode` to find out.
//! * `boundaries`: words to boundaries, by `BoundaryMasks`. A boundary is a position where a bit differs from the one
//!   before it:
//!
//!   ```text
//!   find(words, before):        mask[i] = words[i] ^ (words[i] << 1 | last bit of the word before)
//!   write(position, out):       for each mask that is not zero, in order:
//!                                   for each of its ones: out.push(position + 64 * i + number of the bit)
//!   ```
//!
//!   `find` takes at most a tile of words; `carry` is the last bit before them. `write` comes after it, and needs 64
//!   places in `out` for each of these words, since kernels store several boundaries at a time and keep only as many as
//!   there are. It returns how many.
//!   Here is also what else is asked of words: how many ones they have, and which halves of them are not zero.
//! * `lines`: byte ranges to lines of text.
//!
//! `scan_base64`, in the file of the tier itself, joins the first two, so that the words between them never leave the
//! L1 cache, nor the registers where a tier can do that.
//!
//! Words are always `Lsb0`: the first block is in the lowest bit. Kernels know no files, no threads, and no policy:
//! what is good for a text is told them by hints ([`Density`], [`CacheHint`]), which change nothing but the speed.

/// Words of one tile at the most: 4,096 base64 symbols are 24,576 bits. Text, decoded bytes, words and a queue of
/// positions stay in an L1 cache of 32 KiB together.
pub(crate) const TILE_WORDS: usize = 384;

/// Symbols of one tile of text. A multiple of 64, so that both alphabets fill whole words.
pub(crate) const TILE_SYMBOLS: usize = 4096;

/// The most boundaries that a tile can have.
pub(crate) const MAX_TILE_BOUNDARIES: usize = TILE_WORDS * 64;

/// Bytes of input that are compared together, to find out whether they are uniform: enough for vectors to pay, few
/// enough for most to hold nothing where one block in a thousand has changed.
pub(crate) const STEP: usize = 256;

/// The symbols of standard base64, in the order of their values.
pub(crate) const BASE64_SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The base64 symbols that hold nothing but zeros, and nothing but ones.
pub(crate) const BASE64_UNIFORM: [u8; 2] = *b"A/";

/// Whether a byte is a base64 symbol.
#[cfg(target_arch = "x86_64")]
pub(crate) const fn is_base64_symbol(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/')
}

/// The one of two uniform bytes that a step would have to consist of.
#[inline]
pub(crate) const fn expected_byte(step: &[u8; STEP], uniform_bytes: [u8; 2]) -> u8 {
    uniform_bytes[if step[0] == uniform_bytes[1] { 1 } else { 0 }]
}

/// An array that begins where a cache line begins, so that no vector of it lies in two.
#[repr(align(64))]
pub(crate) struct Aligned<T>(pub(crate) T);

/// How many boundaries the words have that have any. A kernel chooses by it how it scans
/// the next words; the result does not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Density {
    /// So few that four are expected to do.
    #[default]
    Sparse,
    /// More than that, and not so many that whole lines pay.
    Middling,
    /// So many that putting whole lines of them together is worth a branch for each word.
    Dense,
}

#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only tiers of x86-64 take the hint"))]
impl Density {
    /// The density of so many boundaries in so many words.
    pub(crate) const fn of(boundaries: usize, words: usize) -> Self {
        if 2 * boundaries <= 5 * words {
            Self::Sparse
        } else if boundaries <= 16 * words {
            Self::Middling
        } else {
            Self::Dense
        }
    }
}

/// Whether a cache holds the memory that boundaries are written to. It changes nothing but the speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheHint {
    /// It was written to not long ago.
    Cached,
    /// Nothing is known.
    Unknown,
    /// It belongs to a list that is longer than caches.
    Uncached,
}

/// How far a kernel came in a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScanProgress {
    /// Symbols taken: whole tiles, and perhaps whole steps of the next, which has a byte that is no symbol, or for
    /// which `out` is too short.
    pub(crate) symbols: usize,
    /// Boundaries written.
    pub(crate) boundaries: usize,
    /// The last bit taken.
    pub(crate) carry: bool,
}

/// The text around the two numbers of a line: the offset, and the length.
pub(crate) trait Line {
    const BEFORE: &'static [u8];
    const BETWEEN: &'static [u8];
    const AFTER: &'static [u8];
}
