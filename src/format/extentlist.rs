//! The list of nbdkit's filter `extentlist`: `OFFSET LENGTH TYPE` a line.
//!
//! nbdkit reports what a list leaves out as a hole that reads as zeros, and a copy then wipes it. So all of the disk is listed:
//! what has changed as data (type 0), the rest as a hole of which nothing says that it reads as zeros. A program may copy such
//! a hole, at the cost of time, but does not wipe it; `qemu-img convert -B` leaves it to the backing file.
//!
//! In lists that others made, a hole or a gap may be new, and then it has changed. So these are refused, unless what is
//! allocated is to be taken for what changed. A hole of this writer has a fourth word, which nbdkit does not read:
//! `hole unchanged`.

use std::borrow::Cow;

use super::entry::{Layout, needed_size};
use super::extent_format::ExtentFormat;
use super::line_reader::{LineFormat, LineReader, Parsed, decimal, without_line_break};
use super::lines::{push_covering_lines, push_last_gap};
use super::table::{Gaps, ListFormat, Needs, ReadOption};
use super::totals::Totals;
use crate::arch::contract::Line;
use crate::error::ListFault;
use crate::{ByteRange, Geometry};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "extentlist",
    summary: "nbdkit's filter extentlist: all of the disk, no zeros",
    has_virtual_size: false,
    has_block_size: false,
    gaps: Gaps::None,
    needs: Needs::VirtualSize,
    options: &[ReadOption::Allocation],
    open: Some(|from, options| {
        let takes_allocation = options.allocation;
        if !takes_allocation {
            needed_size(options)?;
        }
        Ok(Box::new(LineReader::new(from, ExtentlistLines { takes_allocation })))
    }),
    writer: Some(&Extentlist),
};

/// `OFFSET LENGTH 0` a line for what has changed, `OFFSET LENGTH hole unchanged` for the rest. Covers the disk, whose size must
/// be known.
struct Extentlist;

impl ExtentFormat for Extentlist {
    fn ranges(&self, previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_covering_lines::<Self, Unchanged>(previous_end, ranges, to);
    }

    fn foot(&self, geometry: &Geometry, _totals: &Totals, _head_knew: bool, end: u64, to: &mut Vec<u8>) {
        push_last_gap::<Unchanged>(end, geometry, to);
    }
}

impl Line for Extentlist {
    const BEFORE: &'static [u8] = b"";
    const BETWEEN: &'static [u8] = b" ";
    const AFTER: &'static [u8] = b" 0\n";
}

/// A range that has not changed.
struct Unchanged;

impl Line for Unchanged {
    const BEFORE: &'static [u8] = b"";
    const BETWEEN: &'static [u8] = b" ";
    const AFTER: &'static [u8] = b" hole unchanged\n";
}

const NOT_A_LINE: ListFault =
    ListFault::Syntax(Cow::Borrowed("is not an offset, a length, and the type 0, with spaces between"));
const A_HOLE: ListFault = ListFault::Unsuitable {
    reason: Cow::Borrowed("lists a hole or zeros, and does not say whether they have changed"),
    hint: "what became a hole or zeros has changed: give such ranges the type 0",
};

/// The lines as they are read.
struct ExtentlistLines {
    takes_allocation: bool,
}

impl LineFormat for ExtentlistLines {
    const BETWEEN: u8 = b' ';
    const ENDINGS: &'static [(&'static [u8], bool)] =
        &[(Extentlist::AFTER, true), (Unchanged::AFTER, false), (b"\n", true)];

    fn parse(&mut self, line: &[u8]) -> Result<Parsed, ListFault> {
        let line = without_line_break(line, NOT_A_LINE)?;
        let mut fields = line.split(|byte| b" \t".contains(byte)).filter(|field| !field.is_empty());
        let (Some(offset), Some(length)) = (fields.next(), fields.next()) else { return Err(NOT_A_LINE) };
        let range = ByteRange { offset_bytes: size(offset)?, len_bytes: size(length)? };
        match (fields.next(), fields.next(), fields.next()) {
            (None | Some(b"0"), None, None) => Ok(Some((range, true))),
            (Some(b"hole"), Some(b"unchanged"), None) => Ok(Some((range, false))),
            (Some(b"1" | b"2" | b"3" | b"hole" | b"zero" | b"hole,zero" | b"zero,hole"), None, None) => {
                if self.takes_allocation { Ok(Some((range, false))) } else { Err(A_HOLE) }
            }
            _ => Err(NOT_A_LINE),
        }
    }

    fn layout(&self) -> Layout {
        if self.takes_allocation { Layout::Listed } else { Layout::Covering }
    }
}

/// A size in decimal digits, with one of nbdkit's suffixes or none.
fn size(field: &[u8]) -> Result<u64, ListFault> {
    let unit = match field.last().map(u8::to_ascii_lowercase) {
        Some(b'b') => 1,
        Some(b's') => 512,
        Some(b'k') => 1 << 10,
        Some(b'm') => 1 << 20,
        Some(b'g') => 1 << 30,
        Some(b't') => 1 << 40,
        Some(b'p') => 1 << 50,
        Some(b'e') => 1 << 60,
        _ => return decimal(field, &NOT_A_LINE),
    };
    decimal(&field[..field.len() - 1], &NOT_A_LINE)?.checked_mul(unit).ok_or(ListFault::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::format::ReadOptions;
    use crate::{Result, VirtualSize};

    fn allocated() -> ReadOptions {
        ReadOptions { allocation: true, ..ReadOptions::default() }
    }

    fn of_size(bytes: u64) -> ReadOptions {
        ReadOptions { virtual_size: VirtualSize::new(bytes).ok(), ..ReadOptions::default() }
    }

    fn read(text: &str, options: &ReadOptions) -> Result<Vec<ByteRange>, String> {
        let reader = FORMAT.read(text.as_bytes(), options).map_err(|error| error.to_string())?.expect("readable");
        reader.collect::<Result<_>>().map_err(|error| error.to_string())
    }

    fn ranges(ranges: &[(u64, u64)]) -> Vec<ByteRange> {
        ranges.iter().map(|&(start, end)| ByteRange::between(start, end)).collect()
    }

    #[test]
    fn sizes_are_read_as_nbdkit_does() {
        for (text, expected) in [
            ("0 512K\n1048064b 1s\n", ranges(&[(0, 1 << 19), (1_048_064, 1 << 20)])),
            (" 0 1M\n\t2049S  2s\t0 \n", ranges(&[(0, 1 << 20), (2049 * 512, 2051 * 512)])),
            ("0 1m 0\n2048s 3s\n", ranges(&[(0, 2051 * 512)])),
            (
                "0 1T\n1p 1G\n1E 1k\n",
                ranges(&[(0, 1 << 40), (1 << 50, (1 << 50) + (1 << 30)), (1 << 60, (1 << 60) + 1024)]),
            ),
            ("000 0010\n", ranges(&[(0, 10)])),
        ] {
            assert_eq!(read(text, &allocated()), Ok(expected), "{text:?}");
        }
    }

    #[test]
    fn holes_of_the_writer_are_unchanged() {
        let expected = ranges(&[(65_536, 131_072)]);
        for text in [
            "0 65536 hole unchanged\n65536 65536 0\n131072 5 hole unchanged\n",
            "0 64k hole unchanged\n64k\t64k\t0\n128k 5 hole\tunchanged\r\n",
        ] {
            assert_eq!(read(text, &of_size(131_077)), Ok(expected.clone()));
            assert_eq!(read(text, &allocated()), Ok(expected.clone()));
        }
        assert_eq!(read("0 131077 hole unchanged\n", &of_size(131_077)), Ok(vec![]));
    }

    #[test]
    fn other_holes_and_gaps_are_refused_unless_allocation_is_taken_for_change() {
        for hole in ["1", "2", "3", "hole", "zero", "hole,zero", "zero,hole"] {
            let text = format!("0 10 0\n10 1 {hole}\n11 1\n");
            assert_eq!(read(&text, &of_size(12)), Err(format!("line 2 at offset 7 {A_HOLE}")), "{hole}");
            assert_eq!(read(&text, &allocated()), Ok(ranges(&[(0, 10), (11, 12)])), "{hole}");
        }
        let fault = "does not begin at 10, where the one before it ends";
        assert_eq!(read("0 10\n11 1\n", &of_size(12)), Err(format!("line 2 at offset 5 {fault}")));
        let fault = "is for a disk of 10 bytes, not of 12";
        assert_eq!(read("0 10\n", &of_size(12)), Err(format!("line 1 at offset 0 {fault}")));
        let error = read("0 10\n", &ReadOptions::default()).expect_err("no size");
        assert!(error.contains("does not say how large the disk is"), "{error}");
    }

    #[test]
    fn each_bad_line_is_named_with_its_place() {
        let not_a_line = NOT_A_LINE.to_string();
        for (line, fault) in [
            ("\n", not_a_line.as_str()),
            ("# 1\n", &not_a_line),
            ("100\n", &not_a_line),
            ("100 0x10\n", &not_a_line),
            ("100 1.5k\n", &not_a_line),
            ("100 1MiB\n", &not_a_line),
            ("100 k\n", &not_a_line),
            ("100 -1\n", &not_a_line),
            ("+100 1\n", &not_a_line),
            ("100 1 data\n", &not_a_line),
            ("100 1 00\n", &not_a_line),
            ("100 1 -1\n", &not_a_line),
            ("100 1 3x\n", &not_a_line),
            ("100 1 1 dirty\n", &not_a_line),
            ("100 1 0 clean\n", &not_a_line),
            ("100 1 0 unchanged\n", &not_a_line),
            ("100 1 hole,zero unchanged\n", &not_a_line),
            ("100 1 hole unchanged x\n", &not_a_line),
            ("100 1 0\0\n", &not_a_line),
            ("100 1 0", "does not end as it should: it may have been cut short"),
            ("100 1 hole unchanged", "does not end as it should: it may have been cut short"),
            ("100 0 0\n", "has a length of 0"),
            ("9 1 0\n", "begins before 10, where the one before it ends"),
            ("9 1 hole unchanged\n", "begins before 10, where the one before it ends"),
            ("8E 1 0\n", "ends beyond 2^63 - 1 bytes"),
            ("100 9223372036854775807 0\n", "ends beyond 2^63 - 1 bytes"),
            ("16E 1 0\n", "ends beyond 2^64 - 1 bytes"),
        ] {
            assert_eq!(
                read(&format!("0 10 0\n{line}"), &allocated()),
                Err(format!("line 2 at offset 7 {fault}")),
                "{line:?}"
            );
        }
    }
}
