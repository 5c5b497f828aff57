//! Reads a list of byte ranges from text: one `OFFSET LENGTH` a line, as [`Text`](super::Text) writes it.
//!
//! Invariant: a range is given only after the line after it was read and found good, or the end of the list; so ranges that
//! touch each other are given as one.

use std::io::{self, BufRead};
use std::iter::FusedIterator;

use crate::{ByteRange, Error, LineFault, Result, VirtualSize};

/// The longest line that is read: two numbers of 64 bits, a space, and a line break, with room to be told what is there.
const MAX_LINE_BYTES: usize = 64;

/// The byte ranges of a list, one `OFFSET LENGTH` a line, in decimal bytes: sorted and disjoint.
///
/// They come as they are read, in bounded memory, and those that touch each other are put together. The ranges before an
/// error must not be used.
///
/// A list that was cut short between two lines looks whole. One without a single line is refused, since a program that
/// failed leaves as much; [`allow_empty`](Self::allow_empty) takes it for no changes.
///
/// ```
/// use changed_blocks::ByteRange;
/// use changed_blocks::format::TextReader;
///
/// let ranges: Result<Vec<ByteRange>, _> = TextReader::new("0 512\n512 512\n65536 131072\n".as_bytes()).collect();
/// assert_eq!(ranges?, [ByteRange::between(0, 1024), ByteRange::between(65_536, 196_608)]);
///
/// let error = TextReader::new("0 512\n65536 131".as_bytes()).last().expect("an item").expect_err("cut short");
/// assert_eq!(error.to_string(), "line 2 at offset 6 does not end with a line break: it may have been cut short");
/// # Ok::<(), changed_blocks::Error>(())
/// ```
#[derive(Debug)]
pub struct TextReader<R> {
    reader: R,
    virtual_size: Option<VirtualSize>,
    allow_empty: bool,
    line: Vec<u8>,
    /// How many lines were read, and how many bytes.
    lines: u64,
    bytes: u64,
    /// The last range, to which the next may be added.
    last: Option<ByteRange>,
    is_at_end: bool,
}

impl<R: BufRead> TextReader<R> {
    /// A reader of a list that has to have a range.
    pub const fn new(reader: R) -> Self {
        Self {
            reader,
            virtual_size: None,
            allow_empty: false,
            line: Vec::new(),
            lines: 0,
            bytes: 0,
            last: None,
            is_at_end: false,
        }
    }

    /// The size of the disk, beyond which no range may reach.
    #[must_use]
    pub const fn virtual_size(mut self, virtual_size: Option<VirtualSize>) -> Self {
        self.virtual_size = virtual_size;
        self
    }

    /// As [`virtual_size`](Self::virtual_size), for a reader that is in use. What was read before is not held against it.
    pub const fn set_virtual_size(&mut self, virtual_size: VirtualSize) {
        self.virtual_size = Some(virtual_size);
    }

    /// Whether an empty list is to be taken for no changes.
    #[must_use]
    pub const fn allow_empty(mut self, allow: bool) -> Self {
        self.allow_empty = allow;
        self
    }

    /// How many bytes have been read.
    pub const fn bytes_read(&self) -> u64 {
        self.bytes
    }

    /// The range of the next line; `None` at the end of the list.
    fn next_line(&mut self) -> Result<Option<ByteRange>> {
        self.line.clear();
        let offset = self.bytes;
        read_line(&mut self.reader, &mut self.line).map_err(|source| Error::Read { offset, source })?;
        if self.line.is_empty() {
            return if self.lines == 0 && !self.allow_empty { Err(Error::EmptyList) } else { Ok(None) };
        }
        self.lines += 1;
        self.bytes += self.line.len() as u64;
        let range = self.parse().map_err(|fault| Error::ListLine { line: self.lines, offset, fault })?;
        Ok(Some(range))
    }

    fn parse(&self) -> Result<ByteRange, LineFault> {
        let line = match self.line.strip_suffix(b"\n") {
            Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
            None if self.line.len() < MAX_LINE_BYTES => return Err(LineFault::CutShort),
            None => return Err(LineFault::NotTwoNumbers),
        };
        let space = line.iter().position(|&byte| byte == b' ').ok_or(LineFault::NotTwoNumbers)?;
        let (offset, len) = (number(&line[..space])?, number(&line[space + 1..])?);
        let end = offset.checked_add(len).ok_or(LineFault::TooLarge)?;
        if len == 0 {
            return Err(LineFault::Empty);
        }
        if let Some(last) = self.last.filter(|last| offset < last.end_bytes()) {
            return Err(LineFault::Overlap(last.end_bytes()));
        }
        match self.virtual_size.map(VirtualSize::bytes) {
            Some(size) if end > size => Err(LineFault::BeyondEnd(size)),
            _ => Ok(ByteRange { offset_bytes: offset, len_bytes: len }),
        }
    }
}

/// Appends the next line with its line break, or as much of it as a good line can have.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    io::Read::take(reader, MAX_LINE_BYTES as u64).read_until(b'\n', line)?;
    Ok(())
}

/// A number in decimal digits, and nothing else.
fn number(digits: &[u8]) -> Result<u64, LineFault> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(LineFault::NotTwoNumbers);
    }
    let add = |number: u64, digit: &u8| number.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    digits.iter().try_fold(0, add).ok_or(LineFault::TooLarge)
}

impl<R: BufRead> Iterator for TextReader<R> {
    type Item = Result<ByteRange>;

    fn next(&mut self) -> Option<Result<ByteRange>> {
        while !self.is_at_end {
            match self.next_line() {
                Ok(Some(range)) => match &mut self.last {
                    Some(last) if last.end_bytes() == range.offset_bytes => last.len_bytes += range.len_bytes,
                    last => {
                        if let Some(whole) = last.replace(range) {
                            return Some(Ok(whole));
                        }
                    }
                },
                Ok(None) => self.is_at_end = true,
                Err(error) => {
                    (self.is_at_end, self.last) = (true, None);
                    return Some(Err(error));
                }
            }
        }
        self.last.take().map(Ok)
    }
}

impl<R: BufRead> FusedIterator for TextReader<R> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<ByteRange>, String> {
        TextReader::new(text.as_bytes()).collect::<Result<_>>().map_err(|error| error.to_string())
    }

    #[test]
    fn good_lists_are_read_and_touching_ranges_put_together() {
        let between = ByteRange::between;
        assert_eq!(read("0 1\n"), Ok(vec![between(0, 1)]));
        assert_eq!(read("0 1\r\n2 1\r\n"), Ok(vec![between(0, 1), between(2, 3)]));
        assert_eq!(read("0 1\n1 1\n2 5\n9 1\n"), Ok(vec![between(0, 7), between(9, 10)]));
        assert_eq!(read("007 0001\n"), Ok(vec![between(7, 8)]));
        let last = u64::MAX - 1;
        assert_eq!(read(&format!("0 1\n{last} 1\n")), Ok(vec![between(0, 1), between(last, u64::MAX)]));
    }

    #[test]
    fn each_bad_line_is_named_with_its_place() {
        for (bad, fault) in [
            ("\n", LineFault::NotTwoNumbers),
            ("x 1\n", LineFault::NotTwoNumbers),
            ("1\n", LineFault::NotTwoNumbers),
            ("1 \n", LineFault::NotTwoNumbers),
            (" 1\n", LineFault::NotTwoNumbers),
            ("100  1\n", LineFault::NotTwoNumbers),
            ("100\t1\n", LineFault::NotTwoNumbers),
            ("+100 1\n", LineFault::NotTwoNumbers),
            ("100 -1\n", LineFault::NotTwoNumbers),
            ("100 1 1\n", LineFault::NotTwoNumbers),
            ("100 1\r\r\n", LineFault::NotTwoNumbers),
            ("100 0\n", LineFault::Empty),
            ("9 1\n", LineFault::Overlap(10)),
            ("18446744073709551616 1\n", LineFault::TooLarge),
            ("18446744073709551615 1\n", LineFault::TooLarge),
            ("100 18446744073709551616\n", LineFault::TooLarge),
            ("101 1", LineFault::CutShort),
            ("101 901\n", LineFault::BeyondEnd(1001)),
            (&"1".repeat(100), LineFault::NotTwoNumbers),
        ] {
            let text = format!("0 10\n{bad}");
            let reader = TextReader::new(text.as_bytes()).virtual_size(VirtualSize::new(1001).ok());
            let items: Vec<_> = reader.collect();
            match &items[..] {
                [Err(Error::ListLine { line: 2, offset: 5, fault: found })] => assert_eq!(*found, fault, "{bad:?}"),
                other => panic!("{other:?} of {bad:?}"),
            }
        }
    }

    #[test]
    fn a_list_cut_at_any_byte_is_an_error_or_ends_with_a_whole_line() {
        let text = "0 1024\n65536 131072\n1048576 65536\n";
        let all = read(text).expect("a good list");
        for len in 0..text.len() {
            let cut = read(&text[..len]);
            if len > 0 && text.as_bytes()[len - 1] == b'\n' {
                assert!(cut.is_ok_and(|ranges| all.starts_with(&ranges)), "{len}");
            } else {
                assert!(cut.is_err(), "{len}");
            }
        }
    }

    #[test]
    fn an_empty_list_is_refused_unless_it_is_allowed() {
        assert!(matches!(TextReader::new(&b""[..]).next(), Some(Err(Error::EmptyList))));
        assert!(TextReader::new(&b""[..]).allow_empty(true).next().is_none());
    }
}
