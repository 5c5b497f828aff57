//! Comma-separated values under a header line.

use std::borrow::Cow;

use super::extent_format::ExtentFormat;
use super::line_reader::{LineFormat, LineReader, Parsed, two_numbers, without_line_break};
use super::lines::push_lines;
use super::table::{Gaps, ListFormat, Needs};
use super::totals::Totals;
use crate::arch::contract::Line;
use crate::error::ListFault;
use crate::{ByteRange, Geometry};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "csv",
    summary: "offset,length under a header line",
    has_virtual_size: false,
    has_block_size: false,
    gaps: Gaps::Unchanged,
    needs: Needs::Nothing,
    options: &[],
    open: Some(|from, _| Ok(Box::new(LineReader::new(from, CsvLines::default())))),
    writer: Some(&Csv),
};

const HEADER: &[u8] = b"offset,length";
const NOT_THE_HEADER: ListFault = ListFault::Syntax(Cow::Borrowed("is not the header line offset,length"));
const NOT_TWO_NUMBERS: ListFault =
    ListFault::Syntax(Cow::Borrowed("is not an offset and a length, two decimal numbers with a comma between"));

/// `offset,length`, and then one extent a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Csv;

impl ExtentFormat for Csv {
    fn head(&self, _geometry: &Geometry, _totals: Option<&Totals>, to: &mut Vec<u8>) {
        to.extend_from_slice(HEADER);
        to.push(b'\n');
    }

    fn ranges(&self, _previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_lines::<Self>(ranges, to);
    }
}

impl Line for Csv {
    const BEFORE: &'static [u8] = b"";
    const BETWEEN: &'static [u8] = b",";
    const AFTER: &'static [u8] = b"\n";
}

/// The lines as they are read.
#[derive(Default)]
struct CsvLines {
    has_header: bool,
}

impl LineFormat for CsvLines {
    const BETWEEN: u8 = b',';
    const ENDINGS: &'static [(&'static [u8], bool)] = &[(Csv::AFTER, true)];

    fn parse(&mut self, line: &[u8]) -> Result<Parsed, ListFault> {
        if self.has_header {
            return two_numbers(line, b',', &NOT_TWO_NUMBERS).map(|range| Some((range, true)));
        }
        if without_line_break(line, NOT_THE_HEADER)? != HEADER {
            return Err(NOT_THE_HEADER);
        }
        self.has_header = true;
        Ok(None)
    }

    fn is_past_head(&self) -> bool {
        self.has_header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::Result;
    use crate::format::ReadOptions;

    fn read(text: &str) -> Result<Vec<ByteRange>, String> {
        let reader =
            FORMAT.read(text.as_bytes(), &ReadOptions::default()).expect("no options needed").expect("readable");
        reader.collect::<Result<_>>().map_err(|error| error.to_string())
    }

    #[test]
    fn lists_are_read_under_their_header() {
        let expected = vec![ByteRange::between(0, 10), ByteRange::between(65_536, 131_072)];
        assert_eq!(read("offset,length\n0,10\n65536,65536\n"), Ok(expected.clone()));
        assert_eq!(read("offset,length\r\n0,10\r\n065536,65536\r\n"), Ok(expected));
    }

    #[test]
    fn each_bad_line_is_named_with_its_place() {
        let (no_header, no_numbers) = (NOT_THE_HEADER.to_string(), NOT_TWO_NUMBERS.to_string());
        for (text, place, fault) in [
            ("0,10\n", "line 1 at offset 0", no_header.as_str()),
            ("Offset,Length\n0,10\n", "line 1 at offset 0", &no_header),
            ("length,offset\n0,10\n", "line 1 at offset 0", &no_header),
            ("\u{feff}offset,length\n0,10\n", "line 1 at offset 0", &no_header),
            ("\n", "line 1 at offset 0", &no_header),
            ("offset,len", "line 1 at offset 0", "does not end as it should: it may have been cut short"),
            ("", "the list, which ends at offset 0,", "does not end as it should: it may have been cut short"),
            ("offset,length\noffset,length\n", "line 2 at offset 14", &no_numbers),
            ("offset,length\n0,10,\n", "line 2 at offset 14", &no_numbers),
            ("offset,length\n0;10\n", "line 2 at offset 14", &no_numbers),
            ("offset,length\n\"0\",\"10\"\n", "line 2 at offset 14", &no_numbers),
            ("offset,length\n0,10\n\n", "line 3 at offset 19", &no_numbers),
            (
                "offset,length\n0,10\n65536,65",
                "line 3 at offset 19",
                "does not end as it should: it may have been cut short",
            ),
            ("offset,length\n1,9223372036854775807\n", "line 2 at offset 14", "ends beyond 2^63 - 1 bytes"),
        ] {
            assert_eq!(read(text), Err(format!("{place} {fault}")), "{text:?}");
        }
    }

    #[test]
    fn a_header_alone_is_an_empty_list() {
        let mut allowed = FORMAT
            .read(&b"offset,length\n"[..], &ReadOptions { allow_empty: true, ..ReadOptions::default() })
            .expect("no options needed")
            .expect("readable");
        assert!(allowed.next().is_none());
        assert!(read("offset,length\n").expect_err("may be a program's that failed").contains("empty"));
    }
}
