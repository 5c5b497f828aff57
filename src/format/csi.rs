//! The changed ranges that Kubernetes' Container Storage Interface tells (`SnapshotMetadata`), as JSON.
//!
//! Each message of a stream is an object with the capacity of the volume and some ranges. They are read as the project's own
//! lister prints them, an array of messages with the names of the protocol, and as programs do that turn the protocol's
//! messages into JSON: one object after the other, names in camel case, numbers as text. Both leave out an offset of 0.
//!
//! The answers to `GetMetadataDelta`, what changed, and to `GetMetadataAllocated`, what is allocated, look alike.

use super::entry::{Disk, Entry, Layout, fault};
use super::extent_format::ExtentFormat;
use super::json_members::{ABSENT, Elements, Member as ElementMember, entry, number_or_text};
use super::json_pages::{Member, PageEntries, Pages, check_seen, keep_common, start_elements_or_null};
use super::json_reader::{JsonReader, Token, not, number};
use super::lines::{push_decimal, push_separated};
use super::table::{Gaps, ListFormat, Needs, ReadOption};
use super::totals::Totals;
use crate::arch::contract::Line;
use crate::error::{ListFault, Place};
use crate::{ByteRange, Geometry, Result, VirtualSize};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "csi",
    summary: "SnapshotMetadata of Kubernetes' CSI, in JSON",
    has_virtual_size: true,
    has_block_size: false,
    gaps: Gaps::Unchanged,
    needs: Needs::VirtualSize,
    options: &[ReadOption::Context, ReadOption::Allocation],
    open: Some(|from, options| match options.takes_for_changes(DELTA) {
        true => Ok(PageEntries::open(from, Messages::default())),
        false => Err(fault(Place::Byte { offset: 0 }, NOT_A_DELTA)),
    }),
    writer: Some(&Csi),
};

/// The call that answers with what changed.
const DELTA: &str = "GetMetadataDelta";
const NOT_A_DELTA: ListFault = ListFault::Unsuitable {
    reason: std::borrow::Cow::Borrowed("does not tell whether it lists what changed or what is allocated"),
    hint: "if it was asked for with a previous snapshot, give --context GetMetadataDelta; else ask again with one, or take a \
           full backup",
};

/// An array with one message, which has the capacity of the volume and all ranges.
pub(super) struct Csi;

impl ExtentFormat for Csi {
    fn head(&self, geometry: &Geometry, _totals: Option<&Totals>, to: &mut Vec<u8>) {
        // 2 is for ranges of any length.
        to.extend_from_slice(b"[{\"block_metadata_type\":2,\"volume_capacity_bytes\":");
        push_decimal(geometry.virtual_size.map_or(0, VirtualSize::bytes), to);
        to.extend_from_slice(b",\"block_metadata\":[\n");
    }

    fn separator(&self) -> &'static [u8] {
        b",\n"
    }

    fn ranges(&self, _previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        push_separated::<Self>(ranges, to);
    }

    fn foot(&self, _geometry: &Geometry, _totals: &Totals, _head_knew: bool, _end: u64, to: &mut Vec<u8>) {
        to.extend_from_slice(b"]}]\n");
    }
}

impl Line for Csi {
    const BEFORE: &'static [u8] = b"{\"byte_offset\":";
    const BETWEEN: &'static [u8] = b",\"size_bytes\":";
    const AFTER: &'static [u8] = b"},\n";
}

/// The members of a message, in both spellings.
const MESSAGE: [&str; 6] = [
    "block_metadata_type",
    "blockMetadataType",
    "volume_capacity_bytes",
    "volumeCapacityBytes",
    "block_metadata",
    "blockMetadata",
];
/// The bits of the first spellings.
const FIRST_SPELLINGS: u32 = 0b01_01_01;

static RANGE: [ElementMember; 4] = [
    number_or_text("byte_offset").or(ABSENT),
    number_or_text("byteOffset").or(ABSENT),
    number_or_text("size_bytes").or(ABSENT),
    number_or_text("sizeBytes").or(ABSENT),
];

const TWO_SPELLINGS: ListFault =
    ListFault::Syntax(std::borrow::Cow::Borrowed("has a member twice, in two spellings of its name"));

struct Messages {
    block_type: Option<u64>,
    capacity: Option<u64>,
    ranges: Elements<4>,
}

impl Default for Messages {
    fn default() -> Self {
        Self { block_type: None, capacity: None, ranges: Elements::new(&RANGE) }
    }
}

impl Pages for Messages {
    fn member(&mut self, json: &mut JsonReader<'_>, seen: &mut u32) -> Result<Member> {
        match json.member(&MESSAGE, seen)? {
            None => return Ok(Member::End),
            Some(0 | 1) => {
                let block_type = block_type(json)?;
                keep_common(&mut self.block_type, block_type, json)?;
            }
            Some(2 | 3) => {
                let capacity = capacity(json)?;
                keep_common(&mut self.capacity, capacity, json)?;
            }
            Some(_) => return start_elements_or_null(json),
        }
        Ok(Member::Value)
    }

    fn element(&mut self, json: &mut JsonReader<'_>, to: &mut Vec<Entry>) -> Result<bool> {
        let Some((place, [offset, camel_offset, size, camel_size])) = self.ranges.next(json)? else { return Ok(false) };
        let offset = one_of(offset, camel_offset).ok_or(fault(place, TWO_SPELLINGS))?;
        let size = one_of(size, camel_size).ok_or(fault(place, TWO_SPELLINGS))?;
        if size == ABSENT {
            return Err(fault(place, ListFault::Syntax("has no \"size_bytes\"".into())));
        }
        to.push(entry(place, (if offset == ABSENT { 0 } else { offset }, size, true))?);
        Ok(true)
    }

    fn end_page(&mut self, place: Place, seen: u32, _to: &mut Vec<Entry>) -> Result<()> {
        if seen & seen >> 1 & FIRST_SPELLINGS != 0 {
            return Err(fault(place, TWO_SPELLINGS));
        }
        let seen = seen | seen >> 1;
        check_seen(place, &MESSAGE, seen, 0)?;
        check_seen(place, &MESSAGE, seen, 2)
    }

    fn disk(&self) -> Disk {
        Disk { virtual_size: self.capacity, block_size: None }
    }

    /// Drivers name whole blocks also where the volume ends inside the last one. How large their blocks are is not said.
    fn layout(&self) -> Layout {
        Layout::WholeBlocks(u64::MAX)
    }
}

/// The type of the ranges, of a fixed or of any length, as its number or its name.
fn block_type(json: &mut JsonReader<'_>) -> Result<u64> {
    match (json.next()?, json.text()) {
        (Token::Number, "1") | (Token::Text, "FIXED_LENGTH") => Ok(1),
        (Token::Number, "2") | (Token::Text, "VARIABLE_LENGTH") => Ok(2),
        _ => json.fail(not("a known type of ranges: 1, 2, FIXED_LENGTH or VARIABLE_LENGTH")),
    }
}

fn capacity(json: &mut JsonReader<'_>) -> Result<u64> {
    match (json.next()?, number(json.text())) {
        (Token::Number | Token::Text, Some(capacity)) if capacity > 0 => Ok(capacity),
        _ => json.fail(not("a capacity: a whole number from 1 to 2^63 - 1")),
    }
}

/// The value of a member that has two spellings; `None` if it is there in both.
fn one_of(value: u64, other: u64) -> Option<u64> {
    match (value, other) {
        (ABSENT, value) | (value, ABSENT) => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::ReadOptions;
    use super::super::json_pages::read_all;
    use super::*;

    fn read(text: &str) -> Result<Vec<(u64, u64)>, String> {
        read_all(&FORMAT, &ReadOptions { context: Some(DELTA.to_owned()), ..ReadOptions::default() }, text)
    }

    #[test]
    fn a_list_that_may_be_one_of_allocation_has_to_be_named() {
        let list = r#"[{"block_metadata_type":2,"volume_capacity_bytes":9,"block_metadata":[{"size_bytes":9}]}]"#;
        let refused = Err(format!("the list at offset 0 {NOT_A_DELTA}"));
        let allocated = Some("GetMetadataAllocated".to_owned());
        assert_eq!(read_all(&FORMAT, &ReadOptions::default(), list), refused);
        assert_eq!(read_all(&FORMAT, &ReadOptions { context: allocated, ..ReadOptions::default() }, list), refused);
        assert_eq!(read(list), Ok(vec![(0, 9)]));
        assert_eq!(read_all(&FORMAT, &ReadOptions { allocation: true, ..ReadOptions::default() }, list), read(list));
    }

    #[test]
    fn an_offset_that_is_left_out_is_0() {
        let message = r#"[{"block_metadata_type":1,"volume_capacity_bytes":100000,
            "block_metadata":[{"size_bytes":1000},{"byte_offset":5000,"size_bytes":1000}]}]"#;
        assert_eq!(read(message), Ok(vec![(0, 1000), (5000, 6000)]));
    }

    #[test]
    fn messages_are_read_in_both_spellings() {
        let one = r#"{"blockMetadataType":"FIXED_LENGTH","volumeCapacityBytes":"100000","blockMetadata":[{"sizeBytes":"10"}]}"#;
        let two = r#"{"blockMetadata":null,"blockMetadataType":1,"volumeCapacityBytes":100000}"#;
        let three = r#"{"block_metadata":[{"byte_offset":10,"size_bytes":5},{"byte_offset":99999,"size_bytes":1}],
            "block_metadata_type":1,"volume_capacity_bytes":100000}"#;
        let expected = Ok(vec![(0, 15), (99_999, 100_000)]);
        assert_eq!(read(&format!("{one}{two}\n{three}\n")), expected);
        assert_eq!(read(&format!("[{one},{two},{three}]")), expected);
    }

    #[test]
    fn no_messages_are_no_changes_but_nothing_is_refused() {
        assert_eq!(read("[]"), Ok(vec![]));
        assert_eq!(read(r#"{"blockMetadataType":2,"volumeCapacityBytes":"1"}"#), Ok(vec![]));
        assert_eq!(read(" \n"), Err("the list is empty".to_owned()));
    }

    #[test]
    fn the_last_block_is_cut_off_where_the_volume_ends() {
        let list = |offset| {
            let range = format!("{{\"byte_offset\":{offset},\"size_bytes\":65536}}");
            format!("[{{\"block_metadata\":[{range}],\"block_metadata_type\":1,\"volume_capacity_bytes\":100000}}]")
        };
        assert_eq!(read(&list(65_536)), Ok(vec![(65_536, 100_000)]));
        let message = "entry 1 at offset 20 ends beyond the disk, which has 100000 bytes";
        assert_eq!(read(&list(131_072)), Err(message.to_owned()));
    }

    #[test]
    fn what_may_hide_a_change_is_refused() {
        for (bad, message) in [
            (
                r#"[{"block_metadata_type":2,"volume_capacity_bytes":1,"block_metadata":[]}"#,
                "the list, which ends at offset 72, does not end as it should: it may have been cut short",
            ),
            (
                r#"[{"block_metadata_type":0}]"#,
                "the list at offset 24 is not a known type of ranges: 1, 2, FIXED_LENGTH or VARIABLE_LENGTH",
            ),
            (
                r#"{"blockMetadataType":"UNKNOWN"}"#,
                "the list at offset 21 is not a known type of ranges: 1, 2, FIXED_LENGTH or VARIABLE_LENGTH",
            ),
            (
                r#"[{"volume_capacity_bytes":5}]"#,
                r#"the list at offset 1 begins an object without the member "block_metadata_type""#,
            ),
            (
                r#"{"blockMetadataType":1}"#,
                r#"the list at offset 0 begins an object without the member "volume_capacity_bytes""#,
            ),
            (
                r#"[{"volume_capacity_bytes":0}]"#,
                "the list at offset 26 is not a capacity: a whole number from 1 to 2^63 - 1",
            ),
            (
                r#"{"block_metadata_type":1,"volume_capacity_bytes":5}{"volume_capacity_bytes":6}"#,
                "the list at offset 76 is not 5, as in the page before: they are of different answers",
            ),
            (
                r#"{"block_metadata_type":1,"volume_capacity_bytes":5}{"block_metadata_type":2}"#,
                "the list at offset 74 is not 1, as in the page before: they are of different answers",
            ),
            (
                r#"{"block_metadata_type":1,"blockMetadataType":1,"volume_capacity_bytes":5}"#,
                "the list at offset 0 has a member twice, in two spellings of its name",
            ),
            (
                r#"{"block_metadata":[{"byte_offset":1,"byteOffset":2,"size_bytes":1}]}"#,
                "entry 1 at offset 19 has a member twice, in two spellings of its name",
            ),
            (r#"{"block_metadata":[{"byte_offset":1}]}"#, r#"entry 1 at offset 19 has no "size_bytes""#),
            (r#"{"block_metadata":{}}"#, "the list at offset 18 is not an array, nor null"),
            (
                r#"{"block_metadata":[{"size_bytes":9},{"byte_offset":8,"size_bytes":9}],"block_metadata_type":1,"volume_capacity_bytes":99}"#,
                "entry 2 at offset 36 begins before 9, where the one before it ends",
            ),
        ] {
            assert_eq!(read(bad), Err(message.to_owned()), "{bad}");
        }
    }
}
