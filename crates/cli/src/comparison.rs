//! Two lists, held against each other byte by byte.

use changed_blocks::format::Totals;
use changed_blocks::shape::SortedRanges;
use changed_blocks::{BlockSize, ByteRange};

use crate::range_run::ChangedTotals;

/// The bytes that are in one list only.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    /// Sums over the bytes that only the first has, and only the second.
    pub(crate) only: [Totals; 2],
    /// The first byte that only one of them has, and which one.
    pub(crate) first: Option<(u64, usize)>,
}

impl Differences {
    /// Reads both lists to their ends.
    pub(crate) fn of(mut a: impl SortedRanges, mut b: impl SortedRanges, block_size: BlockSize) -> Self {
        let mut lists: [&mut dyn Iterator<Item = ByteRange>; 2] = [&mut a, &mut b];
        let mut only = [ChangedTotals::new(block_size), ChangedTotals::new(block_size)];
        let mut first = None;
        let mut next = lists.each_mut().map(|list| list.next());
        while next.iter().any(Option::is_some) {
            // All from the first byte to the nearest border is in one of them, or in both.
            let starts = next.map(|range| range.map_or(u64::MAX, |range| range.offset_bytes));
            let start = starts[0].min(starts[1]);
            let is_inside = starts.map(|other| other == start);
            let border = |side: usize| match next[side] {
                Some(range) if is_inside[side] => range.end_bytes(),
                _ => starts[side],
            };
            let end = border(0).min(border(1));
            if is_inside[0] != is_inside[1] {
                let side = usize::from(is_inside[1]);
                only[side].add(ByteRange::between(start, end));
                first.get_or_insert((start, side));
            }
            for (side, range) in next.iter_mut().enumerate().filter(|&(side, _)| is_inside[side]) {
                let rest = range.map(|range| ByteRange::between(end, range.end_bytes()));
                *range = rest.filter(|rest| rest.len_bytes > 0).or_else(|| lists[side].next());
            }
        }
        Self { only: only.map(|only| only.totals), first }
    }
}
