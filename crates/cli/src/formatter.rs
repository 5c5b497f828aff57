//! Many extents turned into bytes and formatted on all threads, and handed over in order.

use changed_blocks::format::{ExtentFormat, Totals};
use changed_blocks::{ByteRange, Error, Extent, Geometry};
use rayon::prelude::*;

use crate::run::RenderError;
use crate::sink::{Sink, State};

/// How many extents are one thread's at a time: some 100 KiB of text.
const SHARE: usize = 1 << 10;
/// How many shares there are before they are handed over.
const SHARES: usize = 16;

pub(crate) struct Formatter<'f> {
    format: &'f (dyn ExtentFormat + Sync),
    geometry: Geometry,
    /// What of the disk is asked for.
    window: ByteRange,
    totals: Totals,
    /// Used again and again.
    shares: Vec<Share>,
    /// Whether anything was handed over, so that a separator comes first.
    begun: bool,
}

/// What one thread makes of some extents.
#[derive(Default)]
struct Share {
    ranges: Vec<ByteRange>,
    text: Vec<u8>,
    totals: Totals,
    failed: Option<Error>,
}

impl<'f> Formatter<'f> {
    pub(crate) fn new(format: &'f (dyn ExtentFormat + Sync), window: ByteRange) -> Self {
        let (geometry, totals) = (Geometry::default(), Totals::default());
        Self { format, geometry, window, totals, shares: Vec::new(), begun: false }
    }

    pub(crate) const fn set_geometry(&mut self, geometry: Geometry) {
        self.geometry = geometry;
    }

    pub(crate) const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Sums over what was handed over so far.
    pub(crate) const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Takes the next extents.
    pub(crate) fn take(&mut self, extents: &[Extent], to: &mut Sink<'_>) -> Result<(), RenderError> {
        self.shares.resize_with(SHARES, Share::default);
        for group in extents.chunks(SHARE * SHARES) {
            let Self { format, geometry, window, .. } = *self;
            let discarding = to.state() == State::Discarding;
            let work = |(extents, share): (&[Extent], &mut Share)| {
                share.take(extents, &geometry, window);
                if !discarding {
                    format.ranges(&share.ranges, &mut share.text);
                }
            };
            group.par_chunks(SHARE).zip(&mut self.shares).for_each(work);
            self.hand_over(group.len().div_ceil(SHARE), to)?;
        }
        Ok(())
    }

    /// Hands over the first shares.
    fn hand_over(&mut self, count: usize, to: &mut Sink<'_>) -> Result<(), RenderError> {
        let mut pieces = Vec::with_capacity(2 * count);
        for share in &mut self.shares[..count] {
            if let Some(error) = share.failed.take() {
                return Err(error.into());
            }
            self.totals.merge(&share.totals);
            if !share.ranges.is_empty() {
                if self.begun {
                    pieces.push(self.format.separator());
                }
                pieces.push(&share.text);
                self.begun = true;
            }
        }
        Ok(to.put(&pieces)?)
    }
}

impl Share {
    /// Turns extents into bytes, as far as they can be and are asked for.
    fn take(&mut self, extents: &[Extent], geometry: &Geometry, window: ByteRange) {
        self.ranges.clear();
        self.text.clear();
        self.totals = Totals::default();
        self.failed = geometry.byte_ranges(extents, &mut self.ranges).err();
        let inside = |range: &ByteRange| range.clip(window) == Some(*range);
        // They ascend: only the first and the last can reach out.
        if !self.ranges.first().is_none_or(inside) || !self.ranges.last().is_none_or(inside) {
            self.ranges = self.ranges.iter().filter_map(|range| range.clip(window)).collect();
        }
        for &range in &self.ranges {
            self.totals.add(range, geometry);
        }
    }
}
