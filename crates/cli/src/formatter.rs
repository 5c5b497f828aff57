//! Extents turned into bytes and formatted, on all threads, and what one thread made of some of them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use changed_blocks::format::{ExtentFormat, Totals};
use changed_blocks::{ByteRange, Error, Extent, Geometry, Prepare};

use crate::held::{Kept, Room, SMALL, Slab};

/// Formats extents.
#[derive(Clone)]
pub(crate) struct Formatter<'f> {
    pub(crate) format: &'f (dyn ExtentFormat + Sync),
    pub(crate) geometry: Geometry,
    /// What of the disk is asked for.
    pub(crate) window: ByteRange,
    pub(crate) shared: Arc<Shared>,
    /// Where long output is kept.
    pub(crate) room: Arc<Room>,
}

/// What all threads know.
#[derive(Default)]
pub(crate) struct Shared {
    /// Whether only the totals matter.
    pub(crate) discarding: AtomicBool,
    /// How many bytes were formatted so far.
    formatted: AtomicUsize,
    /// To be used again.
    spare: Mutex<Vec<Formatted>>,
}

/// What was made of some extents.
#[derive(Default)]
pub(crate) struct Formatted {
    /// Those dealt with last.
    ranges: Vec<ByteRange>,
    /// The lines, unless they were kept in the room.
    pub(crate) text: Vec<u8>,
    slab: Slab,
    pub(crate) kept: Vec<Kept>,
    pub(crate) totals: Totals,
    pub(crate) failed: Option<Error>,
}

impl Formatted {
    /// Whether nothing of what was asked for was among the extents.
    pub(crate) const fn is_empty(&self) -> bool {
        self.totals.extents == 0
    }

    fn clear(&mut self) {
        self.text.clear();
        self.kept.clear();
        self.totals = Totals::default();
        self.failed = None;
    }
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

/// How many extents are dealt with at a time: what the first cache holds with ease.
const BATCH: usize = 128;

impl Prepare for Formatter<'_> {
    type Part = Formatted;

    fn prepare(&self, extents: &[Extent]) -> Formatted {
        let mut formatted = self.shared.take();
        formatted.clear();
        for extents in extents.chunks(BATCH) {
            if let Err(error) = self.add(extents, &mut formatted) {
                formatted.failed = Some(error);
                break;
            }
        }
        self.keep(&mut formatted);
        formatted
    }
}

impl Formatter<'_> {
    /// Moves the lines to the room, if there is much output and as much room.
    fn keep(&self, formatted: &mut Formatted) {
        let Formatted { text, slab, kept, .. } = formatted;
        if self.shared.formatted.fetch_add(text.len(), Ordering::Relaxed) + text.len() <= SMALL {
            return;
        }
        if slab.keep(&self.room, text, kept) {
            text.clear();
        }
    }

    /// Formats some extents behind those before.
    fn add(&self, extents: &[Extent], to: &mut Formatted) -> Result<(), Error> {
        let Formatted { ranges, text, totals, .. } = to;
        ranges.clear();
        self.geometry.byte_ranges(extents, ranges)?;
        let inside = |range: &ByteRange| range.clip(self.window) == Some(*range);
        // They ascend: only the first and the last can reach out.
        if !ranges.first().is_none_or(inside) || !ranges.last().is_none_or(inside) {
            *ranges = ranges.iter().filter_map(|range| range.clip(self.window)).collect();
        }
        totals.add_all(ranges, &self.geometry);
        if !ranges.is_empty() && !self.shared.discarding.load(Ordering::Relaxed) {
            if !text.is_empty() {
                text.extend_from_slice(self.format.separator());
            }
            self.format.ranges(ranges, text);
        }
        Ok(())
    }
}
