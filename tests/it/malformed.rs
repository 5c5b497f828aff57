//! Input that is damaged in every way a single place can be: cut off anywhere, any byte anywhere. Each case gets the
//! oracle's verdict, down to offset and byte, from every tier.

use changed_blocks::{BitOrder, Encoding};

use crate::common::{Input, Kind, Rng, Setup, cases, simplify, tiers};
use crate::naive::{self, Expect, Verdict};

/// Texts of 300 characters: with one and two paddings, without any, with line breaks, with white space around.
fn texts() -> Vec<String> {
    let mut rng = Rng::new(7);
    let plain = |bytes: usize, rng: &mut Rng| naive::encode_base64(&rng.bits(bytes * 8));
    let one = plain(224, &mut rng);
    let two = plain(223, &mut rng);
    assert!(one.ends_with('=') && !one.ends_with("==") && two.ends_with("=="));
    let none = plain(225, &mut rng);
    let wrapped = naive::wrap(&plain(216, &mut rng), 50, "\r\n");
    // Line breaks between the paddings, and in front of them.
    let late = format!("{}=\n=\n", naive::wrap(plain(217, &mut rng).trim_end_matches('='), 48, "\n"));
    let spaced = format!("\n\t {} \r\n", plain(220, &mut rng));
    let texts = vec![one, two, none, wrapped, late, spaced];
    for text in &texts {
        assert!((295..=304).contains(&text.len()), "{}", text.len());
        assert!(Expect::new(Encoding::Base64).scan(text.as_bytes()).is_ok());
    }
    texts
}

fn bit_texts() -> Vec<String> {
    let bits = naive::encode_bits(&Rng::new(11).bits(300));
    let wrapped = naive::wrap(&bits[..292], 64, "\r\n");
    vec![bits.clone(), wrapped, format!(" \n{}\t\n", &bits[..296])]
}

fn serial_setups() -> Vec<Setup> {
    tiers().flat_map(|tier| [None, Some(7)].map(|chunk_bytes| Setup { chunk_bytes, ..Setup::plain(tier) })).collect()
}

/// Every way of working at once on more than one piece, and a stream.
fn other_setups() -> Vec<Setup> {
    tiers()
        .flat_map(|tier| {
            [
                Setup { threads: Some(2), chunk_bytes: Some(7), ..Setup::plain(tier) },
                Setup { threads: Some(3), chunk_bytes: Some(64), ..Setup::plain(tier) },
                Setup { threads: Some(8), chunk_bytes: Some(1), ..Setup::plain(tier) },
                Setup { kind: Kind::Reader, chunk_bytes: Some(48), ..Setup::plain(tier) },
                Setup { kind: Kind::Reader, threads: Some(3), chunk_bytes: Some(3), ..Setup::plain(tier) },
            ]
        })
        .collect()
}

/// Puts every byte value into every place. `every` leaves out most of the cases, but no place and no value.
fn every_byte_everywhere(expect: &Expect, text: &str, setups: &[Setup], every: usize) {
    for place in 0..text.len() {
        for byte in 0..=255u8 {
            if (place + usize::from(byte)) % every != 0 {
                continue;
            }
            let mut damaged = text.as_bytes().to_vec();
            damaged[place] = byte;
            let expected = expect.scan(&damaged);
            let input = Input::new(damaged);
            for setup in setups {
                setup.check(expect, &input, &expected);
            }
        }
    }
}

/// By default, a part of them, and the last few.
fn every_truncation(expect: &Expect, whole: &[u8], setups: &[Setup]) {
    let every = cases(53, 1);
    for len in (0..=whole.len()).filter(|len| len % every == 0 || len + 8 > whole.len()) {
        let expected = expect.scan(&whole[..len]);
        let input = Input::new(&whole[..len]);
        for setup in setups {
            setup.check(expect, &input, &expected);
        }
    }
}

#[test]
fn every_byte_at_every_place_of_a_base64_text() {
    for text in texts() {
        every_byte_everywhere(&Expect::new(Encoding::Base64), &text, &serial_setups(), cases(67, 1));
    }
}

#[test]
fn every_byte_at_every_place_of_a_base64_text_in_parallel_and_from_a_stream() {
    for text in texts() {
        every_byte_everywhere(&Expect::new(Encoding::Base64), &text, &other_setups(), cases(997, 29));
    }
}

/// Stretches that hold nothing are not decoded, but looked at in steps of 256 symbols.
#[test]
fn odd_bytes_around_every_step_of_a_text_that_holds_little() {
    let mut bits = vec![false; 10_000 * 6];
    for start in [0, 4_000, 20_000, 24_570, 50_000] {
        bits[start..start + 30].fill(true);
    }
    bits[30_000..40_000].fill(true);
    let text = naive::encode_base64(&bits);
    let expect = Expect::new(Encoding::Base64);
    for step in (0..text.len()).step_by(256 * cases(5, 1)) {
        for place in [step, step + 1, step + 128, step + 255].into_iter().filter(|&place| place < text.len()) {
            for byte in [b'A', b'/', b'Q', b'=', b'\n', b' ', 0, 0x80] {
                let mut odd = text.as_bytes().to_vec();
                odd[place] = byte;
                let expected = expect.scan(&odd);
                let input = Input::new(odd);
                for setup in serial_setups() {
                    setup.check(&expect, &input, &expected);
                }
            }
        }
    }
}

#[test]
fn every_byte_at_every_place_of_a_bits_text() {
    for text in bit_texts() {
        every_byte_everywhere(&Expect::new(Encoding::Bits), &text, &serial_setups(), cases(67, 1));
        every_byte_everywhere(&Expect::new(Encoding::Bits), &text, &other_setups(), cases(997, 29));
    }
}

#[test]
fn every_truncation_of_a_text() {
    let setups = [serial_setups(), other_setups()].concat();
    for text in texts() {
        every_truncation(&Expect::new(Encoding::Base64), text.as_bytes(), &setups);
    }
    for text in bit_texts() {
        every_truncation(&Expect::new(Encoding::Bits), text.as_bytes(), &setups);
    }
}

#[test]
fn no_truncation_passes_where_the_size_of_the_disk_is_known() {
    let setups = [serial_setups(), other_setups()].concat();
    let bits = Rng::new(13).bits(1997);
    let cases = [
        (Encoding::Base64, naive::encode_base64(&bits).into_bytes()),
        (Encoding::Bits, naive::encode_bits(&bits).into_bytes()),
        (Encoding::Raw(BitOrder::Msb0), naive::encode_raw_msb0(&bits)),
        (Encoding::Raw(BitOrder::Lsb0), naive::encode_raw_lsb0(&bits)),
        (Encoding::CbtLog, naive::encode_cbtlog(&bits, 1997 * 65_536)),
    ];
    for (encoding, whole) in cases {
        let expect = Expect::new(encoding).blocks(1997);
        every_truncation(&expect, &whole, &setups);
        for len in 0..whole.len() {
            // Only the padding says nothing of blocks, and a text without it is refused all the same.
            assert!(expect.scan(&whole[..len]).is_err(), "{encoding}, {len} bytes");
        }
    }
}

#[test]
fn every_byte_at_every_place_of_a_cbtlog_header() {
    let (serial, others, every) = (serial_setups(), other_setups(), cases(11, 1));
    let whole = naive::encode_cbtlog(&Rng::new(17).bits(299), 299 * 65_536 - 5);
    for expect in [
        Expect::new(Encoding::CbtLog),
        Expect::new(Encoding::CbtLog).size(299 * 65_536 - 5),
        Expect { allow_inconsistent: true, ..Expect::new(Encoding::CbtLog) },
        Expect { block_size: 4096, ..Expect::new(Encoding::CbtLog) },
    ] {
        for place in 0..56 {
            for byte in (0..=255u8).filter(|&byte| (place + usize::from(byte)) % every == 0) {
                let mut damaged = whole.clone();
                damaged[place] = byte;
                let expected = expect.scan(&damaged);
                let input = Input::new(damaged);
                let sampled = if (place + usize::from(byte)) % (29 * every) == 0 { &others[..] } else { &[] };
                for setup in serial.iter().chain(sampled) {
                    setup.check(&expect, &input, &expected);
                }
            }
        }
    }
}

/// Two wrongs: which one is named does not depend on how the work was cut up.
#[test]
fn the_first_of_several_errors_is_named() {
    let setups = [serial_setups(), other_setups()].concat();
    let expect = Expect::new(Encoding::Base64);
    let wrongs = [b'#', b'=', b' ', b'\n', 0, b'-', 0xff, b'\t'];
    let text = naive::encode_base64(&Rng::new(19).bits(59 * 8));
    for first in (0..text.len()).step_by(cases(11, 1)) {
        for (number, &wrong) in wrongs.iter().enumerate() {
            for second in [first + 1, first + 2, first + 7, text.len() - 1] {
                let mut damaged = text.as_bytes().to_vec();
                damaged[first] = wrong;
                damaged[second.min(text.len() - 1)] = wrongs[(number + second) % wrongs.len()];
                let expected = expect.scan(&damaged);
                let input = Input::new(damaged);
                for setup in &setups {
                    setup.check(&expect, &input, &expected);
                }
            }
        }
    }
}

/// Short texts over the characters that matter are all there are: nothing that a rule forgot can hide among them.
#[test]
fn every_short_text_over_the_telling_characters() {
    fn verdicts(expect: &Expect, alphabet: &[u8], longest: usize, setup: &[Setup]) -> usize {
        let mut good = 0;
        let mut texts = vec![Vec::new()];
        for _ in 0..=longest {
            let mut longer = Vec::new();
            for text in texts {
                let expected = expect.scan(&text);
                good += usize::from(expected.is_ok());
                let input = Input::new(&*text);
                for setup in setup {
                    let actual = simplify(&setup.extents(&expect.scanner(), &input));
                    assert_eq!(actual, expected, "{setup:?} \"{}\"", text.escape_ascii());
                }
                for &byte in alphabet {
                    longer.push([&text[..], &[byte]].concat());
                }
            }
            texts = longer;
        }
        good
    }
    let setups: Vec<Setup> = tiers()
        .flat_map(|tier| [None, Some(1), Some(3)].map(|chunk_bytes| Setup { chunk_bytes, ..Setup::plain(tier) }))
        .collect();
    let good = verdicts(&Expect::new(Encoding::Base64), b"AQB/= \n#", cases(5, 6), &setups);
    assert!(good > 1000, "{good}");
    let good = verdicts(&Expect::new(Encoding::Bits), b"01 \t\n=2", cases(5, 6), &setups);
    assert!(good > 1000, "{good}");
}

#[test]
fn an_empty_input_is_an_error_in_every_encoding() {
    for &encoding in Encoding::ALL {
        for blank in ["", "\n", " \r\n\t"] {
            let is_text = matches!(encoding, Encoding::Base64 | Encoding::Bits);
            if !blank.is_empty() && !is_text {
                continue;
            }
            let expect = Expect::new(encoding);
            let expected = expect.scan(blank.as_bytes());
            let verdict = expected.clone().expect_err("nothing in it");
            let header = Verdict::kind("header-too-short").figures(0, 48);
            assert!(verdict == Verdict::kind("empty") || (encoding == Encoding::CbtLog && verdict == header));
            let input = Input::new(blank);
            crate::common::for_every_setup(|setup| setup.check(&expect, &input, &expected));
        }
    }
}
