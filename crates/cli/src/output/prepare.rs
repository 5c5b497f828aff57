//! The step between scanning and writing that all threads take at once: extents are counted, and packed or formatted.

use std::sync::{Mutex, MutexGuard, PoisonError};

use changed_blocks::format::Totals;
use changed_blocks::{ByteRange, Error, Extent, Prepare};

use crate::output::buffer::OutputMode;
use crate::output::formatter::Formatter;
use crate::output::packed::{BATCH, Packed};

/// What is made of extents.
pub(crate) struct Preparer<'f> {
    pub(crate) formatter: Formatter<'f>,
    pub(crate) desk: &'f Desk,
}

/// What was made of some extents.
#[derive(Default)]
pub(crate) struct Prepared {
    pub(crate) totals: Totals,
    pub(crate) failed: Option<Error>,
    /// What of them is asked for, if it was to be held.
    pub(crate) packed: Packed,
    /// Their lines, if they were to be written.
    pub(crate) text: Vec<u8>,
    ranges: Vec<ByteRange>,
}

/// What all threads know.
pub(crate) struct Desk(Mutex<Known>);

struct Known {
    state: OutputMode,
    /// To be used again.
    spare: Vec<Prepared>,
}

impl Desk {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Known { state: OutputMode::Buffering, spare: Vec::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what is to be made of extents from now on. Some may be on their way that were prepared for what was before.
    pub(crate) fn set(&self, state: OutputMode) {
        self.lock().state = state;
    }

    /// Gives back what is no longer needed.
    pub(crate) fn give_back(&self, prepared: Prepared) {
        self.lock().spare.push(prepared);
    }

    fn take(&self) -> (OutputMode, Prepared) {
        let mut known = self.lock();
        (known.state, known.spare.pop().unwrap_or_default())
    }
}

impl Prepare for Preparer<'_> {
    type Part = Prepared;

    fn prepare(&self, extents: &[Extent]) -> Prepared {
        let (state, mut prepared) = self.desk.take();
        let Prepared { totals, failed, packed, text, .. } = &mut prepared;
        (*totals, *failed) = (Totals::default(), None);
        packed.clear();
        text.clear();
        for extents in extents.chunks(BATCH) {
            if let Err(error) = self.add(extents, state, &mut prepared) {
                prepared.failed = Some(error);
                break;
            }
        }
        prepared
    }
}

impl Preparer<'_> {
    fn add(&self, extents: &[Extent], state: OutputMode, to: &mut Prepared) -> Result<(), Error> {
        let Prepared { ranges, totals, packed, text, .. } = to;
        let Formatter { geometry, .. } = &self.formatter;
        // Nearly all of them, where no lines are needed yet.
        if state != OutputMode::Streaming && self.formatter.are_whole(extents) {
            totals.add_whole(extents, geometry.block_size);
            if state == OutputMode::Buffering {
                packed.push_extents(extents, geometry.block_size);
            }
            return Ok(());
        }
        self.formatter.ranges(extents, ranges)?;
        totals.add_all(ranges, geometry);
        match state {
            OutputMode::Buffering => packed.push(ranges, geometry.block_size),
            OutputMode::Streaming => self.formatter.push_lines(ranges, text),
            OutputMode::CountOnly => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use changed_blocks::format::{ExtentFormat, Json, Text};
    use changed_blocks::{BlockSize, ByteRange, Geometry, VirtualSize};

    use super::*;
    use crate::output::packed::HeldRanges;

    const BLOCK: u64 = 65_536;

    /// What is prepared of extents in some state, as text.
    fn prepared(formatter: Formatter<'_>, state: OutputMode, extents: &[Extent]) -> (Totals, Vec<u8>) {
        let desk = Desk::new();
        desk.set(state);
        let prepared = Preparer { formatter, desk: &desk }.prepare(extents);
        assert!(prepared.failed.is_none());
        let mut text = prepared.text;
        let mut held = HeldRanges::new();
        held.append(&prepared.packed);
        for part in held.parts() {
            assert!(text.is_empty(), "one part, or lines");
            formatter.lines(&part, &mut text);
        }
        (prepared.totals, text)
    }

    #[test]
    fn held_or_not_the_same_is_written_of_any_part_of_any_disk() {
        let extents: Vec<Extent> = (0..1000).map(|i| Extent::new(3 * i, 3 * i + 1 + i % 2)).collect();
        let end = 2_999 * BLOCK;
        let edges = [0, 1, BLOCK, 383 * BLOCK + 7, 384 * BLOCK, 385 * BLOCK - 1, end - 1, end, u64::MAX];
        for virtual_size in [None, Some(end), Some(end - 1), Some(end - BLOCK + 1)] {
            let virtual_size = virtual_size.map(|size| VirtualSize::new(size).expect("not 0"));
            let geometry = Geometry { block_size: BlockSize::DEFAULT, virtual_size };
            for (from, to) in edges.iter().flat_map(|&from| edges.map(|to| (from, to))) {
                let window = ByteRange::between(from, to);
                let (mut totals, mut ranges) = (Totals::default(), Vec::new());
                for &extent in &extents {
                    if let Some(range) = geometry.byte_range(extent).expect("on the disk").clip(window) {
                        totals.add(range, &geometry);
                        ranges.push(range);
                    }
                }
                for format in [&Text as &(dyn ExtentFormat + Sync), &Json] {
                    let mut text = Vec::new();
                    format.ranges(&ranges, &mut text);
                    let formatter = Formatter { format, geometry, window };
                    for state in [OutputMode::Buffering, OutputMode::Streaming] {
                        assert!(
                            prepared(formatter, state, &extents) == (totals, text.clone()),
                            "{from} {to} {state:?}"
                        );
                    }
                    assert_eq!(prepared(formatter, OutputMode::CountOnly, &extents), (totals, Vec::new()));
                }
            }
        }
    }

    #[test]
    fn an_extent_that_is_not_on_the_disk_is_told() {
        let beyond = |virtual_size: Option<u64>, end_block| {
            let virtual_size = virtual_size.map(|size| VirtualSize::new(size).expect("not 0"));
            let geometry = Geometry { block_size: BlockSize::DEFAULT, virtual_size };
            let formatter = Formatter { format: &Text, geometry, window: ByteRange::between(0, u64::MAX) };
            let desk = Desk::new();
            let preparer = Preparer { formatter, desk: &desk };
            preparer.prepare(&[Extent::new(1, 2), Extent::new(end_block - 1, end_block)]).failed
        };
        assert!(beyond(Some(5 * BLOCK), 5).is_none());
        assert!(beyond(Some(5 * BLOCK), 6).is_some());
        // Its end has to be a number of bytes.
        assert!(beyond(None, (1 << 48) - 1).is_none());
        assert!(beyond(None, 1 << 48).is_some());
    }
}
