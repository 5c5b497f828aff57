//! Clusters of a disk as xapi's tools tell them (`vhd-tool read_headers_interval`): intervals of which the last cluster is
//! included, in JSON.
//!
//! The tools tell which clusters are allocated. That is what changed only for a file that holds changes only, so it has to be
//! asked for.

use super::entry::{Disk, Entry, Layout, fault};
use super::extent_format::ExtentFormat;
use super::json_pages::{Member, PageEntries, Pages, blocks, check_seen, start_elements};
use super::json_reader::{JsonReader, Token, not};
use super::lines::push_decimal;
use super::table::{Gaps, ListFormat, Needs, ReadOption};
use super::totals::Totals;
use super::touched_blocks::touched_blocks;
use crate::error::{ListFault, Place};
use crate::{BlockSize, ByteRange, Geometry, Result, VirtualSize};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "xapi-intervals",
    summary: "Clusters as xapi's vhd-tool prints them, in JSON",
    has_virtual_size: true,
    has_block_size: true,
    gaps: Gaps::Unchanged,
    needs: Needs::VirtualSize,
    options: &[ReadOption::Allocation],
    open: Some(|from, options| {
        if !options.allocation {
            return Err(fault(Place::Byte { offset: 0 }, ALLOCATED));
        }
        Ok(PageEntries::open(from, Clusters::default()))
    }),
    writer: Some(&XapiIntervals),
};

const ALLOCATED: ListFault = ListFault::Unsuitable {
    reason: std::borrow::Cow::Borrowed(
        "tells which clusters are allocated, which may be others than those that changed",
    ),
    hint: "if all that changed is allocated, as in a differencing disk, take it for what changed, by --allocation",
};

/// Intervals of clusters of 64 KiB. A range that ends inside a cluster becomes the whole cluster.
struct XapiIntervals;

/// The size of a cluster in what is written: the block size of nearly all bitmaps.
const CLUSTER_SIZE: BlockSize = BlockSize::DEFAULT;

impl ExtentFormat for XapiIntervals {
    fn head(&self, geometry: &Geometry, _totals: Option<&Totals>, to: &mut Vec<u8>) {
        to.extend_from_slice(b"{\"virtual_size\":");
        push_decimal(geometry.virtual_size.map_or(0, VirtualSize::bytes), to);
        to.extend_from_slice(b",\"cluster_bits\":");
        push_decimal(CLUSTER_SIZE.log2().into(), to);
        to.extend_from_slice(b",\"data_clusters\":[");
    }

    /// A cluster that two ranges touch is written once, so a range can have no text: each interval brings its own comma.
    fn ranges(&self, previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        let mut is_first = previous_end == 0;
        for clusters in touched_blocks(previous_end, ranges, CLUSTER_SIZE.bytes()) {
            to.extend_from_slice(if is_first { b"\n[" } else { b",\n[" });
            push_decimal(clusters.start, to);
            to.push(b',');
            push_decimal(clusters.end - 1, to);
            to.push(b']');
            is_first = false;
        }
    }

    fn foot(&self, _geometry: &Geometry, _totals: &Totals, _head_knew: bool, _end: u64, to: &mut Vec<u8>) {
        to.extend_from_slice(b"\n]}\n");
    }
}

const MEMBERS: [&str; 3] = ["virtual_size", "cluster_bits", "data_clusters"];

#[derive(Default)]
struct Clusters {
    virtual_size: Option<u64>,
    cluster_size: Option<BlockSize>,
    intervals: u64,
    is_whole: bool,
}

impl Pages for Clusters {
    fn member(&mut self, json: &mut JsonReader<'_>, seen: &mut u32) -> Result<Member> {
        match json.member(&MEMBERS, seen)? {
            None => return Ok(Member::End),
            Some(0) => match json.number()? {
                0 => return json.fail(not("the size of a disk, which has at least one byte")),
                size => self.virtual_size = Some(size),
            },
            Some(1) => match json.number()? {
                bits @ 9..=30 => self.cluster_size = BlockSize::new(1 << bits).ok(),
                _ => return json.fail(not("a number of bits from 9 to 30, for clusters of 512 bytes to 1 GiB")),
            },
            Some(_) => return start_elements(json),
        }
        Ok(Member::Value)
    }

    fn element(&mut self, json: &mut JsonReader<'_>, to: &mut Vec<Entry>) -> Result<bool> {
        let token = json.next()?;
        self.intervals += 1;
        let place = json.entry_place(self.intervals);
        let (first, last) = match token {
            Token::EndArray => return Ok(false),
            Token::StartArray => {
                let interval = (json.number()?, json.number()?);
                json.expect(Token::EndArray, "the end of an interval, which has two numbers")?;
                interval
            }
            // Before there were intervals, each cluster was told by itself.
            Token::Number => {
                let cluster = json.as_number(token)?;
                (cluster, cluster)
            }
            _ => return json.fail(not("an interval, an array of two numbers")),
        };
        if last < first {
            return Err(fault(place, ENDS_BEFORE_IT_BEGINS));
        }
        // The tools write the size first; clusters without it would have to be held.
        let Some(size) = self.cluster_size.map(BlockSize::bytes) else {
            return Err(fault(place, ListFault::Syntax("stands before \"cluster_bits\"".into())));
        };
        to.push(blocks(place, first, last - first + 1, size)?);
        Ok(true)
    }

    fn end_page(&mut self, place: Place, seen: u32, _to: &mut Vec<Entry>) -> Result<()> {
        if std::mem::replace(&mut self.is_whole, true) {
            return Err(fault(place, ListFault::Syntax("begins a second list".into())));
        }
        (0..MEMBERS.len()).try_for_each(|member| check_seen(place, &MEMBERS, seen, member))
    }

    fn end(&mut self, place: Place) -> Result<()> {
        if self.is_whole { Ok(()) } else { Err(fault(place, ListFault::CutShort)) }
    }

    fn disk(&self) -> Disk {
        Disk { virtual_size: self.virtual_size, block_size: self.cluster_size.map(BlockSize::bytes) }
    }

    /// The last cluster is a whole one also where the disk ends inside it.
    fn layout(&self) -> Layout {
        Layout::WholeBlocks(self.cluster_size.unwrap_or_default().bytes())
    }
}

const ENDS_BEFORE_IT_BEGINS: ListFault = ListFault::Unsuitable {
    reason: std::borrow::Cow::Borrowed("ends before it begins: a partial last cluster may have been left out"),
    hint: "take a full backup, or read the map of the image itself, by qemu-img map",
};

#[cfg(test)]
mod tests {
    use super::super::ReadOptions;
    use super::super::json_pages::read_all;
    use super::*;

    fn read(text: &str) -> Result<Vec<(u64, u64)>, String> {
        read_all(&FORMAT, &ReadOptions { allocation: true, ..ReadOptions::default() }, text)
    }

    #[test]
    fn the_last_cluster_is_included() {
        let list = r#"{"virtual_size":6291456,"cluster_bits":21,"data_clusters":[[0,0],[2,2]]}"#;
        assert_eq!(read(list), Ok(vec![(0, 2 << 20), (4 << 20, 6 << 20)]));
        let single = r#"{"cluster_bits":21,"data_clusters":[0,1,[2,2]],"virtual_size":6291456}"#;
        assert_eq!(read(single), Ok(vec![(0, 6 << 20)]));
        assert_eq!(read(r#"{"virtual_size":1,"cluster_bits":9,"data_clusters":[]}"#), Ok(vec![]));
    }

    #[test]
    fn the_last_cluster_is_cut_off_where_the_disk_ends() {
        let list = r#"{"virtual_size":5000000,"cluster_bits":21,"data_clusters":[[2,2]]}"#;
        assert_eq!(read(list), Ok(vec![(4 << 20, 5_000_000)]));
    }

    #[test]
    fn allocation_is_no_change_unless_it_is_asked_for() {
        let list = r#"{"virtual_size":1,"cluster_bits":9,"data_clusters":[]}"#;
        let message =
            "the list at offset 0 tells which clusters are allocated, which may be others than those that changed";
        assert_eq!(read_all(&FORMAT, &ReadOptions::default(), list), Err(message.to_owned()));
    }

    #[test]
    fn what_may_hide_a_change_is_refused() {
        for (bad, message) in [
            ("", "the list, which ends at offset 0, does not end as it should: it may have been cut short"),
            ("[]", "the list, which ends at offset 2, does not end as it should: it may have been cut short"),
            (
                r#"{"virtual_size":1,"cluster_bits":21,"data_clusters":[[0,0],[5,4]]}"#,
                "entry 2 at offset 59 ends before it begins: a partial last cluster may have been left out",
            ),
            (
                r#"{"virtual_size":1,"data_clusters":[[0,0]],"cluster_bits":21}"#,
                r#"entry 1 at offset 35 stands before "cluster_bits""#,
            ),
            (
                r#"{"virtual_size":1,"cluster_bits":21}"#,
                r#"the list at offset 0 begins an object without the member "data_clusters""#,
            ),
            (
                r#"{"cluster_bits":21,"data_clusters":[]}"#,
                r#"the list at offset 0 begins an object without the member "virtual_size""#,
            ),
            (
                r#"{"cluster_bits":8,"data_clusters":[]}"#,
                "the list at offset 16 is not a number of bits from 9 to 30, for clusters of 512 bytes to 1 GiB",
            ),
            (
                r#"{"cluster_bits":21,"data_clusters":[[0]]}"#,
                "the list at offset 38 is not a whole number from 0 to 2^63 - 1",
            ),
            (
                r#"{"cluster_bits":21,"data_clusters":[[0,1,2]]}"#,
                "the list at offset 41 is not the end of an interval, which has two numbers",
            ),
            (
                r#"{"cluster_bits":30,"data_clusters":[[0,8589934591]]}"#,
                "entry 1 at offset 36 ends beyond 2^63 - 1 bytes",
            ),
            (
                r#"{"virtual_size":9,"cluster_bits":9,"data_clusters":[]}{"virtual_size":9,"cluster_bits":9,"data_clusters":[]}"#,
                "the list at offset 54 begins a second list",
            ),
            (
                r#"{"virtual_size":512,"cluster_bits":9,"data_clusters":[[1,1]]}"#,
                "entry 1 at offset 54 ends beyond the disk, which has 512 bytes",
            ),
            (
                r#"{"virtual_size":1025,"cluster_bits":9,"data_clusters":[[0,3]]}"#,
                "entry 1 at offset 55 ends beyond the disk, which has 1025 bytes",
            ),
            (
                r#"{"cluster_bits":9,"data_clusters":[[0,3]],"virtual_size":1025}"#,
                "entry 1 at offset 35 ends beyond the disk, which has 1025 bytes",
            ),
        ] {
            assert_eq!(read(bad), Err(message.to_owned()), "{bad}");
        }
    }
}
