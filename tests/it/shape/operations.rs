//! Set operations against those of truth values.

use changed_blocks::shape::{self, SortedRanges};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::common::cases;

/// Another region near the first, which may begin before it or reach beyond it.
fn beside(region: &Region, bits: Vec<bool>, shift: i64) -> Region {
    let latest = u64::MAX - bits.len() as u64;
    Region { base: region.base.saturating_add_signed(shift).min(latest), bits }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(200, 4000)) })]

    #[test]
    fn operations_are_those_of_each_byte(a in region(), bits in bits(), shift in -30..30i64) {
        let b = beside(&a, bits, shift);
        let (list_a, list_b) = (ranges(&a.spans()), ranges(&b.spans()));
        let pair = || (sorted(&list_a), sorted(&list_b));
        let union = all_sorted(|| pair().0.union(pair().1));
        prop_assert_eq!(&union, &a.combine(&b, |a, b| a || b).spans());
        let intersection = all_sorted(|| pair().0.intersection(pair().1));
        prop_assert_eq!(intersection, a.combine(&b, |a, b| a && b).spans());
        let difference = all_sorted(|| pair().0.difference(pair().1));
        prop_assert_eq!(difference, a.combine(&b, |a, b| a && !b).spans());
        let symmetric_difference = all_sorted(|| pair().0.symmetric_difference(pair().1));
        prop_assert_eq!(symmetric_difference, a.combine(&b, |a, b| a != b).spans());
        let all = all_sorted(|| shape::union_all([sorted(&list_a), sorted(&list_b)]));
        prop_assert_eq!(all, union);
    }

    #[test]
    fn a_union_of_many_is_that_of_pairs(regions in vec(region(), 0..8)) {
        let lists: Vec<Vec<ByteRange>> = regions.iter().map(|region| ranges(&region.spans())).collect();
        let found = all_sorted(|| shape::union_all(lists.iter().map(|list| sorted(list))));
        let nothing: Box<dyn SortedRanges> = Box::new(sorted(&[]));
        let pairs = lists.iter().fold(nothing, |all, list| Box::new(all.union(sorted(list))));
        prop_assert_eq!(&found, &spans(&pairs.collect::<Vec<_>>()));
        let joined = lists.concat();
        prop_assert_eq!(&found, &all_sorted(|| shape::from_unsorted(joined.clone())));
    }

    #[test]
    fn a_list_and_its_inverse_make_up_the_disk(region in region(), max_gap in 0..9u64) {
        let list = ranges(&region.spans());
        let disk = range(0, u64::MAX);
        let rest = || sorted(&list).merge_gaps(max_gap).invert(disk);
        prop_assert!(sorted(&list).merge_gaps(max_gap).union(rest()).eq([disk]));
        prop_assert_eq!(sorted(&list).intersection(rest()).count(), 0);
        prop_assert!(sorted(&[disk]).difference(sorted(&list)).eq(sorted(&list).invert(disk)));
    }
}
