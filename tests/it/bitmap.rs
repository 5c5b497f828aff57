//! The owned bitmap: set algebra against a list of truth values, and every way out of it and back in.

use changed_blocks::{BitOrder, Bitmap, Encoding, Error, Extent, Lengths, Scanner, VirtualSize};
use proptest::prelude::*;

use crate::common::bitmaps::{bitmap, small_bitmap};
use crate::common::{Input, cases, pairs, setup, setups};
use crate::naive::{self, Expect};

fn made_of(bits: &[bool]) -> Bitmap {
    let extents: Vec<Extent> = naive::extents(bits).into_iter().map(|(start, end)| Extent::new(start, end)).collect();
    Bitmap::from_extents(bits.len() as u64, &extents)
}

fn taken_apart(bitmap: &Bitmap) -> Vec<bool> {
    (0..bitmap.blocks()).map(|block| bitmap.get(block).expect("a block of it")).collect()
}

/// Whether the bitmap is in the one form that equality and hashing rely on.
fn is_tidy(bitmap: &Bitmap) -> bool {
    let words = bitmap.as_words();
    let beyond = (words.len() as u64 * 64).checked_sub(bitmap.blocks());
    match (beyond, words.last()) {
        (Some(0), _) => true,
        (Some(beyond @ 1..=63), Some(last)) => last >> (64 - beyond) == 0,
        _ => false,
    }
}

type Operation = fn(&Bitmap, &Bitmap, Lengths) -> changed_blocks::Result<Bitmap>;

type OfOneBlock = fn(bool, bool) -> bool;

const OPERATIONS: [(&str, Operation, OfOneBlock); 4] = [
    ("union", Bitmap::union, |a, b| a || b),
    ("intersection", Bitmap::intersection, |a, b| a && b),
    ("difference", Bitmap::difference, |a, b| a && !b),
    ("symmetric difference", Bitmap::symmetric_difference, |a, b| a != b),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(32, 256)) })]

    #[test]
    fn algebra_is_that_of_truth_values(a in small_bitmap(), b in small_bitmap(), same_length in any::<bool>()) {
        let mut b = b;
        if same_length {
            b.resize(a.len(), true);
        }
        let (left, right) = (made_of(&a), made_of(&b));
        for (name, operation, of_one_block) in OPERATIONS {
            let at = |bits: &[bool], block: usize| bits.get(block).copied().unwrap_or(false);
            let expected: Vec<bool> =
                (0..a.len().max(b.len())).map(|block| of_one_block(at(&a, block), at(&b, block))).collect();
            let extended = operation(&left, &right, Lengths::Extend).expect("lengths do not matter");
            prop_assert_eq!(taken_apart(&extended), expected, "{}", name);
            prop_assert!(is_tidy(&extended), "{}", name);
            match operation(&left, &right, Lengths::Equal) {
                Ok(equal) => {
                    prop_assert_eq!(left.blocks(), right.blocks());
                    prop_assert_eq!(equal, extended, "{}", name);
                }
                Err(Error::LengthMismatch { left: found_left, right: found_right }) => {
                    prop_assert_ne!(left.blocks(), right.blocks());
                    prop_assert_eq!((found_left, found_right), (left.blocks(), right.blocks()));
                }
                Err(other) => prop_assert!(false, "{}: {}", name, other),
            }
        }
        prop_assert_eq!(left.union(&right, Lengths::Extend).expect("ok"), right.union(&left, Lengths::Extend).expect("ok"));
    }

    #[test]
    fn the_complement_is_its_own_inverse(bits in bitmap()) {
        let whole = made_of(&bits);
        let complement = whole.complement();
        prop_assert!(is_tidy(&complement));
        prop_assert_eq!(whole.count() + complement.count(), whole.blocks());
        let inverted: Vec<bool> = bits.iter().map(|bit| !bit).collect();
        prop_assert_eq!(taken_apart(&complement), inverted);
        prop_assert_eq!(complement.complement(), whole);
    }

    #[test]
    fn an_encoded_bitmap_decodes_to_itself(bits in bitmap(), number in 0..setups()) {
        let whole = made_of(&bits);
        prop_assert_eq!(pairs(&whole.extents()), naive::extents(&bits));
        prop_assert_eq!(whole.count(), bits.iter().filter(|&&bit| bit).count() as u64);
        prop_assert_eq!(whole.to_base64(), naive::encode_base64(&bits));
        prop_assert_eq!(whole.try_to_base64().expect("memory"), naive::encode_base64(&bits));
        prop_assert_eq!(whole.to_bits(), naive::encode_bits(&bits));
        prop_assert_eq!(whole.try_to_bits().expect("memory"), naive::encode_bits(&bits));
        prop_assert_eq!(whole.to_raw(BitOrder::Msb0), naive::encode_raw_msb0(&bits));
        prop_assert_eq!(whole.to_raw(BitOrder::Lsb0), naive::encode_raw_lsb0(&bits));

        let setup = setup(number);
        let forms = [
            (Encoding::Base64, whole.to_base64().into_bytes()),
            (Encoding::Bits, whole.to_bits().into_bytes()),
            (Encoding::Raw(BitOrder::Msb0), whole.to_raw(BitOrder::Msb0)),
            (Encoding::Raw(BitOrder::Lsb0), whole.to_raw(BitOrder::Lsb0)),
            (Encoding::CbtLog, naive::encode_cbtlog(&bits, whole.blocks() * 65_536)),
        ];
        for (encoding, bytes) in forms {
            let expect = Expect::new(encoding).blocks(whole.blocks());
            let scanner = setup.apply(&expect.scanner(), bytes.len());
            let back = setup.on_threads(|| scanner.bitmap(&bytes)).expect("a good bitmap");
            prop_assert!(is_tidy(&back));
            prop_assert_eq!(&back, &whole, "{} {:?}", encoding, setup);
            let extents = setup.extents(&expect.scanner(), &Input::new(bytes)).expect("a good bitmap").1;
            prop_assert_eq!(back.extents(), extents);
        }
        // Of a disk of unknown size, all there is to know is the number of whole bytes.
        let back = Scanner::new(Encoding::Base64).bitmap(&whole.to_base64()).expect("a good bitmap");
        let mut padded = whole;
        padded.resize(padded.blocks().next_multiple_of(8));
        prop_assert_eq!(back, padded);
    }

    #[test]
    fn resizing_keeps_what_stays_and_forgets_what_goes(bits in small_bitmap(), len in 0..3000usize) {
        let mut resized = made_of(&bits);
        resized.resize(len as u64);
        let mut expected = bits.clone();
        expected.resize(len, false);
        prop_assert!(is_tidy(&resized));
        prop_assert_eq!(taken_apart(&resized), &expected[..]);
        prop_assert_eq!(&resized, &made_of(&expected));
        prop_assert_eq!(resized.get(len as u64), None);
        // Blocks that were dropped must not come back.
        resized.resize(bits.len() as u64);
        expected.resize(bits.len(), false);
        prop_assert_eq!(taken_apart(&resized), expected);
    }

    #[test]
    fn extents_set_in_any_order_are_the_same(
        blocks in 1..700u64,
        extents in proptest::collection::vec((0..700u64, 0..700u64), 0..12),
    ) {
        let mut expected = vec![false; usize::try_from(blocks).expect("small")];
        let mut list = Vec::new();
        for (a, b) in extents {
            let (start, end) = (a.min(blocks), b.min(blocks));
            list.push(Extent::new(start, end));
            for block in start..end {
                expected[usize::try_from(block).expect("small")] = true;
            }
        }
        let forwards = Bitmap::from_extents(blocks, &list);
        list.reverse();
        prop_assert_eq!(&Bitmap::from_extents(blocks, &list), &forwards);
        prop_assert_eq!(taken_apart(&forwards), expected);
    }
}

#[test]
fn a_bitmap_of_no_blocks_has_nothing() {
    let none = Bitmap::new(0);
    assert_eq!((none.blocks(), none.count(), none.get(0)), (0, 0, None));
    assert_eq!((none.extents(), none.as_words()), (vec![], &[][..]));
    assert_eq!((none.to_base64(), none.to_bits(), none.to_raw(BitOrder::Lsb0)), (String::new(), String::new(), vec![]));
    assert_eq!(none.complement(), none);
    let one = Bitmap::from_extents(1, &[Extent::new(0, 1)]);
    assert_eq!(none.union(&one, Lengths::Extend).expect("extended"), one);
    assert_eq!(one.difference(&none, Lengths::Extend).expect("extended"), one);
}

#[test]
#[should_panic(expected = "block 9 of a bitmap of 9 blocks")]
fn an_extent_beyond_the_end_is_refused() {
    let _ = Bitmap::from_extents(9, &[Extent::new(8, 10)]);
}

#[test]
fn a_bitmap_that_cannot_be_the_disk_s_is_an_error_and_not_a_bitmap() {
    let size = VirtualSize::new(33 * 65_536).expect("not 0");
    let scanner = Scanner::new(Encoding::Base64).virtual_size(size);
    assert!(matches!(scanner.bitmap("YAAAAA=="), Err(Error::TooShort { found: 4, expected: 5, .. })));
    assert!(matches!(scanner.bitmap("AAAAAED="), Err(Error::TrailingBits { offset: 6, byte: b'D' })));
    assert!(matches!(scanner.bitmap("AAAAAEA="), Err(Error::BlockBeyondEnd { block: 33, blocks: 33 })));
    assert!(matches!(scanner.bitmap("AAAAAAAA"), Err(Error::TooLong { found: 6, expected: 5, .. })));
}
