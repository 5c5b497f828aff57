//! The XML of `thin_delta`: the mappings of two thin devices of a pool set side by side.
//!
//! ```text
//! <superblock data_block_size="128" …>
//!   <diff left="1" right="2">
//!     <same begin="0" length="3"/>
//!     <different begin="3" length="4"/>                      or, with --verbose:
//!     <left_only> <range begin="9" length="1" …/> … </left_only>
//!   </diff>
//! </superblock>
//! ```
//!
//! The data blocks have so many sectors of 512 bytes. `left_only` is what was discarded, and has changed as `different` and
//! `right_only` have. A block that neither device maps is in no element.

use std::io::BufRead;

use super::entry::{BATCH, Disk, Entries, Entry, Layout};
use super::table::{Gaps, ListFormat, Needs};
use super::xml_reader::{Element, XmlReader, unknown};
use crate::Result;
use crate::error::{ListFault, Place};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "thin-delta",
    summary: "The XML of thin_delta for two thin devices",
    has_virtual_size: false,
    has_block_size: true,
    gaps: Gaps::Unchanged,
    needs: Needs::Nothing,
    options: &[],
    open: Some(|from, _| Ok(Box::new(ThinEntries::new(from)))),
    writer: None,
};

const SECTOR_BYTES: u64 = 512;

struct ThinEntries<R> {
    xml: XmlReader<R>,
    /// The size of a data block in bytes, once the start was read.
    block_bytes: Option<u64>,
    /// Whether the ranges in the element that is open have changed, where it holds several.
    group: Option<bool>,
    entries: u64,
    is_at_end: bool,
}

impl<R: BufRead> ThinEntries<R> {
    fn new(from: R) -> Self {
        Self { xml: XmlReader::new(from), block_bytes: None, group: None, entries: 0, is_at_end: false }
    }

    /// Opens the list, and reads the size of a data block.
    fn start(&mut self) -> Result<u64> {
        let superblock = self.xml.open("superblock")?;
        superblock.check_attributes(&[
            "uuid",
            "time",
            "transaction",
            "flags",
            "version",
            "data_block_size",
            "nr_data_blocks",
            "metadata_snap",
        ])?;
        let sectors = superblock.number("data_block_size")?;
        let bytes = sectors.checked_mul(SECTOR_BYTES).filter(|&bytes| bytes > 0);
        let bytes = bytes.ok_or_else(|| superblock.fault(ListFault::Syntax("says no size of a data block".into())))?;
        let diff = self.xml.open("diff")?;
        diff.check_attributes(&["left", "right", "left_root", "right_root"])?;
        if let (Ok(left), Ok(right)) = (diff.number("left"), diff.number("right"))
            && left == right
        {
            let reason = format!("sets the device {left} beside itself, which tells nothing of changes").into();
            let hint = "give thin_delta the id of the older device and that of the newer one";
            return Err(diff.fault(ListFault::Unsuitable { reason, hint }));
        }
        self.block_bytes = Some(bytes);
        Ok(bytes)
    }

    /// The next entry; `None` at the end.
    fn next_entry(&mut self, block_bytes: u64) -> Result<Option<Entry>> {
        loop {
            match (self.xml.child()?, self.group) {
                (Some(element), Some(is_changed)) if element.name == "range" => {
                    element.check_attributes(&[
                        "begin",
                        "length",
                        "data_begin",
                        "left_data_begin",
                        "right_data_begin",
                    ])?;
                    return self.entry(&element, block_bytes, is_changed).map(Some);
                }
                (Some(element), Some(_)) => return Err(unknown(&element)),
                (Some(element), None) => {
                    let is_changed = is_changed(&element)?;
                    if element.has_attributes() {
                        element.check_attributes(&["begin", "length"])?;
                        return self.entry(&element, block_bytes, is_changed).map(Some);
                    }
                    self.group = Some(is_changed);
                }
                (None, Some(_)) => self.group = None,
                (None, None) => return self.end(),
            }
        }
    }

    fn entry(&mut self, element: &Element, block_bytes: u64, is_changed: bool) -> Result<Entry> {
        let blocks = [element.number("begin")?, element.number("length")?];
        let [offset, len] = blocks.map(|blocks| blocks.checked_mul(block_bytes));
        let range = offset.zip(len).filter(|&(offset, len)| offset.checked_add(len).is_some_and(|end| end >> 63 == 0));
        let Some((offset_bytes, len_bytes)) = range else { return Err(element.fault(ListFault::TooLarge)) };
        self.xml.close()?;
        self.entries += 1;
        let place = Place::Entry { number: self.entries, offset: element.offset };
        Ok(Entry { place, offset_bytes, len_bytes, is_changed })
    }

    /// Checks the end, from the end of `diff` on.
    fn end(&mut self) -> Result<Option<Entry>> {
        self.xml.close()?;
        self.xml.end()?;
        self.is_at_end = true;
        Ok(None)
    }
}

/// Whether the blocks of an element have changed.
fn is_changed(element: &Element) -> Result<bool> {
    match element.name.as_str() {
        "same" => Ok(false),
        "different" | "left_only" | "right_only" => Ok(true),
        _ => Err(unknown(element)),
    }
}

impl<R: BufRead> Entries for ThinEntries<R> {
    fn read(&mut self, to: &mut Vec<Entry>) -> Result<()> {
        let block_bytes = match self.block_bytes {
            Some(bytes) => bytes,
            None => self.start()?,
        };
        while to.len() < BATCH
            && !self.is_at_end
            && let Some(entry) = self.next_entry(block_bytes)?
        {
            to.push(entry);
        }
        Ok(())
    }

    fn bytes_read(&self) -> u64 {
        self.xml.bytes_read()
    }

    /// Data blocks may have other sizes than powers of two; then the list says none.
    fn disk(&self) -> Disk {
        let block_size = self.block_bytes.filter(|&bytes| crate::BlockSize::new(bytes).is_ok());
        Disk { virtual_size: None, block_size }
    }

    fn layout(&self) -> Layout {
        Layout::WholeBlocks(self.block_bytes.unwrap_or(SECTOR_BYTES))
    }

    fn is_whole_without_any(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::ReadOptions;
    use crate::{ByteRange, VirtualSize};

    const GOOD: &str = r#"<superblock uuid="" time="1" transaction="2" data_block_size="128" nr_data_blocks="1638400">
  <diff left="1" right="2">
    <different begin="0" length="4"/>
    <same begin="4" length="6"/>
    <left_only begin="10" length="1"/>
    <right_only begin="12" length="3"/>
  </diff>
</superblock>
"#;

    fn read_of(text: &str, virtual_size: Option<u64>) -> Result<Vec<ByteRange>, String> {
        let virtual_size = virtual_size.and_then(|size| VirtualSize::new(size).ok());
        let options = ReadOptions { virtual_size, ..ReadOptions::default() };
        let reader = FORMAT.read(text.as_bytes(), &options).expect("no options needed").expect("readable");
        reader.collect::<Result<_>>().map_err(|error| error.to_string())
    }

    fn read(text: &str) -> Result<Vec<ByteRange>, String> {
        read_of(text, None)
    }

    fn blocks(ranges: &[(u64, u64)]) -> Vec<ByteRange> {
        ranges.iter().map(|&(start, end)| ByteRange::between(start * 65_536, end * 65_536)).collect()
    }

    #[test]
    fn all_but_the_same_has_changed() {
        assert_eq!(read(GOOD), Ok(blocks(&[(0, 4), (10, 11), (12, 15)])));
        let mut reader = FORMAT.read(GOOD.as_bytes(), &ReadOptions::default()).expect("good").expect("readable");
        assert!(reader.by_ref().all(|range| range.is_ok()));
        assert_eq!(reader.block_size(), Some(crate::BlockSize::DEFAULT));
        // The last data block may pass the end of the disk.
        let cut = read_of(GOOD, Some(14 * 65_536 + 512)).expect("good");
        assert_eq!(cut[2], ByteRange::between(12 * 65_536, 14 * 65_536 + 512));
        for too_small in [12 * 65_536, 14 * 65_536] {
            assert!(read_of(GOOD, Some(too_small)).expect_err("beyond").contains("ends beyond the disk"));
        }
    }

    #[test]
    fn verbose_lists_say_the_same() {
        let verbose = r#"<superblock uuid="" time="1" transaction="2" flags="1" data_block_size="128" nr_data_blocks="1638400">
  <diff left_root="1" right_root="2">
    <different><range begin="0" left_data_begin="1" right_data_begin="2" length="3"/>
      <range begin="3" left_data_begin="1" right_data_begin="2" length="1"/></different>
    <same><range begin="4" data_begin="7" length="6"/></same>
    <left_only><range begin="10" data_begin="5" length="1"/></left_only>
    <right_only><range begin="12" data_begin="5" length="3"/></right_only>
  </diff>
</superblock>"#;
        assert_eq!(read(verbose), read(GOOD));
    }

    #[test]
    fn data_blocks_may_have_any_number_of_sectors() {
        let odd = GOOD.replace("\"128\"", "\"384\"");
        assert_eq!(read(&odd).expect("good")[1], ByteRange::between(10 * 196_608, 11 * 196_608));
    }

    #[test]
    fn lists_that_are_not_whole_or_not_known_are_refused() {
        for (from, to, expected) in [
            ("</superblock>", "", "cut short"),
            ("</diff>", "", "not well-formed"),
            (
                "<diff left=\"1\" right=\"2\">",
                "<diff left=\"1\" right=\"2\"/><diff>",
                "is an element diff in a place where none",
            ),
            ("<same", "<other", "entry"),
            ("<same begin=\"4\"", "<same begin=\"3\"", "begins before 262144"),
            ("begin=\"12\"", "begin=\"9\"", "begins before 720896"),
            ("length=\"6\"", "length=\"0\"", "has a length of 0"),
            ("length=\"6\"", "", "is an element without length"),
            ("length=\"6\"", "length=\"6\" more=\"1\"", "has the unknown attribute more"),
            ("begin=\"12\"", "begin=\"140737488355328\"", "ends beyond"),
            ("length=\"3\"", "length=\"140737488355327\"", "ends beyond"),
            ("data_block_size=\"128\"", "data_block_size=\"0\"", "says no size of a data block"),
            ("data_block_size=\"128\"", "", "is an element without data_block_size"),
            ("data_block_size=\"128\"", "data_block_size=\"9223372036854775807\"", "says no size of a data block"),
            ("<superblock", "<other", "is not the element superblock"),
            ("right=\"2\"", "right=\"1\"", "sets the device 1 beside itself"),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD);
            let message = read(&text).expect_err("refused");
            assert!(message.contains(expected) || expected == "entry", "{message}, not {expected}");
        }
    }

    #[test]
    fn a_list_cut_at_any_byte_is_refused() {
        let text = GOOD.trim_end();
        for len in 0..text.len() {
            assert!(read(&text[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn a_list_without_changes_is_whole() {
        let text = "<superblock data_block_size='128'><diff><same begin='0' length='9'/></diff></superblock>";
        assert_eq!(read(text), Ok(vec![]));
        assert_eq!(read("<superblock data_block_size='128'><diff/></superblock>"), Ok(vec![]));
        // Any multiple of 64 KiB may be the size of a data block.
        let text = "<superblock data_block_size='384'><diff><different begin='1' length='2'/></diff></superblock>";
        assert_eq!(read(text), Ok(vec![ByteRange::between(196_608, 589_824)]));
    }
}
