//! One extent a line: `OFFSET LENGTH`, in decimal bytes.

use super::extent_format::ExtentFormat;
use super::line_reader::{LineFormat, LineReader, Parsed, two_numbers};
use super::lines::push_lines;
use super::table::{Gaps, ListFormat, Needs};
use crate::ByteRange;
use crate::arch::contract::Line;
use crate::error::ListFault;

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "text",
    summary: "OFFSET LENGTH, in bytes, one extent a line",
    has_virtual_size: false,
    has_block_size: false,
    gaps: Gaps::Unchanged,
    needs: Needs::Nothing,
    options: &[],
    open: Some(|from, _| Ok(Box::new(LineReader::new(from, Text)))),
    writer: Some(&Text),
};

/// `OFFSET LENGTH` a line, for changed ranges only: a gap means unchanged, never zeros.
#[derive(Clone, Copy, Debug, Default)]
pub struct Text;

impl ExtentFormat for Text {
    fn ranges(&self, _previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_lines::<Self>(ranges, to);
    }
}

impl Line for Text {
    const BEFORE: &'static [u8] = b"";
    const BETWEEN: &'static [u8] = b" ";
    const AFTER: &'static [u8] = b"\n";
}

const NOT_TWO_NUMBERS: ListFault = ListFault::Syntax(std::borrow::Cow::Borrowed(
    "is not an offset and a length, two decimal numbers with a space between",
));

impl LineFormat for Text {
    const BETWEEN: u8 = b' ';
    const ENDINGS: &'static [(&'static [u8], bool)] = &[(Self::AFTER, true)];
    const MAX_OFFSET: u64 = u64::MAX;

    fn parse(&mut self, line: &[u8]) -> Result<Parsed, ListFault> {
        two_numbers(line, b' ', &NOT_TWO_NUMBERS).map(|range| Some((range, true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::error::Place;
    use crate::format::{ListReader, ReadOptions};
    use crate::{Error, Result, VirtualSize};

    fn open<'a>(text: &'a str, options: &ReadOptions) -> ListReader<'a> {
        FORMAT.read(text.as_bytes(), options).expect("no options needed").expect("readable")
    }

    fn read(text: &str) -> Result<Vec<ByteRange>, String> {
        open(text, &ReadOptions::default()).collect::<Result<_>>().map_err(|error| error.to_string())
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
            ("\n", NOT_TWO_NUMBERS),
            ("x 1\n", NOT_TWO_NUMBERS),
            ("1\n", NOT_TWO_NUMBERS),
            ("1 \n", NOT_TWO_NUMBERS),
            (" 1\n", NOT_TWO_NUMBERS),
            ("100  1\n", NOT_TWO_NUMBERS),
            ("100\t1\n", NOT_TWO_NUMBERS),
            ("+100 1\n", NOT_TWO_NUMBERS),
            ("100 -1\n", NOT_TWO_NUMBERS),
            ("100 1 1\n", NOT_TWO_NUMBERS),
            ("100 1\r\r\n", NOT_TWO_NUMBERS),
            ("100 0\n", ListFault::Empty),
            ("9 1\n", ListFault::Overlap(10)),
            ("18446744073709551616 1\n", ListFault::TooLarge),
            ("18446744073709551615 1\n", ListFault::TooLarge),
            ("100 18446744073709551616\n", ListFault::TooLarge),
            ("101 1", ListFault::CutShort),
            ("101 901\n", ListFault::BeyondEnd(1001)),
            (&"1".repeat(100), NOT_TWO_NUMBERS),
        ] {
            let text = format!("0 10\n{bad}");
            let options = ReadOptions { virtual_size: VirtualSize::new(1001).ok(), ..ReadOptions::default() };
            let items: Vec<_> = open(&text, &options).collect();
            match &items[..] {
                [Err(Error::List { place: Place::Line { number: 2, offset: 5 }, fault: found })] => {
                    assert_eq!(*found, fault, "{bad:?}");
                }
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
    fn the_first_fault_is_told_however_the_text_arrives() {
        let text = "0 10\n9 1\nx\n";
        for piece in 1..=text.len() {
            let pieces = std::io::BufReader::with_capacity(piece, text.as_bytes());
            let mut reader =
                FORMAT.read(pieces, &ReadOptions::default()).expect("no options needed").expect("readable");
            let error = reader.find_map(Result::err).expect("refused");
            assert_eq!(error.to_string(), "line 2 at offset 5 begins before 10, where the one before it ends");
            assert!(reader.next().is_none());
        }
    }

    #[test]
    fn an_empty_list_is_refused_unless_it_is_allowed() {
        let allowed = ReadOptions { allow_empty: true, ..ReadOptions::default() };
        assert!(matches!(open("", &ReadOptions::default()).next(), Some(Err(Error::EmptyList))));
        assert!(open("", &allowed).next().is_none());
    }
}
