//! The answer of Azure's Get Page Ranges with `prevsnapshot`: the pages of a disk that changed since a snapshot.
//!
//! ```text
//! <PageList>
//!   <PageRange><Start>0</Start><End>511</End></PageRange>
//!   <ClearRange><Start>512</Start><End>1023</End></ClearRange>
//!   <NextMarker/>
//! </PageList>
//! ```
//!
//! Both kinds have changed: a `ClearRange` is zeros now. The ends are included, and pages have 512 bytes. Without
//! `prevsnapshot` the answer looks alike and lists what is allocated, without what was cleared; only a `ClearRange` tells
//! them apart.

use std::io::BufRead;

use super::ReadOptions;
use super::entry::{BATCH, Entries, Entry, fault};
use super::table::{Gaps, ListFormat, Needs, ReadOption};
use super::xml_reader::{Element, XmlReader, unknown};
use crate::error::{ListFault, Place};
use crate::{Error, Result};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "azure",
    summary: "The XML of Azure's Get Page Ranges",
    has_virtual_size: false,
    has_block_size: false,
    gaps: Gaps::Unchanged,
    needs: Needs::Nothing,
    options: &[ReadOption::Context, ReadOption::Allocation],
    open: Some(|from, options| Ok(Box::new(AzureEntries::open(from, options)?))),
    writer: None,
};

/// The name of the parameter that makes the answer one of changes.
const PREVIOUS_SNAPSHOT: &str = "prevsnapshot";
const PAGE_BYTES: u64 = 512;

struct AzureEntries<R> {
    xml: XmlReader<R>,
    /// Whether the list is known to be one of changes, or may be taken for one.
    is_of_changes: bool,
    allow_empty: bool,
    entries: u64,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Start,
    Ranges,
    /// After the marker, after which no range comes.
    Marker,
    End,
}

impl<R: BufRead> AzureEntries<R> {
    fn open(from: R, options: &ReadOptions) -> Result<Self> {
        let context = options.context.as_deref();
        if context.is_some_and(|context| context != PREVIOUS_SNAPSHOT) {
            let reason = "is of no such context: there is only prevsnapshot".into();
            let hint = "give that only if the list was asked for with the parameter prevsnapshot";
            return Err(fault(Place::Byte { offset: 0 }, ListFault::Unsuitable { reason, hint }));
        }
        let is_of_changes = context.is_some() || options.allocation;
        let (allow_empty, progress) = (options.allow_empty, Progress::Start);
        Ok(Self { xml: XmlReader::new(from), is_of_changes, allow_empty, entries: 0, progress })
    }

    /// The next entry; `None` at the end.
    fn next_entry(&mut self) -> Result<Option<Entry>> {
        loop {
            let Some(element) = self.xml.child()? else { return self.end() };
            element.check_attributes(&[])?;
            match (element.name.as_str(), self.progress) {
                ("PageRange", Progress::Ranges) => return self.entry(&element).map(Some),
                ("ClearRange", Progress::Ranges) => {
                    self.is_of_changes = true;
                    return self.entry(&element).map(Some);
                }
                ("NextMarker", Progress::Ranges) => self.marker(&element)?,
                _ => return Err(unknown(&element)),
            }
        }
    }

    fn marker(&mut self, element: &Element) -> Result<()> {
        self.progress = Progress::Marker;
        if self.xml.text()?.is_empty() {
            return Ok(());
        }
        let reason = "says that there is more: it is not the last answer".into();
        let hint = "ask again with the marker until there is none, and put the ranges of all answers into one list";
        Err(element.fault(ListFault::Unsuitable { reason, hint }))
    }

    fn entry(&mut self, element: &Element) -> Result<Entry> {
        let mut member = |name| {
            self.xml.open(name)?.check_attributes(&[])?;
            self.xml.number()
        };
        let (start, last) = (member("Start")?, member("End")?);
        self.xml.close()?;
        self.entries += 1;
        let place = Place::Entry { number: self.entries, offset: element.offset };
        let end = last + 1;
        if i64::try_from(end).is_err() {
            return Err(fault(place, ListFault::TooLarge));
        }
        if end <= start || !start.is_multiple_of(PAGE_BYTES) || !end.is_multiple_of(PAGE_BYTES) {
            let reason = format!("is no range of whole pages of 512 bytes: from {start} to {last}, which is included");
            return Err(fault(place, ListFault::Syntax(reason.into())));
        }
        Ok(Entry { place, offset_bytes: start, len_bytes: end - start, is_changed: true })
    }

    fn end(&mut self) -> Result<Option<Entry>> {
        self.xml.end()?;
        self.progress = Progress::End;
        let place = Place::End { offset: self.xml.bytes_read() };
        if self.entries == 0 && !self.allow_empty {
            return Err(Error::EmptyList);
        }
        if !self.is_of_changes {
            let reason = "does not tell whether it lists what changed or what is allocated".into();
            let hint = "if it was asked for with the parameter prevsnapshot, give --context prevsnapshot; else ask again \
                        with it, or take a full backup";
            return Err(fault(place, ListFault::Unsuitable { reason, hint }));
        }
        Ok(None)
    }
}

impl<R: BufRead> Entries for AzureEntries<R> {
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        if self.progress == Progress::Start {
            self.xml.open("PageList")?.check_attributes(&[])?;
            self.progress = Progress::Ranges;
        }
        while to.len() < BATCH
            && self.progress != Progress::End
            && let Some(entry) = self.next_entry()?
        {
            to.push(entry);
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.xml.bytes_read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ByteRange;

    const GOOD: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<PageList><PageRange><Start>0</Start><End>511</End></PageRange>\
        <ClearRange><Start>512</Start><End>1023</End></ClearRange><PageRange><Start>65536</Start><End>131071</End></PageRange>\
        <NextMarker/></PageList>";

    fn read_with(text: &str, options: &ReadOptions) -> Result<Vec<ByteRange>, String> {
        let reader = FORMAT.read(text.as_bytes(), options).map_err(|error| error.to_string())?.expect("readable");
        reader.collect::<Result<_>>().map_err(|error| error.to_string())
    }

    fn read(text: &str) -> Result<Vec<ByteRange>, String> {
        read_with(text, &ReadOptions::default())
    }

    #[test]
    fn pages_and_cleared_pages_have_changed() {
        let expected = vec![ByteRange::between(0, 1024), ByteRange::between(65_536, 131_072)];
        assert_eq!(read(GOOD).as_ref(), Ok(&expected));
        // Older versions of the service have no marker.
        assert_eq!(read(&GOOD.replace("<NextMarker/>", "")).as_ref(), Ok(&expected));
        assert_eq!(read(&GOOD.replace("<NextMarker/>", "<NextMarker></NextMarker>")), Ok(expected));
    }

    #[test]
    fn a_list_that_may_be_one_of_allocation_has_to_be_named() {
        let text = GOOD.replace("ClearRange", "PageRange");
        assert!(read(&text).expect_err("refused").contains("does not tell whether it lists what changed"));
        let context = ReadOptions { context: Some("prevsnapshot".to_owned()), ..ReadOptions::default() };
        assert_eq!(read_with(&text, &context), read(GOOD));
        let allocation = ReadOptions { allocation: true, ..ReadOptions::default() };
        assert_eq!(read_with(&text, &allocation), read(GOOD));
        let other = ReadOptions { context: Some("other".to_owned()), ..ReadOptions::default() };
        assert!(read_with(&text, &other).expect_err("refused").contains("is of no such context"));
        let empty = "<PageList/>";
        assert_eq!(read_with(empty, &context), Err(Error::EmptyList.to_string()));
        assert_eq!(read_with(empty, &ReadOptions { allow_empty: true, ..context }), Ok(vec![]));
    }

    #[test]
    fn lists_that_are_not_whole_or_not_known_are_refused() {
        for (from, to, expected) in [
            ("<NextMarker/>", "<NextMarker>2</NextMarker>", "says that there is more"),
            ("<NextMarker/>", "<NextMarker/><NextMarker/>", "is an element NextMarker in a place where none is known"),
            ("<PageRange>", "<NextMarker/><PageRange>", "is an element PageRange in a place where none is known"),
            ("<NextMarker/>", "<Other/>", "is an element Other in a place where none is known"),
            ("</PageList>", "", "cut short"),
            ("<End>511", "<End>512", "entry 1 at offset 52 is no range of whole pages"),
            ("<Start>0", "<Start>1", "is no range of whole pages"),
            ("<Start>512", "<Start>1024", "is no range of whole pages"),
            ("<Start>512", "<Start>0", "begins before 512, where the one before it ends"),
            ("<End>131071", "<End>9223372036854775807", "ends beyond"),
            ("<End>131071", "<End>9223372036854775808", "ends beyond"),
            ("<End>511</End>", "", "is not the element End"),
            ("<End>511</End>", "<End>511</End><End>511</End>", "is an element End in a place where none is known"),
            ("<Start>0</Start><End>511</End>", "<End>511</End><Start>0</Start>", "is not the element Start"),
            ("<PageRange>", "<PageRange x='1'>", "has the unknown attribute x"),
            ("PageList>", "Pages>", "is not the element PageList"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD);
            let message = read(&text).expect_err("refused");
            assert!(message.contains(expected), "{message}, not {expected}");
        }
        let largest = GOOD.replace("131071", "9223372036854775295");
        assert_eq!(read(&largest).expect("good")[1].end_bytes(), (1 << 63) - 512);
    }

    #[test]
    fn a_list_cut_at_any_byte_is_refused() {
        for (len, _) in GOOD.char_indices() {
            assert!(read(&GOOD[..len]).is_err(), "{len}");
        }
    }
}
