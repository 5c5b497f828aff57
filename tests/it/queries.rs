//! Questions to a bitmap, and the geometry that it keeps, against a list of truth values.

use changed_blocks::{Bitmap, BlockSize, ByteRange, Encoding, Error, Extent, Geometry, Lengths, Scanner, VirtualSize};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::bitmaps::{bitmap, small_bitmap};
use crate::common::cases;
use crate::naive;

fn made_of(bits: &[bool]) -> Bitmap {
    let extents: Vec<Extent> = naive::extents(bits).into_iter().map(|(start, end)| Extent::new(start, end)).collect();
    Bitmap::from_extents(bits.len() as u64, &extents)
}

fn disk(virtual_size: u64) -> Geometry {
    Geometry { virtual_size: Some(VirtualSize::new(virtual_size).expect("not 0")), ..Geometry::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(32, 256)) })]

    #[test]
    fn changed_blocks_are_found_one_by_one_and_all_together(bits in bitmap()) {
        let bitmap = made_of(&bits);
        let expected: Vec<u64> = (0..).zip(&bits).filter(|&(_, &bit)| bit).map(|(block, _)| block).collect();
        prop_assert_eq!(bitmap.any(), !expected.is_empty());
        prop_assert!(bitmap.iter().eq(expected.iter().copied()));
        let beyond = [bits.len() as u64, bits.len() as u64 + 70, u64::MAX];
        prop_assert!((0..).zip(&bits).all(|(block, &bit)| bitmap.contains(block) == bit));
        prop_assert!(!beyond.into_iter().any(|block| bitmap.contains(block)));
    }

    #[test]
    fn changed_blocks_are_had_from_any_block_on_and_in_parts(bits in bitmap(), block in 0..1600u64, part in 1..200usize) {
        let bitmap = made_of(&bits);
        let expected: Vec<u64> = bitmap.iter().collect();
        prop_assert!(bitmap.iter_from(block).eq(expected.iter().copied().filter(|&changed| changed >= block)));
        let (mut found, mut from) = (Vec::new(), 0);
        while bitmap.iter_from(from).next().is_some() {
            found.extend(bitmap.iter_from(from).take(part));
            from = found[found.len() - 1] + 1;
        }
        prop_assert_eq!(found, expected);
        for beyond in [bitmap.blocks(), bitmap.blocks() + 64, u64::MAX] {
            prop_assert_eq!(bitmap.iter_from(beyond).next(), None);
        }
    }

    #[test]
    fn a_cursor_finds_the_next_changed_blocks_from_any_block(
        bits in small_bitmap(),
        blocks in vec(0..1600u64, 1..40),
        forward in any::<bool>(),
    ) {
        let mut blocks = blocks;
        if forward {
            blocks.sort_unstable();
        }
        let runs = naive::extents(&bits);
        let bitmap = made_of(&bits);
        let mut cursor = bitmap.cursor();
        for block in blocks {
            let run = runs.iter().find(|run| block < run.1);
            let expected = run.map(|&(start, end)| Extent::new(start.max(block), end));
            prop_assert_eq!(cursor.next_changed_from(block), expected, "from {}", block);
        }
    }

    #[test]
    fn ranges_that_meet_changes_are_told_from_others(bits in small_bitmap(), a in 0..1600u64, len in 0..200u64, byte in 0..65_536u64) {
        let bitmap = made_of(&bits);
        let changed = |start: u64, end: u64| (start..end).any(|block| usize::try_from(block).is_ok_and(|block| bits.get(block) == Some(&true)));
        prop_assert_eq!(bitmap.any_in(Extent::new(a, a + len)), changed(a, a + len));
        prop_assert!(!bitmap.any_in(Extent::new(a + len, a)));
        let range = ByteRange { offset_bytes: a * 65_536 + byte, len_bytes: len * 1000 };
        let last = (range.end_bytes().max(1) - 1) / 65_536;
        prop_assert_eq!(bitmap.intersects(range), len > 0 && changed(range.offset_bytes / 65_536, last + 1));
        prop_assert_eq!(bitmap.intersects(ByteRange { offset_bytes: a * 65_536, len_bytes: u64::MAX }), changed(a, bits.len() as u64));
    }

    #[test]
    fn operations_in_place_give_what_the_others_give(a in small_bitmap(), b in small_bitmap(), extend in any::<bool>()) {
        type Operation = fn(&Bitmap, &Bitmap, Lengths) -> changed_blocks::Result<Bitmap>;
        type InPlace = fn(&mut Bitmap, &Bitmap, Lengths) -> changed_blocks::Result<()>;
        const OPERATIONS: [(Operation, InPlace); 4] = [
            (Bitmap::union, Bitmap::union_with),
            (Bitmap::intersection, Bitmap::intersect_with),
            (Bitmap::difference, Bitmap::subtract),
            (Bitmap::symmetric_difference, Bitmap::symmetric_difference_with),
        ];
        let lengths = if extend { Lengths::Extend } else { Lengths::Equal };
        let (left, right) = (made_of(&a), made_of(&b));
        for (operation, in_place) in OPERATIONS {
            let mut result = left.clone();
            match (in_place(&mut result, &right, lengths), operation(&left, &right, lengths)) {
                (Ok(()), Ok(expected)) => {
                    prop_assert_eq!(result.as_words(), expected.as_words());
                    prop_assert_eq!(&result, &expected);
                }
                (Err(Error::LengthMismatch { .. }), Err(Error::LengthMismatch { .. })) => {
                    prop_assert_eq!(&result, &left, "as it was");
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}

#[test]
fn a_bitmap_keeps_the_size_of_its_disk_and_clips_its_last_range() {
    let size = VirtualSize::new(33 * 65_536 - 1000).expect("not 0");
    let scanner = Scanner::new(Encoding::Base64).virtual_size(size);
    let mut bitmap = scanner.bitmap("AAAAAIA=").expect("a good bitmap");
    assert_eq!((bitmap.blocks(), *bitmap.geometry()), (33, disk(size.bytes())));
    let last = ByteRange { offset_bytes: 32 * 65_536, len_bytes: 64_536 };
    assert_eq!(bitmap.byte_ranges().expect("on the disk"), [last]);
    assert_eq!(bitmap.complement().geometry(), bitmap.geometry());
    bitmap.resize(40);
    assert_eq!(*bitmap.geometry(), Geometry::default(), "of another disk");
    assert_eq!(bitmap.byte_ranges().expect("short"), [ByteRange { len_bytes: 65_536, ..last }]);
}

/// A range that is clipped to another disk's size would lack changes.
#[test]
fn a_union_has_the_size_of_the_larger_disk() {
    let of = |blocks: u64, size: Option<u64>| {
        let bitmap = Bitmap::from_extents(blocks, &[Extent::new(blocks - 1, blocks)]);
        size.map_or(bitmap.clone(), |size| bitmap.with_geometry(disk(size)).expect("of that disk"))
    };
    let (kib, equal) = (1024, Lengths::Equal);
    for (left, right, lengths, expected) in [
        (of(3, Some(130 * kib)), of(3, Some(190 * kib)), equal, Some(190 * kib)),
        (of(3, Some(130 * kib)), of(3, None), equal, Some(130 * kib)),
        // It may be that of a disk that has grown by a part of a block.
        (of(3, Some(130 * kib)), of(3, None), Lengths::Extend, None),
        (of(3, Some(130 * kib)), of(4, Some(200 * kib)), Lengths::Extend, Some(200 * kib)),
        (of(3, Some(130 * kib)), of(4, None), Lengths::Extend, None),
        (of(3, None), of(4, Some(200 * kib)), Lengths::Extend, Some(200 * kib)),
        (Bitmap::default(), of(4, Some(200 * kib)), Lengths::Extend, Some(200 * kib)),
    ] {
        for (a, b) in [(&left, &right), (&right, &left)] {
            let size = a.union(b, lengths).expect("memory").geometry().virtual_size;
            assert_eq!(size.map(VirtualSize::bytes), expected, "{a:?} {b:?}");
        }
    }
}

#[test]
fn a_bitmap_is_given_only_a_geometry_that_it_can_have() {
    let bitmap = Bitmap::from_extents(40, &[Extent::new(30, 34)]);
    let blocks = |blocks: u64| bitmap.clone().with_geometry(disk(blocks * 65_536));
    assert_eq!(blocks(40).expect("its length").blocks(), 40);
    assert_eq!(blocks(34).expect("filled up to whole bytes").blocks(), 34);
    assert!(matches!(blocks(33), Err(Error::BlockBeyondEnd { block: 33, blocks: 33 })));
    assert!(matches!(blocks(32), Err(Error::TooLong { found: 40, expected: 32, .. })));
    assert!(matches!(blocks(41), Err(Error::TooShort { found: 40, expected: 41, .. })));
    let larger = Geometry { block_size: BlockSize::new(1 << 20).expect("valid"), virtual_size: None };
    let ranges = bitmap.with_geometry(larger).expect("any").byte_ranges();
    assert_eq!(ranges.expect("short"), [ByteRange { offset_bytes: 30 << 20, len_bytes: 4 << 20 }]);
}

#[test]
fn a_bitmap_that_is_used_again_has_nothing_of_before() {
    let sized = Scanner::new(Encoding::Base64).virtual_size(VirtualSize::new(33 * 65_536).expect("not 0"));
    let mut bitmap = Bitmap::default();
    sized.bitmap_into("/////4A=", &mut bitmap).expect("a good bitmap");
    assert_eq!((bitmap.count(), bitmap.geometry()), (33, &disk(33 * 65_536)));
    let words = bitmap.as_words().as_ptr();
    let summary = Scanner::new(Encoding::Base64).bitmap_into("AAAAAQ==", &mut bitmap).expect("a good bitmap");
    assert_eq!((bitmap.extents(), bitmap.blocks()), (vec![Extent::new(31, 32)], summary.blocks));
    assert_eq!((bitmap.geometry(), bitmap.as_words().as_ptr()), (&Geometry::default(), words));
    assert!(sized.bitmap_into("/////4B=", &mut bitmap).is_err());
    assert_eq!((bitmap.blocks(), bitmap.any()), (0, false));
}
