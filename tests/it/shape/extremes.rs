//! The last bytes that 64 bits can name, and empty lists.

use changed_blocks::shape::{self, SortedRanges};

use super::*;

const END: u64 = u64::MAX;

#[test]
fn alignment_ends_where_numbers_end() {
    let list = ranges(&[(0, 1), (END - 1, END)]);
    for multiple in [1 << 63, END - 1, END] {
        let found = all_sorted(|| sorted(&list).align(nonzero(multiple), None));
        assert_eq!(found, [(0, END)], "{multiple}");
    }
    let found = all_sorted(|| sorted(&list[1..]).align(nonzero(1 << 20), None));
    assert_eq!(found, [(END - (1 << 20) + 1, END)]);
    // A disk that ends earlier takes nothing away.
    let found = all_sorted(|| sorted(&list[1..]).align(nonzero(1 << 20), Some(size(5))));
    assert_eq!(found, [(END - (1 << 20) + 1, END)]);
}

#[test]
fn the_largest_numbers_change_nothing() {
    let list = ranges(&[(3, 9), (END - 1, END)]);
    assert_eq!(all_sorted(|| sorted(&list).merge_gaps(END)), [(3, END)]);
    assert_eq!(spans(&all(|| sorted(&list).split(nonzero(END)))), spans(&list));
    assert_eq!(all_sorted(|| sorted(&list).limit(END)), spans(&list));
    assert_eq!(all_sorted(|| sorted(&list).window(range(0, END))), spans(&list));
    let beyond = ByteRange { offset_bytes: 4, len_bytes: END };
    assert_eq!(all_sorted(|| sorted(&list).window(beyond)), [(4, 9), (END - 1, END)]);
    assert_eq!(all_sorted(|| sorted(&list).invert(beyond)), [(9, END - 1)]);
    let whole = ranges(&[(0, END)]);
    let half = 1u64 << 63;
    assert_eq!(spans(&all(|| sorted(&whole).split(nonzero(half)))), [(0, half), (half, END)]);
    assert_eq!(all_sorted(|| sorted(&whole).invert(range(0, END))), []);
    assert_eq!(all_sorted(|| sorted(&whole).symmetric_difference(sorted(&list))), [(0, 3), (9, END - 1)]);
}

#[test]
fn nothing_stays_nothing() {
    let nothing = || sorted(&[]);
    assert_eq!(all_sorted(|| nothing().window(range(0, END))), []);
    assert_eq!(all_sorted(|| nothing().merge_gaps(END)), []);
    assert_eq!(all_sorted(|| nothing().align(nonzero(7), Some(size(1)))), []);
    assert_eq!(all_sorted(|| nothing().at_most(count(1))), []);
    assert_eq!(all(|| nothing().split(nonzero(7))), []);
    assert_eq!(all_sorted(|| nothing().union(nothing())), []);
    assert_eq!(all_sorted(|| nothing().intersection(nothing())), []);
    assert_eq!(all_sorted(|| nothing().difference(nothing())), []);
    assert_eq!(all_sorted(|| nothing().symmetric_difference(nothing())), []);
    assert_eq!(all_sorted(|| nothing().invert(range(5, 5))), []);
    assert_eq!(all_sorted(|| nothing().invert(range(5, 9))), [(5, 9)]);
    assert_eq!(nothing().limit(3).resume_at(), None);
    assert_eq!(all_sorted(|| shape::union_all(Vec::<Box<dyn SortedRanges>>::new())), []);
}
