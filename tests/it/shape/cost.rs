//! The cost model: its gap is the best one by its own time.

use std::num::NonZeroU32;
use std::time::Duration;

use changed_blocks::shape::{CostModel, SortedRanges};
use proptest::prelude::*;

use super::*;
use crate::common::cases;

fn model(latency: Duration, bandwidth: u64, connections: u32, in_flight: u32) -> CostModel {
    CostModel {
        latency,
        bandwidth_bytes_per_second: nonzero(bandwidth),
        connections: NonZeroU32::new(connections).expect("not 0"),
        in_flight: NonZeroU32::new(in_flight).expect("not 0"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(200, 4000)) })]

    #[test]
    fn no_gap_is_estimated_to_be_faster_than_the_one_that_is_chosen(
        region in region(),
        connections in 1..9u32,
        in_flight in 1..17u32,
        latency in 0..2000u64,
    ) {
        // At a byte in a millisecond, times are those of the few bytes here.
        let model = model(Duration::from_millis(latency), 1000, connections, in_flight);
        let list = ranges(&region.spans());
        let time = |gap: u64| {
            let (requests, bytes) = sorted(&list).merge_gaps(gap).fold((0, 0), |(n, sum), r| (n + 1, sum + r.len_bytes));
            model.time(requests, bytes)
        };
        let chosen = time(model.merge_gap());
        for gap in 0..60 {
            // Each of the two is rounded down to a nanosecond.
            prop_assert!(chosen <= time(gap) + Duration::from_nanos(1), "{gap}: {:?}, not {chosen:?}", time(gap));
        }
    }
}

#[test]
fn first_measurements_are_explained() {
    let (latency, bandwidth) = (Duration::from_millis(10), 270_000_000);
    let (one, many) = (model(latency, bandwidth, 1, 1), model(latency, bandwidth, 8, 16));
    // 1,311 blocks in 308 runs; with gaps of 4 MiB read through, 405 MB in 30.
    let (runs, bytes) = (308, 1311 * 65_536);
    let near = |time: Duration, seconds: f64| (time.as_secs_f64() / seconds - 1.0).abs() < 0.05;
    assert!(near(one.time(runs, bytes), 3.4) && near(one.time(30, 405_000_000), 1.8));
    assert!(near(many.time(runs, bytes), 0.34) && near(many.time(30, 405_000_000), 1.5));
    assert!((1 << 20..4 << 20).contains(&one.merge_gap()) && many.merge_gap() < 65_536);
}

#[test]
fn one_request_takes_a_round_trip_and_its_bytes() {
    let model = model(Duration::from_millis(10), 1_000_000, 8, 16);
    assert_eq!(model.time(0, 0), Duration::ZERO);
    assert_eq!(model.time(1, 5000), Duration::from_millis(15));
    assert_eq!(model.time(129, 0), Duration::from_millis(20));
}

#[test]
fn the_largest_numbers_do_not_overflow() {
    let slowest = model(Duration::MAX, 1, 1, 1);
    assert_eq!((slowest.time(u64::MAX, u64::MAX), slowest.merge_gap()), (Duration::MAX, u64::MAX));
    let fastest = model(Duration::MAX, u64::MAX, 1, 1);
    assert_eq!((fastest.time(1, u64::MAX), fastest.merge_gap()), (Duration::MAX, u64::MAX));
    let widest = model(Duration::from_secs(1), u64::MAX, u32::MAX, u32::MAX);
    assert_eq!(widest.merge_gap(), 1);
    assert_eq!(model(Duration::ZERO, u64::MAX, 1, 1).merge_gap(), 0);
}
