//! Scans of any bytes in every encoding: extents and errors are those of the oracle, or those of another way to ask.

use std::io::{self, Read};

use changed_blocks::cbtlog::{HEADER_BYTES, Header};
use changed_blocks::{BitOrder, Encoding, Result, Source, Tier};

use super::cursor::Cursor;
use super::setup::{Setup, check, scan_freely, scan_plainly};
use crate::naive::{Expect, Found, Verdict};

/// Texts in both alphabets: extents and errors are the oracle's.
pub(crate) fn text(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let encoding = if cursor.flag() { Encoding::Bits } else { Encoding::Base64 };
    let expect = expectation(encoding, &mut cursor);
    let setups = Setup::chosen(&mut cursor);
    check(&expect, &setups, cursor.rest(), &expect.scan(cursor.rest()));
}

/// Raw bitmaps in both orders: extents and errors are the oracle's, and one order is the other reversed.
pub(crate) fn raw(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let msb0 = expectation(Encoding::Raw(BitOrder::Msb0), &mut cursor);
    let lsb0 = Expect { encoding: Encoding::Raw(BitOrder::Lsb0), ..msb0 };
    let setups = Setup::chosen(&mut cursor);
    let input = cursor.rest();
    let reversed: Vec<u8> = input.iter().map(|byte| byte.reverse_bits()).collect();
    let expected = msb0.scan(input);
    assert_eq!(lsb0.scan(&reversed), expected);
    check(&msb0, &setups, input, &expected);
    check(&lsb0, &setups, &reversed, &expected);
}

/// A stream gives the same answer as a slice, whatever the sizes of its pieces.
pub(crate) fn stream(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let encoding = cursor.choose(Encoding::ALL);
    let expect = expectation(encoding, &mut cursor);
    let setups = Setup::chosen(&mut cursor);
    let sizes: [usize; 4] = std::array::from_fn(|_| cursor.chunk_bytes());
    let input = cursor.rest();
    let whole = scan_plainly(Tier::Portable, &expect, input);
    for setup in setups {
        let mut reader = Pieces { rest: input, sizes, calls: 0 };
        let found = setup.scan_source(&expect, Source::reader(&mut reader), input.len());
        assert!(found == whole || left_early(&expect, &found, &whole), "{setup:?}: {found:?} {whole:?}");
    }
}

/// Whether a stream was left because it is longer than any bitmap of the disk, whatever the block size. All of the input
/// is then wrong as well, in this way or by what comes later.
fn left_early(expect: &Expect, found: &Result<Found, Verdict>, whole: &Result<Found, Verdict>) -> bool {
    let (Some(size), Err(verdict)) = (expect.virtual_size, found) else { return false };
    let bytes = size.div_ceil(512).div_ceil(8).max(size.div_ceil(65_536).div_ceil(32) * 4);
    let most = if expect.encoding == Encoding::Bits { bytes.saturating_mul(8) } else { bytes };
    verdict.kind == "too-long" && verdict.figures.is_some_and(|(found, _)| found > most) && whole.is_err()
}

/// Any bytes as a `.cbtlog`: the header is what the format says, and so is the rest.
pub(crate) fn cbtlog_header(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let expect = expectation(Encoding::CbtLog, &mut cursor);
    let setups = Setup::chosen(&mut cursor);
    let input = cursor.rest();
    let expected = expect.scan(input);
    if let Ok(header) = Header::parse(input) {
        let bytes = header.to_bytes();
        assert_eq!(Header::parse(&bytes).expect("our own"), header);
        assert_eq!(bytes[..36], input[..36]);
        assert_eq!(bytes[40..], input[40..HEADER_BYTES]);
        // As a bitmap without a header.
        let rest = &input[HEADER_BYTES..];
        let len = usize::try_from(header.bitmap_bytes()).map_or(rest.len(), |len| len.min(rest.len()));
        let open = Expect { allow_inconsistent: true, ..Expect::new(Encoding::CbtLog) };
        let bare = Expect::new(Encoding::Raw(BitOrder::Lsb0)).size(header.virtual_size.bytes());
        // Of an empty one, only the header tells how much is missing.
        if len > 0 {
            assert_eq!(scan_freely(Tier::Portable, &open, input), bare.scan(&rest[..len]));
        }
    } else {
        assert!(expected.is_err());
    }
    check(&expect, &setups, input, &expected);
}

/// All tiers, whatever the chunks and on however many threads, give the same answer as the plainest one.
pub(crate) fn tiers(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let encoding = cursor.choose(Encoding::ALL);
    let expect = expectation(encoding, &mut cursor);
    let setups = Setup::chosen(&mut cursor);
    // Repeated, so that short inputs fill tiles too; sometimes so often that the library chooses several threads.
    let repeats = cursor.byte();
    let most_bytes = if repeats < 252 { 8_320 } else { 65_536 };
    let input = cursor.rest();
    let input = input.repeat((1 << (repeats % 12)).min(1 + most_bytes / (input.len() + 1)));
    let expected = scan_plainly(Tier::Portable, &expect, &input);
    for setup in setups {
        assert_eq!(setup.scan(&expect, &input), expected, "{setup:?}");
        assert_eq!(scan_freely(setup.tier, &expect, &input), expected, "{setup:?}");
    }
}

/// The expectations about an input: the size of the disk, if at all, near that of the input or anything.
fn expectation(encoding: Encoding, cursor: &mut Cursor<'_>) -> Expect {
    let flags = cursor.byte();
    let block_size = if flags & 0xf0 == 0xf0 { 512 } else { 65_536 };
    let expect = Expect { allow_inconsistent: flags & 2 != 0, block_size, ..Expect::new(encoding) };
    match flags >> 2 & 3 {
        0 | 1 => expect,
        2 => expect.size(u64::from(cursor.byte()) * block_size + 1 + u64::from(cursor.byte())),
        _ => expect.size(cursor.number().max(1)),
    }
}

/// A stream in pieces of given sizes, interrupted now and then.
struct Pieces<'a> {
    rest: &'a [u8],
    sizes: [usize; 4],
    calls: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        if self.calls.is_multiple_of(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = self.sizes[self.calls % 4].min(buffer.len()).min(self.rest.len());
        buffer[..len].copy_from_slice(&self.rest[..len]);
        self.rest = &self.rest[len..];
        Ok(len)
    }
}
