//! The block map of bmaptool, in its version 1.2: the last one without a checksum of the file itself, which stands in the
//! file and could be computed only once all of it is written. bmaptool reads every version up to 2.0.
//!
//! ```text
//! <bmap version="1.2">
//!   <ImageSize> 300000 </ImageSize> <BlockSize> 1 </BlockSize> <BlocksCount> 300000 </BlocksCount>
//!   <MappedBlocksCount> 131072 </MappedBlocksCount>
//!   <BlockMap>
//!     <Range> 0-131071 </Range>
//!   </BlockMap>
//! </bmap>
//! ```
//!
//! The ends are included. The number of blocks has to be exact, or the tool fails once it has copied all. So a block has one
//! byte: ranges need not be rounded then, and no two of them touch one block.

use super::extent_format::ExtentFormat;
use super::lines::push_decimal;
use super::table::{Gaps, ListFormat, Needs};
use super::totals::Totals;
use crate::{ByteRange, Geometry, VirtualSize};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "bmap",
    summary: "Block map for bmaptool copy onto a block device",
    has_virtual_size: true,
    has_block_size: false,
    gaps: Gaps::Unused,
    needs: Needs::VirtualSize,
    options: &[],
    open: None,
    writer: Some(&Bmap),
};

/// `<Range> FIRST-LAST </Range>` for each extent. Where the totals are not known in time, they stand after the extents.
struct Bmap;

impl ExtentFormat for Bmap {
    fn head(&self, geometry: &Geometry, totals: Option<&Totals>, to: &mut Vec<u8>) {
        to.extend_from_slice(b"<?xml version=\"1.0\"?>\n<bmap version=\"1.2\">\n");
        // No tool takes a file without them.
        if let Some(size) = geometry.virtual_size.map(VirtualSize::bytes) {
            push_element("ImageSize", size, to);
            push_element("BlockSize", 1, to);
            push_element("BlocksCount", size, to);
        }
        if let Some(totals) = totals {
            push_element("MappedBlocksCount", totals.changed_bytes, to);
        }
        to.extend_from_slice(b"  <BlockMap>\n");
    }

    fn ranges(&self, _previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        for range in ranges {
            to.extend_from_slice(b"    <Range> ");
            push_decimal(range.offset_bytes, to);
            if range.len_bytes > 1 {
                to.push(b'-');
                push_decimal(range.end_bytes() - 1, to);
            }
            to.extend_from_slice(b" </Range>\n");
        }
    }

    fn foot(&self, _geometry: &Geometry, totals: &Totals, head_knew: bool, _end: u64, to: &mut Vec<u8>) {
        to.extend_from_slice(b"  </BlockMap>\n");
        if !head_knew {
            push_element("MappedBlocksCount", totals.changed_bytes, to);
        }
        to.extend_from_slice(b"</bmap>\n");
    }
}

fn push_element(name: &str, number: u64, to: &mut Vec<u8>) {
    to.extend_from_slice(format!("  <{name}> {number} </{name}>\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(ranges: &[ByteRange], early: bool) -> String {
        let geometry = Geometry { virtual_size: VirtualSize::new(300_000).ok(), ..Geometry::default() };
        let mut totals = Totals::default();
        totals.add_all(ranges, &geometry);
        let mut to = Vec::new();
        Bmap.head(&geometry, early.then_some(&totals), &mut to);
        Bmap.ranges(0, ranges, &mut to);
        Bmap.foot(&geometry, &totals, early, 0, &mut to);
        String::from_utf8(to).expect("text")
    }

    const HEAD: &str = "<?xml version=\"1.0\"?>\n<bmap version=\"1.2\">\n  <ImageSize> 300000 </ImageSize>\n  \
        <BlockSize> 1 </BlockSize>\n  <BlocksCount> 300000 </BlocksCount>\n";

    #[test]
    fn ends_are_included() {
        let ranges =
            [ByteRange::between(0, 65_536), ByteRange::between(70_000, 70_001), ByteRange::between(262_144, 300_000)];
        let count = "  <MappedBlocksCount> 103393 </MappedBlocksCount>\n";
        let map = "  <BlockMap>\n    <Range> 0-65535 </Range>\n    <Range> 70000 </Range>\n    \
            <Range> 262144-299999 </Range>\n  </BlockMap>\n";
        assert_eq!(write(&ranges, true), format!("{HEAD}{count}{map}</bmap>\n"));
        assert_eq!(write(&ranges, false), format!("{HEAD}{map}{count}</bmap>\n"));
    }

    #[test]
    fn a_list_without_extents_is_whole() {
        let count = "  <MappedBlocksCount> 0 </MappedBlocksCount>\n";
        assert_eq!(write(&[], true), format!("{HEAD}{count}  <BlockMap>\n  </BlockMap>\n</bmap>\n"));
    }
}
