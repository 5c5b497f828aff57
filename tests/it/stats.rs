//! Figures against a model that looks at each block and each gap, and those of the real bitmaps.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use changed_blocks::shape::{self, SortedRanges};
use changed_blocks::stats::{Interval, Reads, SeriesStats, Stats, StatsOptions};
use changed_blocks::{BlockSize, ByteRange, Encoding, Error, Scanner, VirtualSize};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::cases;

fn block_size(bytes: u64) -> BlockSize {
    BlockSize::new(bytes).expect("a block size")
}

/// Blocks of readers that are smaller and larger than ranges, and gaps of no power of two.
fn options() -> StatsOptions {
    StatsOptions {
        block_size: block_size(1024),
        reader_blocks: [512, 4096, 65_536].map(block_size).to_vec(),
        merge_gaps: vec![0, 1, 700, 2048, 5000, u64::MAX],
        largest: 3,
    }
}

/// Ranges with borders anywhere, at the start of a disk, somewhere, and at the very end of the largest one.
fn list() -> impl Strategy<Value = Vec<ByteRange>> {
    let length = || prop_oneof![1..2000u64, Just(512), Just(1024), Just(4096), 1..60_000u64];
    (vec((length(), length()), 0..20), any::<bool>(), 0..3u8).prop_map(|(pieces, at_start, place)| {
        let mut end = 0;
        let mut ranges: Vec<ByteRange> = Vec::new();
        for (index, (gap, len)) in pieces.into_iter().enumerate() {
            let start = if at_start && index == 0 { 0 } else { end + gap };
            end = start + len;
            ranges.push(ByteRange::between(start, end));
        }
        let offset = [0, 1 << 40, u64::MAX - end][usize::from(place)];
        ranges.iter_mut().for_each(|range| range.offset_bytes += offset);
        ranges
    })
}

fn counted(ranges: &[ByteRange]) -> Stats {
    let mut stats = Stats::new(&options());
    stats.add(ranges).expect("sorted");
    stats
}

/// The blocks that ranges touch.
fn touched(ranges: &[ByteRange], size: u64) -> BTreeSet<u64> {
    ranges.iter().flat_map(|range| range.offset_bytes / size..=(range.end_bytes() - 1) / size).collect()
}

/// The blocks of a reader, the runs of them, and their bytes on a disk that ends at `disk_end`.
fn model_of_blocks(ranges: &[ByteRange], size: u64, disk_end: u128) -> (u64, u64, u64) {
    let blocks = touched(ranges, size);
    let runs = blocks.iter().filter(|&&block| block == 0 || !blocks.contains(&(block - 1))).count();
    let bytes = |&block: &u64| ((u128::from(block) + 1) * u128::from(size)).min(disk_end) - u128::from(block * size);
    let bytes = u64::try_from(blocks.iter().map(bytes).sum::<u128>()).unwrap_or(u64::MAX);
    (blocks.len() as u64, runs as u64, bytes)
}

/// How many lengths there are for each power of two, and their sums.
fn model_of_lengths(lengths: impl Iterator<Item = u64>) -> BTreeMap<u64, (u64, u64)> {
    let mut buckets = BTreeMap::new();
    for len in lengths {
        let bucket: &mut (u64, u64) = buckets.entry(len.next_power_of_two()).or_default();
        *bucket = (bucket.0 + 1, bucket.1 + len);
    }
    buckets
}

/// All figures, so that they can be compared.
fn figures(stats: &Stats) -> impl PartialEq + std::fmt::Debug + use<> {
    let blocks: Vec<_> =
        [None, VirtualSize::new(1 << 20).ok()].map(|size| stats.block_reads(size).collect::<Vec<_>>()).concat();
    let merged: Vec<_> = stats.merged_reads().collect();
    (stats.totals(), stats.runs(), stats.gaps(), stats.largest(), blocks, merged)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(100, 3000)) })]

    #[test]
    fn figures_are_those_of_the_model(ranges in list(), beyond in 0..70_000u64) {
        let stats = counted(&ranges);
        let totals = stats.totals();
        prop_assert_eq!(totals.extents, ranges.len() as u64);
        prop_assert_eq!(totals.changed_bytes, ranges.iter().map(|range| range.len_bytes).sum::<u64>());
        prop_assert_eq!(totals.changed_blocks, touched(&ranges, 1024).len() as u64);
        prop_assert_eq!(totals.longest_bytes, ranges.iter().map(|range| range.len_bytes).max().unwrap_or(0));

        let used = |buckets: Vec<changed_blocks::stats::Bucket>| -> BTreeMap<u64, (u64, u64)> {
            let used = buckets.into_iter().filter(|bucket| bucket.count > 0);
            used.map(|bucket| (bucket.max_bytes, (bucket.count, bucket.bytes))).collect()
        };
        prop_assert_eq!(used(stats.runs()), model_of_lengths(ranges.iter().map(|range| range.len_bytes)));
        let gaps = ranges.windows(2).map(|pair| pair[1].offset_bytes - pair[0].end_bytes());
        prop_assert_eq!(used(stats.gaps()), model_of_lengths(gaps));

        let mut largest = ranges.clone();
        largest.sort_by_key(|range| u64::MAX - range.len_bytes);
        largest.truncate(3);
        prop_assert_eq!(stats.largest(), largest);

        let end = ranges.last().map_or(1, |range| range.end_bytes());
        for disk_end in [None, Some(end.saturating_add(beyond))] {
            let reads = stats.block_reads(disk_end.map(|end| VirtualSize::new(end).expect("not 0")));
            for (found, size) in reads.zip(options().reader_blocks) {
                let model = model_of_blocks(&ranges, size.bytes(), disk_end.map_or(u128::MAX, u128::from));
                prop_assert_eq!((found.blocks, found.reads.requests, found.reads.bytes), model);
            }
        }
        for (gap, reads) in stats.merged_reads() {
            let merged: Vec<_> = shape::sorted(&ranges).expect("sorted").merge_gaps(gap).collect();
            prop_assert_eq!(reads.requests, merged.len() as u64);
            prop_assert_eq!(reads.bytes, merged.iter().map(|range| range.len_bytes).sum::<u64>());
        }
    }

    #[test]
    fn parts_merged_at_every_border_are_the_whole(ranges in list(), every in 1..5usize) {
        let whole = figures(&counted(&ranges));
        for border in 0..=ranges.len() {
            let mut merged = counted(&ranges[..border]);
            merged.merge(&counted(&ranges[border..])).expect("in order");
            prop_assert_eq!(&figures(&merged), &whole);
            let mut added = counted(&ranges[..border]);
            added.add(&ranges[border..]).expect("in order");
            prop_assert_eq!(&figures(&added), &whole);
        }
        let mut merged = Stats::new(&options());
        ranges.chunks(every).for_each(|part| merged.merge(&counted(part)).expect("in order"));
        prop_assert_eq!(&figures(&merged), &whole);
    }

    #[test]
    fn a_series_has_the_unions_of_lists_in_a_row(lists in vec(list(), 1..6)) {
        let options = options();
        let sorted = |list: &[ByteRange]| shape::from_unsorted(list.to_vec());
        let series = SeriesStats::count(lists.iter().map(|list| (sorted(list), &options)).collect(), &options);
        for (found, list) in series.inputs.iter().zip(&lists) {
            prop_assert_eq!(figures(found), figures(&counted(list)));
        }
        let union = |lists: &[Vec<ByteRange>]| shape::union_all(lists.iter().map(|list| sorted(list))).collect::<Vec<_>>();
        prop_assert_eq!(figures(&series.union), figures(&counted(&union(&lists))));
        let intervals: Vec<Interval> = (1..=lists.len()).map(|every| {
            let groups = lists.chunks(every).map(union);
            let bytes = groups.clone().flatten().map(|range| range.len_bytes).sum();
            Interval { every, backups: groups.len(), bytes }
        }).collect();
        prop_assert_eq!(series.intervals(), intervals);
    }
}

#[test]
fn a_long_series_is_counted_whole() {
    let list: Vec<_> = (0..2000).map(|i| ByteRange::between(i * 3000, i * 3000 + 1000)).collect();
    let shifted: Vec<_> =
        list.iter().map(|range| ByteRange::between(range.offset_bytes + 1000, range.end_bytes() + 500)).collect();
    let sorted = |list: &[ByteRange]| shape::from_unsorted(list.to_vec());
    let options = options();
    let series = SeriesStats::count(vec![(sorted(&list), &options), (sorted(&shifted), &options)], &options);
    let union: Vec<_> =
        list.iter().map(|range| ByteRange::between(range.offset_bytes, range.end_bytes() + 500)).collect();
    assert_eq!(figures(&series.union), figures(&counted(&union)));
    assert_eq!(figures(&series.inputs[0]), figures(&counted(&list)));
}

#[test]
fn ranges_that_are_not_in_order_are_refused() {
    let between = ByteRange::between;
    for (first, second) in [
        (between(0, 10), between(10, 20)),
        (between(0, 10), between(5, 20)),
        (between(100, 110), between(0, 10)),
        (between(0, 10), between(20, 20)),
        (between(0, 10), ByteRange { offset_bytes: u64::MAX, len_bytes: 1 }),
    ] {
        assert!(matches!(Stats::new(&options()).add(&[first, second]), Err(Error::ByteRange { index: 1, .. })));
        let mut stats = counted(&[first]);
        let before = figures(&stats);
        assert!(matches!(stats.add(&[second]), Err(Error::ByteRange { .. })));
        if second.len_bytes > 0 && second.offset_bytes < u64::MAX {
            assert!(matches!(stats.merge(&counted(&[second])), Err(Error::ByteRange { index: 1, .. })));
        }
        assert_eq!(figures(&stats), before);
    }
}

/// Changed blocks, extents, and for each reader of the default options: blocks, requests and bytes; then for gaps of 0, 64 KiB,
/// 1 MiB and 4 MiB: requests and bytes. From a few lines of Python over the bits.
struct Expected {
    file: &'static str,
    totals: (u64, u64),
    blocks: [(u64, u64, u64); 5],
    merged: [(u64, u64); 4],
}

const EXPECTED: [Expected; 3] = [
    Expected {
        file: "development-day.b64",
        totals: (7_421, 42),
        blocks: [
            (7_421, 42, 486_342_656),
            (950, 33, 498_073_600),
            (485, 30, 508_559_360),
            (256, 26, 536_870_912),
            (138, 23, 578_813_952),
        ],
        merged: [(42, 486_342_656), (36, 486_735_872), (32, 488_308_736), (25, 501_284_864)],
    },
    Expected {
        file: "file-server-day.b64",
        totals: (253, 24),
        blocks: [
            (253, 24, 16_580_608),
            (45, 16, 23_592_960),
            (31, 16, 32_505_856),
            (21, 16, 44_040_192),
            (19, 15, 79_691_776),
        ],
        merged: [(24, 16_580_608), (18, 16_973_824), (16, 17_694_720), (15, 20_643_840)],
    },
    Expected {
        file: "database-hour.b64",
        totals: (57_676, 4_629),
        blocks: [
            (57_676, 4_629, 3_779_854_336),
            (7_890, 63, 4_136_632_320),
            (3_956, 58, 4_148_166_656),
            (1_988, 55, 4_169_138_176),
            (1_001, 52, 4_198_498_304),
        ],
        merged: [(4_629, 3_779_854_336), (681, 4_038_590_464), (59, 4_130_799_616), (53, 4_145_676_288)],
    },
];

#[test]
fn figures_of_real_bitmaps_are_those_of_an_independent_tool() {
    for expected in EXPECTED {
        let path = format!("{}/tests/data/{}", env!("CARGO_MANIFEST_DIR"), expected.file);
        let text = std::fs::read(&path).expect("test data");
        let disk = VirtualSize::new(1 << 40).ok();
        let ranges = Scanner::new(Encoding::Base64).byte_ranges(&text[..]).expect("a good bitmap");
        let mut stats = Stats::new(&StatsOptions::default());
        stats.add(&ranges).expect("sorted");
        let totals = stats.totals();
        assert_eq!((totals.changed_blocks, totals.extents), expected.totals, "{}", expected.file);
        let blocks: Vec<_> =
            stats.block_reads(disk).map(|found| (found.blocks, found.reads.requests, found.reads.bytes)).collect();
        assert_eq!(blocks, expected.blocks, "{}", expected.file);
        let merged: Vec<_> = stats
            .merged_reads()
            .filter(|(gap, _)| [0, 64 << 10, 1 << 20, 4 << 20].contains(gap))
            .map(|(_, reads)| (reads.requests, reads.bytes))
            .collect();
        assert_eq!(merged, expected.merged, "{}", expected.file);
    }
}

#[test]
fn an_empty_list_has_no_reads() {
    let stats = Stats::new(&options());
    assert!(stats.runs().is_empty() && stats.gaps().is_empty() && stats.largest().is_empty());
    assert!(stats.block_reads(None).all(|found| found.blocks == 0 && found.reads == Reads::default()));
    assert!(stats.merged_reads().all(|(_, reads)| reads == Reads::default() && reads.amplification(0).is_none()));
    let model = shape::CostModel {
        latency: Duration::from_millis(2),
        bandwidth_bytes_per_second: std::num::NonZeroU64::MIN,
        connections: std::num::NonZeroU32::MIN,
        in_flight: std::num::NonZeroU32::MIN,
    };
    assert!(stats.merged_reads().all(|(_, reads)| reads.time(&model).is_zero()));
}
