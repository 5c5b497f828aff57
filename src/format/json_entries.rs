//! Reader of the JSON object that this project writes.

use std::io::BufRead;

use uuid::Uuid;

use super::entry::{BATCH, Disk, Entries, Entry, fault};
use super::json_members::{Elements, Member, entry, number};
use super::json_reader::{JsonReader, Token};
use super::{Identity, ReadOptions};
use crate::error::{ListFault, Place};
use crate::{BlockSize, Result};

pub(super) const RANGE: [Member; 2] = [number("offset"), number("length")];

/// The members of the object; `warnings` says nothing of the ranges.
const MEMBERS: [&str; 14] = [
    "block_size",
    "virtual_size",
    "changed_blocks",
    "changed_bytes",
    "extents",
    "listed",
    "listed_bytes",
    "inverted",
    "next_offset",
    "window",
    "warnings",
    "uuid_from",
    "uuid_to",
    "bitmap_digest",
];
/// The index of `extents`.
const EXTENTS: usize = 4;

/// One object, whose members may come in any order.
///
/// The totals say whether it lost a range since it was written. A list that was shaped may cover more than what changed, but
/// never less, and says how many ranges it has.
struct JsonEntries<'a> {
    json: JsonReader<'a>,
    elements: Elements<2>,
    seen: u32,
    state: State,
    disk: Disk,
    identity: Identity,
    said: Said,
    found: Found,
}

/// The figures that the list says.
#[derive(Default)]
struct Said {
    changed_blocks: Option<u64>,
    changed_bytes: Option<u64>,
    listed: Option<u64>,
    listed_bytes: Option<u64>,
}

/// The figures that the list has.
#[derive(Default)]
struct Found {
    ranges: u64,
    bytes: u64,
    /// The blocks, if their size came before the ranges.
    block_size: Option<BlockSize>,
    blocks: u64,
    last_block: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Members,
    Extents,
    After,
}

pub(super) fn open<'a>(from: Box<dyn BufRead + 'a>, _: &ReadOptions) -> Result<Box<dyn Entries + 'a>> {
    Ok(Box::new(JsonEntries {
        json: JsonReader::new(from),
        elements: Elements::new(&RANGE),
        seen: 0,
        state: State::Before,
        disk: Disk::default(),
        identity: Identity::default(),
        said: Said::default(),
        found: Found::default(),
    }))
}

impl JsonEntries<'_> {
    /// Reads up to the ranges, or up to the end of the object.
    fn members(&mut self) -> Result<()> {
        while let Some(member) = self.json.member(&MEMBERS, &mut self.seen)? {
            match MEMBERS[member] {
                "block_size" => self.disk.block_size = Some(self.json.number()?),
                "virtual_size" => self.disk.virtual_size = self.json.number_or_null()?,
                "changed_blocks" => self.said.changed_blocks = Some(self.json.number()?),
                "changed_bytes" => self.said.changed_bytes = Some(self.json.number()?),
                "listed" => self.said.listed = Some(self.json.number()?),
                "listed_bytes" => self.said.listed_bytes = Some(self.json.number()?),
                "inverted" => self.refuse_inverted()?,
                "next_offset" => self.refuse_page()?,
                "window" => {
                    return self.json.fail(ListFault::Unsuitable {
                        reason: "is of a part of the disk only".into(),
                        hint: "make the list without --offset and --length",
                    });
                }
                "extents" => {
                    self.json.expect(Token::StartArray, "an array")?;
                    self.found.block_size = self.disk.block_size.and_then(|bytes| BlockSize::new(bytes).ok());
                    self.state = State::Extents;
                    return Ok(());
                }
                "uuid_from" => self.identity.uuid_from = Some(self.uuid()?),
                "uuid_to" => self.identity.uuid_to = Some(self.uuid()?),
                "bitmap_digest" => {
                    self.json.expect(Token::Text, "a text")?;
                    self.identity.bitmap_digest = Some(self.json.text().to_owned());
                }
                _ => self.json.skip()?,
            }
        }
        self.state = State::After;
        self.check_whole()?;
        self.json.end()
    }

    fn uuid(&mut self) -> Result<Uuid> {
        self.json.expect(Token::Text, "a text")?;
        match Uuid::parse_str(self.json.text()) {
            Ok(uuid) => Ok(uuid),
            Err(_) => self.json.fail(ListFault::Syntax("is not a UUID".into())),
        }
    }

    fn refuse_inverted(&mut self) -> Result<()> {
        if self.json.boolean()? {
            return self.json.fail(ListFault::Unsuitable {
                reason: "lists what did not change".into(),
                hint: "make the list without --invert",
            });
        }
        Ok(())
    }

    fn refuse_page(&mut self) -> Result<()> {
        if let Some(next) = self.json.number_or_null()? {
            return self.json.fail(ListFault::Unsuitable {
                reason: format!("is only a part of its list, which goes on at {next}").into(),
                hint: "make the list without --limit",
            });
        }
        Ok(())
    }

    /// Holds the figures that the list says against those that it has.
    fn check_whole(&self) -> Result<()> {
        if let Some(Err(error)) = self.disk.block_size.map(BlockSize::new) {
            return self.fail_at_end(ListFault::Syntax(format!("has a wrong size: {error}").into()));
        }
        let (said, found) = (&self.said, &self.found);
        let is = |said: Option<u64>, found| said.is_none_or(|said| said == found);
        let is_whole = if said.listed.is_some() || said.listed_bytes.is_some() {
            let has_all_changes = said.changed_bytes.is_none_or(|changed| changed <= found.bytes);
            is(said.listed, found.ranges) && is(said.listed_bytes, found.bytes) && has_all_changes
        } else {
            let has_all_blocks = found.block_size.is_none() || is(said.changed_blocks, found.blocks);
            is(said.changed_bytes, found.bytes) && has_all_blocks
        };
        if !is_whole {
            return self.fail_at_end(ListFault::Unsuitable {
                reason: format!("has {} ranges of {} bytes, which is not what it says", found.ranges, found.bytes)
                    .into(),
                hint: "it has lost ranges, or was changed: make it again, or take a full backup",
            });
        }
        if self.seen & 1 << EXTENTS == 0 {
            return self.fail_at_end(ListFault::Syntax("has no \"extents\"".into()));
        }
        Ok(())
    }

    fn fail_at_end<T>(&self, found: ListFault) -> Result<T> {
        Err(fault(Place::End { offset: self.json.offset() }, found))
    }
}

impl Found {
    /// Counts a range, which was not held against the one before it yet.
    fn count(&mut self, range: &Entry) {
        self.ranges += 1;
        self.bytes = self.bytes.saturating_add(range.len_bytes);
        let log2 = self.block_size.unwrap_or_default().log2();
        let first = range.offset_bytes >> log2;
        let last = (range.offset_bytes + range.len_bytes).saturating_sub(1) >> log2;
        let new = (last + 1).saturating_sub(first).saturating_sub(u64::from(self.last_block == Some(first)));
        self.blocks = self.blocks.saturating_add(new);
        self.last_block = Some(last);
    }
}

impl Entries for JsonEntries<'_> {
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        while to.len() < BATCH && self.state != State::After {
            match self.state {
                State::Before => {
                    self.json.expect(Token::StartObject, "an object")?;
                    self.state = State::Members;
                }
                State::Members => self.members()?,
                State::Extents => match self.elements.next(&mut self.json)? {
                    Some((place, [offset, length])) => {
                        let range = entry(place, (offset, length, true))?;
                        self.found.count(&range);
                        to.push(range);
                    }
                    None => self.state = State::Members,
                },
                State::After => {}
            }
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.json.offset()
    }

    fn disk(&self) -> Disk {
        self.disk
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn is_whole_without_any(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::FORMAT;
    use super::*;

    const LIST: &str = r#"{"block_size":65536,"virtual_size":300000,"changed_blocks":3,"changed_bytes":168928,"extents":[
{"offset":0,"length":131072},
{"offset":262144,"length":37856}
]}
"#;

    fn read(text: &str) -> Result<Vec<(u64, u64)>> {
        FORMAT.read_all(text, &ReadOptions::default())
    }

    fn message(text: &str) -> String {
        FORMAT.message(text, &ReadOptions::default())
    }

    /// The list with further members at its end.
    fn with(members: &str) -> String {
        LIST.replace("\n]}", &format!("\n],{members}}}"))
    }

    #[test]
    fn the_object_says_the_sizes() {
        let mut reader = FORMAT.read(LIST.as_bytes(), &ReadOptions::default()).expect("options").expect("readable");
        assert_eq!(reader.by_ref().map(|range| range.expect("a good list").len_bytes).sum::<u64>(), 168_928);
        assert_eq!(reader.virtual_size().map(crate::VirtualSize::bytes), Some(300_000));
        assert_eq!(reader.block_size(), Some(BlockSize::DEFAULT));
        let unknown = LIST.replace("300000", "null");
        assert_eq!(read(&unknown).expect("a good list"), [(0, 131_072), (262_144, 300_000)]);
    }

    #[test]
    fn members_come_in_any_order() {
        let sorted = r#"{"extents":[{"length":131072,"offset":0},{"length":37856,"offset":262144}],"virtual_size":300000,
            "changed_bytes":168928,"changed_blocks":3,"block_size":65536}"#;
        assert_eq!(read(sorted).expect("a good list"), read(LIST).expect("a good list"));
    }

    #[test]
    fn members_that_say_nothing_of_the_ranges_are_passed_over() {
        let uuid = "3f8ad371-92cb-4c69-b6e5-7e4c8c5c2d10";
        let more =
            format!(r#""warnings":["one",{{"two":[2]}}],"uuid_from":"{uuid}","uuid_to":"{uuid}","bitmap_digest":"3""#);
        assert_eq!(read(&with(&more)).expect("a good list").len(), 2);
        assert!(message(&with(&more.replace("3f8a", ""))).ends_with("is not a UUID"));
        let unknown = message(&with(r#""holes":[]"#));
        assert!(unknown.ends_with("has the member \"holes\", which is not known here"), "{unknown}");
        let twice = message(&with(r#""block_size":65536"#));
        assert!(twice.ends_with("has the member \"block_size\" twice"), "{twice}");
        assert!(read(&with(r#""extents":[]"#)).is_err());
    }

    #[test]
    fn sizes_that_no_disk_has_are_faults_of_the_list() {
        for (from, to, expected) in [
            ("65536,", "3,", "has a wrong size: 3 bytes is no block size"),
            ("300000", "0", "has a wrong size: 0 bytes is no virtual size"),
        ] {
            let text = LIST.replacen(from, to, 1);
            assert!(matches!(read(&text), Err(crate::Error::List { .. })), "{text}");
            assert!(message(&text).contains(expected), "{}", message(&text));
        }
    }

    #[test]
    fn inverted_lists_and_pages_are_refused() {
        assert!(read(&with(r#""inverted":false,"next_offset":null,"listed":2,"listed_bytes":168928"#)).is_ok());
        assert!(message(&with(r#""inverted":true"#)).ends_with("lists what did not change"));
        let page = message(&with(r#""next_offset":262144"#));
        assert!(page.ends_with("is only a part of its list, which goes on at 262144"), "{page}");
        let window = message(&with(r#""window":{"offset":0,"length":null}"#));
        assert!(window.ends_with("is of a part of the disk only"), "{window}");
    }

    #[test]
    fn a_list_that_lost_a_range_is_refused() {
        assert_eq!(read(&with(r#""listed":2,"listed_bytes":168928"#)).expect("a good list").len(), 2);
        for lost in [
            LIST.replace("{\"offset\":0,\"length\":131072},", ""),
            LIST.replace(",\n{\"offset\":262144,\"length\":37856}", ""),
            LIST.replace("131072", "65536"),
            LIST.replace("\"changed_bytes\":168928,", "").replace("131072", "65536"),
            LIST.replace("\"changed_blocks\":3,", "").replace("131072", "65536"),
            with(r#""listed":3"#),
            with(r#""listed":1"#),
            with(r#""listed_bytes":168929"#),
            LIST.replace("168928", "168929").replace("\n]}", "\n],\"listed\":2}"),
        ] {
            let message = message(&lost);
            assert!(message.ends_with("which is not what it says"), "{message}");
        }
        assert!(message("{}").ends_with("has no \"extents\""));
    }

    #[test]
    fn a_list_that_was_shaped_may_cover_more_than_changed() {
        let merged = r#"{"block_size":65536,"virtual_size":null,"changed_blocks":2,"changed_bytes":131072,"extents":[
            {"offset":0,"length":1048576}],"listed":1,"listed_bytes":1048576}"#;
        assert_eq!(read(merged).expect("a good list"), [(0, 1 << 20)]);
        assert!(read(&merged.replace(",\"listed\":1,\"listed_bytes\":1048576", "")).is_err());
    }

    #[test]
    fn blocks_that_two_ranges_touch_count_once() {
        let list = r#"{"block_size":65536,"virtual_size":null,"changed_blocks":2,"changed_bytes":20,"extents":[
            {"offset":0,"length":5},{"offset":10,"length":5},{"offset":65535,"length":10}]}"#;
        assert_eq!(read(list).expect("a good list").len(), 3);
    }

    #[test]
    fn an_object_without_ranges_is_whole() {
        let list = r#"{"block_size":65536,"virtual_size":300000,"changed_blocks":0,"changed_bytes":0,"extents":[]}"#;
        assert_eq!(read(list).expect("a good list"), []);
    }
}
