//! The map of changes of the kernel module blksnap: one byte a block, and nothing else.
//!
//! A byte is the number of the snapshot after which its block was written last, and 0 for a block that was not written since
//! tracking began. So the blocks that changed since snapshot N are those with a larger number. Numbers of another
//! generation mean nothing; the map does not say its generation.

use std::io::BufRead;

use super::ReadOptions;
use super::entry::{Disk, Entries, Entry, Layout, fault};
use super::table::{Gaps, ListFormat, Needs, ReadOption};
use crate::error::{ListFault, Place};
use crate::{BlockSize, Error, Result, VirtualSize};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "blksnap",
    summary: "The map of the kernel module blksnap, one byte a block",
    has_virtual_size: false,
    has_block_size: false,
    gaps: Gaps::None,
    needs: Needs::Nothing,
    options: &[ReadOption::Since],
    open: Some(|from, options| Ok(Box::new(BlksnapEntries::open(from, options)?))),
    writer: None,
};

/// The largest number of a snapshot since which anything can have changed: the numbers are bytes.
const MAX_SINCE: u64 = 254;
const WRONG_LENGTH: &str =
    "give the virtual size and the block size that cbtinfo shows, and read the whole map; or take a full backup";

struct BlksnapEntries<R> {
    from: R,
    since: u8,
    block_size: BlockSize,
    virtual_size: VirtualSize,
    allow_empty: bool,
    /// How many blocks were read, and whether any of them changed.
    blocks: u64,
    has_changes: bool,
}

impl<R: BufRead> BlksnapEntries<R> {
    fn open(from: R, options: &ReadOptions) -> Result<Self> {
        let missing = |reason: &'static str, hint| {
            fault(Place::Byte { offset: 0 }, ListFault::Unsuitable { reason: reason.into(), hint })
        };
        let since = options.since.filter(|&since| since <= MAX_SINCE).and_then(|since| u8::try_from(since).ok());
        let since = since.ok_or_else(|| {
            missing(
                "does not say since which snapshot blocks are taken for changed, a number from 0 to 254",
                "give as --since the number that changes_number of cbtinfo had when the earlier snapshot was taken, if the generation is \
                 still the one of then; else take a full backup",
            )
        })?;
        let virtual_size = options
            .virtual_size
            .ok_or_else(|| missing("does not say how large the disk is", "give the virtual size"))?;
        Ok(Self {
            from,
            since,
            block_size: options.block_size,
            virtual_size,
            allow_empty: options.allow_empty,
            blocks: 0,
            has_changes: false,
        })
    }

    /// Refuses also a map without changes: that is how a snapshot of another generation may look.
    fn check_end(&self) -> Result<()> {
        if self.blocks != self.virtual_size.blocks(self.block_size) {
            return Err(self.wrong_length(Place::End { offset: self.blocks }, self.blocks));
        }
        if self.has_changes || self.allow_empty { Ok(()) } else { Err(Error::EmptyList) }
    }

    fn wrong_length(&self, place: Place, found: impl std::fmt::Display) -> Error {
        let expected = self.virtual_size.blocks(self.block_size);
        let reason = format!(
            "has {found} blocks, but a disk of {} bytes has {expected} of {} bytes",
            self.virtual_size.bytes(),
            self.block_size.bytes()
        );
        fault(place, ListFault::Unsuitable { reason: reason.into(), hint: WRONG_LENGTH })
    }
}

impl<R: BufRead> Entries for BlksnapEntries<R> {
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        let expected = self.virtual_size.blocks(self.block_size);
        while to.is_empty() {
            let bytes = match self.from.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(Error::Read { offset: self.blocks, source }),
            };
            let len = bytes.len();
            if len == 0 {
                return self.check_end();
            }
            if len as u64 > expected - self.blocks {
                let first_beyond = Place::Byte { offset: expected };
                return Err(self.wrong_length(first_beyond, format_args!("more than {expected}")));
            }
            for run in bytes.chunk_by(|&left, &right| (left > self.since) == (right > self.since)) {
                // The disk ends within 64 bits, and so do all blocks but the last.
                let offset_bytes = self.blocks << self.block_size.log2();
                let place = Place::Byte { offset: self.blocks };
                self.blocks += run.len() as u64;
                let end = self.blocks.saturating_mul(self.block_size.bytes());
                self.has_changes |= run[0] > self.since;
                to.push(Entry { place, offset_bytes, len_bytes: end - offset_bytes, is_changed: run[0] > self.since });
            }
            self.from.consume(len);
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.blocks
    }

    fn disk(&self) -> Disk {
        Disk { virtual_size: None, block_size: Some(self.block_size.bytes()) }
    }

    fn layout(&self) -> Layout {
        Layout::CoveringBlocks(self.block_size.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ByteRange;

    fn read(map: &[u8], since: u64, virtual_size: u64) -> Result<Vec<ByteRange>, String> {
        let virtual_size = VirtualSize::new(virtual_size).ok();
        let options = ReadOptions { since: Some(since), virtual_size, ..ReadOptions::default() };
        let reader = FORMAT.read(map, &options).map_err(|error| error.to_string())?.expect("readable");
        reader.collect::<Result<_>>().map_err(|error| error.to_string())
    }

    #[test]
    fn blocks_with_a_larger_number_have_changed() {
        let between = |start: u64, end: u64| ByteRange::between(start * 65_536, end * 65_536);
        let map = [0, 1, 2, 3, 3, 0, 255];
        let all = 7 * 65_536;
        assert_eq!(read(&map, 0, all), Ok(vec![between(1, 5), between(6, 7)]));
        assert_eq!(read(&map, 2, all), Ok(vec![between(3, 5), between(6, 7)]));
        assert_eq!(read(&map, 3, all - 1), Ok(vec![ByteRange::between(6 * 65_536, all - 1)]));
    }

    #[test]
    fn a_map_of_another_length_is_refused() {
        for len in [0, 1, 6, 8, 100_000] {
            let message = read(&vec![1; len], 0, 7 * 65_536).expect_err("refused");
            let found = if len > 7 { "more than 7".to_owned() } else { len.to_string() };
            let place = if len > 7 { "list at offset 7".to_owned() } else { format!("ends at offset {len}") };
            assert!(message.contains(&place), "{message}");
            assert!(
                message.contains(&format!("has {found} blocks, but a disk of 458752 bytes has 7 of 65536")),
                "{message}"
            );
        }
    }

    #[test]
    fn a_map_without_changes_is_refused_unless_it_is_allowed() {
        let virtual_size = VirtualSize::new(3 * 65_536).ok();
        let options = ReadOptions { since: Some(3), virtual_size, ..ReadOptions::default() };
        let read =
            |options: &ReadOptions| FORMAT.read(&[3, 0, 1][..], options).expect("good").expect("readable").next();
        assert!(matches!(read(&options), Some(Err(Error::EmptyList))));
        assert!(read(&ReadOptions { allow_empty: true, ..options }).is_none());
    }

    #[test]
    fn facts_that_the_map_lacks_have_to_be_given() {
        let read = |options: &ReadOptions| FORMAT.read(&[1][..], options).expect_err("refused").to_string();
        let since = |since| ReadOptions { since, ..ReadOptions::default() };
        assert!(read(&since(None)).contains("since which snapshot"));
        assert!(read(&since(Some(255))).contains("since which snapshot"));
        assert!(read(&since(Some(3))).contains("how large the disk is"));
    }
}
