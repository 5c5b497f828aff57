//! The stream of `rbd export-diff`, version 1. Its data is passed over, never held.
//!
//! ```text
//! "rbd diff v1\n"
//! f length name | t length name | s size      in any order, `s` always
//! w offset length data | z offset length      again and again
//! e                                           at the end
//! ```
//!
//! Numbers are little-endian: the lengths of names have four bytes, all others eight. `w` is data and `z` are zeros; both
//! have changed.

use std::io::{self, BufRead};

use super::ReadOptions;
use super::entry::{BATCH, Disk, Entries, Entry, fault};
use super::table::{Gaps, ListFormat, Needs, ReadOption};
use crate::error::{ListFault, Place};
use crate::{Error, Result};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "rbd-v1",
    summary: "The stream of rbd export-diff, without its data",
    has_virtual_size: true,
    has_block_size: false,
    gaps: Gaps::Unchanged,
    needs: Needs::Nothing,
    options: &[ReadOption::Allocation],
    open: Some(|from, options| Ok(Box::new(RbdEntries::new(from, options)))),
    writer: None,
};

const BANNER: &[u8] = b"rbd diff v1\n";
/// The longest name of a snapshot that Ceph reads.
const MAX_NAME_BYTES: u32 = 4096;

struct RbdEntries<R> {
    from: R,
    /// Whether a stream without a snapshot to begin with is read.
    allocation: bool,
    bytes: u64,
    /// The number of the entries that were read.
    entries: u64,
    size: Option<u64>,
    has_from: bool,
    has_to: bool,
    progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Banner,
    Metadata,
    Entries,
    End,
}

impl<R: BufRead> RbdEntries<R> {
    fn new(from: R, options: &ReadOptions) -> Self {
        let allocation = options.allocation;
        let progress = Progress::Banner;
        Self { from, allocation, bytes: 0, entries: 0, size: None, has_from: false, has_to: false, progress }
    }

    fn fail<T>(&self, found: ListFault) -> Result<T> {
        Err(fault(Place::Byte { offset: self.bytes }, found))
    }

    fn unsuitable<T>(&self, reason: &'static str, hint: &'static str) -> Result<T> {
        self.fail(ListFault::Unsuitable { reason: reason.into(), hint })
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        match self.from.read_exact(&mut bytes) {
            Ok(()) => {
                self.bytes += N as u64;
                Ok(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.fail(ListFault::CutShort),
            Err(source) => Err(Error::Read { offset: self.bytes, source }),
        }
    }

    /// A size or an offset, which Ceph holds in 64 bits with a sign.
    fn number(&mut self) -> Result<u64> {
        let number = u64::from_le_bytes(self.bytes()?);
        if i64::try_from(number).is_err() { self.fail(ListFault::TooLarge) } else { Ok(number) }
    }

    fn skip(&mut self, len: u64) -> Result<()> {
        let mut left = len;
        while left > 0 {
            let available = match self.from.fill_buf() {
                Ok(available) => available.len(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(Error::Read { offset: self.bytes, source }),
            };
            if available == 0 {
                return self.fail(ListFault::CutShort);
            }
            let count = usize::try_from(left).map_or(available, |left| left.min(available));
            self.from.consume(count);
            self.bytes += count as u64;
            left -= count as u64;
        }
        Ok(())
    }

    fn banner(&mut self) -> Result<()> {
        let banner: [u8; BANNER.len()] = self.bytes()?;
        if banner == BANNER {
            self.progress = Progress::Metadata;
            return Ok(());
        }
        self.bytes = 0;
        if banner == *b"rbd diff v2\n" || banner == *b"rbd image v1" || banner == *b"rbd image v2" {
            return self.unsuitable("is not of version 1", "make it by rbd export-diff, which writes version 1");
        }
        self.fail(ListFault::Syntax("does not begin as the output of rbd export-diff does".into()))
    }

    fn metadata(&mut self, tag: u8) -> Result<()> {
        let is_second = match tag {
            b'f' => std::mem::replace(&mut self.has_from, true),
            b't' => std::mem::replace(&mut self.has_to, true),
            _ => self.size.is_some(),
        };
        if is_second || self.progress != Progress::Metadata {
            return self.fail(ListFault::Syntax("has a second name or size, or one after the data".into()));
        }
        if tag == b's' {
            self.size = Some(self.number()?);
            return Ok(());
        }
        let len = u32::from_le_bytes(self.bytes()?);
        if len > MAX_NAME_BYTES {
            return self.fail(ListFault::Syntax("has a name that is longer than 4096 bytes".into()));
        }
        self.skip(len.into())
    }

    /// Checks the metadata, which ends where the first entry or the end is.
    fn check_metadata(&mut self) -> Result<()> {
        if self.size.is_none() {
            return self.unsuitable("does not say how large the disk is", "make it again, or take a full backup");
        }
        if !self.has_from && !self.allocation {
            return self.unsuitable(
                "has no snapshot that it begins with: it says what was ever written, and not what was discarded",
                "make it by rbd export-diff --from-snap; only if there is no older copy, say that allocation is to be taken for \
                 change",
            );
        }
        self.progress = Progress::Entries;
        Ok(())
    }

    /// The next entry; `None` at the end.
    fn next_entry(&mut self) -> Result<Option<Entry>> {
        loop {
            let offset = self.bytes;
            let [tag] = self.bytes()?;
            match tag {
                b'f' | b't' | b's' => self.metadata(tag)?,
                b'w' | b'z' | b'e' => {
                    if self.progress == Progress::Metadata {
                        self.check_metadata()?;
                    }
                    return if tag == b'e' { self.end() } else { self.entry(tag, offset).map(Some) };
                }
                _ => {
                    self.bytes = offset;
                    return self.fail(ListFault::Syntax(format!("has a record of the unknown kind {tag:#04x}").into()));
                }
            }
        }
    }

    fn entry(&mut self, tag: u8, offset: u64) -> Result<Entry> {
        self.entries += 1;
        let (offset_bytes, len_bytes) = (self.number()?, self.number()?);
        if i64::try_from(offset_bytes + len_bytes).is_err() {
            return self.fail(ListFault::TooLarge);
        }
        if tag == b'w' {
            self.skip(len_bytes)?;
        }
        let place = Place::Entry { number: self.entries, offset };
        Ok(Entry { place, offset_bytes, len_bytes, is_changed: true })
    }

    fn end(&mut self) -> Result<Option<Entry>> {
        self.progress = Progress::End;
        match self.from.read(&mut [0]) {
            Ok(0) => Ok(None),
            Ok(_) => self.fail(ListFault::Syntax("goes on after its end".into())),
            Err(source) => Err(Error::Read { offset: self.bytes, source }),
        }
    }
}

impl<R: BufRead> Entries for RbdEntries<R> {
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        if self.progress == Progress::Banner {
            self.banner()?;
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
        self.bytes
    }

    fn disk(&self) -> Disk {
        Disk { virtual_size: self.size, block_size: None }
    }

    /// It ends with a record of its own.
    fn is_whole_without_any(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ByteRange, VirtualSize};

    fn name(tag: u8, name: &[u8]) -> Vec<u8> {
        [&[tag], &u32::try_from(name.len()).expect("short").to_le_bytes()[..], name].concat()
    }

    fn size(bytes: u64) -> Vec<u8> {
        [&[b's'][..], &bytes.to_le_bytes()].concat()
    }

    fn data(tag: u8, offset: u64, len: u64) -> Vec<u8> {
        let content = if tag == b'w' { len } else { 0 };
        [&[tag][..], &offset.to_le_bytes(), &len.to_le_bytes(), &vec![b'e'; usize::try_from(content).expect("short")]]
            .concat()
    }

    fn stream(records: &[Vec<u8>]) -> Vec<u8> {
        [BANNER.to_vec(), records.concat()].concat()
    }

    fn good() -> Vec<Vec<u8>> {
        let metadata = [name(b'f', b"monday"), name(b't', b"tuesday"), size(1 << 20)];
        let entries =
            [data(b'w', 0, 4096), data(b'z', 4096, 4096), data(b'z', 65_536, 512), data(b'w', 1_048_000, 576)];
        [&metadata[..], &entries, &[b"e".to_vec()]].concat()
    }

    fn read_with(bytes: &[u8], options: &ReadOptions) -> Result<Vec<ByteRange>, String> {
        let reader = FORMAT.read(bytes, options).expect("no options needed").expect("readable");
        reader.collect::<Result<_>>().map_err(|error| error.to_string())
    }

    fn read(bytes: &[u8]) -> Result<Vec<ByteRange>, String> {
        read_with(bytes, &ReadOptions::default())
    }

    #[test]
    fn data_and_zeros_have_changed() {
        let ranges = vec![
            ByteRange::between(0, 8192),
            ByteRange::between(65_536, 66_048),
            ByteRange::between(1_048_000, 1 << 20),
        ];
        let bytes = stream(&good());
        assert_eq!(read(&bytes).as_ref(), Ok(&ranges));
        let mut reader =
            FORMAT.read(&bytes[..], &ReadOptions::default()).expect("no options needed").expect("readable");
        assert_eq!(reader.by_ref().count(), 3);
        assert_eq!(reader.virtual_size().map(VirtualSize::bytes), Some(1 << 20));
        assert_eq!(reader.bytes_read(), bytes.len() as u64);
        // A stream without entries says that nothing changed.
        assert_eq!(read(&stream(&[size(5), name(b'f', b""), b"e".to_vec()])), Ok(vec![]));
    }

    #[test]
    fn a_stream_cut_at_any_byte_is_refused() {
        let bytes = stream(&good());
        for len in 0..bytes.len() {
            let message = read(&bytes[..len]).expect_err("cut short");
            assert!(message.contains("may have been cut short"), "{len}: {message}");
        }
    }

    #[test]
    fn streams_that_may_lack_changes_are_refused() {
        let without = |index: usize| {
            let mut records = good();
            records.remove(index);
            stream(&records)
        };
        let with = |index: usize, record: Vec<u8>| {
            let mut records = good();
            records.insert(index, record);
            stream(&records)
        };
        let other_banner = |banner: &[u8]| [banner, &stream(&good())[BANNER.len()..]].concat();
        for (bytes, expected) in [
            (without(0), "has no snapshot that it begins with"),
            (without(2), "does not say how large the disk is"),
            (other_banner(b"rbd diff v2\n"), "offset 0 is not of version 1"),
            (other_banner(b"rbd image v2\n"), "offset 0 is not of version 1"),
            (other_banner(b"rbd diff v3\n"), "offset 0 does not begin as the output of rbd export-diff does"),
            (with(8, b"e".to_vec()), "goes on after its end"),
            (with(0, size(5)), "has a second name or size"),
            (with(3, name(b'f', b"x")), "has a second name or size"),
            (with(4, name(b't', b"x")), "has a second name or size"),
            (with(0, name(b'f', &[b'x'; 4097])), "has a name that is longer than 4096 bytes"),
            (with(7, b"p".to_vec()), "has a record of the unknown kind 0x70"),
            (with(7, data(b'z', 1 << 20, 512)), "ends beyond the disk, which has 1048576 bytes"),
            (with(7, data(b'w', 0, 512)), "entry 5 at offset 4784 begins before 1048576"),
            (with(7, data(b'z', 1 << 63, 512)), "ends beyond"),
            (with(3, data(b'z', 512, 0)), "has a length of 0"),
            (with(3, data(b'z', 0, u64::MAX)), "ends beyond"),
            (stream(&[name(b'f', b""), size(0), b"e".to_vec()]), "0 bytes"),
        ] {
            let message = read(&bytes).expect_err("refused");
            assert!(message.contains(expected), "{message}, not {expected}");
        }
    }

    #[test]
    fn a_stream_from_the_beginning_is_allocation() {
        let options = ReadOptions { allocation: true, ..ReadOptions::default() };
        assert_eq!(read_with(&stream(&good()[1..]), &options).map(|ranges| ranges.len()), Ok(3));
    }

    #[test]
    fn data_that_is_claimed_and_missing_takes_no_memory() {
        let claims = [&[b'w'][..], &0u64.to_le_bytes(), &(1u64 << 62).to_le_bytes(), b"some"].concat();
        let message = read(&stream(&[name(b'f', b""), size(1 << 62), claims])).expect_err("refused");
        assert!(message.contains("may have been cut short"), "{message}");
    }
}
