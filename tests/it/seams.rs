//! Lengths, and places of runs, one to either side of where the work is cut: groups of symbols, words, vectors, tiles
//! and chunks. What is wrong with a seam is wrong here first.

use std::ops::ControlFlow;

use changed_blocks::{BitOrder, Encoding, Extent, Scanner, Visitor};

use crate::common::{CHUNKS, Input, KINDS, Kind, Setup, THREADS, cases, for_every_setup, simplify, tiers};
use crate::naive::{self, Expect, Found, Runs};

/// The bytes of a bitmap whose text or raw form is cut somewhere: whole groups, vectors of 16, 32 and 64 symbols,
/// words, steps of 256 symbols and of 256 bytes, and the tiles of raw input, which are those of 4096 symbols of text.
const CUTS_BYTES: [u64; 13] = [1, 3, 4, 6, 8, 12, 24, 48, 64, 192, 256, 3072, 6144];

const ENCODINGS: [Encoding; 4] =
    [Encoding::Base64, Encoding::Raw(BitOrder::Msb0), Encoding::Raw(BitOrder::Lsb0), Encoding::Bits];

fn encode(encoding: Encoding, bits: &[bool]) -> Vec<u8> {
    match encoding {
        Encoding::Base64 => naive::encode_base64(bits).into_bytes(),
        Encoding::Bits => naive::encode_bits(bits).into_bytes(),
        Encoding::Raw(BitOrder::Msb0) => naive::encode_raw_msb0(bits),
        _ => naive::encode_raw_lsb0(bits),
    }
}

fn with_runs(len: u64, runs: &[(u64, u64)]) -> Vec<bool> {
    (0..len).map(|block| runs.iter().any(|&(start, end)| start <= block && block < end)).collect()
}

/// Runs that end at a place, start there, or cross it.
fn runs_at(place: u64, len: u64) -> Vec<Runs> {
    let (before, behind) = (place.saturating_sub(1), (place + 1).min(len));
    let patterns = [
        vec![(before, place)],
        vec![(place, behind)],
        vec![(before, behind)],
        vec![(0, place)],
        vec![(place, len)],
        vec![(place.saturating_sub(130), (place + 130).min(len))],
        vec![(0, before), (place, len)],
    ];
    patterns.into_iter().map(|runs| runs.into_iter().filter(|run| run.0 < run.1).collect()).collect()
}

/// A few setups, for what there are many cases of.
fn some_setups() -> Vec<Setup> {
    let mut setups = Vec::new();
    for tier in tiers() {
        let plain = Setup::plain(tier);
        for chunk_bytes in [None, Some(1), Some(7), Some(64), Some(4096), Some(4097)] {
            setups.push(Setup { chunk_bytes, ..plain });
        }
        setups.push(Setup { threads: Some(2), chunk_bytes: Some(3), ..plain });
        setups.push(Setup { threads: Some(3), chunk_bytes: Some(3071), ..plain });
        setups.push(Setup { kind: Kind::Reader, chunk_bytes: Some(4096), ..plain });
    }
    setups
}

fn check(encoding: Encoding, bits: &[bool], runs: &Runs, setups: &[Setup]) {
    let expect = Expect::new(encoding);
    let bytes = encode(encoding, bits);
    let len = bits.len() as u64;
    let blocks = if encoding == Encoding::Bits { len } else { len.next_multiple_of(8) };
    let expected = Ok(Found { blocks, runs: runs.clone() });
    let input = Input::new(bytes);
    for setup in in_turn(setups, bits.len()) {
        setup.check(&expect, &input, &expected);
    }
}

/// All setups for a case; by default a fifth of them, another for the next case.
fn in_turn(setups: &[Setup], case: usize) -> impl Iterator<Item = &Setup> {
    let every = cases(5, 1);
    setups.iter().skip(case % every).step_by(every)
}

#[test]
fn runs_at_every_cut_on_every_setup() {
    // Two tiles of text and a bit, with runs at the places where the others only end.
    let len = 3072 * 8 * 2 + 8 * 5;
    for encoding in ENCODINGS {
        let mut runs = Runs::new();
        for cut in CUTS_BYTES {
            let (start, end) = (cut * 8 - 1, cut * 8 + 1);
            if runs.last().is_none_or(|last| last.1 < start) {
                runs.push((start, end));
            }
        }
        runs.push((len - 1, len));
        let bits = with_runs(len, &runs);
        assert_eq!(naive::extents(&bits), runs);
        let input = Input::new(encode(encoding, &bits));
        let expect = Expect::new(encoding);
        let expected = Ok(Found { blocks: len, runs });
        for_every_setup(|setup| {
            setup.check(&expect, &input, &expected);
            assert_eq!(simplify(&setup.visited(&expect.scanner(), &input)), expected, "{setup:?} {encoding}");
        });
    }
}

#[test]
fn runs_that_end_start_and_cross_at_each_cut() {
    let setups = some_setups();
    for encoding in ENCODINGS {
        for cut in CUTS_BYTES {
            for place in [cut * 8 - 1, cut * 8, cut * 8 + 1] {
                let len = place + 200;
                for runs in runs_at(place, len) {
                    check(encoding, &with_runs(len, &runs), &runs, &setups);
                }
            }
        }
    }
}

#[test]
fn lengths_at_each_cut() {
    let setups = some_setups();
    for encoding in ENCODINGS {
        for cut in CUTS_BYTES {
            for len in [cut - 1, cut, cut + 1].map(|bytes| bytes * 8).into_iter().filter(|&len| len > 0) {
                for len in if encoding == Encoding::Bits { len - 1..=len + 1 } else { len..=len } {
                    let halves = if len > 2 { vec![(0, 1), (len - 1, len)] } else { vec![(0, len)] };
                    for runs in [vec![], vec![(0, len)], halves] {
                        check(encoding, &with_runs(len, &runs), &runs, &setups);
                    }
                }
            }
        }
    }
}

#[test]
fn runs_at_the_seams_of_chunks() {
    for chunk in CHUNKS.into_iter().flatten().filter(|&chunk| chunk > 1) {
        for encoding in ENCODINGS {
            let blocks_per_byte = match encoding {
                Encoding::Base64 => 6,
                Encoding::Bits => 1,
                _ => 8,
            };
            let seam = chunk as u64 * blocks_per_byte;
            let len = (seam * 2 + 70).next_multiple_of(8);
            let mut runs: Runs = [seam, seam * 2].iter().map(|&place| (place - 2, place + 1)).collect();
            let cases = [runs.clone(), vec![(seam, seam * 2)], vec![(seam - 1, seam), (seam + 1, len)], {
                runs[0].1 = runs[1].1;
                runs.truncate(1);
                runs
            }];
            for runs in cases {
                let bits = with_runs(len, &runs);
                // Chunks can be so short that the runs at two seams touch.
                let runs = naive::extents(&bits);
                for tier in tiers() {
                    let setups = THREADS.map(|threads| {
                        let kind = KINDS[(chunk + threads.unwrap_or(0)) % KINDS.len()];
                        Setup { tier, threads, chunk_bytes: Some(chunk), kind }
                    });
                    check(encoding, &bits, &runs, &setups);
                }
            }
        }
    }
}

#[test]
fn bitmaps_without_any_boundary_and_with_nothing_else() {
    let setups = some_setups();
    for encoding in ENCODINGS {
        for len in [8u64, 64, 512, 3072 * 8, 3072 * 8 + 8, 100_000] {
            for runs in [vec![], vec![(0, len)]] {
                check(encoding, &with_runs(len, &runs), &runs, &setups);
            }
            for phase in 0..2 {
                let bits: Vec<bool> = (0..len).map(|block| block % 2 == phase).collect();
                let runs = (0..len / 2).map(|run| (run * 2 + phase, run * 2 + phase + 1)).collect();
                check(encoding, &bits, &runs, &setups);
            }
        }
    }
}

/// A run may be open over any number of chunks, and a line break or a padding may be all that a chunk holds.
#[test]
fn white_space_at_the_seams() {
    let bits: Vec<bool> = (0..440).map(|block| block / 37 % 2 == 1).collect();
    let runs = naive::extents(&bits);
    let setups = some_setups();
    for encoding in [Encoding::Base64, Encoding::Bits] {
        let text = String::from_utf8(encode(encoding, &bits)).expect("ASCII");
        for width in [1, 2, 3, 4, 5, 63, 64, 65] {
            for (line_break, around) in [("\n", ""), ("\r\n", "\n"), ("\n\n\n\n\n\n\n\n\n", "      \t      ")] {
                let wrapped = format!("{around}{}{around}", naive::wrap(&text, width, line_break));
                let input = Input::new(wrapped);
                let expected = Ok(Found { blocks: 440, runs: runs.clone() });
                for setup in in_turn(&setups, width) {
                    setup.check(&Expect::new(encoding), &input, &expected);
                }
            }
        }
    }
}

/// The zeros that fill up a bitmap to four bytes may lie in a chunk of their own.
#[test]
fn the_end_of_the_disk_at_the_seams() {
    let setups = some_setups();
    for (number, cut) in CUTS_BYTES.into_iter().enumerate() {
        for (blocks, beyond) in [(cut * 8, 0), (cut * 8, 1), (cut * 8 - 1, 0), (cut * 8 + 1, 7), (cut * 8, 20)] {
            let len = blocks.next_multiple_of(32).max(blocks + beyond + 1);
            for runs in [vec![(blocks - 1, blocks)], vec![(blocks + beyond, blocks + beyond + 1)], vec![(0, len)]] {
                let input = Input::new(naive::encode_raw_msb0(&with_runs(len, &runs)));
                let expect = Expect::new(Encoding::Raw(BitOrder::Msb0)).blocks(blocks);
                let expected = expect.scan(input.bytes());
                for setup in in_turn(&setups, number + runs.len()) {
                    setup.check(&expect, &input, &expected);
                }
            }
        }
    }
}

/// No size of a chunk is too large, and none leads to an allocation that the input does not need.
#[test]
fn chunks_may_be_larger_than_any_input() {
    let expect = Expect::new(Encoding::Base64);
    let input = Input::new(" YAAAAA==\n");
    let expected = expect.scan(input.bytes());
    for tier in tiers() {
        for threads in THREADS {
            for kind in KINDS {
                let setup = Setup { tier, threads, chunk_bytes: Some(usize::MAX), kind };
                setup.check(&expect, &input, &expected);
            }
        }
    }
}

#[test]
fn progress_never_goes_back_and_never_beyond_the_end() {
    struct Watch {
        last: u64,
        len: u64,
    }
    impl Visitor for Watch {
        type Break = ();

        fn extents(&mut self, _: &[Extent]) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }

        fn progress(&mut self, input_bytes: u64) {
            assert!(self.last <= input_bytes && input_bytes <= self.len, "{} {input_bytes}", self.last);
            self.last = input_bytes;
        }
    }
    for encoding in ENCODINGS {
        let input = encode(encoding, &with_runs(120_000, &[(3, 90_000)]));
        for_every_setup(|setup| {
            let scanner = setup.apply(&Expect::new(encoding).scanner(), input.len());
            let watch = Watch { last: 0, len: input.len() as u64 };
            let outcome = setup.on_threads(|| scanner.visit(&input, watch)).expect("good");
            assert!(outcome.is_continue());
        });
    }
}

#[test]
fn lists_longer_than_caches() {
    // Every other block, but for a hole in the middle: 50 MB of extents, of which those far after the start may be
    // written in another way.
    let mut text = vec![b'V'; 1 << 20];
    let hole = 700_001..700_100;
    text[hole.clone()].fill(b'A');
    let hole = hole.start as u64 * 6..hole.end as u64 * 6;
    let blocks = (0..text.len() as u64 * 3).map(|i| 2 * i + 1);
    let expected: Vec<_> =
        blocks.filter(|block| !hole.contains(block)).map(|block| Extent::new(block, block + 1)).collect();
    let mut extents = Vec::new();
    for tier in tiers() {
        for parallel in [false, true] {
            let scanner = Scanner::new(Encoding::Base64).tier(tier).parallel(parallel);
            // Onto new memory, then onto what was used before.
            for _ in 0..2 {
                scanner.extents_into(&text, &mut extents).expect("good text");
                assert!(extents == expected, "{tier:?} {parallel}");
            }
        }
    }
}
