//! Streams: pipes, ones that break off, and ones that have more to say than is of use.

#![cfg(unix)]

use std::fs::File;
use std::io::{ErrorKind, Read, Write};

use changed_blocks::{BitOrder, BlockSize, Encoding, Error, Mapped, Scanner, Source, VirtualSize};

use crate::common::{FailingReader, Kind, Rng, for_every_setup, pairs, simplify};
use crate::naive::{self, Found};

#[test]
fn a_stream_that_fails_says_how_far_it_came() {
    let bits = Rng::new(31).bits(30_000);
    for (encoding, bytes) in [
        (Encoding::Base64, naive::encode_base64(&bits).into_bytes()),
        (Encoding::Bits, naive::encode_bits(&bits).into_bytes()),
        (Encoding::Raw(BitOrder::Msb0), naive::encode_raw_msb0(&bits)),
    ] {
        breaks_off(encoding, &bytes);
    }
}

/// The header is part of the input, so it counts.
#[test]
fn a_stream_of_a_cbtlog_that_fails_says_how_far_it_came() {
    breaks_off(Encoding::CbtLog, &naive::encode_cbtlog(&Rng::new(31).bits(30_000), 40_000 * 65_536));
}

fn breaks_off(encoding: Encoding, bytes: &[u8]) {
    for good in [0, 1, 47, 48, 49, 3072, bytes.len()] {
        for_every_setup(|setup| {
            if setup.kind != Kind::Reader {
                return;
            }
            let scanner = setup.apply(&Scanner::new(encoding), good);
            let answer = setup.on_threads(|| scanner.extents(Source::reader(&mut FailingReader::new(&bytes[..good]))));
            match answer {
                Err(Error::Read { offset, source }) => {
                    assert_eq!(offset, good as u64, "{setup:?} {encoding}");
                    assert_eq!(source.kind(), ErrorKind::ConnectionReset);
                }
                other => panic!("{other:?} {setup:?} {encoding} {good}"),
            }
        });
    }
}

/// A stream need not even have the bytes after the bitmap of a log.
#[test]
fn a_stream_is_read_no_further_than_the_bitmap_of_a_cbtlog() {
    let bits = Rng::new(37).bits(3000);
    let bytes = naive::encode_cbtlog(&bits, 3000 * 65_536);
    let expected = Ok(Found { blocks: 3000, runs: naive::extents(&bits) });
    for_every_setup(|setup| {
        let scanner = setup.apply(&Scanner::new(Encoding::CbtLog), bytes.len());
        let mut reader = FailingReader::new(&bytes);
        let mut extents = Vec::new();
        let answer = setup.on_threads(|| scanner.extents_into(Source::reader(&mut reader), &mut extents));
        assert_eq!(simplify(&answer.map(|summary| (summary, extents))), expected, "{setup:?}");
    });
}

#[test]
fn a_pipe_is_read_as_a_stream() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let bits = Rng::new(41).bits(80_000);
    let text = naive::encode_base64(&bits);
    let writing = std::thread::spawn(move || writer.write_all(text.as_bytes()));
    let pipe = File::from(std::os::fd::OwnedFd::from(reader));
    assert!(Mapped::new(&pipe).is_err());
    let extents = Scanner::new(Encoding::Base64).extents(&pipe).expect("a stream is read as one");
    assert_eq!(pairs(&extents), naive::extents(&bits));
    writing.join().expect("no panic").expect("all was read");
}

/// The size of the disk tells when enough was read.
#[test]
fn a_stream_without_an_end_is_refused() {
    const RAW: Encoding = Encoding::Raw(BitOrder::Msb0);
    let size = VirtualSize::new(1 << 20).expect("not 0");
    let endless = |bytes: &'static [u8]| bytes.chain(std::io::repeat(*bytes.last().expect("some")));
    for (encoding, byte) in [
        (Encoding::Base64, b"A"),
        (Encoding::Base64, b"/"),
        (Encoding::Base64, b"q"),
        (Encoding::Bits, b"0"),
        (Encoding::Bits, b"1"),
        (RAW, b"\0"),
        (RAW, b"\xaa"),
    ] {
        for block_size in [BlockSize::MIN, BlockSize::DEFAULT, BlockSize::MAX] {
            let scanner = Scanner::new(encoding).virtual_size(size).block_size(block_size);
            let error = scanner.extents(Source::reader(&mut endless(byte))).expect_err("endless");
            assert!(matches!(&error, Error::TooLong { fitting, .. } if fitting.is_empty()), "{encoding}: {error}");
            let error = scanner.bitmap(Source::reader(&mut endless(byte))).expect_err("endless");
            assert_eq!(error.kind(), "too-long", "{encoding}");
        }
        let scanner = Scanner::new(encoding).virtual_size(size);
        let error = scanner.detect_block_size(Source::reader(&mut endless(byte))).expect_err("endless");
        assert!(matches!(&error, Error::UnknownBlockSize { fitting, .. } if fitting.is_empty()), "{encoding}: {error}");
    }
    for (encoding, bytes) in [
        (Encoding::Base64, &b"\n"[..]),
        (Encoding::Base64, b" "),
        (Encoding::Base64, b"YAA=\n"),
        (Encoding::Base64, b"YAA= "),
        (Encoding::Base64, b"YAAA\n"),
        (Encoding::Bits, b"\r"),
        (Encoding::Bits, b"0110000000000000\n"),
    ] {
        let scanner = Scanner::new(encoding).virtual_size(size);
        let error = scanner.extents(Source::reader(&mut endless(bytes))).expect_err("endless");
        let last = *bytes.last().expect("some");
        assert!(matches!(error, Error::InvalidSymbol { byte, .. } if byte == last), "{encoding}: {error}");
    }
    // Up to the longest bitmap of any block size, the length tells which one it is.
    let shorter = vec![0; 256];
    let error = Scanner::new(RAW).virtual_size(size).extents(Source::reader(&mut &*shorter)).expect_err("too long");
    assert!(matches!(&error, Error::TooLong { found: 256, fitting, .. } if *fitting == [512]), "{error}");
}

/// No part of a stream may pass for all of it. Four bytes end within a symbol.
#[test]
fn a_stream_is_judged_by_all_of_it_wherever_it_is_cut() {
    let size = VirtualSize::new(32 * 512).expect("not 0");
    for (text, expected) in [
        ("gAAAAA==", None),
        ("gAAAAA=\n=\n", None),
        ("gAAAAA", Some("missing-padding")),
        ("gAAAAA==gAAAAA==", Some("misplaced-padding")),
        ("gAAAAAAA", Some("too-long")),
        ("gAAAAAAAgAAA", Some("too-long")),
    ] {
        for chunk_bytes in 1..12 {
            let scanner = Scanner::new(Encoding::Base64).virtual_size(size).block_size(BlockSize::MIN);
            let scanner = scanner.chunk_bytes(chunk_bytes).parallel(false);
            let answer = scanner.extents(Source::reader(&mut text.as_bytes()));
            let kind = answer.as_ref().err().map(Error::kind);
            assert_eq!(kind, expected, "{text} in pieces of {chunk_bytes}");
        }
    }
}

/// Zeros that fill up a bitmap to four bytes end within a symbol, and cost no change before them.
#[test]
fn a_stream_that_is_filled_up_keeps_all_changes() {
    for blocks in 1..200 {
        let size = VirtualSize::new(blocks as u64 * 65_536).expect("not 0");
        let mut bits = vec![false; usize::next_multiple_of(blocks, 32)];
        bits[0] = true;
        bits[blocks - 1] = true;
        let text = naive::encode_base64(&bits);
        for chunk_bytes in [1, 5, 1000] {
            let scanner = Scanner::new(Encoding::Base64).virtual_size(size).chunk_bytes(chunk_bytes);
            let extents = scanner.extents(Source::reader(&mut text.as_bytes())).expect("good");
            assert_eq!(pairs(&extents), naive::extents(&bits), "{blocks} blocks in pieces of {chunk_bytes}");
        }
    }
}
