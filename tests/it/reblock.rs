//! Bitmaps at other block sizes, from every source, against the oracle.

use changed_blocks::{BitOrder, Bitmap, BlockSize, Encoding, Error, Extent, Geometry, Lengths, VirtualSize};
use proptest::prelude::*;

use crate::common::bitmaps::{bitmap, small_bitmap};
use crate::common::{Input, KINDS, Kind, Setup, THREADS, cases, for_every_setup, pairs, setup, setups, tiers};
use crate::naive::{self, Expect, Verdict};

/// No bitmap of a test has more blocks at any block size.
const MAX_BLOCKS: u64 = 1 << 22;

fn size_of(log2: u8) -> BlockSize {
    BlockSize::new(1 << log2).expect("a power of two")
}

fn made_of(bits: &[bool], geometry: Geometry) -> Bitmap {
    let extents: Vec<Extent> = naive::extents(bits).into_iter().map(|(start, end)| Extent::new(start, end)).collect();
    Bitmap::from_extents(bits.len() as u64, &extents).with_geometry(geometry).expect("its own length")
}

fn taken_apart(bitmap: &Bitmap) -> Vec<bool> {
    (0..bitmap.blocks()).map(|block| bitmap.contains(block)).collect()
}

/// A bitmap of blocks of some size, of a disk whose last block may be partial, and another block size.
#[derive(Clone, Debug)]
struct Case {
    bits: Vec<bool>,
    block_size: BlockSize,
    virtual_size: Option<u64>,
    to: BlockSize,
}

impl Case {
    fn geometry(&self) -> Geometry {
        let virtual_size = self.virtual_size.map(|bytes| VirtualSize::new(bytes).expect("not 0"));
        Geometry { block_size: self.block_size, virtual_size }
    }

    fn expected(&self) -> Vec<bool> {
        naive::reblock(&self.bits, self.block_size.bytes(), self.to.bytes(), self.virtual_size)
    }

    /// The bitmap in an encoding, and what is known of it.
    fn input(&self, encoding: Encoding) -> (Input, Expect) {
        let bytes = match encoding {
            Encoding::Base64 => naive::encode_base64(&self.bits).into_bytes(),
            Encoding::Bits => naive::encode_bits(&self.bits).into_bytes(),
            Encoding::Raw(BitOrder::Msb0) => naive::encode_raw_msb0(&self.bits),
            Encoding::Raw(BitOrder::Lsb0) => naive::encode_raw_lsb0(&self.bits),
            _ => naive::encode_cbtlog(&self.bits, self.virtual_size.expect("that of the header")),
        };
        let block_size = self.block_size.bytes();
        (Input::new(bytes), Expect { block_size, virtual_size: self.virtual_size, ..Expect::new(encoding) })
    }

    /// The encodings that such a bitmap can have.
    fn encodings(&self) -> impl Iterator<Item = Encoding> {
        // Of other encodings, the number of bytes is all there is to know where the size of the disk is not given.
        let exact = self.virtual_size.is_some() || self.bits.len().is_multiple_of(8);
        let log = self.virtual_size.is_some() && self.block_size == BlockSize::DEFAULT;
        Encoding::ALL.iter().copied().filter(move |&encoding| match encoding {
            Encoding::Bits => true,
            Encoding::CbtLog => log,
            _ => exact,
        })
    }

    /// Holds the bitmap, made in every way, against the oracle's.
    fn check(&self, setups: &[Setup]) {
        let expected = self.expected();
        let reblocked = made_of(&self.bits, self.geometry()).reblock(self.to).expect("memory");
        let about = format!("{} to {} of {:?}, {:?}", self.block_size, self.to, self.virtual_size, self.bits.len());
        assert!(taken_apart(&reblocked) == expected, "{about}");
        assert_eq!(*reblocked.geometry(), Geometry { block_size: self.to, ..self.geometry() }, "{about}");
        for encoding in self.encodings() {
            let (input, expect) = self.input(encoding);
            for setup in setups {
                let found = setup.bitmap_at(&expect.scanner(), &input, self.to).expect("a good bitmap");
                assert!(found == reblocked, "{about} {encoding} {setup:?}");
                assert_eq!(found.geometry(), reblocked.geometry(), "{about}");
                assert!(found.as_words() == reblocked.as_words(), "{about}: nothing beyond the end");
            }
        }
    }
}

fn case(bits: impl Strategy<Value = Vec<bool>>) -> impl Strategy<Value = Case> {
    let own = prop_oneof![2 => Just(16u8), 1 => 9..=30u8];
    // The size of the disk is known or not, and the last block partial or not.
    let short_by = proptest::option::of(prop_oneof![Just(0u64), any::<u64>()]);
    (bits, own, 9..=30u8, short_by).prop_filter_map("too many small blocks", |(bits, from, to, short_by)| {
        let (block_size, blocks) = (size_of(from), bits.len() as u64);
        let virtual_size = short_by.map(|short_by| blocks * block_size.bytes() - short_by % block_size.bytes());
        (to >= from || blocks << (from - to) <= MAX_BLOCKS / 8).then(|| Case {
            bits,
            block_size,
            virtual_size,
            to: size_of(to),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(24, 256)) })]

    #[test]
    fn blocks_of_another_size_are_the_oracle_s(case in case(bitmap()), numbers in [0..setups(), 0..setups()]) {
        case.check(&numbers.map(setup));
    }

    #[test]
    fn smaller_blocks_and_back_again_are_the_bitmap_itself(case in case(small_bitmap())) {
        let bitmap = made_of(&case.bits, case.geometry());
        let there = bitmap.reblock(case.to).expect("memory");
        let back = there.reblock(case.block_size).expect("memory");
        if case.to <= case.block_size {
            prop_assert_eq!(&back, &bitmap);
            prop_assert_eq!(back.geometry(), bitmap.geometry());
        } else {
            // Nothing is lost, and nothing is added to blocks that are left alone.
            prop_assert_eq!(bitmap.difference(&back, Lengths::Extend).expect("memory").count(), 0);
            prop_assert_eq!(back.reblock(case.to).expect("memory"), there);
        }
    }

    #[test]
    fn the_union_of_larger_blocks_is_that_of_the_blocks(a in small_bitmap(), b in small_bitmap(), to in 9..=30u8) {
        let geometry = Geometry { block_size: size_of(18), virtual_size: None };
        let (a, b, to) = (made_of(&a, geometry), made_of(&b, geometry), size_of(to));
        let union = |a: &Bitmap, b: &Bitmap| a.union(b, Lengths::Extend).expect("memory");
        let reblock = |bitmap: &Bitmap| bitmap.reblock(to).expect("memory");
        prop_assert_eq!(reblock(&union(&a, &b)), union(&reblock(&a), &reblock(&b)));
    }
}

/// Setups with chunks of several sizes on several threads, in turn.
fn some_setups(number: usize) -> Vec<Setup> {
    let tiers = tiers().enumerate();
    let all = tiers.map(|(place, tier)| {
        let number = number + place;
        let chunk_bytes = [None, Some(65), Some(3071), Some(4096), Some(12_288), Some(300_000)][number % 6];
        Setup { tier, threads: THREADS[number % THREADS.len()], chunk_bytes, kind: KINDS[number % KINDS.len()] }
    });
    all.collect()
}

#[test]
fn runs_at_the_seams_of_large_blocks() {
    let mut number = 0;
    for log2 in (1..=21).step_by(cases(7, 1)).chain([5, 6, 7]) {
        let ratio = 1u64 << log2;
        // Words of the result, if they are not too long, and a partial large block at the end.
        let len = (ratio * 65).min(MAX_BLOCKS / 4).max(2 * ratio) + 3;
        let places = [1, 63, 64, 65, ratio - 1, ratio, ratio + 1, 24_575, 24_576, 64 * ratio - 1, 64 * ratio, len - 1];
        for place in places.into_iter().filter(|&place| 0 < place && place < len) {
            for (start, end) in [(place - 1, place), (place, place + 1), (place, len), (0, place)] {
                number += 1;
                if len > 100_000 && number % cases(100, 4) > 0 {
                    continue;
                }
                let bits: Vec<bool> = (0..len).map(|block| start <= block && block < end).collect();
                let partial = (number % 3 == 0).then_some(len * 512 - 100);
                let virtual_size = partial.or((number % 3 == 1).then_some(len * 512));
                Case { bits, block_size: size_of(9), virtual_size, to: size_of(9 + log2) }.check(&some_setups(number));
            }
        }
    }
}

#[test]
fn texts_with_line_breaks_are_read_on_every_setup() {
    // Several waves of chunks, and places that move within large blocks.
    let bits: Vec<bool> = (0..100_000u64).map(|block| block / 37 % 11 == 3 || block % 1009 == 0).collect();
    let expected = naive::reblock(&bits, 65_536, 2 << 20, None);
    let text = naive::encode_base64(&bits);
    for (width, line_break) in [(1, "\n"), (64, "\r\n"), (76, "\n"), (4095, "\n\n"), (16_000, "\r\n\r\n")] {
        let input = Input::new(format!("  {}\n ", naive::wrap(&text, width, line_break)));
        let scanner = Expect::new(Encoding::Base64).scanner();
        for_every_setup(|setup| {
            if setup.chunk_bytes.is_none_or(|bytes| bytes > 7) {
                let found = setup.bitmap_at(&scanner, &input, size_of(21)).expect("a good text");
                assert!(taken_apart(&found) == expected, "{width} {setup:?}");
            }
        });
    }
}

#[test]
fn long_texts_are_read_in_chunks_of_the_usual_size() {
    // More than one wave of two threads.
    let mut bits = vec![false; 6 * 6 * (1 << 20)];
    let len = bits.len();
    for block in (0..len).step_by(1_000_003).chain([0, len / 2, len - 1]) {
        bits[block] = true;
    }
    bits[len / 3..len / 3 * 2].fill(true);
    let case = Case { bits, block_size: size_of(16), virtual_size: None, to: size_of(21) };
    let (input, expect) = case.input(Encoding::Base64);
    let expected = case.expected();
    let broken = [&input.bytes()[..4 << 20], b"\n", &input.bytes()[4 << 20..]].concat();
    for (kind, threads) in [(Kind::Slice, None), (Kind::Slice, Some(2)), (Kind::File, Some(3)), (Kind::Reader, Some(8))]
    {
        let setup = Setup { kind, threads, ..Setup::plain(tiers().last().expect("one at least")) };
        for input in [&input, &Input::new(broken.clone())] {
            let found = setup.bitmap_at(&expect.scanner(), input, case.to).expect("a good text");
            assert!(taken_apart(&found) == expected, "{setup:?}");
        }
    }
}

#[test]
fn faults_are_those_of_the_extents() {
    let bits: Vec<bool> = (0..70_000u64).map(|block| block % 97 == 0).collect();
    let good = naive::encode_base64(&bits);
    let with = |place: usize, byte: u8| {
        let mut bytes = good.clone().into_bytes();
        bytes[place] = byte;
        bytes
    };
    let size = 70_000 * 65_536;
    let mut inputs = vec![(good[..good.len() - 4].to_owned().into_bytes(), Some(size)), (Vec::new(), None)];
    inputs.extend([0, 1, 5000, 8191, good.len() - 5].map(|place| (with(place, b'!'), None)));
    inputs.extend([4096, good.len() - 8].map(|place| (with(place, b'='), Some(size))));
    // A block that the disk does not have: the first, or one in the middle of what is too much.
    inputs.push((good.clone().into_bytes(), Some(size - 65_536 * 48)));
    inputs.push((naive::encode_base64(&[true; 40]).into_bytes(), Some(33 * 65_536)));
    inputs.push((good.into_bytes(), Some(size - 65_536 * 7000)));
    for (bytes, virtual_size) in inputs {
        let expect = Expect { virtual_size, ..Expect::new(Encoding::Base64) };
        let expected = expect.scan(&bytes).expect_err("a fault");
        let input = Input::new(bytes);
        for_every_setup(|setup| {
            for log2 in [14, 16, 21] {
                let error = setup.bitmap_at(&expect.scanner(), &input, size_of(log2)).expect_err("a fault");
                assert_eq!(Verdict::of(&error), expected, "{setup:?}");
            }
        });
    }
}

#[test]
fn bitmaps_of_different_block_sizes_do_not_combine() {
    let of = |log2| made_of(&[true, false, true], Geometry { block_size: size_of(log2), virtual_size: None });
    let mut left = of(16);
    for lengths in [Lengths::Equal, Lengths::Extend] {
        let refused = |result: Result<(), Error>| {
            assert!(matches!(result, Err(Error::UnequalBlockSizes { left: 65_536, right: 131_072 })), "{result:?}");
        };
        refused(of(16).union(&of(17), lengths).map(|_| ()));
        refused(left.union_with(&of(17), lengths));
        refused(left.subtract(&of(17), lengths));
        assert_eq!(left, of(16), "as it was");
    }
    left.union_with(&of(17).reblock(size_of(16)).expect("memory"), Lengths::Extend).expect("the same block size");
    assert_eq!(pairs(&left.extents()), [(0, 3), (4, 6)]);
    assert_ne!(of(16), of(17), "other blocks");
}
