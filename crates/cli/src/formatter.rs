//! Extents turned into bytes and formatted, on all threads, and what one thread made of some of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use changed_blocks::format::{ExtentFormat, Totals};
use changed_blocks::{ByteRange, Error, Extent, Geometry, Prepare};

/// Formats extents.
#[derive(Clone)]
pub(crate) struct Formatter<'f> {
    pub(crate) format: &'f (dyn ExtentFormat + Sync),
    pub(crate) geometry: Geometry,
    /// What of the disk is asked for.
    pub(crate) window: ByteRange,
    pub(crate) shared: Arc<Shared>,
}

/// What all threads know.
#[derive(Default)]
pub(crate) struct Shared {
    /// Whether only the totals matter.
    pub(crate) discarding: AtomicBool,
    /// To be used again.
    spare: Mutex<Vec<Formatted>>,
}

/// What was made of some extents.
#[derive(Default)]
pub(crate) struct Formatted {
    pub(crate) ranges: Vec<ByteRange>,
    pub(crate) text: Vec<u8>,
    pub(crate) totals: Totals,
    pub(crate) failed: Option<Error>,
}

impl Shared {
    fn take(&self) -> Formatted {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Gives back what is no longer needed.
    pub(crate) fn give_back(&self, formatted: Formatted) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(formatted);
    }
}

impl Prepare for Formatter<'_> {
    type Part = Formatted;

    fn prepare(&self, extents: &[Extent]) -> Formatted {
        let mut formatted = self.shared.take();
        let Formatted { ranges, text, totals, failed } = &mut formatted;
        ranges.clear();
        text.clear();
        *totals = Totals::default();
        *failed = self.geometry.byte_ranges(extents, ranges).err();
        let inside = |range: &ByteRange| range.clip(self.window) == Some(*range);
        // They ascend: only the first and the last can reach out.
        if !ranges.first().is_none_or(inside) || !ranges.last().is_none_or(inside) {
            *ranges = ranges.iter().filter_map(|range| range.clip(self.window)).collect();
        }
        for &range in &*ranges {
            totals.add(range, &self.geometry);
        }
        if !self.shared.discarding.load(Ordering::Relaxed) {
            self.format.ranges(ranges, text);
        }
        formatted
    }
}
