//! The budget against every choice of gaps.

use changed_blocks::shape::SortedRanges;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::common::cases;

/// The fewest bytes in at most `n` ranges, of all choices of gaps to read through.
fn fewest_bytes(list: &[ByteRange], n: usize) -> u64 {
    let choices = 1u32 << (list.len() - 1);
    let bytes = (0..choices).filter(|kept| (kept.count_ones() as usize) < n).map(|kept| {
        let filled = list.windows(2).enumerate().filter(|(gap, _)| kept >> gap & 1 == 0);
        let filled: u64 = filled.map(|(_, pair)| pair[1].offset_bytes - pair[0].end_bytes()).sum();
        filled + list.iter().map(|range| range.len_bytes).sum::<u64>()
    });
    bytes.min().expect("at least one choice")
}

fn list(gaps: impl IntoIterator<Item = u64>) -> Vec<ByteRange> {
    let mut at = 0;
    let ranges = gaps.into_iter().map(|gap| {
        let start = at + gap;
        at = start + 1;
        range(start, at)
    });
    ranges.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(100, 2000)) })]

    #[test]
    fn no_choice_of_gaps_reads_fewer_bytes(gaps in vec(1..8u64, 1..11), n in 1..12usize) {
        let list = list(gaps);
        let found: Vec<ByteRange> = sorted(&list).at_most(count(n)).collect();
        prop_assert!(found.len() <= n);
        prop_assert_eq!(found.iter().map(|range| range.len_bytes).sum::<u64>(), fewest_bytes(&list, n));
        let covering: Vec<ByteRange> = sorted(&found).intersection(sorted(&list)).collect();
        prop_assert_eq!(covering, list);
    }

    #[test]
    fn many_gaps_are_narrowed_down_many_times(gaps in vec(1..40u64, 200..2000), n in 1..50usize) {
        let list = list(gaps);
        let mut lengths: Vec<(u64, std::cmp::Reverse<usize>)> =
            list.windows(2).zip(0..).map(|(pair, i)| (pair[1].offset_bytes - pair[0].end_bytes(), std::cmp::Reverse(i))).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        let mut kept: Vec<usize> = lengths.iter().take(n - 1).map(|&(_, std::cmp::Reverse(gap))| gap).collect();
        kept.sort_unstable();
        let found: Vec<ByteRange> = sorted(&list).at_most(count(n)).collect();
        let starts: Vec<u64> = kept.iter().map(|gap| list[gap + 1].offset_bytes).collect();
        prop_assert_eq!(found[1..].iter().map(|range| range.offset_bytes).collect::<Vec<_>>(), starts);
    }
}

#[test]
fn of_equal_gaps_the_first_stay() {
    for len in 1..40 {
        let list = list(vec![3; len]);
        for n in 1..=len {
            let found: Vec<ByteRange> = sorted(&list).at_most(count(n)).collect();
            assert_eq!(found[..n - 1], list[..n - 1], "{n} of {len}");
            assert_eq!(found[n - 1..], [range(list[n - 1].offset_bytes, list[len - 1].end_bytes())], "{n} of {len}");
        }
    }
}

#[test]
fn a_large_budget_changes_nothing() {
    let list = list([1, 5, 2]);
    for n in [3, 4, usize::MAX] {
        assert!(sorted(&list).at_most(count(n)).eq(list.iter().copied()));
    }
    assert_eq!(sorted(&[]).at_most(count(usize::MAX)).count(), 0);
}
