//! Sorted ranges: shapes and set operations are what they are byte by byte.

use std::num::{NonZeroU64, NonZeroUsize};

use changed_blocks::shape::{self, Shape, SortedRanges};
use changed_blocks::{ByteRange, VirtualSize};

use super::cursor::Cursor;
use crate::naive::{Region, Spans};

/// Two regions near each other, shaped and combined.
pub(crate) fn shape(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let options = Options::new(&mut cursor);
    let place = cursor.choose(&[0, 1, 77, 1 << 40, u64::MAX]);
    let shift = u64::from(cursor.byte() % 64);
    let (mut first, mut second) = (cursor.few_bits(), cursor.few_bits());
    first.truncate(400);
    second.truncate(400);
    let base = place.min(u64::MAX - 1000);
    let a = Region { base, bits: first };
    let b = Region { base: base + shift, bits: second };
    options.check(&a);
    combine(&a, &b);
    unsorted(&mut cursor);
}

fn ranges(spans: &[(u64, u64)]) -> Vec<ByteRange> {
    spans.iter().map(|&(start, end)| ByteRange::between(start, end)).collect()
}

fn sorted(list: &[ByteRange]) -> impl SortedRanges + Clone {
    shape::sorted(list).expect("a sorted list")
}

/// All ranges, which have to keep the promise, one by one and at once alike.
fn spans(one_by_one: impl SortedRanges, at_once: impl SortedRanges) -> Spans {
    let mut list = Vec::new();
    at_once.for_each(|range| list.push(range));
    assert!(shape::sorted(&list).is_ok(), "{list:?}");
    assert!(one_by_one.eq(list.iter().copied()));
    list.iter().map(|range| (range.offset_bytes, range.end_bytes())).collect()
}

/// The options of a shape; 0 for those that are not asked for.
#[derive(Debug)]
struct Options {
    window: Option<(u64, u64)>,
    merge_gap: u64,
    align: u64,
    max_extents: usize,
    max_extent: u64,
    beyond: u64,
}

impl Options {
    fn new(cursor: &mut Cursor<'_>) -> Self {
        let window = cursor.flag().then(|| (u64::from(cursor.byte()), u64::from(cursor.byte())));
        Self {
            window,
            merge_gap: u64::from(cursor.byte() % 64),
            align: u64::from(cursor.byte() % 64),
            max_extents: usize::from(cursor.byte() % 32),
            max_extent: u64::from(cursor.byte() % 64),
            beyond: u64::from(cursor.byte() % 128),
        }
    }

    fn check(&self, region: &Region) {
        let list = ranges(&region.spans());
        let window = self.window.map(|(from, len)| (region.base + from, region.base + from + len));
        let disk_end = (region.base + region.bits.len() as u64).checked_add(self.beyond).filter(|&end| end > 0);
        let shape = Shape {
            window: window.map(|(start, end)| ByteRange::between(start, end)),
            merge_gap: self.merge_gap,
            align: NonZeroU64::new(self.align),
            max_extents: NonZeroUsize::new(self.max_extents),
            invert: false,
            max_extent: NonZeroU64::new(self.max_extent),
        };
        let disk_size = disk_end.map(|end| VirtualSize::new(end).expect("not 0"));
        let mut found = Vec::new();
        shape.apply(sorted(&list), disk_size).for_each(|range| found.push(range));
        assert!(shape.apply(sorted(&list), disk_size).eq(found.iter().copied()), "{self:?}");

        let (start, end) = window.unwrap_or((0, u64::MAX));
        let (align, disk_end) = (self.align.max(1), disk_end.unwrap_or(u64::MAX));
        let n = shape.max_extents.map_or(usize::MAX, NonZeroUsize::get);
        let max_len = shape.max_extent.map_or(u64::MAX, NonZeroU64::get);
        let expected = region.window(start, end).merge_gaps(self.merge_gap).align(align, disk_end).at_most(n);
        assert_eq!(found, ranges(&expected.pieces(max_len)), "{self:?} {region:?}");
    }
}

fn combine(a: &Region, b: &Region) {
    let (list_a, list_b) = (ranges(&a.spans()), ranges(&b.spans()));
    let (a_s, b_s) = (|| sorted(&list_a), || sorted(&list_b));
    let union = spans(a_s().union(b_s()), a_s().union(b_s()));
    assert_eq!(union, a.combine(b, |a, b| a || b).spans());
    assert_eq!(union, spans(shape::union_all([a_s(), b_s()]), shape::union_all([a_s(), b_s()])));
    let joined = || shape::from_unsorted([&list_b[..], &list_a].concat());
    assert_eq!(union, spans(joined(), joined()));
    let both = spans(a_s().intersection(b_s()), a_s().intersection(b_s()));
    assert_eq!(both, a.combine(b, |a, b| a && b).spans());
    let only_a = spans(a_s().difference(b_s()), a_s().difference(b_s()));
    assert_eq!(only_a, a.combine(b, |a, b| a && !b).spans());
    let one = spans(a_s().symmetric_difference(b_s()), a_s().symmetric_difference(b_s()));
    assert_eq!(one, a.combine(b, |a, b| a != b).spans());
}

/// Any numbers at all as a list: it is refused, or is what it becomes when it is put in order.
fn unsorted(cursor: &mut Cursor<'_>) {
    let count = usize::from(cursor.byte() % 8);
    let numbers = (0..count).map(|_| ByteRange { offset_bytes: cursor.number(), len_bytes: cursor.number() });
    let list: Vec<ByteRange> = numbers.collect();
    let ordered = spans(shape::from_unsorted(list.clone()), shape::from_unsorted(list.clone()));
    if shape::sorted(&list).is_ok() {
        assert_eq!(ranges(&ordered), list);
    }
    for range in &list {
        let covered = ordered.iter().any(|&(start, end)| start <= range.offset_bytes && range.end_bytes() <= end);
        assert!(covered || range.offset_bytes == range.end_bytes(), "{range:?}");
    }
}
