//! Properties of every bitmap, whatever it looks like, however it is written down, and however the work is cut up.

use std::ops::ControlFlow;

use changed_blocks::{BitOrder, Encoding, Extent, Scanner, Source, is_canonical};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::common::bitmaps::{bitmap, small_bitmap};
use crate::common::{Copies, Input, Kind, Setup, UnevenReader, cases, pairs, setup, setups, simplify, tiers};
use crate::naive::{self, Expect, Found, Runs, Verdict};

/// The bitmap in an encoding, and how many blocks it has there: whole bytes of them, but for a 0/1 text.
fn encode(encoding: Encoding, bits: &[bool]) -> (Vec<u8>, u64) {
    let blocks = bits.len() as u64;
    let whole = blocks.next_multiple_of(8);
    match encoding {
        Encoding::Base64 => (naive::encode_base64(bits).into_bytes(), whole),
        Encoding::Bits => (naive::encode_bits(bits).into_bytes(), blocks),
        Encoding::Raw(BitOrder::Msb0) => (naive::encode_raw_msb0(bits), whole),
        Encoding::Raw(BitOrder::Lsb0) => (naive::encode_raw_lsb0(bits), whole),
        Encoding::CbtLog => (naive::encode_cbtlog(bits, blocks * 65_536), blocks),
        other => panic!("no encoder for {other}"),
    }
}

fn some_setups() -> impl Strategy<Value = Vec<Setup>> {
    vec((0..setups()).prop_map(setup), 1..5)
}

/// The extents of one bitmap that follow `before` blocks, joined to those before.
fn join(mut runs: Runs, before: u64, behind: &[(u64, u64)]) -> Runs {
    for &(start, end) in behind {
        match runs.last_mut() {
            Some(last) if last.1 == start + before => last.1 = end + before,
            _ => runs.push((start + before, end + before)),
        }
    }
    runs
}

fn reversed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte.reverse_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases(16, 192)) })]

    #[test]
    fn extents_are_the_oracle_s_in_every_encoding(bits in bitmap(), setups in some_setups()) {
        let runs = naive::extents(&bits);
        for &encoding in Encoding::ALL {
            let (bytes, blocks) = encode(encoding, &bits);
            let expect = Expect::new(encoding);
            let expected = Ok(Found { blocks, runs: runs.clone() });
            prop_assert_eq!(&expect.scan(&bytes), &expected, "the oracle against itself");
            let input = Input::new(bytes);
            for setup in &setups {
                setup.check(&expect, &input, &expected);
                let visited = simplify(&setup.visited(&expect.scanner(), &input));
                prop_assert_eq!(&visited, &expected, "{:?} {}", setup, encoding);
            }
        }
    }

    #[test]
    fn inputs_joined_are_scans_joined(a in bitmap(), b in bitmap(), setups in some_setups()) {
        // Cut to groups of three bytes, so that the first text has no padding.
        let a = &a[..a.len() / 24 * 24];
        prop_assume!(!a.is_empty());
        for encoding in Encoding::ALL.iter().copied().filter(|&encoding| encoding != Encoding::CbtLog) {
            let (first, second) = (encode(encoding, a).0, encode(encoding, &b).0);
            let scanner = Scanner::new(encoding);
            for setup in &setups {
                let scan = |bytes: &[u8]| {
                    let (summary, extents) = setup.extents(&scanner, &Input::new(bytes)).expect("good");
                    (summary.blocks, pairs(&extents))
                };
                let ((left_blocks, left), (right_blocks, right)) = (scan(&first), scan(&second));
                prop_assert_eq!(left_blocks, a.len() as u64);
                let joined = (left_blocks + right_blocks, join(left, left_blocks, &right));
                prop_assert_eq!(scan(&[&first[..], &second].concat()), joined, "{:?} {}", setup, encoding);
            }
        }
    }

    #[test]
    fn one_bit_order_is_the_other_with_its_bytes_reversed(bytes in vec(any::<u8>(), 1..6000), setups in some_setups()) {
        let (lsb0, msb0) = (Input::new(reversed(&bytes)), Input::new(bytes));
        for setup in setups {
            let of = |order, input| simplify(&setup.extents(&Scanner::new(Encoding::Raw(order)), input));
            prop_assert_eq!(of(BitOrder::Msb0, &msb0), of(BitOrder::Lsb0, &lsb0), "{:?}", setup);
        }
    }

    #[test]
    fn line_breaks_and_white_space_around_change_nothing(
        bits in bitmap(),
        width in prop_oneof![1..9usize, Just(48), Just(64), Just(76), 60..5000usize],
        line_break in "[\r\n]{1,3}",
        before in "[ \t\r\n\x0b\x0c]{0,5}",
        behind in "[ \t\r\n\x0b\x0c]{0,5}",
        setups in some_setups(),
    ) {
        for encoding in [Encoding::Base64, Encoding::Bits] {
            let (text, blocks) = encode(encoding, &bits);
            let text = String::from_utf8(text).expect("ASCII");
            let wrapped = format!("{before}{}{behind}", naive::wrap(&text, width, &line_break));
            let expected = Ok(Found { blocks, runs: naive::extents(&bits) });
            let input = Input::new(wrapped);
            for setup in &setups {
                setup.check(&Expect::new(encoding), &input, &expected);
            }
        }
    }

    #[test]
    fn a_visitor_that_stops_has_a_prefix(bits in bitmap(), after in 1..6usize, setups in some_setups()) {
        let expected = naive::extents(&bits);
        let input = naive::encode_base64(&bits);
        let scanner = Scanner::new(Encoding::Base64);
        for setup in setups {
            let (mut got, mut batches) = (Vec::new(), 0);
            let scanner = setup.apply(&scanner, input.len());
            let outcome = setup.on_threads(|| {
                let visitor = |batch: &[Extent]| {
                    got.extend_from_slice(batch);
                    batches += 1;
                    if batches == after { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
                };
                let mut reader = UnevenReader::new(input.as_bytes());
                match setup.kind {
                    Kind::Reader => scanner.visit(Source::reader(&mut reader), visitor),
                    _ => scanner.visit(&input, visitor),
                }
            });
            let outcome = outcome.expect("a good text");
            prop_assert!(is_canonical(&got));
            prop_assert!(batches <= after, "called again after it stopped");
            match outcome {
                ControlFlow::Break(value) => {
                    prop_assert_eq!((value, batches), ("enough", after));
                    prop_assert!(expected.starts_with(&pairs(&got)));
                }
                ControlFlow::Continue(_) => prop_assert_eq!(&pairs(&got), &expected),
            }
        }
    }

    #[test]
    fn a_prepared_visitor_that_stops_has_a_prefix(bits in bitmap(), after in 1..6usize, setups in some_setups()) {
        let expected = naive::extents(&bits);
        let input = Input::new(naive::encode_base64(&bits));
        let scanner = Scanner::new(Encoding::Base64);
        for setup in setups {
            let mut copies = Copies { stop_after: Some(after), ..Copies::default() };
            let scanner = setup.apply(&scanner, input.bytes().len());
            let outcome = setup.on_threads(|| {
                input.with_source(setup.kind, |source| scanner.visit_parallel(source, &mut copies))
            });
            let stopped = outcome.expect("a good text").is_break();
            prop_assert_eq!(stopped, copies.batches == after);
            prop_assert!(is_canonical(&copies.extents));
            if stopped {
                prop_assert!(expected.starts_with(&pairs(&copies.extents)));
            } else {
                prop_assert_eq!(&pairs(&copies.extents), &expected);
            }
        }
    }

    #[test]
    fn the_size_of_the_disk_is_held_against_the_bitmap(
        bits in small_bitmap(),
        difference in -40i64..40,
        partial in 0..65_536u64,
        zeros in 0..60usize,
        setups in some_setups(),
    ) {
        let mut bits = bits;
        bits.resize(bits.len() + zeros, false);
        let blocks = (bits.len() as u64).saturating_add_signed(difference).max(1);
        for encoding in [Encoding::Base64, Encoding::Raw(BitOrder::Msb0), Encoding::Raw(BitOrder::Lsb0), Encoding::Bits] {
            let (bytes, _) = encode(encoding, &bits);
            let expect = Expect::new(encoding).size(blocks * 65_536 - partial);
            let expected = expect.scan(&bytes);
            let input = Input::new(bytes);
            for setup in &setups {
                setup.check(&expect, &input, &expected);
            }
        }
    }

    #[test]
    fn errors_do_not_depend_on_how_the_work_is_cut_up(
        bits in bitmap(),
        width in prop_oneof![Just(1_000_000usize), 1..200usize],
        damages in vec((any::<Index>(), any::<u8>()), 1..4),
        cut in any::<Option<Index>>(),
        setups in some_setups(),
    ) {
        for encoding in [Encoding::Base64, Encoding::Bits] {
            let (text, _) = encode(encoding, &bits);
            let mut text = naive::wrap(&String::from_utf8(text).expect("ASCII"), width, "\n").into_bytes();
            for (place, byte) in &damages {
                let place = place.index(text.len());
                text[place] = *byte;
            }
            text.truncate(cut.map_or(text.len(), |cut| cut.index(text.len())));
            let expect = Expect::new(encoding);
            let expected = expect.scan(&text);
            let input = Input::new(text);
            for setup in setups.iter().copied().chain(tiers().map(Setup::plain)) {
                setup.check(&expect, &input, &expected);
            }
        }
    }

    #[test]
    fn bytes_after_the_bitmap_of_a_cbtlog_are_ignored(
        bits in bitmap(),
        behind in vec(any::<u8>(), 0..5000),
        setups in some_setups(),
    ) {
        let (mut bytes, blocks) = encode(Encoding::CbtLog, &bits);
        bytes.extend(behind);
        let expected = Ok(Found { blocks, runs: naive::extents(&bits) });
        let input = Input::new(bytes);
        for setup in setups {
            setup.check(&Expect::new(Encoding::CbtLog), &input, &expected);
        }
    }
}

#[test]
fn a_bitmap_may_be_filled_up_only_with_zeros() {
    // 29 blocks need 4 bytes, 33 need 5 and may have 8.
    for (blocks, bytes, verdict) in [
        (29, 4, None),
        (29, 5, Some(Verdict::kind("too-long").figures(5, 4))),
        (29, 8, Some(Verdict::kind("too-long").figures(8, 4))),
        (33, 5, None),
        (33, 6, Some(Verdict::kind("too-long").figures(6, 5))),
        (33, 8, None),
        (33, 12, Some(Verdict::kind("too-long").figures(12, 5))),
        (33, 4, Some(Verdict::kind("too-short").figures(4, 5))),
    ] {
        let expect = Expect::new(Encoding::Base64).blocks(blocks);
        let mut bits = vec![false; bytes * 8];
        bits[28] = true;
        let good = Found { blocks, runs: vec![(28, 29)] };
        let expected = verdict.map_or(Ok(good), Err);
        let input = Input::new(naive::encode_base64(&bits));
        crate::common::for_every_setup(|setup| setup.check(&expect, &input, &expected));
        for beyond in (blocks..bytes as u64 * 8).step_by(cases(7, 1)) {
            let mut bits = bits.clone();
            bits[usize::try_from(beyond).expect("small")] = true;
            let expected = verdict.unwrap_or(Verdict::kind("block-beyond-end").figures(beyond, blocks));
            let input = Input::new(naive::encode_base64(&bits));
            crate::common::for_every_setup(|setup| setup.check(&expect, &input, &Err(expected)));
        }
    }
}

/// The bitmap of 33 blocks that was refused where it came from a file: the first and the last but one changed.
#[test]
fn a_bitmap_that_storage_filled_up_is_read() {
    let expect = Expect::new(Encoding::Base64).blocks(33);
    let found = Ok(Found { blocks: 33, runs: vec![(0, 1), (32, 33)] });
    let input = Input::new("gAAAAIAAAAA=");
    crate::common::for_every_setup(|setup| setup.check(&expect, &input, &found));
}

#[test]
fn words_for_no_answer_are_no_bitmaps() {
    for word in ["null", "Null", "NULL", "none", "None", "NONE", "true", "True", "TRUE", "void"] {
        for text in [word.to_owned(), format!("\r\n {word}\t\n")] {
            let expect = Expect::new(Encoding::Base64);
            let input = Input::new(text);
            for expect in [expect, expect.blocks(24)] {
                crate::common::for_every_setup(|setup| {
                    setup.check(&expect, &input, &Err(Verdict::kind("not-a-bitmap")));
                });
            }
        }
    }
    // As part of a longer text they are symbols like any others.
    let found = Expect::new(Encoding::Base64).scan(b"nullnull").expect("good base64");
    crate::common::for_every_setup(|setup| {
        setup.check(&Expect::new(Encoding::Base64), &Input::new("nullnull"), &Ok(found.clone()));
    });
}
