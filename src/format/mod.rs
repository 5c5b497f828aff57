//! Extents written down for people and for other tools, and read again: one file a format.
//!
//! Every format names changed ranges only. A gap means unchanged, never zeros, but other tools may read it otherwise:
//! `docs/recipes.md` in the repository shows how to hand a list to them.
//!
//! Formats that are read by the parser of another crate are in a build only with the feature `formats`, which is off by
//! default.
//!
//! A format appends to a buffer, so that many extents can be formatted at once and written with one call: a few hundred at
//! a time is fastest. On processors that have the `avx512` [tier](crate::Tier), unless another is forced by the
//! environment, eight lines are made at once; their numbers have to be below 2^53 and 10^8, others take longer.
//!
//! ```
//! use changed_blocks::format::{ExtentFormat, Text, Totals};
//! use changed_blocks::{ByteRange, Geometry};
//! let mut text = Vec::new();
//! Text.range(0, ByteRange { offset_bytes: 65_536, len_bytes: 131_072 }, &mut text);
//! assert_eq!(text, b"65536 131072\n");
//! ```

#[cfg(feature = "formats")]
mod azure;
mod blksnap;
mod bmap;
mod borg;
#[cfg(feature = "formats")]
mod csi;
mod csv;
mod ddrescue;
mod decimal;
#[cfg(feature = "formats")]
mod ebs;
mod entry;
mod extent_format;
mod extentlist;
mod identity;
#[cfg(feature = "formats")]
mod imageio;
mod json;
#[cfg(feature = "formats")]
mod json_entries;
#[cfg(feature = "formats")]
mod json_members;
#[cfg(feature = "formats")]
mod json_pages;
#[cfg(feature = "formats")]
mod json_reader;
mod line_reader;
pub(crate) mod lines;
mod list_reader;
#[cfg(feature = "formats")]
mod nbdinfo;
#[cfg(feature = "formats")]
mod ndjson_entries;
mod pairs;
pub mod qcow2;
#[cfg(feature = "formats")]
mod qemu_map;
#[cfg(feature = "formats")]
mod rbd;
mod rbd_v1;
mod read_options;
mod table;
mod text;
#[cfg(feature = "formats")]
mod thin_delta;
mod totals;
#[cfg(feature = "formats")]
mod touched_blocks;
#[cfg(feature = "formats")]
mod vmware;
#[cfg(feature = "formats")]
mod xapi_intervals;
#[cfg(feature = "formats")]
mod xml_reader;

pub use csv::Csv;
pub use extent_format::ExtentFormat;
pub use identity::Identity;
pub use json::{Json, Ndjson};
pub use list_reader::ListReader;
pub use read_options::ReadOptions;
pub use table::{FORMATS, Gaps, ListFormat, Needs, ReadOption};
pub use text::Text;
pub use totals::Totals;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlockSize, ByteRange, Extent, Geometry, VirtualSize};

    fn write(format: &dyn ExtentFormat, early: bool) -> String {
        let virtual_size = Some(VirtualSize::new(300_000).expect("not 0"));
        let geometry = Geometry { block_size: BlockSize::DEFAULT, virtual_size };
        let ranges = [ByteRange::between(0, 131_072), ByteRange::between(262_144, 300_000)];
        let mut totals = Totals::default();
        for range in ranges {
            totals.add(range, &geometry);
        }
        let mut to = Vec::new();
        format.head(&geometry, early.then_some(&totals), &mut to);
        let mut previous_end = 0;
        for (i, range) in ranges.into_iter().enumerate() {
            to.extend_from_slice(if i > 0 { format.separator() } else { b"" });
            format.range(previous_end, range, &mut to);
            previous_end = range.end_bytes();
        }
        format.foot(&geometry, &totals, early, previous_end, &mut to);
        String::from_utf8(to).expect("text")
    }

    #[test]
    fn whole_extents_count_as_their_ranges_do() {
        let extents: Vec<Extent> = (0..1000).map(|i| Extent::new(i * 9 + i % 3, i * 9 + 4 + i % 5)).collect();
        for log2 in [9, 16, 30] {
            let geometry = Geometry { block_size: BlockSize::new(1 << log2).expect("a size"), virtual_size: None };
            let mut ranges = Vec::new();
            geometry.byte_ranges(&extents, &mut ranges).expect("inside");
            let [mut expected, mut found] = [Totals::default(); 2];
            for (ranges, extents) in ranges.chunks(300).zip(extents.chunks(300)) {
                expected.add_all(ranges, &geometry);
                found.add_whole(extents, geometry.block_size);
                assert_eq!(found, expected);
            }
        }
    }

    #[test]
    fn text_is_offset_and_length() {
        assert_eq!(write(&Text, true), "0 131072\n262144 37856\n");
    }

    #[test]
    fn csv_has_a_header() {
        assert_eq!(write(&Csv, false), "offset,length\n0,131072\n262144,37856\n");
    }

    #[test]
    fn ndjson_is_an_object_a_line() {
        assert_eq!(write(&Ndjson, false), "{\"offset\":0,\"length\":131072}\n{\"offset\":262144,\"length\":37856}\n");
    }

    #[test]
    fn json_has_the_totals_where_they_are_known() {
        let extents = "\"extents\":[\n{\"offset\":0,\"length\":131072},\n{\"offset\":262144,\"length\":37856}\n]";
        let totals = "\"changed_blocks\":3,\"changed_bytes\":168928";
        let sizes = "\"block_size\":65536,\"virtual_size\":300000";
        assert_eq!(write(&Json, true), format!("{{{sizes},{totals},{extents}}}\n"));
        assert_eq!(write(&Json, false), format!("{{{sizes},{extents},{totals}}}\n"));
    }

    #[test]
    fn totals_count_clipped_blocks_once() {
        let geometry = Geometry::default();
        let mut totals = Totals::default();
        totals.add(ByteRange::between(65_000, 65_536), &geometry);
        totals.add(ByteRange::between(200_000, 262_145), &geometry);
        let expected = Totals { extents: 2, changed_blocks: 3, changed_bytes: 536 + 62_145, longest_bytes: 62_145 };
        assert_eq!(totals, expected);
        let mut both = Totals::default();
        totals.add_all(&[ByteRange::between(70_000, 70_000)], &geometry);
        both.add(ByteRange::between(262_145, 262_146), &geometry);
        both.merge(&totals);
        let expected = Totals { extents: 3, changed_blocks: 4, changed_bytes: 536 + 62_146, longest_bytes: 62_145 };
        assert_eq!(both, expected);
    }
}
