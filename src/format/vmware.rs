//! Changed areas of a disk as vSphere's `QueryChangedDiskAreas` answers (`DiskChangeInfo`), in JSON.
//!
//! An answer tells of a part of the disk only, from `startOffset` on and `length` long: servers end it after some two thousand
//! areas, and who asks goes on where it ended. So the answers have to follow on each other from 0 to the end of the disk, which
//! none of them says: its size has to be given. A last answer of length 0, at the end of the disk, does no harm.
//!
//! Answers to the change ID `*` list what is allocated, and look alike.

use super::entry::{Disk, Entry, Layout, fault};
use super::extent_format::ExtentFormat;
use super::json_members::{Elements, Member as ElementMember, any, entry, number};
use super::json_pages::{Member, PageEntries, Pages, check_seen, start_elements_or_null};
use super::json_reader::{JsonReader, MAX_NUMBER};
use super::lines::{push_decimal, push_separated};
use super::table::{Gaps, ListFormat, Needs, ReadOption};
use super::totals::Totals;
use crate::arch::contract::Line;
use crate::error::{ListFault, Place};
use crate::{ByteRange, Geometry, Result, VirtualSize};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "vmware",
    summary: "Answers of vSphere's QueryChangedDiskAreas, in JSON",
    has_virtual_size: false,
    has_block_size: false,
    gaps: Gaps::Unchanged,
    needs: Needs::VirtualSize,
    options: &[ReadOption::Context, ReadOption::Allocation],
    open: Some(|from, options| match options.virtual_size {
        _ if !options.takes_for_changes(CHANGE_ID) => Err(fault(Place::Byte { offset: 0 }, NOT_SINCE)),
        Some(size) => Ok(PageEntries::open(from, Answers::new(size))),
        None => Err(fault(Place::Byte { offset: 0 }, NO_SIZE)),
    }),
    writer: Some(&Vmware),
};

/// The parameter that makes the answers ones of changes, if it is not `*`.
const CHANGE_ID: &str = "changeId";
const NOT_SINCE: ListFault = ListFault::Unsuitable {
    reason: std::borrow::Cow::Borrowed("does not tell whether it lists what changed or what is allocated"),
    hint: "if it was asked for with the changeId of the last backup, give --context changeId; if with *, take a full backup",
};
const NO_SIZE: ListFault = ListFault::Unsuitable {
    reason: std::borrow::Cow::Borrowed("does not say how large the disk is: answers may be missing at its end"),
    hint: "give the size of the disk by --virtual-size",
};

/// One answer for the whole disk.
struct Vmware;

impl ExtentFormat for Vmware {
    fn head(&self, geometry: &Geometry, _totals: Option<&Totals>, to: &mut Vec<u8>) {
        to.extend_from_slice(b"{\"startOffset\":0,\"length\":");
        push_decimal(geometry.virtual_size.map_or(0, VirtualSize::bytes), to);
        to.extend_from_slice(b",\"changedArea\":[\n");
    }

    fn separator(&self) -> &'static [u8] {
        b",\n"
    }

    fn ranges(&self, _previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_separated::<Self>(ranges, to);
    }

    fn foot(&self, _geometry: &Geometry, _totals: &Totals, _head_knew: bool, _end: u64, to: &mut Vec<u8>) {
        to.extend_from_slice(b"]}\n");
    }
}

impl Line for Vmware {
    const BEFORE: &'static [u8] = b"{\"start\":";
    const BETWEEN: &'static [u8] = b",\"length\":";
    const AFTER: &'static [u8] = b"},\n";
}

/// The members of an answer. Those from the fourth on name types; pyVmomi can add the last two, without anything in them.
const ANSWER: [&str; 7] =
    ["startOffset", "length", "changedArea", "_typeName", "_vimtype", "dynamicType", "dynamicProperty"];

static AREA: [ElementMember; 6] =
    [number("start"), number("length"), any("_typeName"), any("_vimtype"), any("dynamicType"), any("dynamicProperty")];

struct Answers {
    areas: Elements<6>,
    size: u64,
    /// Up to where the answers before this one reach.
    covered: u64,
    /// Where this answer begins, and how long it is.
    start: u64,
    length: u64,
    /// The first area of this answer that begins before all others, and the one that ends after all others.
    first: Option<(Place, u64)>,
    last: Option<(Place, u64)>,
}

impl Answers {
    fn new(size: VirtualSize) -> Self {
        Self {
            areas: Elements::new(&AREA),
            size: size.bytes(),
            covered: 0,
            start: 0,
            length: 0,
            first: None,
            last: None,
        }
    }
}

impl Pages for Answers {
    fn member(&mut self, json: &mut JsonReader<'_>, seen: &mut u32) -> Result<Member> {
        match json.member(&ANSWER, seen)? {
            None => return Ok(Member::End),
            Some(0) => self.start = json.number()?,
            Some(1) => self.length = json.number()?,
            Some(2) => return start_elements_or_null(json),
            Some(_) => json.skip()?,
        }
        Ok(Member::Value)
    }

    fn element(&mut self, json: &mut JsonReader<'_>, to: &mut Vec<Entry>) -> Result<bool> {
        let Some((place, [start, length, ..])) = self.areas.next(json)? else { return Ok(false) };
        to.push(entry(place, (start, length, true))?);
        if self.first.is_none_or(|(_, first)| start < first) {
            self.first = Some((place, start));
        }
        if self.last.is_none_or(|(_, last)| start + length > last) {
            self.last = Some((place, start + length));
        }
        Ok(true)
    }

    fn end_page(&mut self, place: Place, seen: u32, _to: &mut Vec<Entry>) -> Result<()> {
        check_seen(place, &ANSWER, seen, 0)?;
        check_seen(place, &ANSWER, seen, 1)?;
        let (start, end) = (self.start, self.start.saturating_add(self.length));
        if start != self.covered || end > MAX_NUMBER {
            let reason = format!(
                "begins an answer for the disk from {start} on, but the answers before it reach up to {}",
                self.covered
            );
            return Err(fault(place, ListFault::Unsuitable { reason: reason.into(), hint: ASK_AGAIN }));
        }
        let before = self.first.take().filter(|&(_, first)| first < start);
        let beyond = self.last.take().filter(|&(_, last)| last > end);
        if let Some((place, _)) = before.or(beyond) {
            let reason = format!("is not inside its answer, which is for the disk from {start} to {end}");
            return Err(fault(place, ListFault::Syntax(reason.into())));
        }
        self.covered = end;
        Ok(())
    }

    fn end(&mut self, place: Place) -> Result<()> {
        let (found, expected) = (self.covered, self.size);
        if found > expected {
            return Err(fault(place, ListFault::OtherSize { found, expected }));
        }
        if found < expected {
            let reason = format!("has answers for the first {found} bytes of the disk, which has {expected}");
            return Err(fault(place, ListFault::Unsuitable { reason: reason.into(), hint: ASK_AGAIN }));
        }
        Ok(())
    }

    fn disk(&self) -> Disk {
        Disk::default()
    }

    fn layout(&self) -> Layout {
        Layout::Listed
    }
}

const ASK_AGAIN: &str =
    "ask again, each time with the startOffset at which the answer before ends, and put all answers into the list";

#[cfg(test)]
mod tests {
    use super::super::ReadOptions;
    use super::super::json_pages::read_all;
    use super::*;

    /// Reads a list for a disk of 1000 bytes.
    fn read(text: &str) -> Result<Vec<(u64, u64)>, String> {
        let options = ReadOptions { virtual_size: VirtualSize::new(1000).ok(), ..since() };
        read_all(&FORMAT, &options, text)
    }

    fn since() -> ReadOptions {
        ReadOptions { context: Some("changeId".to_owned()), ..ReadOptions::default() }
    }

    #[test]
    fn answers_are_read_with_the_names_of_types_that_libraries_add() {
        let answer = r#"{"_typeName":"DiskChangeInfo","startOffset":0,"length":1000,
            "changedArea":[{"_typeName":"DiskChangeExtent","start":5,"length":10},{"start":15,"length":985}]}"#;
        assert_eq!(read(answer), Ok(vec![(5, 1000)]));
        let answer = r#"{"_vimtype":"vim.VirtualMachine.DiskChangeInfo","dynamicType":null,"dynamicProperty":[],
            "changedArea":[{"_vimtype":"vim.VirtualMachine.DiskChangeInfo.DiskChangeExtent","start":999,"length":1}],
            "length":1000,"startOffset":0}"#;
        assert_eq!(read(answer), Ok(vec![(999, 1000)]));
        assert_eq!(read(r#"{"startOffset":0,"length":1000}"#), Ok(vec![]));
        assert_eq!(read(r#"{"startOffset":0,"length":1000,"changedArea":null}"#), Ok(vec![]));
    }

    #[test]
    fn answers_follow_on_each_other() {
        let one = r#"{"startOffset":0,"length":600,"changedArea":[{"start":0,"length":600}]}"#;
        let two =
            r#"{"startOffset":600,"length":400,"changedArea":[{"start":600,"length":1},{"start":900,"length":100}]}"#;
        let three = r#"{"startOffset":1000,"length":0}"#;
        let expected = Ok(vec![(0, 601), (900, 1000)]);
        assert_eq!(read(&format!("{one}\n{two}\n{three}\n")), expected);
        assert_eq!(read(&format!("[{one},{two}]")), expected);
    }

    #[test]
    fn a_list_is_refused_without_the_size_of_the_disk() {
        let message = "the list at offset 0 does not say how large the disk is: answers may be missing at its end";
        let found = read_all(&FORMAT, &since(), r#"{"startOffset":0,"length":1000}"#);
        assert_eq!(found, Err(message.to_owned()));
    }

    #[test]
    fn answers_that_may_be_ones_of_allocation_have_to_be_named() {
        let answer = r#"{"startOffset":0,"length":1000,"changedArea":[{"start":0,"length":9}]}"#;
        let mut options = ReadOptions { virtual_size: VirtualSize::new(1000).ok(), ..ReadOptions::default() };
        assert_eq!(read_all(&FORMAT, &options, answer), Err(format!("the list at offset 0 {NOT_SINCE}")));
        options.allocation = true;
        assert_eq!(read_all(&FORMAT, &options, answer), Ok(vec![(0, 9)]));
        options.context = Some("*".to_owned());
        assert_eq!(read_all(&FORMAT, &options, answer), Err(format!("the list at offset 0 {NOT_SINCE}")));
    }

    #[test]
    fn what_may_hide_a_change_is_refused() {
        for (bad, message) in [
            ("", "the list, which ends at offset 0, has answers for the first 0 bytes of the disk, which has 1000"),
            ("[]", "the list, which ends at offset 2, has answers for the first 0 bytes of the disk, which has 1000"),
            (
                r#"{"startOffset":0,"length":999}"#,
                "the list, which ends at offset 30, has answers for the first 999 bytes of the disk, which has 1000",
            ),
            (
                r#"{"startOffset":0,"length":1001}"#,
                "the list, which ends at offset 31, is for a disk of 1001 bytes, not of 1000",
            ),
            (
                r#"{"startOffset":1,"length":999}"#,
                "the list at offset 0 begins an answer for the disk from 1 on, but the answers before it reach up to 0",
            ),
            (
                r#"{"startOffset":0,"length":9}{"startOffset":8,"length":992}"#,
                "the list at offset 28 begins an answer for the disk from 8 on, but the answers before it reach up to 9",
            ),
            (
                r#"{"startOffset":0,"length":9,"changedArea":[{"start":8,"length":2}]}"#,
                "entry 1 at offset 43 is not inside its answer, which is for the disk from 0 to 9",
            ),
            (
                r#"[{"startOffset":0,"length":9},{"changedArea":[{"start":8,"length":9}],"startOffset":9,"length":991}]"#,
                "entry 1 at offset 46 is not inside its answer, which is for the disk from 9 to 1000",
            ),
            (r#"{"length":1000}"#, r#"the list at offset 0 begins an object without the member "startOffset""#),
            (r#"{"startOffset":0}"#, r#"the list at offset 0 begins an object without the member "length""#),
            (
                r#"{"startOffset":0,"length":1000,"changedArea":[{"start":0}]}"#,
                r#"entry 1 at offset 46 has no "length""#,
            ),
            (
                r#"{"startOffset":0,"length":1000,"changedArea":[{"start":0,"length":0}]}"#,
                "entry 1 at offset 46 has a length of 0",
            ),
            (
                r#"{"startOffset":0,"length":1000,"nextOffset":1}"#,
                r#"the list at offset 31 has the member "nextOffset", which is not known here"#,
            ),
        ] {
            assert_eq!(read(bad), Err(message.to_owned()), "{bad}");
        }
    }
}
