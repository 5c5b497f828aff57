//! Each shape alone, and all of them in order.

use changed_blocks::shape::{Shape, SortedRanges};
use proptest::prelude::*;

use super::*;
use crate::common::cases;

/// The bytes around a region, and a part of them.
fn part(region: &Region, from: i64, len: u64) -> (u64, u64) {
    let start = region.base.saturating_add_signed(from);
    (start, start.saturating_add(len))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(200, 4000)) })]

    #[test]
    fn a_window_keeps_what_lies_in_it(region in region(), from in -20..150i64, len in 0..150u64) {
        let list = ranges(&region.spans());
        let (start, end) = part(&region, from, len);
        let found = all_sorted(|| sorted(&list).window(range(start, end)));
        prop_assert_eq!(found, region.window(start, end).spans());
    }

    #[test]
    fn gaps_up_to_a_length_are_merged(region in region(), max_gap in 0..60u64) {
        let list = ranges(&region.spans());
        let found = all_sorted(|| sorted(&list).merge_gaps(max_gap));
        prop_assert_eq!(found, region.merge_gaps(max_gap).spans());
    }

    #[test]
    fn alignment_fills_whole_multiples_on_the_disk(region in region(), multiple in 1..70u64, beyond in -9..90i64) {
        let list = ranges(&region.spans());
        let end = (region.base + region.bits.len() as u64).saturating_add_signed(beyond).max(1);
        for disk_end in [None, Some(end)] {
            let found = all_sorted(|| sorted(&list).align(nonzero(multiple), disk_end.map(size)));
            prop_assert_eq!(found, region.align(multiple, disk_end.unwrap_or(u64::MAX)).spans());
        }
    }

    #[test]
    fn a_budget_keeps_the_widest_gaps(region in region(), n in 1..12usize) {
        let list = ranges(&region.spans());
        let found = all_sorted(|| sorted(&list).at_most(count(n)));
        prop_assert_eq!(found, region.at_most(n).spans());
    }

    #[test]
    fn pieces_end_on_multiples(region in region(), max_len in 1..70u64) {
        let list = ranges(&region.spans());
        let found = all(|| sorted(&list).split(nonzero(max_len)));
        prop_assert!(found.iter().all(|piece| (1..=max_len).contains(&piece.len_bytes)));
        prop_assert_eq!(spans(&found), region.pieces(max_len));
    }

    #[test]
    fn inversion_leaves_what_did_not_change(region in region(), from in -20..150i64, len in 0..150u64) {
        let list = ranges(&region.spans());
        let (start, end) = part(&region, from, len);
        let found = all_sorted(|| sorted(&list).invert(range(start, end)));
        prop_assert_eq!(found, region.invert(start, end).spans());
    }

    #[test]
    fn a_limit_knows_where_to_go_on(region in region(), n in 0..12u64, max_len in 1..20u64) {
        let list = ranges(&region.spans());
        let found = all_sorted(|| sorted(&list).limit(n));
        let expected = region.spans();
        let given = expected.len().min(usize::try_from(n).expect("small"));
        prop_assert_eq!(&found[..], &expected[..given]);

        let mut limit = sorted(&list).limit(n);
        limit.by_ref().for_each(drop);
        let resume_at = limit.resume_at();
        prop_assert_eq!(resume_at, expected.get(given).map(|&(start, _)| start));
        if let Some(start) = resume_at {
            let rest = all_sorted(|| sorted(&list).window(range(start, u64::MAX)));
            prop_assert_eq!(&rest[..], &expected[given..]);
        }

        // Pieces that were limited go on in the window, too.
        let split = |ranges| SortedRanges::split(ranges, nonzero(max_len));
        let mut pieces = shape::Limit::new(split(sorted(&list).window(range(0, u64::MAX))), n);
        let mut found: Vec<ByteRange> = pieces.by_ref().collect();
        if let Some(start) = pieces.resume_at() {
            found.extend(split(sorted(&list).window(range(start, u64::MAX))));
        }
        prop_assert_eq!(spans(&found), region.pieces(max_len));
    }

    #[test]
    fn shapes_are_applied_in_order(
        region in region(),
        window in proptest::option::of((-20..150i64, 0..150u64)),
        merge_gap in 0..20u64,
        align in proptest::option::of(1..40u64),
        max_extents in proptest::option::of(1..6usize),
        max_extent in proptest::option::of(1..40u64),
        beyond in proptest::option::of(0..60u64),
    ) {
        let list = ranges(&region.spans());
        let window = window.map(|(from, len)| part(&region, from, len));
        let disk_end = beyond.map(|beyond| (region.base + region.bits.len() as u64).saturating_add(beyond).max(1));
        let shape = Shape {
            window: window.map(|(start, end)| range(start, end)),
            merge_gap,
            align: align.map(nonzero),
            max_extents: max_extents.map(count),
            invert: false,
            max_extent: max_extent.map(nonzero),
        };
        let found = spans(&all(|| shape.apply(sorted(&list), disk_end.map(size))));

        let (start, end) = window.unwrap_or((0, u64::MAX));
        let wanted = region.window(start, end);
        let covering = wanted.merge_gaps(merge_gap).align(align.unwrap_or(1), disk_end.unwrap_or(u64::MAX));
        let expected = covering.at_most(max_extents.unwrap_or(usize::MAX)).pieces(max_extent.unwrap_or(u64::MAX));
        prop_assert_eq!(&found, &expected);

        // The promise of every shape, without the oracle of each.
        for (start, end) in wanted.spans() {
            let covered = (start..end).all(|byte| found.iter().any(|&(start, end)| (start..end).contains(&byte)));
            prop_assert!(covered, "{start} to {end} is not covered");
        }
        prop_assert!(found.windows(2).all(|pair| pair[0].1 <= pair[1].0));
        prop_assert!(found.iter().all(|&(_, end)| disk_end.is_none_or(|disk_end| end <= disk_end)));

        // Inverted, it is what lies between, in the window and on the disk.
        let whole = Shape { max_extent: None, ..shape };
        let reads = spans(&all(|| whole.apply(sorted(&list), disk_end.map(size))));
        let inverted = spans(&all(|| Shape { invert: true, ..whole }.apply(sorted(&list), disk_end.map(size))));
        let end = end.min(disk_end.unwrap_or(u64::MAX));
        let borders = reads.iter().flat_map(|&(from, to)| [from.clamp(start.min(end), end), to.clamp(start.min(end), end)]);
        let borders: Vec<u64> = [start.min(end)].into_iter().chain(borders).chain([end]).collect();
        let between: Vec<(u64, u64)> = borders.chunks(2).map(|pair| (pair[0], pair[1])).filter(|(a, b)| a < b).collect();
        prop_assert_eq!(inverted, between);
    }
}

#[test]
fn no_shape_changes_nothing() {
    let list = ranges(&[(0, 1), (2, 1 << 40), (u64::MAX - 1, u64::MAX)]);
    assert!(Shape::default().apply(sorted(&list), None).eq(list.iter().copied()));
}
