//! Extents to ranges: which of them the window shows, their byte ranges, their sums.

use changed_blocks::format::Totals;
use changed_blocks::{ByteRange, Error, Extent, Geometry};
use rayon::prelude::*;

use super::pieces::CHUNK;

/// The part of a disk that is listed.
#[derive(Clone, Copy)]
pub(super) struct ExtentWindow {
    pub(super) geometry: Geometry,
    /// The part of the disk that is asked for.
    pub(super) window: ByteRange,
}

impl ExtentWindow {
    /// The extents that reach into the window. Only the first and the last of them can reach out of it.
    ///
    /// # Errors
    ///
    /// That of the first extent that is not on the disk, in the window or not.
    pub(super) fn in_window<'e>(&self, extents: &'e [Extent]) -> Result<&'e [Extent], Error> {
        let range = |&extent: &Extent| self.geometry.byte_range(extent);
        // Extents ascend, so each of these is true of the first ones and of no others.
        let on_disk = extents.partition_point(|extent| range(extent).is_ok());
        extents.get(on_disk).map(range).transpose()?;
        if self.window.len_bytes == 0 {
            return Ok(&[]);
        }
        let start = extents
            .partition_point(|extent| range(extent).is_ok_and(|range| range.end_bytes() <= self.window.offset_bytes));
        let end = extents
            .partition_point(|extent| range(extent).is_ok_and(|range| range.offset_bytes < self.window.end_bytes()));
        Ok(&extents[start..end])
    }

    /// Sums over extents of the window.
    pub(super) fn totals(&self, extents: &[Extent]) -> Result<Totals, Error> {
        let Geometry { block_size, .. } = self.geometry;
        // Only the first and the last may be clipped: the others need no ranges.
        let [first, whole @ .., last] = extents else { return self.totals_of_ranges(extents) };
        let of_chunk = |chunk: &[Extent]| {
            let mut totals = Totals::default();
            totals.add_whole(chunk, block_size);
            totals
        };
        let merge = |mut totals: Totals, other: Totals| {
            totals.merge(&other);
            totals
        };
        let ends = self.totals_of_ranges(&[*first, *last])?;
        Ok(merge(ends, whole.par_chunks(8 * CHUNK).map(of_chunk).reduce(Totals::default, merge)))
    }

    fn totals_of_ranges(&self, extents: &[Extent]) -> Result<Totals, Error> {
        let (mut totals, mut ranges) = (Totals::default(), Vec::new());
        self.ranges(extents, &mut ranges)?;
        totals.add_all(&ranges, &self.geometry);
        Ok(totals)
    }

    /// Replaces `ranges` by those of extents of the window.
    pub(super) fn ranges(&self, extents: &[Extent], ranges: &mut Vec<ByteRange>) -> Result<(), Error> {
        ranges.clear();
        self.geometry.byte_ranges(extents, ranges)?;
        let clip = |range: &mut ByteRange| *range = range.clip(self.window).unwrap_or(*range);
        ranges.first_mut().map(clip);
        ranges.last_mut().map(clip);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use changed_blocks::format::{ExtentFormat, Json, Text};
    use changed_blocks::{BlockSize, VirtualSize};

    use super::super::pieces::{BATCH, format_pieces};
    use super::*;

    const BLOCK: u64 = 65_536;

    type Format<'f> = &'f (dyn ExtentFormat + Send + Sync);

    /// A format that names every byte of the disk.
    struct Covering;

    impl ExtentFormat for Covering {
        fn ranges(&self, previous_end: u64, ranges: &[ByteRange], to: &mut Vec<u8>) {
            let mut previous_end = previous_end;
            for range in ranges {
                to.extend_from_slice(format!("-{previous_end} +{}\n", range.offset_bytes).as_bytes());
                previous_end = range.end_bytes();
            }
        }
    }

    fn text_of(
        format: Format<'_>,
        extent_window: &ExtentWindow,
        extents: &[Extent],
        previous_end: Option<u64>,
    ) -> Vec<u8> {
        // More pieces, longer ones, and other text than there will be.
        let mut pieces = vec![b"old".repeat(100_000); 7];
        let ranges_of = |extents: &[Extent], ranges: &mut Vec<ByteRange>| extent_window.ranges(extents, ranges);
        let end = format_pieces(format, extents, previous_end, &mut pieces, ranges_of).expect("on the disk");
        let mut ranges = Vec::new();
        extent_window.ranges(extents, &mut ranges).expect("on the disk");
        assert_eq!(end, ranges.last().map(|range| range.end_bytes()).or(previous_end));
        pieces.concat()
    }

    fn geometry(virtual_size: Option<u64>) -> Geometry {
        let virtual_size = virtual_size.map(|size| VirtualSize::new(size).expect("not 0"));
        Geometry { block_size: BlockSize::DEFAULT, virtual_size }
    }

    #[test]
    fn any_window_of_any_disk_has_the_clipped_ranges_and_their_sums() {
        let extents: Vec<Extent> = (0..1000).map(|i| Extent::new(3 * i, 3 * i + 1 + i % 2)).collect();
        let end = 2_999 * BLOCK;
        let edges = [0, 1, BLOCK, 383 * BLOCK + 7, 384 * BLOCK, 385 * BLOCK - 1, end - 1, end, u64::MAX];
        for virtual_size in [None, Some(end), Some(end - 1), Some(end - BLOCK + 1)] {
            let geometry = geometry(virtual_size);
            for (from, to) in edges.iter().flat_map(|&from| edges.map(|to| (from, to))) {
                let window = ByteRange::between(from, to);
                let (mut totals, mut ranges) = (Totals::default(), Vec::new());
                for &extent in &extents {
                    if let Some(range) = geometry.byte_range(extent).expect("on the disk").clip(window) {
                        totals.add(range, &geometry);
                        ranges.push(range);
                    }
                }
                for format in [&Text as Format<'_>, &Json, &Covering] {
                    let mut text = Vec::new();
                    format.ranges(0, &ranges, &mut text);
                    let extent_window = ExtentWindow { geometry, window };
                    let shown = extent_window.in_window(&extents).expect("on the disk");
                    assert_eq!(extent_window.totals(shown).expect("on the disk"), totals, "{from} {to}");
                    assert!(text_of(format, &extent_window, shown, None) == text, "{from} {to}");
                }
            }
        }
    }

    #[test]
    fn pieces_are_the_text_of_the_whole_list() {
        let window = ByteRange::between(0, u64::MAX);
        for format in [&Text as Format<'_>, &Json, &Covering] {
            let extent_window = ExtentWindow { geometry: geometry(None), window };
            for count in [0, 1, BATCH, BATCH + 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 7] {
                let extents: Vec<Extent> = (0..count as u64).map(|i| Extent::new(3 * i, 3 * i + 1 + i % 2)).collect();
                let (mut ranges, mut expected) = (Vec::new(), Vec::new());
                geometry(None).byte_ranges(&extents, &mut ranges).expect("on the disk");
                format.ranges(0, &ranges, &mut expected);
                assert!(text_of(format, &extent_window, &extents, None) == expected, "{count}");
                if count > 0 {
                    expected.splice(0..0, format.separator().iter().copied());
                    assert!(text_of(format, &extent_window, &extents, Some(0)) == expected, "{count}");
                }
            }
        }
    }

    #[test]
    fn an_extent_that_is_not_on_the_disk_is_an_error() {
        for window in [ByteRange::between(0, u64::MAX), ByteRange::between(0, 1), ByteRange::between(7, 7)] {
            let fails = |virtual_size, end_block| {
                let extent_window = ExtentWindow { geometry: geometry(virtual_size), window };
                extent_window.in_window(&[Extent::new(1, 2), Extent::new(end_block - 1, end_block)]).is_err()
            };
            assert!(!fails(Some(5 * BLOCK), 5));
            assert!(fails(Some(5 * BLOCK), 6));
            // Its end has to be a number of bytes.
            assert!(!fails(None, (1 << 48) - 1));
            assert!(fails(None, 1 << 48));
        }
    }
}
