//! Input bytes to `Lsb0` words, a segment at a time.
//!
//! A reader walks one contiguous piece of input: [`TextReader`] symbols and line breaks, [`RawReader`] the bytes of a
//! bitmap. The caller pulls: each call gives the next [`Segment`], and nothing is decoded before it is asked for. All
//! segments, one after the other, are the bits of the piece, none left out. Readers know no files and no threads.
//!
//! Under the readers lie the kernels of [`arch`](crate::arch): they turn whole tiles of symbols into words, and say only
//! whether every byte was a symbol. Which byte was not, the text reader finds out; what that means, [`tail`] does.

mod alphabet;
mod raw;
mod segment;
pub(crate) mod tail;
mod text;

pub(crate) use alphabet::Alphabet;
pub(crate) use raw::RawReader;
pub(crate) use segment::Segment;
pub(crate) use text::{TextProgress, TextReader};
