//! Lists that come in pages: JSON objects, each with some entries in an array among its members.
//!
//! The pages are elements of an array, or documents one after the other, or there is only one:
//!
//! ```text
//! while a page follows {
//!     while a member follows { read it, or its elements, one by one }
//!     hold the page against those before it
//! }
//! hold the whole against the disk
//! ```
//!
//! The members of a page come in any order, so a size may be known only after the elements that it matters for.

use std::io::BufRead;

use super::entry::{BATCH, Disk, Entries, Entry, Layout, fault};
use super::json_members::entry;
use super::json_reader::{JsonReader, Token, not};
use crate::Result;
use crate::error::{ListFault, Place};

/// The part of a page that was read.
pub(super) enum Member {
    /// A member and its value.
    Value,
    /// The start of the array of elements.
    Elements,
    /// The end of the page.
    End,
}

/// A format that comes in pages.
pub(super) trait Pages {
    /// Reads the next member of a page. `seen` has a bit for each member of this page that was there already.
    fn member(&mut self, json: &mut JsonReader<'_>, seen: &mut u32) -> Result<Member>;

    /// Reads the next element; `false` at the end of the array.
    fn element(&mut self, json: &mut JsonReader<'_>, to: &mut Vec<Entry>) -> Result<bool>;

    /// Checks a page at its end; `place` is its start.
    fn end_page(&mut self, place: Place, seen: u32, to: &mut Vec<Entry>) -> Result<()>;

    /// Checks the whole at its end.
    fn end(&mut self, _place: Place) -> Result<()> {
        Ok(())
    }

    fn disk(&self) -> Disk;

    fn layout(&self) -> Layout;
}

/// Where the reader is.
#[derive(Clone, Copy)]
enum State {
    Start,
    /// Inside the array of pages, or between pages that are documents.
    BetweenPages {
        in_array: bool,
    },
    Page {
        in_array: bool,
    },
    Elements {
        in_array: bool,
    },
    End,
}

/// A reader of pages.
pub(super) struct PageEntries<'a, P> {
    json: JsonReader<'a>,
    pages: P,
    state: State,
    /// Where the page begins, and which of its members were there.
    page: (Place, u32),
    /// Whether there was an array, or a page.
    has_document: bool,
}

impl<'a, P: Pages + 'a> PageEntries<'a, P> {
    pub(super) fn open(from: Box<dyn BufRead + 'a>, pages: P) -> Box<dyn Entries + 'a> {
        let (json, page) = (JsonReader::new(from), (Place::Byte { offset: 0 }, 0));
        Box::new(Self { json, pages, state: State::Start, page, has_document: false })
    }

    fn step(&mut self, to: &mut Vec<Entry>) -> Result<State> {
        Ok(match self.state {
            State::Start if self.json.has_document()? => {
                self.has_document = true;
                match self.json.next()? {
                    Token::StartArray => State::BetweenPages { in_array: true },
                    token => self.start_page(token, false)?,
                }
            }
            State::BetweenPages { in_array: true } => match self.json.next()? {
                Token::EndArray => {
                    self.json.end()?;
                    self.end()?
                }
                token => self.start_page(token, true)?,
            },
            State::BetweenPages { in_array: false } if self.json.has_document()? => {
                let token = self.json.next()?;
                self.start_page(token, false)?
            }
            State::Start | State::BetweenPages { .. } => self.end()?,
            State::Page { in_array } => match self.pages.member(&mut self.json, &mut self.page.1)? {
                Member::Value => State::Page { in_array },
                Member::Elements => State::Elements { in_array },
                Member::End => {
                    self.pages.end_page(self.page.0, self.page.1, to)?;
                    State::BetweenPages { in_array }
                }
            },
            State::Elements { in_array } if self.pages.element(&mut self.json, to)? => State::Elements { in_array },
            State::Elements { in_array } => State::Page { in_array },
            State::End => State::End,
        })
    }

    fn start_page(&mut self, token: Token, in_array: bool) -> Result<State> {
        if token != Token::StartObject {
            return self.json.fail(not("an object"));
        }
        self.page = (self.json.place(), 0);
        Ok(State::Page { in_array })
    }

    fn end(&mut self) -> Result<State> {
        self.pages.end(Place::End { offset: self.json.offset() })?;
        Ok(State::End)
    }
}

impl<'a, P: Pages + 'a> Entries for PageEntries<'a, P> {
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        while to.len() < BATCH && !matches!(self.state, State::End) {
            self.state = self.step(to)?;
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.json.offset()
    }

    fn disk(&self) -> Disk {
        self.pages.disk()
    }

    fn is_whole_without_any(&self) -> bool {
        self.has_document
    }

    fn layout(&self) -> Layout {
        self.pages.layout()
    }
}

/// Begins the array of elements.
pub(super) fn start_elements(json: &mut JsonReader<'_>) -> Result<Member> {
    json.expect(Token::StartArray, "an array")?;
    Ok(Member::Elements)
}

/// Begins the array of elements, unless there is `null` in its place.
pub(super) fn start_elements_or_null(json: &mut JsonReader<'_>) -> Result<Member> {
    match json.next()? {
        Token::Null => Ok(Member::Value),
        Token::StartArray => Ok(Member::Elements),
        _ => json.fail(not("an array, nor null")),
    }
}

/// Keeps a figure that all pages have in common.
pub(super) fn keep_common(slot: &mut Option<u64>, found: u64, json: &JsonReader<'_>) -> Result<()> {
    match slot.replace(found) {
        Some(before) if before != found => json.fail(ListFault::Syntax(
            format!("is not {before}, as in the page before: they are of different answers").into(),
        )),
        _ => Ok(()),
    }
}

/// Checks that a page has a member that has to be there.
pub(super) fn check_seen<const N: usize>(place: Place, names: &[&str; N], seen: u32, member: usize) -> Result<()> {
    if seen & 1 << member != 0 {
        return Ok(());
    }
    let reason = format!("begins an object without the member {:?}", names[member]);
    Err(fault(place, ListFault::Syntax(reason.into())))
}

/// The entry of some blocks.
pub(super) fn blocks(place: Place, first: u64, count: u64, block_size: u64) -> Result<Entry> {
    match (first.checked_mul(block_size), count.checked_mul(block_size)) {
        (Some(offset_bytes), Some(len_bytes)) => entry(place, (offset_bytes, len_bytes, true)),
        _ => Err(fault(place, ListFault::TooLarge)),
    }
}

/// Reads a list in a test: the start and the end of each range, or the error.
#[cfg(test)]
pub(super) fn read_all(
    format: &super::ListFormat,
    options: &super::ReadOptions,
    text: &str,
) -> Result<Vec<(u64, u64)>, String> {
    let read = || format.read(text.as_bytes(), options)?.expect("readable").collect::<Result<Vec<_>>>();
    let ranges = read().map_err(|error| error.to_string())?;
    Ok(ranges.into_iter().map(|range| (range.offset_bytes, range.end_bytes())).collect())
}
