//! Changed blocks of a volume as the EBS direct APIs answer (`ListChangedBlocks`), in JSON.
//!
//! An answer is a page of it, and has a token for the next page if it is not the last. An index of a block means nothing
//! without the size of a block: where that stands after the blocks, as in the service's own answers, they are held until the
//! end of the page.

use super::entry::{Disk, Entry, Layout, fault};
use super::extent_format::ExtentFormat;
use super::json_members::{Elements, Member as ElementMember, any, number};
use super::json_pages::{Member, PageEntries, Pages, blocks, check_seen, keep_common, start_elements};
use super::json_reader::{JsonReader, MAX_NUMBER, Token, not};
use super::lines::push_decimal;
use super::table::{Gaps, ListFormat, Needs};
use super::totals::Totals;
use super::touched_blocks::touched_blocks;
use crate::error::{ListFault, Place};
use crate::{BlockSize, ByteRange, Geometry, Result, VirtualSize};

pub(super) const FORMAT: ListFormat = ListFormat {
    name: "ebs",
    summary: "ListChangedBlocks of the EBS direct APIs, in JSON",
    has_virtual_size: true,
    has_block_size: true,
    gaps: Gaps::Unchanged,
    needs: Needs::VirtualSize,
    options: &[],
    open: Some(|from, _| Ok(PageEntries::open(from, ChangedBlocks::default()))),
    writer: Some(&Ebs),
};

/// The only size of a block that the service has.
const BLOCK_BYTES: u64 = 512 << 10;
/// The unit of a volume's size.
const GIB: u64 = 1 << 30;
/// A block without a second token is one that the second snapshot does not have, which may be taken for zeros. This token
/// says that there is data; it reads "none", and the service refuses it.
const SECOND_TOKEN: &[u8] = b",\"SecondBlockToken\":\"bm9uZQ==\"}";

/// One page with all blocks of 512 KiB that the ranges touch.
struct Ebs;

impl ExtentFormat for Ebs {
    fn head(&self, geometry: &Geometry, _totals: Option<&Totals>, to: &mut Vec<u8>) {
        to.extend_from_slice(b"{\"VolumeSize\":");
        push_decimal(geometry.virtual_size.map_or(0, VirtualSize::bytes).div_ceil(GIB), to);
        to.extend_from_slice(b",\"BlockSize\":");
        push_decimal(BLOCK_BYTES, to);
        to.extend_from_slice(b",\"NextToken\":null,\"ChangedBlocks\":[");
    }

    fn size_unit(&self) -> u64 {
        GIB
    }

    /// A block that two ranges touch is written once, so a range can have no text: each block brings its own comma.
    fn ranges(&self, previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
        let mut is_first = previous_end == 0;
        for block in touched_blocks(previous_end, ranges, BLOCK_BYTES).flatten() {
            to.extend_from_slice(if is_first { b"\n" } else { b",\n" });
            to.extend_from_slice(b"{\"BlockIndex\":");
            push_decimal(block, to);
            to.extend_from_slice(SECOND_TOKEN);
            is_first = false;
        }
    }

    fn foot(&self, _geometry: &Geometry, _totals: &Totals, _head_knew: bool, _end: u64, to: &mut Vec<u8>) {
        to.extend_from_slice(b"\n]}\n");
    }
}

/// The members of a page. The last one is what the Python library adds.
const PAGE: [&str; 7] =
    ["ChangedBlocks", "BlockSize", "VolumeSize", "NextToken", "Blocks", "ExpiryTime", "ResponseMetadata"];

static BLOCK: [ElementMember; 3] = [number("BlockIndex"), any("FirstBlockToken"), any("SecondBlockToken")];

const ALLOCATED: ListFault = ListFault::Unsuitable {
    reason: std::borrow::Cow::Borrowed("names the blocks that a snapshot has, not those that changed"),
    hint: "ask for the changed blocks, by list-changed-blocks",
};
const GET_NEXT_PAGE: &str =
    "ask for the next page with that token, until one has none, and put all pages into the list";

enum NextPage {
    First,
    At(Place),
    None,
}

struct ChangedBlocks {
    blocks: Elements<3>,
    block_size: Option<u64>,
    volume_gib: Option<u64>,
    /// Where the token for the next page is, if this page has one.
    token: Option<Place>,
    /// Whether a page may follow, and where the token for it is.
    next_page: NextPage,
    /// The blocks of the page that were read before the size of a block, by their index.
    held: Vec<(Place, u64)>,
}

impl Default for ChangedBlocks {
    fn default() -> Self {
        let blocks = Elements::new(&BLOCK);
        Self { blocks, block_size: None, volume_gib: None, token: None, next_page: NextPage::First, held: Vec::new() }
    }
}

impl Pages for ChangedBlocks {
    fn member(&mut self, json: &mut JsonReader<'_>, seen: &mut u32) -> Result<Member> {
        match json.member(&PAGE, seen)? {
            None => return Ok(Member::End),
            Some(0) => return start_elements(json),
            Some(1) => {
                let block_size = json.number()?;
                if BlockSize::new(block_size).is_err() {
                    return json.fail(not("the size of a block: a power of two from 512 bytes to 1 GiB"));
                }
                keep_common(&mut self.block_size, block_size, json)?;
            }
            Some(2) => {
                let volume_gib = json.number()?;
                if volume_gib == 0 || volume_gib > MAX_NUMBER / GIB {
                    return json.fail(not("the size of a volume in GiB"));
                }
                keep_common(&mut self.volume_gib, volume_gib, json)?;
            }
            Some(3) => match json.next()? {
                Token::Null => {}
                Token::Text => self.token = Some(json.place()),
                _ => return json.fail(not("a token, nor null")),
            },
            Some(4) => return json.fail(ALLOCATED),
            Some(_) => json.skip()?,
        }
        Ok(Member::Value)
    }

    fn element(&mut self, json: &mut JsonReader<'_>, to: &mut Vec<Entry>) -> Result<bool> {
        let Some((place, [index, ..])) = self.blocks.next(json)? else { return Ok(false) };
        match self.block_size {
            Some(block_size) => to.push(blocks(place, index, 1, block_size)?),
            None => self.held.push((place, index)),
        }
        Ok(true)
    }

    fn end_page(&mut self, place: Place, seen: u32, to: &mut Vec<Entry>) -> Result<()> {
        if let NextPage::None = self.next_page {
            return Err(fault(place, ListFault::Syntax("begins a page after the last one, which has no token".into())));
        }
        check_seen(place, &PAGE, seen, 0)?;
        check_seen(place, &PAGE, seen, 1)?;
        for (place, index) in self.held.drain(..) {
            to.push(blocks(place, index, 1, self.block_size.expect("a member that was seen"))?);
        }
        self.next_page = self.token.take().map_or(NextPage::None, NextPage::At);
        Ok(())
    }

    fn end(&mut self, place: Place) -> Result<()> {
        match self.next_page {
            NextPage::None => Ok(()),
            NextPage::At(token) => {
                let reason = "has a token for a next page, which is not there".into();
                Err(fault(token, ListFault::Unsuitable { reason, hint: GET_NEXT_PAGE }))
            }
            NextPage::First => Err(fault(place, ListFault::Syntax("has no page".into()))),
        }
    }

    fn disk(&self) -> Disk {
        Disk { virtual_size: self.volume_gib.map(|gib| gib * GIB), block_size: self.block_size }
    }

    fn layout(&self) -> Layout {
        Layout::Listed
    }
}

#[cfg(test)]
mod tests {
    use super::super::ReadOptions;
    use super::super::json_pages::read_all;
    use super::*;

    fn read(text: &str) -> Result<Vec<(u64, u64)>, String> {
        read_all(&FORMAT, &ReadOptions::default(), text)
    }

    #[test]
    fn members_are_read_in_any_order_with_or_without_tokens_of_blocks() {
        let answer = r#"{"ChangedBlocks": [{"BlockIndex": 0, "FirstBlockToken": "AA==", "SecondBlockToken": "AB=="},
            {"SecondBlockToken": null, "BlockIndex": 1}, {"BlockIndex": 2047}],
            "ExpiryTime": 1592976647.009, "VolumeSize": 1, "BlockSize": 524288}"#;
        assert_eq!(read(answer), Ok(vec![(0, 1 << 20), (GIB - (512 << 10), GIB)]));
        let empty = r#"{"BlockSize":524288,"ChangedBlocks":[],"NextToken":null,"ExpiryTime":"2020-06-24T05:30:47Z",
            "ResponseMetadata":{"HTTPStatusCode":200,"HTTPHeaders":{"date":"today"}}}"#;
        assert_eq!(read(empty), Ok(vec![]));
    }

    #[test]
    fn a_page_may_be_empty_and_not_the_last() {
        let first = r#"{"ChangedBlocks":[],"VolumeSize":1,"BlockSize":524288,"NextToken":"AAE="}"#;
        let second = r#"{"ChangedBlocks":[{"BlockIndex":999}],"VolumeSize":1,"BlockSize":524288}"#;
        let expected = Ok(vec![(999 * BLOCK_BYTES, 1000 * BLOCK_BYTES)]);
        assert_eq!(read(&format!("{first}\n{second}")), expected);
        assert_eq!(read(&format!("[{first},{second}]")), expected);
    }

    #[test]
    fn what_may_hide_a_change_is_refused() {
        for (bad, message) in [
            ("", "the list, which ends at offset 0, has no page"),
            ("[]", "the list, which ends at offset 2, has no page"),
            (
                r#"{"ChangedBlocks":[],"BlockSize":524288,"NextToken":"AA=="}"#,
                "the list at offset 51 has a token for a next page, which is not there",
            ),
            (
                r#"{"ChangedBlocks":[],"BlockSize":524288}{"ChangedBlocks":[],"BlockSize":524288}"#,
                "the list at offset 39 begins a page after the last one, which has no token",
            ),
            (
                r#"{"ChangedBlocks":[],"BlockSize":524288,"NextToken":"A"}{"ChangedBlocks":[],"BlockSize":65536}"#,
                "the list at offset 87 is not 524288, as in the page before: they are of different answers",
            ),
            (
                r#"{"ChangedBlocks":[],"BlockSize":524288,"VolumeSize":1,"NextToken":"A"}{"VolumeSize":2}"#,
                "the list at offset 84 is not 1, as in the page before: they are of different answers",
            ),
            (
                r#"{"Blocks":[{"BlockIndex":0,"BlockToken":"AA=="}],"BlockSize":524288}"#,
                "the list at offset 1 names the blocks that a snapshot has, not those that changed",
            ),
            (
                r#"{"ChangedBlocks":[{"FirstBlockToken":"AA=="}],"BlockSize":524288}"#,
                r#"entry 1 at offset 18 has no "BlockIndex""#,
            ),
            (
                r#"{"ChangedBlocks":[{"BlockIndex":1}]}"#,
                r#"the list at offset 0 begins an object without the member "BlockSize""#,
            ),
            (
                r#"{"BlockSize":1}"#,
                "the list at offset 13 is not the size of a block: a power of two from 512 bytes to 1 GiB",
            ),
            (r#"{"VolumeSize":0}"#, "the list at offset 14 is not the size of a volume in GiB"),
            (r#"{"VolumeSize":9999999999}"#, "the list at offset 14 is not the size of a volume in GiB"),
            (r#"{"NextToken":1}"#, "the list at offset 13 is not a token, nor null"),
            (
                r#"{"ChangedBlocks":[{"BlockIndex":2048}],"BlockSize":524288,"VolumeSize":1}"#,
                "entry 1 at offset 18 ends beyond the disk, which has 1073741824 bytes",
            ),
            (
                r#"{"ChangedBlocks":[{"BlockIndex":2},{"BlockIndex":1}],"BlockSize":524288}"#,
                "entry 2 at offset 35 begins before 1572864, where the one before it ends",
            ),
            (
                r#"{"BlockSize":524288,"ChangedBlocks":[{"BlockIndex":9223372036854775807}]}"#,
                "entry 1 at offset 37 ends beyond 2^64 - 1 bytes",
            ),
        ] {
            assert_eq!(read(bad), Err(message.to_owned()), "{bad}");
        }
    }
}
