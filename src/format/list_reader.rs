//! A list of any format as ranges: the checks that all have in common.
//!
//! Invariant: a range is given only after the entry after it was read and found good, or the end of the list; so ranges that
//! touch each other are given as one.

use std::fmt;
use std::iter::FusedIterator;

use super::entry::{Disk, Entries, Entry, Layout, fault};
use super::{Identity, ReadOptions};
use crate::error::{ListFault, Place};
use crate::{BlockSize, ByteRange, Error, Result, VirtualSize};

/// The byte ranges of a list: sorted and disjoint, those that touch each other put together.
///
/// They come as they are read. The ranges before an error must not be used. A list without any change is refused, since a
/// program that failed leaves as much; [`ReadOptions::allow_empty`] takes it for no changes.
///
/// ```
/// use changed_blocks::ByteRange;
/// use changed_blocks::format::{ListFormat, ReadOptions};
///
/// let format = ListFormat::named("text").expect("a format");
/// let read = |text: &'static str| format.read(text.as_bytes(), &ReadOptions::default()).map(|reader| reader.expect("readable"));
/// let ranges: Result<Vec<ByteRange>, _> = read("0 512\n512 512\n65536 131072\n")?.collect();
/// assert_eq!(ranges?, [ByteRange::between(0, 1024), ByteRange::between(65_536, 196_608)]);
///
/// let error = read("0 512\n65536 131")?.last().expect("an item").expect_err("cut short");
/// assert_eq!(error.to_string(), "line 2 at offset 6 does not end as it should: it may have been cut short");
/// # Ok::<(), changed_blocks::Error>(())
/// ```
pub struct ListReader<'a> {
    entries: Box<dyn Entries + 'a>,
    virtual_size: Option<VirtualSize>,
    block_size: Option<BlockSize>,
    /// How the entries of the batch have to lie.
    layout: Layout,
    allow_empty: bool,
    batch: Vec<Entry>,
    /// Ranges that are good and whole, and how many of them were given.
    ready: Vec<ByteRange>,
    given: usize,
    /// The last entry that was checked, cut off where the disk ends.
    previous: Option<(Place, ByteRange)>,
    /// The last range, to which the next may be added.
    last: Option<ByteRange>,
    is_at_end: bool,
    /// The fault after the ranges that are ready.
    fault: Option<Error>,
}

impl<'a> ListReader<'a> {
    pub(super) fn new(entries: Box<dyn Entries + 'a>, options: &ReadOptions) -> Self {
        Self {
            entries,
            virtual_size: options.virtual_size,
            block_size: None,
            layout: Layout::Listed,
            allow_empty: options.allow_empty,
            batch: Vec::new(),
            ready: Vec::new(),
            given: 0,
            previous: None,
            last: None,
            is_at_end: false,
            fault: None,
        }
    }

    /// Holds the rest of the list against the size of the disk.
    pub fn set_virtual_size(&mut self, virtual_size: VirtualSize) {
        self.virtual_size = Some(virtual_size);
    }

    /// The size of the disk: that of the options, or of the file as soon as that was read, at the latest at the end.
    #[must_use]
    pub fn virtual_size(&self) -> Option<VirtualSize> {
        self.virtual_size
    }

    /// The block size that the file says, as soon as that was read, if it is one that a bitmap can have.
    #[must_use]
    pub fn block_size(&self) -> Option<BlockSize> {
        self.block_size
    }

    /// The origin of the list, as far as the file says it, once its end was read.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.entries.identity()
    }

    /// The number of bytes that were read.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.entries.bytes_read()
    }

    /// Reads the next entries, and makes ranges of them.
    fn read_batch(&mut self) -> Result<()> {
        self.given = 0;
        self.ready.clear();
        self.batch.clear();
        let outcome = self.entries.read(&mut self.batch);
        if self.batch.is_empty() {
            outcome?;
            self.learn_disk()?;
            self.check_end()?;
            self.ready.extend(self.last.take());
            self.is_at_end = true;
            return Ok(());
        }
        // The entries before a fault come first, so that the first fault of a list is the one that is told, however its bytes
        // arrive.
        self.learn_disk()?;
        self.check_batch()?;
        outcome
    }

    /// Checks the entries of the batch, and puts together those that are changes and touch each other.
    fn check_batch(&mut self) -> Result<()> {
        let mut end = self.previous.map_or(0, |(_, range)| range.end_bytes());
        for entry in &self.batch {
            let range = self.check(entry, end)?;
            end = range.end_bytes();
            match &mut self.last {
                _ if !entry.is_changed => {}
                Some(last) if last.end_bytes() == range.offset_bytes => last.len_bytes += range.len_bytes,
                Some(last) => self.ready.push(std::mem::replace(last, range)),
                last => *last = Some(range),
            }
        }
        self.previous = self.batch.last().map(|entry| (entry.place, ByteRange::between(entry.offset_bytes, end)));
        Ok(())
    }

    /// Takes over the layout, and the sizes that the file says.
    fn learn_disk(&mut self) -> Result<()> {
        self.layout = self.entries.layout();
        let Disk { virtual_size, block_size } = self.entries.disk();
        let place = Place::Byte { offset: self.bytes_read() };
        // The file's fault, not that of who asks.
        let wrong_size = |error: Error| fault(place, ListFault::Syntax(format!("has a wrong size: {error}").into()));
        if let Some(found) = virtual_size {
            match self.virtual_size.map(VirtualSize::bytes) {
                Some(expected) if expected != found => {
                    return Err(fault(place, ListFault::OtherSize { found, expected }));
                }
                Some(_) => {}
                None => self.virtual_size = Some(VirtualSize::new(found).map_err(wrong_size)?),
            }
        }
        // Other sizes than those that a bitmap can have are of no use here, and do no harm.
        self.block_size = block_size.and_then(|bytes| BlockSize::new(bytes).ok());
        Ok(())
    }

    /// Checks an entry against the end of the one before it and the disk, and cuts it off where the disk ends if it may reach
    /// beyond.
    fn check(&self, entry: &Entry, previous_end: u64) -> Result<ByteRange> {
        let fail = |found| Err(fault(entry.place, found));
        let Some(end) = entry.offset_bytes.checked_add(entry.len_bytes) else { return fail(ListFault::TooLarge) };
        if entry.len_bytes == 0 {
            return fail(ListFault::Empty);
        }
        if entry.offset_bytes < previous_end {
            return fail(ListFault::Overlap(previous_end));
        }
        if self.layout.is_covering() && entry.offset_bytes > previous_end {
            return fail(ListFault::Gap(previous_end));
        }
        self.cut_off(entry.place, ByteRange::between(entry.offset_bytes, end))
    }

    /// The part of an entry that is on the disk. Only one of whole blocks may reach beyond, by less than a block: if by more, it
    /// is another disk's.
    fn cut_off(&self, place: Place, range: ByteRange) -> Result<ByteRange> {
        let Some(size) = self.virtual_size.map(VirtualSize::bytes) else { return Ok(range) };
        match range.clip(ByteRange::between(0, size)) {
            Some(part) if range.end_bytes() - part.end_bytes() < self.layout.block_bytes() => Ok(part),
            _ => Err(fault(place, ListFault::BeyondEnd(size))),
        }
    }

    /// Checks the whole, of which the sizes may have come last.
    fn check_end(&mut self) -> Result<()> {
        let Some((place, previous)) = self.previous else {
            if self.layout.is_covering() {
                return Err(fault(Place::End { offset: self.bytes_read() }, ListFault::CutShort));
            }
            let may_be_empty = self.allow_empty || self.entries.is_whole_without_any();
            return if may_be_empty { Ok(()) } else { Err(Error::EmptyList) };
        };
        let end = self.cut_off(place, previous)?.end_bytes();
        self.last = self.last.and_then(|last| last.clip(ByteRange::between(0, end)));
        match (self.layout, self.virtual_size.map(VirtualSize::bytes)) {
            (Layout::Covering | Layout::CoveringBlocks(_), Some(expected)) if end < expected => {
                Err(fault(place, ListFault::OtherSize { found: end, expected }))
            }
            (Layout::Covering, None) => {
                self.virtual_size = Some(VirtualSize::new(end)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Iterator for ListReader<'_> {
    type Item = Result<ByteRange>;

    fn next(&mut self) -> Option<Result<ByteRange>> {
        loop {
            if let Some(&range) = self.ready.get(self.given) {
                self.given += 1;
                return Some(Ok(range));
            }
            if self.is_at_end {
                return self.fault.take().map(Err);
            }
            if let Err(error) = self.read_batch() {
                (self.is_at_end, self.fault) = (true, Some(error));
            }
        }
    }
}

impl FusedIterator for ListReader<'_> {}

impl fmt::Debug for ListReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListReader").field("bytes_read", &self.bytes_read()).finish_non_exhaustive()
    }
}
