//! The list of extents, printed in one of the formats.
//!
//! Extents are held back while the output is; the text is made when it is written. Invariant: every extent that was taken
//! is in `totals`, and either in `held`, or written, or left to a second pass.

use std::io::Write;

use changed_blocks::format::Totals;
use changed_blocks::{Extent, Geometry, Summary, VirtualSize};

use super::buffer::{MAX_BUFFERED_BYTES, OutputBuffer, OutputMode};
use super::extent_window::ExtentWindow;
use super::json_members::{add_origin, add_warnings, add_window};
use super::pieces::{ListWriter, hold};
use super::printer::{PrintError, Printer};
use crate::list_plan::ListPlan;

/// How many extents are held back at the most.
const MAX_EXTENTS: usize = MAX_BUFFERED_BYTES / size_of::<Extent>();

pub(crate) struct ListPrinter<'w> {
    extent_window: ExtentWindow,
    plan: &'w ListPlan,
    /// The totals, if they are known before the first extent is written.
    known_totals: Option<Totals>,
    totals: Totals,
    /// Extents that are held back: those of a window in a list that is too long to be held back itself.
    held: Vec<Extent>,
    writer: ListWriter,
}

impl<'w> ListPrinter<'w> {
    /// Prints the part of the list that the plan asks for. An earlier pass knows the totals.
    pub(crate) fn new(
        plan: &'w ListPlan,
        geometry: Geometry,
        known_totals: Option<Totals>,
    ) -> Result<Self, PrintError> {
        Ok(Self {
            extent_window: ExtentWindow { geometry, window: plan.window },
            plan,
            known_totals,
            totals: Totals::default(),
            held: Vec::new(),
            writer: ListWriter::new(plan.output, geometry)?,
        })
    }

    /// Adds extents to the totals.
    fn count(&mut self, extents: &[Extent]) -> Result<(), PrintError> {
        self.totals.merge(&self.extent_window.totals(extents)?);
        Ok(())
    }

    fn write(&mut self, extents: &[Extent], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        self.writer.write_head(self.known_totals.as_ref(), output)?;
        let extent_window = self.extent_window;
        self.writer.write(extents, output, |extents, ranges| extent_window.ranges(extents, ranges))
    }

    /// Refuses a window that is not on the disk: an empty list would look as if nothing had changed.
    fn refuse_window_beyond_end(&self, summary: &Summary) -> Result<(), PrintError> {
        let ExtentWindow { geometry, window } = &self.extent_window;
        let block_size = geometry.block_size.bytes();
        let size = geometry.virtual_size.map_or(summary.blocks.saturating_mul(block_size), VirtualSize::bytes);
        if window.offset_bytes >= size {
            return Err(PrintError::window_beyond_end(*window, size));
        }
        Ok(())
    }
}

impl Printer for ListPrinter<'_> {
    type Digest = Totals;

    fn wanted_extents(&self, mode: OutputMode) -> usize {
        if mode == OutputMode::Buffering { MAX_EXTENTS - self.held.len() } else { 0 }
    }

    fn extents(&mut self, extents: &[Extent], output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        let extents = self.extent_window.in_window(extents)?;
        self.count(extents)?;
        if output.mode() == OutputMode::Buffering && hold(&mut self.held, extents, MAX_EXTENTS - 1)? {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        if output.overflow() == OutputMode::Streaming {
            self.write(&held, output)?;
            self.write(extents, output)?;
        }
        Ok(())
    }

    fn end(&mut self, extents: &[Extent], summary: &Summary, output: &mut OutputBuffer<'_>) -> Result<(), PrintError> {
        let extents = self.extent_window.in_window(extents)?;
        self.refuse_window_beyond_end(summary)?;
        self.count(extents)?;
        if output.mode() == OutputMode::Buffering {
            self.known_totals = Some(self.totals);
            output.release();
        }
        if output.mode() == OutputMode::CountOnly {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        self.write(&held, output)?;
        self.write(extents, output)?;
        let mut foot = self.writer.foot(&self.totals);
        if self.writer.is_json_object() {
            add_window(&mut foot, self.plan.window);
            add_origin(&mut foot, &self.plan.origin, None);
            add_warnings(&mut foot, &self.plan.warnings);
        }
        Ok(output.write_all(&foot)?)
    }

    fn digest(&self) -> Totals {
        self.totals
    }
}
