//! Pairs of numbers for programs: offset and length as 64 bits, little-endian, one pair after the other and nothing else.
//!
//! Invariant: the list has whole pairs. One that was cut short inside a pair is refused; between two pairs, only the size of
//! what was sent could tell.

use std::io::{BufRead, Read};

use super::entry::{BATCH, Entries, Entry, fault};
use super::extent_format::ExtentFormat;
use super::table::{Gaps, ListFormat, Needs};
use crate::error::{ListFault, Place};
use crate::{ByteRange, Error, Result};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "pairs",
    summary: "Offset and length as little-endian 64-bit numbers",
    has_virtual_size: false,
    has_block_size: false,
    gaps: Gaps::Unchanged,
    needs: Needs::Nothing,
    options: &[],
    open: Some(|from, _| Ok(Box::new(PairReader { from, block: Vec::new(), pairs: 0 }))),
    writer: Some(&Pairs),
};

/// Offset and length as little-endian numbers of 64 bits, 16 bytes an extent, without head or foot.
struct Pairs;

impl ExtentFormat for Pairs {
    fn ranges(&self, _previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        to.reserve(ranges.len() * PAIR_BYTES);
        for range in ranges {
            to.extend_from_slice(&range.offset_bytes.to_le_bytes());
            to.extend_from_slice(&range.len_bytes.to_le_bytes());
        }
    }
}

const PAIR_BYTES: usize = 16;

struct PairReader<R> {
    from: R,
    block: Vec<u8>,
    /// How many pairs were read.
    pairs: u64,
}

impl<R: BufRead> Entries for PairReader<R> {
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        self.block.clear();
        let offset = self.bytes_read();
        let block_bytes = (BATCH * PAIR_BYTES) as u64;
        (&mut self.from)
            .take(block_bytes)
            .read_to_end(&mut self.block)
            .map_err(|source| Error::Read { offset: offset + self.block.len() as u64, source })?;
        let (pairs, rest) = self.block.as_chunks::<PAIR_BYTES>();
        for pair in pairs {
            let [offset_bytes, len_bytes] = bytemuck::cast::<_, [u64; 2]>(*pair).map(u64::from_le);
            self.pairs += 1;
            let place = Place::Entry { number: self.pairs, offset: (self.pairs - 1) * PAIR_BYTES as u64 };
            to.push(Entry { place, offset_bytes, len_bytes, is_changed: true });
        }
        if rest.is_empty() {
            return Ok(());
        }
        let place = Place::Entry { number: self.pairs + 1, offset: self.bytes_read() };
        Err(fault(place, ListFault::CutShort))
    }

    fn bytes_read(&self) -> u64 {
        self.pairs * PAIR_BYTES as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::format::ReadOptions;

    fn read(bytes: &[u8]) -> Result<Vec<ByteRange>, String> {
        let reader = FORMAT.read(bytes, &ReadOptions::default()).expect("no options needed").expect("readable");
        reader.collect::<Result<_>>().map_err(|error| error.to_string())
    }

    fn write(ranges: &[ByteRange]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Pairs.ranges(0, ranges, &mut bytes);
        bytes
    }

    #[test]
    fn numbers_are_little_endian_and_of_64_bits() {
        let bytes = write(&[ByteRange { offset_bytes: 0x0102_0304_0506_0708, len_bytes: 0x1000 }]);
        assert_eq!(bytes, [8, 7, 6, 5, 4, 3, 2, 1, 0, 0x10, 0, 0, 0, 0, 0, 0]);
        let last = ByteRange::between(u64::MAX - 1, u64::MAX);
        assert_eq!(read(&write(&[last])), Ok(vec![last]));
    }

    #[test]
    fn a_list_cut_inside_a_pair_is_refused_with_its_place() {
        let ranges: Vec<_> = (0..1000).map(|i| ByteRange { offset_bytes: i * 131_072, len_bytes: 65_536 }).collect();
        let bytes = write(&ranges);
        for len in (1..64).chain(8190..8196).chain(15_990..16_000) {
            let pairs = len / 16;
            if len % 16 == 0 {
                assert_eq!(read(&bytes[..len]), Ok(ranges[..pairs].to_vec()), "{len}");
            } else {
                let place = format!("entry {} at offset {}", pairs + 1, pairs * 16);
                let fault = "does not end as it should: it may have been cut short";
                assert_eq!(read(&bytes[..len]), Err(format!("{place} {fault}")), "{len}");
            }
        }
        assert_eq!(read(&bytes), Ok(ranges));
    }

    #[test]
    fn faults_are_at_their_pair() {
        for (second, fault) in [
            ((9, 1), "begins before 10, where the one before it ends"),
            ((10, 0), "has a length of 0"),
            ((u64::MAX, 1), "ends beyond 2^64 - 1 bytes"),
        ] {
            let ranges = [(0, 10), second].map(|(offset_bytes, len_bytes)| ByteRange { offset_bytes, len_bytes });
            assert_eq!(read(&write(&ranges)), Err(format!("entry 2 at offset 16 {fault}")));
        }
        assert!(read(&[]).expect_err("may be a program's that failed").contains("empty"));
    }
}
