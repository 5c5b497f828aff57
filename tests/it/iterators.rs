//! Extents that are pulled in slices: how many are held, whatever the input has.

use changed_blocks::{BitOrder, Encoding, Extent, Scanner};

use crate::common::tiers;

/// As many more as a part of a scan may add: the boundaries of one chunk.
const PART_EXTENTS: usize = 128 << 10;

#[test]
fn as_many_extents_are_held_as_are_wanted_and_no_more_than_a_part_beyond() {
    // Every other block.
    let raw = vec![0x55; 256 << 10];
    let count = raw.len() * 4;
    for tier in tiers() {
        for (parallel, chunk_bytes) in [(false, None), (true, None), (true, Some(4096))] {
            let scanner = Scanner::new(Encoding::Raw(BitOrder::Lsb0)).tier(tier).parallel(parallel);
            let scanner = chunk_bytes.iter().fold(scanner, |scanner, &bytes| scanner.chunk_bytes(bytes));
            for most in [0, 1, 300_000, count, count + 1, usize::MAX] {
                let mut extents = scanner.iter_extents(&raw[..]).expect("a bitmap");
                let mut pulled = 0;
                let check = |batch: &[Extent], from: usize| {
                    let expected = |i: usize| 2 * (from + i) as u64;
                    assert!(batch.iter().enumerate().all(|(i, &e)| e == Extent::new(expected(i), expected(i) + 1)));
                    batch.len()
                };
                while extents.read_more(most).expect("a bitmap") {
                    let len = extents.buffered().len();
                    assert!(len <= most.saturating_add(PART_EXTENTS), "{len} held, {most} wanted");
                    if len >= most {
                        pulled += check(extents.buffered(), pulled);
                        extents.consume();
                    }
                }
                pulled += check(&extents.into_buffered(), pulled);
                assert_eq!(pulled, count, "{tier} {parallel} {most}");
            }
        }
    }
}
