//! Lines with an offset and a length in them, read fast and in bounded memory.
//!
//! ```text
//! for each block that the input has:
//!     complete the line that the block before broke off, and parse it
//!     while the block has lines:
//!         read a common line, its digits eight at a time
//!         or cut off the next line at its line break, and have the format parse it
//!     keep the line that the block breaks off
//! ```
//!
//! Invariant: a line is parsed once its line break was read, or the input has ended, or it is longer than any line may be.

use std::borrow::Cow;
use std::io::{BufRead, ErrorKind};

use super::entry::{BATCH, Disk, Entries, Entry, Layout, fault};
use crate::error::{ListFault, Place};
use crate::{ByteRange, Error, Result};

/// The longest line that is kept. Only comments are as long.
const MAX_LINE_BYTES: usize = 64 << 10;
/// The longest line of numbers, with its line break.
const MAX_NUMBERS_BYTES: usize = 64;
/// The largest number that most programs know.
const MAX_OFFSET: u64 = i64::MAX as u64;

/// The range of a line, and whether that has changed; `None` if the line has no range.
pub(super) type Parsed = Option<(ByteRange, bool)>;

/// A format of lines.
pub(super) trait LineFormat {
    /// The byte between offset and length in a common line.
    const BETWEEN: u8;
    /// The text after the length in common lines, with the line break, and whether such a line is a change.
    const ENDINGS: &'static [(&'static [u8], bool)];
    /// The largest offset.
    const MAX_OFFSET: u64 = MAX_OFFSET;

    /// Parses a line that is not a common one. It has its line break, unless it is the last one or too long; then it is refused in any case.
    fn parse(&mut self, line: &[u8]) -> Result<Parsed, ListFault>;

    /// Whether the lines were read that have to come before the common ones.
    fn is_past_head(&self) -> bool {
        true
    }

    /// How the entries have to lie.
    fn layout(&self) -> Layout {
        Layout::Listed
    }

    /// The sizes in the file.
    fn disk(&self) -> Disk {
        Disk::default()
    }

    /// Checks the list once all of it was read.
    fn check_end(&self, _has_changes: bool) -> Result<(), ListFault> {
        if self.is_past_head() { Ok(()) } else { Err(ListFault::CutShort) }
    }
}

/// A reader of a format of lines.
pub(super) struct LineReader<R, F> {
    from: R,
    lines: Lines<F>,
}

impl<R, F> LineReader<R, F> {
    pub(super) const fn new(from: R, format: F) -> Self {
        Self { from, lines: Lines { format, broken_off: Vec::new(), number: 0, offset: 0, has_changes: false } }
    }
}

impl<R: BufRead, F: LineFormat> Entries for LineReader<R, F> {
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        while to.is_empty() {
            match self.from.fill_buf() {
                Ok([]) => return self.lines.finish(to),
                Ok(block) => {
                    let used = self.lines.read(block, to)?;
                    self.from.consume(used);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::Read { offset: self.lines.offset, source }),
            }
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.lines.offset
    }

    fn disk(&self) -> Disk {
        self.lines.format.disk()
    }

    fn layout(&self) -> Layout {
        self.lines.format.layout()
    }
}

/// The lines of an input that comes in blocks.
struct Lines<F> {
    format: F,
    /// The line that the last block broke off.
    broken_off: Vec<u8>,
    /// How many lines were parsed, and how many bytes they have.
    number: u64,
    offset: u64,
    has_changes: bool,
}

impl<F: LineFormat> Lines<F> {
    /// Appends entries of a block, up to a batch, and returns the number of bytes that were used.
    fn read(&mut self, block: &[u8], to: &mut Vec<Entry>) -> Result<usize> {
        let mut rest = block;
        if !self.broken_off.is_empty() {
            rest = &rest[self.complete(rest, to)?..];
        }
        while to.len() < BATCH && !rest.is_empty() {
            let common = if self.format.is_past_head() { common_line::<F>(rest) } else { None };
            let len = match common {
                Some((len, range, is_changed)) => {
                    self.push(len, range, is_changed, to);
                    len
                }
                None => match line_len(rest, MAX_LINE_BYTES) {
                    Some(len) => {
                        self.parse(&rest[..len], to)?;
                        len
                    }
                    None => self.complete(rest, to)?,
                },
            };
            rest = &rest[len..];
        }
        Ok(block.len() - rest.len())
    }

    /// Adds the start of a block to the line that was broken off, and parses it if that completes it. Returns the number of
    /// bytes that were used.
    fn complete(&mut self, block: &[u8], to: &mut Vec<Entry>) -> Result<usize> {
        let len = line_len(block, MAX_LINE_BYTES - self.broken_off.len());
        self.broken_off.extend_from_slice(&block[..len.unwrap_or(block.len())]);
        if len.is_some() {
            self.parse_broken_off(to)?;
        }
        Ok(len.unwrap_or(block.len()))
    }

    fn parse_broken_off(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        let mut line = std::mem::take(&mut self.broken_off);
        self.parse(&line, to)?;
        line.clear();
        self.broken_off = line;
        Ok(())
    }

    /// Appends the entry of the last line, if that has no line break and the format allows it.
    fn finish(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        if !self.broken_off.is_empty() {
            self.parse_broken_off(to)?;
        }
        let place = Place::End { offset: self.offset };
        self.format.check_end(self.has_changes).map_err(|found| fault(place, found))
    }

    /// Appends the entry of a line that is not a common one.
    fn parse(&mut self, line: &[u8], to: &mut Vec<Entry>) -> Result<()> {
        match self.format.parse(line).and_then(|found| check::<F>(line, found)) {
            Ok(Some((range, is_changed))) => self.push(line.len(), range, is_changed, to),
            Ok(None) => self.count(line.len()),
            Err(found) => return Err(fault(self.place(), found)),
        }
        Ok(())
    }

    /// The place of the next line.
    const fn place(&self) -> Place {
        Place::Line { number: self.number + 1, offset: self.offset }
    }

    fn push(&mut self, line_len: usize, range: ByteRange, is_changed: bool, to: &mut Vec<Entry>) {
        let ByteRange { offset_bytes, len_bytes } = range;
        to.push(Entry { place: self.place(), offset_bytes, len_bytes, is_changed });
        self.has_changes |= is_changed;
        self.count(line_len);
    }

    fn count(&mut self, line_len: usize) {
        self.number += 1;
        self.offset += line_len as u64;
    }
}

/// Refuses a line that was cut short, and a range that ends beyond what the format can say.
fn check<F: LineFormat>(line: &[u8], parsed: Parsed) -> Result<Parsed, ListFault> {
    if !line.ends_with(b"\n") {
        return Err(ListFault::CutShort);
    }
    match parsed {
        Some((range, _)) if F::MAX_OFFSET < u64::MAX && range.end_bytes() > F::MAX_OFFSET => {
            Err(ListFault::Syntax(Cow::Borrowed("ends beyond 2^63 - 1 bytes")))
        }
        parsed => Ok(parsed),
    }
}

/// The length of the line at the start of a block, with its line break, or as much as is kept of a longer one. `None` if the
/// block ends before.
fn line_len(block: &[u8], max: usize) -> Option<usize> {
    let line = &block[..block.len().min(max)];
    match line.iter().position(|&byte| byte == b'\n') {
        Some(at) => Some(at + 1),
        None if line.len() == max => Some(max),
        None => None,
    }
}

/// Reads a line as the format's writer leaves it: its length with the line break, the range, and whether that has changed.
#[inline(always)]
fn common_line<F: LineFormat>(block: &[u8]) -> Option<(usize, ByteRange, bool)> {
    let (offset_bytes, digits) = common_number(block)?;
    let (&between, rest) = block[digits..].split_first()?;
    if between != F::BETWEEN {
        return None;
    }
    let (len_bytes, digits) = common_number(rest)?;
    let rest = &rest[digits..];
    let (ending, is_changed) = F::ENDINGS.iter().find(|(ending, _)| rest.starts_with(ending))?;
    Some((block.len() - rest.len() + ending.len(), ByteRange { offset_bytes, len_bytes }, *is_changed))
}

/// Reads a number that has 1 to 15 digits, no zero before them, and more bytes after them. Returns the number of digits, too.
#[inline(always)]
fn common_number(block: &[u8]) -> Option<(u64, usize)> {
    const POWERS: [u64; 8] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000];
    let first = Eight::load(block)?;
    let (number, digits) = match first.digits() {
        8 => {
            let second = Eight::load(&block[8..])?;
            let more = second.digits();
            (first.number(8) * POWERS.get(more)? + second.number(more), 8 + more)
        }
        0 => return None,
        digits => (first.number(digits), digits),
    };
    if block[0] == b'0' && digits > 1 { None } else { Some((number, digits)) }
}

/// Eight bytes, the first in the lowest, less `0` each: digits are 0 to 9.
#[derive(Clone, Copy)]
struct Eight(u64);

impl Eight {
    #[inline(always)]
    fn load(block: &[u8]) -> Option<Self> {
        Some(Self(u64::from_le_bytes(*block.first_chunk()?) ^ u64::from_ne_bytes([b'0'; 8])))
    }

    /// How many digits come before the first byte that is none.
    #[inline(always)]
    const fn digits(self) -> usize {
        const TO_HIGHEST_BIT: u64 = u64::from_ne_bytes([0x80 - 10; 8]);
        const HIGHEST_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
        // Digits do not carry into the byte after them, so the first byte that is none is found for sure.
        let others = (self.0.wrapping_add(TO_HIGHEST_BIT) | self.0) & HIGHEST_BITS;
        (others.trailing_zeros() / 8) as usize
    }

    /// The number that the first so many bytes make, which are digits.
    #[inline(always)]
    const fn number(self, digits: usize) -> u64 {
        const TWO_OF_FOUR: u64 = 0x0000_00ff_0000_00ff;
        // Zeros come before the first digit, so that there are eight.
        let eight = if digits == 8 { self.0 } else { self.0 << (56 - 8 * digits) << 8 };
        // In the second byte of each two bytes is now the number that both make.
        let pairs = eight.wrapping_mul(10).wrapping_add(eight >> 8);
        let first_and_third = (pairs & TWO_OF_FOUR).wrapping_mul(100 + (1_000_000 << 32));
        let second_and_fourth = (pairs >> 16 & TWO_OF_FOUR).wrapping_mul(1 + (10_000 << 32));
        first_and_third.wrapping_add(second_and_fourth) >> 32
    }
}

/// A line of numbers without its line break. A line that is too long has the fault `otherwise`.
pub(super) fn without_line_break(line: &[u8], otherwise: ListFault) -> Result<&[u8], ListFault> {
    match line.strip_suffix(b"\n") {
        Some(text) if line.len() <= MAX_NUMBERS_BYTES => Ok(text.strip_suffix(b"\r").unwrap_or(text)),
        None if line.len() < MAX_NUMBERS_BYTES => Err(ListFault::CutShort),
        _ => Err(otherwise),
    }
}

/// An offset and a length in decimal digits, with one byte between them.
pub(super) fn two_numbers(line: &[u8], between: u8, otherwise: &ListFault) -> Result<ByteRange, ListFault> {
    let line = without_line_break(line, otherwise.clone())?;
    let at = line.iter().position(|&byte| byte == between).ok_or_else(|| otherwise.clone())?;
    let (offset_bytes, len_bytes) = (decimal(&line[..at], otherwise)?, decimal(&line[at + 1..], otherwise)?);
    Ok(ByteRange { offset_bytes, len_bytes })
}

/// A number in decimal digits, and nothing else.
pub(super) fn decimal(digits: &[u8], otherwise: &ListFault) -> Result<u64, ListFault> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(otherwise.clone());
    }
    let add = |number: u64, digit: &u8| number.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    digits.iter().try_fold(0, add).ok_or(ListFault::TooLarge)
}
