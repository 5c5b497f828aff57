//! Bitmaps as sorted ranges: what is wrong with a bitmap is never lost on the way.

use changed_blocks::shape::SortedRanges;
use changed_blocks::{Encoding, Error, Scanner, ValidRanges};

use super::*;

const BLOCK: u64 = 65_536;

/// Blocks 0 and 2 of 48,000 are changed, in many chunks.
fn text() -> String {
    format!("oAAA{}", "AAAA".repeat(1999))
}

fn scanner() -> Scanner {
    Scanner::new(Encoding::Base64).chunk_bytes(4096)
}

#[test]
fn a_good_bitmap_gives_the_result() {
    let text = text();
    let process = || scanner().iter_byte_ranges(&text).expect("it can be opened");
    let merged: Vec<ByteRange> = process().process(|ranges| ranges.merge_gaps(BLOCK).collect()).expect("good");
    assert_eq!(merged, [range(0, 3 * BLOCK)]);
    // A limit leaves the rest unread, but not unjudged.
    let first: Vec<ByteRange> = process().process(|ranges| ranges.limit(1).collect()).expect("good");
    assert_eq!(first, [range(0, BLOCK)]);
}

#[test]
fn an_error_takes_the_place_of_the_result() {
    let damaged = text().replace("AAAAAAAA", "AAAAAAA!");
    let place = damaged.find('!').expect("it was put there") as u64;
    let shapes: [fn(ValidRanges<'_, '_>) -> usize; 4] = [
        |ranges| ranges.count(),
        |ranges| ranges.invert(range(0, u64::MAX)).count(),
        // These leave some of the bitmap unread, or all of it.
        |ranges| ranges.take(1).count(),
        |_| 0,
    ];
    for shape in shapes {
        let ranges = scanner().iter_byte_ranges(&damaged).expect("it can be opened");
        let error = ranges.process(shape).expect_err("damaged");
        assert!(matches!(error, Error::InvalidSymbol { offset, byte: b'!' } if offset == place), "{error}");
    }
}

#[test]
fn nothing_follows_an_error() {
    let damaged = text() + "!" + &text();
    let ranges = scanner().iter_byte_ranges(&damaged).expect("it can be opened");
    let mut found = None;
    let outcome = ranges.process(|mut ranges| {
        while ranges.next().is_some() {}
        found = ranges.next();
    });
    assert!(outcome.is_err() && found.is_none());
}
