//! Blocks of a fixed size that ranges touch, for formats that can say no less than a block.
//!
//! Invariant: every byte of every range is in a block that is given, and no block is given twice, not even where two ranges
//! touch the same one.

use std::ops::Range;

use crate::ByteRange;

/// The runs of blocks that the ranges touch, without the block in which the range before them ends.
pub(super) fn touched_blocks(
    previous_end: u64,
    ranges: &[ByteRange],
    block_bytes: u64,
) -> impl Iterator<Item = Range<u64>> {
    let mut given = previous_end.div_ceil(block_bytes);
    ranges.iter().filter_map(move |range| {
        let start = given.max(range.offset_bytes / block_bytes);
        given = given.max(range.end_bytes().div_ceil(block_bytes));
        (start < given).then_some(start..given)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched(previous_end: u64, ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let ranges: Vec<_> = ranges.iter().map(|&(start, end)| ByteRange::between(start, end)).collect();
        touched_blocks(previous_end, &ranges, 10).map(|blocks| (blocks.start, blocks.end)).collect()
    }

    #[test]
    fn ranges_are_rounded_outward() {
        assert_eq!(touched(0, &[(0, 10), (20, 50)]), [(0, 1), (2, 5)]);
        assert_eq!(touched(0, &[(9, 11), (39, 40), (51, 52)]), [(0, 2), (3, 4), (5, 6)]);
        assert_eq!(touched(0, &[(u64::MAX - 1, u64::MAX)]), [(u64::MAX / 10, u64::MAX / 10 + 1)]);
    }

    #[test]
    fn no_block_is_given_twice() {
        assert_eq!(touched(0, &[(0, 1), (2, 3), (5, 11), (12, 13)]), [(0, 1), (1, 2)]);
        assert_eq!(touched(11, &[(12, 13), (15, 25)]), [(2, 3)]);
        assert_eq!(touched(11, &[(20, 25)]), [(2, 3)]);
    }
}
