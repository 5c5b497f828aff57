//! Extents turned into bytes, and formatted.

use changed_blocks::format::ExtentFormat;
use changed_blocks::{ByteRange, Error, Extent, Geometry};

use crate::output::packed::Part;

/// How extents are written.
#[derive(Clone, Copy)]
pub(crate) struct Formatter<'f> {
    pub(crate) format: &'f (dyn ExtentFormat + Sync),
    pub(crate) geometry: Geometry,
    /// What of the disk is asked for.
    pub(crate) window: ByteRange,
}

impl Formatter<'_> {
    /// Whether all of some extents is asked for, and none ends within a block. They ascend: only the first and the last
    /// can reach out.
    pub(crate) fn are_whole(&self, extents: &[Extent]) -> bool {
        let is_whole = |extent: Option<&Extent>| {
            extent.is_some_and(|&extent| {
                let range = self.geometry.byte_range(extent).ok();
                range.is_some_and(|range| {
                    range.clip(self.window) == Some(range)
                        && range.end_bytes().is_multiple_of(self.geometry.block_size.bytes())
                })
            })
        };
        is_whole(extents.first()) && is_whole(extents.last())
    }

    /// Replaces `ranges` by those of some extents, as far as they are asked for.
    pub(crate) fn ranges(&self, extents: &[Extent], ranges: &mut Vec<ByteRange>) -> Result<(), Error> {
        ranges.clear();
        self.geometry.byte_ranges(extents, ranges)?;
        if !self.are_whole(extents) {
            ranges.retain_mut(|range| {
                let part = range.clip(self.window);
                *range = part.unwrap_or(*range);
                part.is_some()
            });
        }
        Ok(())
    }

    /// Appends lines, with separators between them and behind those before.
    pub(crate) fn push_lines(&self, ranges: &[ByteRange], text: &mut Vec<u8>) {
        if !text.is_empty() && !ranges.is_empty() {
            text.extend_from_slice(self.format.separator());
        }
        self.format.ranges(ranges, text);
    }

    /// Replaces `text` by the lines of ranges that were packed.
    pub(crate) fn lines(&self, part: &Part<'_>, text: &mut Vec<u8>) {
        text.clear();
        part.for_each_batch(self.geometry.block_size, |ranges| self.push_lines(ranges, text));
    }
}
