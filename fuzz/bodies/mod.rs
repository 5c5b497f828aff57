//! What the fuzz targets do with their bytes. Kept apart from the targets, so that `cargo test` replays the seeds and
//! every input that ever failed; it needs nothing but the library, and the oracle as `crate::naive`.

// Each fuzz target uses one of these.
#![allow(dead_code)]

pub(crate) mod chain;
mod cursor;
pub(crate) mod lines;

use std::io::{self, Read};
use std::ops::ControlFlow;

use changed_blocks::cbtlog::{HEADER_BYTES, Header};
use changed_blocks::{
    BitOrder, Bitmap, Encoding, Error, Extent, Lengths, Result, Scanner, Source, Summary, Tier, is_canonical,
};
use cursor::Cursor;

use crate::naive::{self, Expect, Found, Verdict};

/// Texts in both alphabets: extents and errors are the oracle's.
pub(crate) fn text(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let encoding = if cursor.flag() { Encoding::Bits } else { Encoding::Base64 };
    let expect = expectation(encoding, &mut cursor);
    let chunk_bytes = cursor.chunk_bytes();
    agrees_on_every_tier(&expect, chunk_bytes, cursor.rest());
}

/// Raw bitmaps in both orders: extents and errors are the oracle's, and one order is the other reversed.
pub(crate) fn raw(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let expect = expectation(Encoding::Raw(BitOrder::Msb0), &mut cursor);
    let chunk_bytes = cursor.chunk_bytes();
    let input = cursor.rest();
    let reversed: Vec<u8> = input.iter().map(|byte| byte.reverse_bits()).collect();
    let msb0 = expect.scan(input);
    let lsb0 = Expect { encoding: Encoding::Raw(BitOrder::Lsb0), ..expect };
    assert_eq!(lsb0.scan(&reversed), msb0);
    for tier in Tier::available() {
        assert_eq!(scan(&lsb0.scanner().tier(tier).parallel(false), &reversed), msb0, "{tier}");
    }
    agrees_on_every_tier(&expect, chunk_bytes, input);
}

/// A stream, whatever the sizes of its pieces, is what it is as a slice.
pub(crate) fn stream(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let encoding = cursor.choose(Encoding::ALL);
    let expect = expectation(encoding, &mut cursor);
    let chunk_bytes = cursor.chunk_bytes();
    let parallel = cursor.flag();
    let sizes: [usize; 4] = std::array::from_fn(|_| cursor.chunk_bytes());
    let input = cursor.rest();
    for tier in Tier::available() {
        let scanner = cut_up(expect.scanner().tier(tier), chunk_bytes, input.len()).parallel(parallel);
        let mut reader = Pieces { rest: input, sizes, calls: 0 };
        let from_stream = simplify(collect(&scanner, Source::reader(&mut reader)));
        let whole = scan(&expect.scanner().tier(tier).parallel(false), input);
        assert!(from_stream == whole || left_early(&expect, &from_stream, &whole), "{tier}: {from_stream:?} {whole:?}");
        let mut reader = Pieces { rest: input, sizes, calls: 0 };
        assert_eq!(simplify(visit(&scanner, Source::reader(&mut reader))), from_stream, "{tier}");
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

/// What a bitmap is written down as, it is read back from.
pub(crate) fn roundtrip(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let (chunk_bytes, parallel) = (cursor.chunk_bytes(), cursor.flag());
    let bits = cursor.bits();
    if bits.is_empty() {
        return;
    }
    let bitmap = made_of(&bits);
    let blocks = bitmap.blocks();
    assert_eq!(bitmap.to_base64(), naive::encode_base64(&bits));
    assert_eq!(bitmap.to_bits(), naive::encode_bits(&bits));
    let forms = [
        (Encoding::Base64, bitmap.to_base64().into_bytes()),
        (Encoding::Bits, bitmap.to_bits().into_bytes()),
        (Encoding::Raw(BitOrder::Msb0), bitmap.to_raw(BitOrder::Msb0)),
        (Encoding::Raw(BitOrder::Lsb0), bitmap.to_raw(BitOrder::Lsb0)),
        (Encoding::CbtLog, naive::encode_cbtlog(&bits, blocks * 65_536)),
    ];
    for tier in Tier::available() {
        for (encoding, bytes) in &forms {
            let scanner = Expect::new(*encoding).blocks(blocks).scanner();
            let scanner = cut_up(scanner.tier(tier), chunk_bytes, bytes.len()).parallel(parallel);
            let back = scanner.bitmap(bytes).expect("a good bitmap");
            assert_eq!(back, bitmap, "{tier} {encoding}");
            assert_eq!(back.extents(), scanner.extents(bytes).expect("a good bitmap"), "{tier} {encoding}");
        }
    }
}

/// Any bytes as a `.cbtlog`: the header is what the format says, and so is the rest.
pub(crate) fn cbtlog_header(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let expect = expectation(Encoding::CbtLog, &mut cursor);
    let chunk_bytes = cursor.chunk_bytes();
    let input = cursor.rest();
    if let Ok(header) = Header::parse(input) {
        let bytes = header.to_bytes();
        assert_eq!(Header::parse(&bytes).expect("our own"), header);
        assert_eq!(bytes[..36], input[..36]);
        assert_eq!(bytes[40..], input[40..HEADER_BYTES]);
        // The same bitmap without a header.
        let rest = &input[HEADER_BYTES..];
        let len = usize::try_from(header.bitmap_bytes()).map_or(rest.len(), |len| len.min(rest.len()));
        let open = Expect { allow_inconsistent: true, ..Expect::new(Encoding::CbtLog) };
        let bare = Expect::new(Encoding::Raw(BitOrder::Lsb0)).size(header.virtual_size.bytes());
        // Of an empty one, only the header tells how much is missing.
        if len > 0 {
            assert_eq!(scan(&open.scanner(), input), bare.scan(&rest[..len]));
        }
    } else {
        assert!(expect.scan(input).is_err());
    }
    agrees_on_every_tier(&expect, chunk_bytes, input);
}

/// Set algebra is that of truth values, block by block.
pub(crate) fn algebra(data: &[u8]) {
    type Operation = fn(&Bitmap, &Bitmap, Lengths) -> Result<Bitmap>;
    type OfOneBlock = fn(bool, bool) -> bool;
    const OPERATIONS: [(Operation, OfOneBlock); 4] = [
        (Bitmap::union, |a, b| a || b),
        (Bitmap::intersection, |a, b| a && b),
        (Bitmap::difference, |a, b| a && !b),
        (Bitmap::symmetric_difference, |a, b| a != b),
    ];
    let mut cursor = Cursor::new(data);
    let mut bits = Vec::new();
    let mut bitmap = Bitmap::new(0);
    // A program of operations on one bitmap, held against the plain list after every step.
    for _ in 0..20 {
        let step = cursor.byte();
        let other_bits = cursor.few_bits();
        let other = made_of(&other_bits);
        match step % 8 {
            0..=3 => {
                let (operation, of_one_block) = OPERATIONS[usize::from(step % 4)];
                let lengths = if step & 0x80 == 0 { Lengths::Extend } else { Lengths::Equal };
                match operation(&bitmap, &other, lengths) {
                    Ok(result) => {
                        let at = |bits: &[bool], block: usize| bits.get(block).copied().unwrap_or(false);
                        bits = (0..bits.len().max(other_bits.len()))
                            .map(|block| of_one_block(at(&bits, block), at(&other_bits, block)))
                            .collect();
                        bitmap = result;
                    }
                    Err(Error::LengthMismatch { left, right }) => {
                        assert_eq!(lengths, Lengths::Equal);
                        assert_eq!((left, right), (bits.len() as u64, other_bits.len() as u64));
                        assert_ne!(left, right);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            4 => {
                bits.iter_mut().for_each(|bit| *bit = !*bit);
                bitmap = bitmap.complement();
            }
            5 => {
                bits.resize(other_bits.len(), false);
                bitmap.resize(other.blocks());
            }
            6 => {
                let (a, b) = (usize::from(cursor.byte()) * 3, usize::from(cursor.byte()) * 3);
                let (start, end) = (a.min(bits.len()), b.min(bits.len()));
                if start <= end {
                    bits[start..end].fill(true);
                }
                bitmap.set(Extent::new(start as u64, end as u64));
            }
            _ => (bits, bitmap) = (other_bits, other),
        }
        assert_eq!(bitmap, made_of(&bits), "step {step}");
        assert_eq!(pairs(&bitmap.extents()), naive::extents(&bits));
        assert_eq!(bitmap.count(), bits.iter().filter(|&&bit| bit).count() as u64);
    }
}

/// All tiers, whatever the chunks and on however many threads, say the same as one of them plainly does.
pub(crate) fn tiers(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let encoding = cursor.choose(Encoding::ALL);
    let expect = expectation(encoding, &mut cursor);
    let chunks: [usize; 3] = std::array::from_fn(|_| cursor.chunk_bytes());
    // Repeated, so that short inputs fill tiles too.
    let repeats = 1 << (cursor.byte() % 12);
    let input = cursor.rest().repeat(repeats.min(1 + 65_536 / (cursor.rest().len() + 1)));
    let plain = scan(&expect.scanner().tier(Tier::Portable).parallel(false), &input);
    for tier in Tier::available() {
        for chunk_bytes in chunks {
            for parallel in [false, true] {
                let scanner = cut_up(expect.scanner().tier(tier), chunk_bytes, input.len()).parallel(parallel);
                assert_eq!(scan(&scanner, &input), plain, "{tier} {chunk_bytes} {parallel}");
            }
        }
        assert_eq!(scan(&expect.scanner().tier(tier), &input), plain, "{tier}");
    }
}

/// What else is said of an input: the size of the disk, if at all, near that of the input or anything.
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

/// Serial, in parallel, and to a visitor, each tier says what the oracle says.
fn agrees_on_every_tier(expect: &Expect, chunk_bytes: usize, input: &[u8]) {
    let expected = expect.scan(input);
    for tier in Tier::available() {
        let scanner = expect.scanner().tier(tier);
        assert_eq!(scan(&scanner.clone().parallel(false), input), expected, "{tier}");
        let cut_up = cut_up(scanner, chunk_bytes, input.len());
        assert_eq!(scan(&cut_up, input), expected, "{tier} {chunk_bytes}");
        assert_eq!(simplify(visit(&cut_up.parallel(false), Source::from(input))), expected, "{tier} {chunk_bytes}");
    }
}

/// The scanner with chunks of that size, but for long inputs: more pieces than that take long and show nothing new.
fn cut_up(scanner: Scanner, chunk_bytes: usize, len: usize) -> Scanner {
    scanner.chunk_bytes(chunk_bytes.max(len / 100))
}

fn scan(scanner: &Scanner, input: &[u8]) -> Result<Found, Verdict> {
    simplify(collect(scanner, Source::from(input)))
}

fn collect(scanner: &Scanner, source: Source<'_>) -> Result<(Summary, Vec<Extent>)> {
    let mut extents = Vec::new();
    let summary = scanner.extents_into(source, &mut extents).inspect_err(|_| assert!(extents.is_empty()))?;
    Ok((summary, extents))
}

fn visit(scanner: &Scanner, source: Source<'_>) -> Result<(Summary, Vec<Extent>)> {
    let mut extents = Vec::new();
    let outcome = scanner.visit(source, |batch: &[Extent]| {
        extents.extend_from_slice(batch);
        ControlFlow::<std::convert::Infallible>::Continue(())
    })?;
    let ControlFlow::Continue(summary) = outcome;
    Ok((summary, extents))
}

fn simplify(answer: Result<(Summary, Vec<Extent>)>) -> Result<Found, Verdict> {
    let (summary, extents) = answer.map_err(|error| Verdict::of(&error))?;
    assert!(is_canonical(&extents));
    Ok(Found { blocks: summary.blocks, runs: pairs(&extents) })
}

fn pairs(extents: &[Extent]) -> naive::Runs {
    extents.iter().map(|extent| (extent.start_block, extent.end_block)).collect()
}

fn made_of(bits: &[bool]) -> Bitmap {
    let extents: Vec<Extent> = naive::extents(bits).into_iter().map(|(start, end)| Extent::new(start, end)).collect();
    Bitmap::from_extents(bits.len() as u64, &extents)
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
