//! Ways in: nothing that is out of order gets in unnoticed.

use std::panic::{AssertUnwindSafe, catch_unwind};

use changed_blocks::{Consequence, Error, shape};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::common::cases;

/// Whether a list keeps the promise, and how many of its ranges do before one does not.
fn good_ranges(list: &[ByteRange]) -> usize {
    let good = |index: usize| {
        let (start, len) = (u128::from(list[index].offset_bytes), u128::from(list[index].len_bytes));
        let after = index == 0 || list[index - 1].end_bytes() < list[index].offset_bytes;
        len > 0 && start + len <= u128::from(u64::MAX) && after
    };
    (0..list.len()).take_while(|&index| good(index)).count()
}

fn any_range() -> impl Strategy<Value = ByteRange> {
    let small = (0..40u64, 0..6u64);
    let large = (u64::MAX - 9..=u64::MAX, 0..12u64);
    prop_oneof![9 => small, 1 => large].prop_map(|(offset_bytes, len_bytes)| ByteRange { offset_bytes, len_bytes })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(300, 4000)) })]

    #[test]
    fn a_list_out_of_order_is_refused_at_its_place(mut list in vec(any_range(), 0..6), sort in any::<bool>()) {
        if sort {
            list.sort_unstable();
        }
        let good = good_ranges(&list);
        match shape::sorted(&list) {
            Ok(ranges) => prop_assert!(good == list.len() && ranges.eq(list.iter().copied())),
            Err(Error::ByteRange { index, offset_bytes, len_bytes, previous_end_bytes }) => {
                prop_assert_eq!(index, good as u64);
                prop_assert_eq!(ByteRange { offset_bytes, len_bytes }, list[good]);
                prop_assert_eq!(previous_end_bytes, good.checked_sub(1).map(|before| list[before].end_bytes()));
            }
            Err(error) => panic!("{error}"),
        }
        // One by one, those before are given, and then there is a panic.
        let mut passed = Vec::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            shape::check(list.iter().copied()).for_each(|range| passed.push(range));
        }));
        prop_assert_eq!(outcome.is_ok(), good == list.len());
        prop_assert_eq!(&passed[..], &list[..good]);
    }

    #[test]
    fn pieces_may_touch_and_become_one(mut list in vec(any_range(), 0..6), sort in any::<bool>()) {
        if sort {
            list.sort_unstable();
        }
        let end = |range: ByteRange| u128::from(range.offset_bytes) + u128::from(range.len_bytes);
        let good = |index: usize| {
            let after = index == 0 || end(list[index - 1]) <= u128::from(list[index].offset_bytes);
            list[index].len_bytes > 0 && end(list[index]) <= u128::from(u64::MAX) && after
        };
        let good = (0..list.len()).take_while(|&index| good(index)).count();
        match shape::pieces(&list) {
            Ok(ranges) => prop_assert!(good == list.len() && ranges.eq(shape::from_unsorted(list.clone()))),
            Err(Error::ByteRange { index, .. }) => prop_assert_eq!(index, good as u64),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn anything_is_put_in_order(list in vec(any_range(), 0..12)) {
        let found = all_sorted(|| shape::from_unsorted(list.clone()));
        let within = |spans: &[(u64, u64)], byte| spans.iter().any(|&(start, end)| start <= byte && byte < end);
        for byte in (0..60).chain(u64::MAX - 30..u64::MAX) {
            prop_assert_eq!(within(&found, byte), within(&spans(&list), byte), "{}", byte);
        }
    }
}

#[test]
fn faults_are_named() {
    let text = |list: &[ByteRange]| shape::sorted(list).err().expect("a fault").to_string();
    assert_eq!(text(&[range(3, 3)]), "byte range 0, 0 bytes at offset 3, is empty");
    let adjacent = "byte range 1, 4 bytes at offset 5, does not begin after the one before it, which ends at 5";
    assert_eq!(text(&ranges(&[(0, 5), (5, 9)])), adjacent);
    let beyond = ByteRange { offset_bytes: u64::MAX, len_bytes: 1 };
    assert_eq!(text(&[beyond]), "byte range 0, 1 bytes at offset 18446744073709551615, ends beyond 2^64 - 1 bytes");
    let error = shape::sorted(&[beyond]).err().expect("a fault");
    assert_eq!((error.kind(), error.consequence()), ("byte-range", Consequence::WrongUsage));
    assert!(error.hint().is_some());
}
