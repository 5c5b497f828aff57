//! The mapfile of GNU ddrescue: every byte of the disk, one block a line, `POSITION SIZE STATUS`.
//!
//! Written for use as **the mapfile**: `ddrescue SOURCE COPY MAPFILE` reads what is marked `?`, which has changed, and skips
//! what is marked `+`, which has not. As a domain (`-m`), the same file has ddrescue copy the opposite. ddrescue marks with `+`
//! what it has copied, so that afterwards the file says that there is nothing to do.
//!
//! Nothing in a mapfile tells which of the two it was made for, whether ddrescue has worked with it, or how large the disk is.
//! The first line that is written here does, and ddrescue leaves it out when it writes. A file without it is read only on
//! demand.

use std::borrow::Cow;

use super::entry::{Disk, Layout, fault, needed_size};
use super::extent_format::ExtentFormat;
use super::line_reader::{LineFormat, LineReader, Parsed, decimal, without_line_break};
use super::lines::{push_covering_lines, push_decimal, push_last_gap};
use super::table::{Gaps, ListFormat, Needs, ReadOption};
use super::totals::Totals;
use crate::arch::contract::Line;
use crate::error::{ListFault, Place};
use crate::{ByteRange, Geometry, VirtualSize};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "ddrescue",
    summary: "Mapfile for ddrescue SOURCE COPY MAPFILE, never for -m",
    has_virtual_size: true,
    has_block_size: false,
    gaps: Gaps::None,
    needs: Needs::VirtualSize,
    options: &[ReadOption::Context],
    open: Some(|from, options| {
        let is_mapfile = match options.context.as_deref() {
            None => false,
            Some("mapfile") => true,
            Some(_) => return Err(fault(Place::Byte { offset: 0 }, ROLE_UNKNOWN)),
        };
        if is_mapfile {
            needed_size(options)?;
        }
        let lines = DdrescueLines {
            is_mapfile,
            allow_empty: options.allow_empty,
            expected_size: options.virtual_size.map(VirtualSize::bytes),
            ..DdrescueLines::default()
        };
        Ok(Box::new(LineReader::new(from, lines)))
    }),
    writer: Some(&Ddrescue),
};

/// A mapfile in which `?` has changed and `+` has not, for `ddrescue SOURCE COPY MAPFILE`. Covers the disk, whose size must be
/// known.
struct Ddrescue;

/// The first line, before and after the size of the disk.
const FIRST_LINE: (&[u8], &[u8]) = (b"# Changed blocks of a disk of ", b" bytes: ? has changed, + has not\n");
const HEAD: &[u8] =
    b"# Use it as the mapfile: ddrescue SOURCE COPY THIS_FILE. As a domain (-m), it has the opposite copied.
# ddrescue marks with + what it has copied: make a new file for each copy.
0 ? 1
";

impl ExtentFormat for Ddrescue {
    fn head(&self, geometry: &Geometry, _totals: Option<&Totals>, to: &mut Vec<u8>) {
        to.extend_from_slice(FIRST_LINE.0);
        push_decimal(geometry.virtual_size.map_or(0, VirtualSize::bytes), to);
        to.extend_from_slice(FIRST_LINE.1);
        to.extend_from_slice(HEAD);
    }

    fn ranges(&self, previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_covering_lines::<Self, Finished>(previous_end, ranges, to);
    }

    fn foot(&self, geometry: &Geometry, _totals: &Totals, _head_knew: bool, end: u64, to: &mut Vec<u8>) {
        push_last_gap::<Finished>(end, geometry, to);
    }
}

impl Line for Ddrescue {
    const BEFORE: &'static [u8] = b"";
    const BETWEEN: &'static [u8] = b" ";
    const AFTER: &'static [u8] = b" ?\n";
}

/// A range that is not read.
struct Finished;

impl Line for Finished {
    const BEFORE: &'static [u8] = b"";
    const BETWEEN: &'static [u8] = b" ";
    const AFTER: &'static [u8] = b" +\n";
}

const ROLE_UNKNOWN: ListFault = ListFault::Unsuitable {
    reason: Cow::Borrowed(
        "does not say whether it is a mapfile or a domain (-m), in which the signs mean the opposite",
    ),
    hint: "if all but + has changed and ddrescue has not worked with it, say so (--context mapfile); never read a domain so",
};
const NOTHING_LEFT: ListFault = ListFault::Unsuitable {
    reason: Cow::Borrowed("marks everything with +, as a mapfile does once ddrescue has copied"),
    hint: "read the file as it was before; only if it is sure that nothing changed, allow an empty list (--allow-empty)",
};
const NOT_A_BLOCK: ListFault =
    ListFault::Syntax(Cow::Borrowed("is not a position, a size, and one of the signs ? * / - +"));
const NOT_THE_STATUS: ListFault = ListFault::Syntax(Cow::Borrowed(
    "is not a position, one of the signs ? * / - F G +, and the number of a pass: the first line that is no comment",
));
const OCTAL: ListFault =
    ListFault::Syntax(Cow::Borrowed("has a number with a zero before it, which ddrescue takes for octal"));

/// The lines as they are read.
#[derive(Default)]
struct DdrescueLines {
    /// Whether the signs are said to be those of a mapfile.
    is_mapfile: bool,
    allow_empty: bool,
    /// The size of the disk that was asked for.
    expected_size: Option<u64>,
    /// The size of the disk, from the first line of a file that was written here and not changed by ddrescue.
    virtual_size: Option<u64>,
    has_first_line: bool,
    has_status: bool,
}

impl LineFormat for DdrescueLines {
    const BETWEEN: u8 = b' ';
    const ENDINGS: &'static [(&'static [u8], bool)] = &[(Ddrescue::AFTER, true), (Finished::AFTER, false)];

    fn parse(&mut self, line: &[u8]) -> Result<Parsed, ListFault> {
        if !std::mem::replace(&mut self.has_first_line, true) {
            self.virtual_size = size_in_first_line(line);
            if let (Some(found), Some(expected)) = (self.virtual_size, self.expected_size)
                && found != expected
            {
                return Err(ListFault::OtherSize { found, expected });
            }
        }
        let text = line.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            return Ok(None);
        }
        let otherwise = if self.has_status { NOT_A_BLOCK } else { NOT_THE_STATUS };
        let line = without_line_break(line, otherwise.clone())?;
        let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let mut field = || fields.next().ok_or(otherwise.clone());
        let position = number(field()?, &otherwise)?;
        if self.has_status {
            let len_bytes = number(field()?, &otherwise)?;
            let is_changed = match field()? {
                b"?" | b"*" | b"/" | b"-" => true,
                b"+" => false,
                _ => return Err(otherwise),
            };
            check_rest(fields, &otherwise)?;
            return Ok(Some((ByteRange { offset_bytes: position, len_bytes }, is_changed)));
        }
        if !matches!(field()?, b"?" | b"*" | b"/" | b"-" | b"F" | b"G" | b"+") {
            return Err(otherwise);
        }
        if let Some(pass) = fields.next() {
            number(pass, &otherwise)?;
        }
        check_rest(fields, &otherwise)?;
        self.has_status = true;
        if self.is_mapfile || self.virtual_size.is_some() { Ok(None) } else { Err(ROLE_UNKNOWN) }
    }

    fn is_past_head(&self) -> bool {
        self.has_status
    }

    fn layout(&self) -> Layout {
        Layout::Covering
    }

    fn disk(&self) -> Disk {
        Disk { virtual_size: self.virtual_size, ..Disk::default() }
    }

    fn check_end(&self, has_changes: bool) -> Result<(), ListFault> {
        match self.virtual_size {
            _ if !self.has_status => Err(ListFault::CutShort),
            None if !has_changes && !self.allow_empty => Err(NOTHING_LEFT),
            _ => Ok(()),
        }
    }
}

/// The size in the first line, if it is as it is written here: without a zero before it.
fn size_in_first_line(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(FIRST_LINE.0)?.strip_suffix(FIRST_LINE.1)?;
    if digits.starts_with(b"0") {
        return None;
    }
    decimal(digits, &NOT_A_BLOCK).ok()
}

/// Refuses more fields, unless they are a comment.
fn check_rest<'a>(mut fields: impl Iterator<Item = &'a [u8]>, otherwise: &ListFault) -> Result<(), ListFault> {
    match fields.next() {
        Some(field) if !field.starts_with(b"#") => Err(otherwise.clone()),
        _ => Ok(()),
    }
}

/// A number in decimal, or with `0x` in hexadecimal digits.
fn number(field: &[u8], otherwise: &ListFault) -> Result<u64, ListFault> {
    match field {
        [b'0', b'x' | b'X', digits @ ..] => {
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
                return Err(otherwise.clone());
            }
            let digits = std::str::from_utf8(digits).map_err(|_| otherwise.clone())?;
            u64::from_str_radix(digits, 16).map_err(|_| ListFault::TooLarge)
        }
        [b'0', _, ..] => Err(OCTAL),
        _ => decimal(field, otherwise),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::Result;
    use crate::format::ReadOptions;

    fn mapfile(bytes: u64) -> ReadOptions {
        let context = Some("mapfile".to_owned());
        ReadOptions { virtual_size: VirtualSize::new(bytes).ok(), context, ..ReadOptions::default() }
    }

    fn read(text: &str, options: &ReadOptions) -> Result<Vec<ByteRange>, String> {
        let reader = FORMAT.read(text.as_bytes(), options).map_err(|error| error.to_string())?.expect("readable");
        reader.collect::<Result<_>>().map_err(|error| error.to_string())
    }

    /// A file as the tool writes it.
    const TOOLS: &str = "# Mapfile. Created by GNU ddrescuelog version 1.27\n# Command line: ddrescuelog -n m.map\n\
        # current_pos  current_status  current_pass\n0x00000000     ?               1\n#      pos        size  status\n\
        0x00000000  0x00010000  +\n0x00010000  0x000F0000  -\n";

    #[test]
    fn files_of_the_tool_are_read_on_demand() {
        assert_eq!(read(TOOLS, &mapfile(1 << 20)), Ok(vec![ByteRange::between(65_536, 1 << 20)]));
        let unknown = format!("line 4 at offset 132 {ROLE_UNKNOWN}");
        assert_eq!(read(TOOLS, &ReadOptions::default()), Err(unknown));
        for role in ["domain", "", "qemu:dirty-bitmap:b"] {
            let options = ReadOptions { context: Some(role.to_owned()), ..mapfile(1 << 20) };
            assert_eq!(read(TOOLS, &options), Err(format!("the list at offset 0 {ROLE_UNKNOWN}")), "{role}");
        }
        let no_size = ReadOptions { virtual_size: None, ..mapfile(1 << 20) };
        let error = read(TOOLS, &no_size).expect_err("no size");
        assert!(error.contains("does not say how large the disk is"), "{error}");
        assert!(read(TOOLS, &mapfile((1 << 20) + 1)).is_err());
        assert!(read(TOOLS, &mapfile((1 << 20) - 1)).is_err());
    }

    #[test]
    fn everything_but_finished_has_changed_however_it_is_written() {
        let text = "# c\r\n \t\n0\t+\t3 # c\r\n 0 1 ? #c\n1 0X1 *\n0x2 1 /\n3 1 -\r\n4 6 +\n\n";
        assert_eq!(read(text, &mapfile(10)), Ok(vec![ByteRange::between(0, 4)]));
        assert_eq!(read("5 ?\n0 10 ?\n", &mapfile(10)), Ok(vec![ByteRange::between(0, 10)]));
    }

    #[test]
    fn a_file_of_another_disk_is_refused_at_its_first_line() {
        let text = "# Changed blocks of a disk of 10 bytes: ? has changed, + has not\n0 ? 1\n0 10 ?\n";
        let size = |bytes| ReadOptions { virtual_size: VirtualSize::new(bytes).ok(), ..ReadOptions::default() };
        assert_eq!(read(text, &size(10)), Ok(vec![ByteRange::between(0, 10)]));
        let fault = "is for a disk of 10 bytes, not of 11";
        assert_eq!(read(text, &size(11)), Err(format!("line 1 at offset 0 {fault}")));
        for size in ["0", "010", "+10", ""] {
            assert!(read(&text.replace("of 10", &format!("of {size}")), &ReadOptions::default()).is_err(), "{size:?}");
        }
    }

    #[test]
    fn a_file_that_is_finished_is_refused() {
        let text = "0 + 1\n0 10 +\n";
        assert_eq!(read(text, &mapfile(10)), Err(format!("the list, which ends at offset 13, {NOTHING_LEFT}")));
        let allowed = ReadOptions { allow_empty: true, ..mapfile(10) };
        assert_eq!(read(text, &allowed), Ok(vec![]));
    }

    #[test]
    fn a_file_that_lists_nothing_of_the_disk_is_cut_short() {
        let head = "# Changed blocks of a disk of 10 bytes: ? has changed, + has not\n0 ? 1\n";
        for allow_empty in [false, true] {
            let options = ReadOptions { allow_empty, ..ReadOptions::default() };
            let fault = "does not end as it should: it may have been cut short";
            assert_eq!(read(head, &options), Err(format!("the list, which ends at offset {}, {fault}", head.len())));
        }
    }

    #[test]
    fn each_bad_line_is_named_with_its_place() {
        let (block, status, octal) = (NOT_A_BLOCK.to_string(), NOT_THE_STATUS.to_string(), OCTAL.to_string());
        for (line, fault) in [
            ("9 1 ?\n", "begins before 10, where the one before it ends"),
            ("11 1 ?\n", "does not begin at 10, where the one before it ends"),
            ("10 0 ?\n", "has a length of 0"),
            ("10 91 ?\n", "ends beyond the disk, which has 100 bytes"),
            ("10 1 ?", "does not end as it should: it may have been cut short"),
            ("# 1", "does not end as it should: it may have been cut short"),
            ("10 1\n", block.as_str()),
            ("10 1 ??\n", &block),
            ("10 1 x\n", &block),
            ("10 1 F\n", &block),
            ("10 1 ? x\n", &block),
            ("10 1 ?#\n", &block),
            ("0xg 1 ?\n", &block),
            ("0x 1 ?\n", &block),
            ("10k 1 ?\n", &block),
            ("-10 1 ?\n", &block),
            ("+10 1 ?\n", &block),
            ("0 ? 1\n", &block),
            ("012 1 ?\n", &octal),
            ("10 01 ?\n", &octal),
            ("00 1 ?\n", &octal),
            ("10 9223372036854775800 ?\n", "ends beyond 2^63 - 1 bytes"),
            ("0x10000000000000000 1 ?\n", "ends beyond 2^64 - 1 bytes"),
        ] {
            let text = format!("0 ? 1\n0 10 ?\n{line}");
            assert_eq!(read(&text, &mapfile(100)), Err(format!("line 3 at offset 13 {fault}")), "{line:?}");
        }
        for line in ["0 10 ?\n", "0\n", "? 0\n", "0 ?1\n", "0 ? x\n", "0 ? 1 1\n", "0 x 1\n"] {
            assert_eq!(read(line, &mapfile(10)), Err(format!("line 1 at offset 0 {status}")), "{line:?}");
        }
        let cut = "does not end as it should: it may have been cut short";
        assert_eq!(read("# 1\n", &mapfile(10)), Err(format!("the list, which ends at offset 4, {cut}")));
    }

    #[test]
    fn a_long_comment_is_refused_and_not_read_as_lines() {
        let text = format!("0 ? 1\n# {}\n0 10 ?\n", "0 10 +".repeat(20_000));
        let error = read(&text, &mapfile(10)).expect_err("a long line");
        assert!(error.starts_with("line 2 at offset 6 "), "{error}");
    }
}
