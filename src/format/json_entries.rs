//! Readers of the JSON that this project writes.

use std::io::BufRead;

use super::ReadOptions;
use super::entry::{Disk, Entries, Entry, fault};
use super::json_members::{Elements, Member, entry, number};
use super::json_reader::{JsonReader, Token};
use crate::error::{ListFault, Place};
use crate::{BlockSize, Result};

/// How many entries are read at a time.
const BATCH: usize = 512;

const RANGE: [Member; 2] = [number("offset"), number("length")];

/// The members of the object, of which those after `next_offset` say nothing of the ranges.
const MEMBERS: [&str; 13] = [
    "block_size",
    "virtual_size",
    "changed_blocks",
    "changed_bytes",
    "extents",
    "listed",
    "listed_bytes",
    "inverted",
    "next_offset",
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
                "extents" => {
                    self.json.expect(Token::StartArray, "an array")?;
                    self.found.block_size = self.disk.block_size.map(BlockSize::new).transpose()?;
                    self.state = State::Extents;
                    return Ok(());
                }
                _ => self.json.skip()?,
            }
        }
        self.state = State::After;
        self.check_whole()?;
        self.json.end()
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

    fn is_whole_without_any(&self) -> bool {
        true
    }
}

/// One object a line.
struct NdjsonEntries<'a> {
    json: JsonReader<'a>,
    elements: Elements<2>,
}

pub(super) fn open_ndjson<'a>(from: Box<dyn BufRead + 'a>, _: &ReadOptions) -> Result<Box<dyn Entries + 'a>> {
    Ok(Box::new(NdjsonEntries { json: JsonReader::new(from), elements: Elements::new(&RANGE) }))
}

impl Entries for NdjsonEntries<'_> {
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        while to.len() < BATCH && self.json.has_document()? {
            self.json.expect(Token::StartObject, "an object")?;
            let (place, [offset, length]) = self.elements.rest(&mut self.json)?;
            to.push(entry(place, (offset, length, true))?);
        }
        // An object is whole without a line break, but a list that was cut short may end there.
        if to.is_empty() && self.json.last_byte().is_some_and(|byte| byte != b'\n') {
            return Err(fault(Place::End { offset: self.json.offset() }, ListFault::CutShort));
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.json.offset()
    }
}
