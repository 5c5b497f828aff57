//! Text of a long list, made on all threads, in pieces that are written one after the other.

use changed_blocks::format::ExtentFormat;
use changed_blocks::{ByteRange, Error};
use rayon::prelude::*;

/// How many extents are formatted before their text is written: some 1 MiB of it, which stays in a cache.
pub(super) const WAVE: usize = 32 << 10;
/// How many a thread takes at a time: enough to be worth handing over.
pub(super) const CHUNK: usize = 2048;
/// How many of them are formatted at a time: their ranges and their text stay in the first cache.
pub(super) const BATCH: usize = 512;

/// Replaces `pieces` by the text of items, the ranges of which `ranges_of` puts in place of those before. Each piece starts
/// with a separator, except the first one of a list.
pub(super) fn format_pieces<T: Sync>(
    format: &(dyn ExtentFormat + Send + Sync),
    items: &[T],
    is_first: bool,
    pieces: &mut Vec<Vec<u8>>,
    ranges_of: impl Fn(&[T], &mut Vec<ByteRange>) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let write_piece = |(number, (chunk, text)): (usize, (&[T], &mut Vec<u8>))| {
        let mut ranges = Vec::new();
        text.clear();
        for batch in chunk.chunks(BATCH) {
            if number > 0 || !is_first || !text.is_empty() {
                text.extend_from_slice(format.separator());
            }
            ranges_of(batch, &mut ranges)?;
            format.ranges(&ranges, text);
        }
        Ok(())
    };
    pieces.resize_with(items.len().div_ceil(CHUNK), Vec::new);
    items.par_chunks(CHUNK).zip(pieces).enumerate().try_for_each(write_piece)
}
