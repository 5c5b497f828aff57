//! Putting the boundaries of chunks behind each other, and giving them out as extents.

use std::ops::ControlFlow;

use super::Visitor;
use super::shares::Piece;
use crate::extent::from_boundaries;
use crate::{Error, Result};

/// Where the list ends so far: what the next chunk has to fit to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seam {
    /// The position of the next bit.
    pub(super) position: u64,
    /// Whether a run is open.
    pub(super) open: bool,
}

impl Seam {
    /// Takes that many zeros. Returns the boundary where they end a run.
    fn zeros(&mut self, bits: u64) -> Option<u64> {
        let closed = (bits > 0 && self.open).then_some(self.position);
        self.open &= closed.is_none();
        self.position += bits;
        closed
    }

    /// Finds out what a chunk adds to the list: it comes after so many zeros, was scanned as if no run were open before
    /// it and as if it began at `guess`, and ends as `end` says.
    pub(super) fn fit<'c>(&mut self, zeros: u64, chunk: &'c [u64], guess: u64, end: Self) -> Piece<'c> {
        let mut lead = self.zeros(zeros);
        let mut rest = chunk;
        let moved = self.position.wrapping_sub(guess);
        if end.position > guess {
            if self.open {
                // The run that is open here ends where the chunk begins, unless the chunk begins with a one.
                match chunk.split_first() {
                    Some((&first, behind)) if first == guess => rest = behind,
                    _ => lead = Some(self.position),
                }
            }
            self.open = end.open;
        }
        self.position = end.position.wrapping_add(moved);
        Piece { lead, rest, moved }
    }
}

/// The boundaries found so far that were not given out yet.
pub(crate) struct Joiner {
    boundaries: Vec<u64>,
    seam: Seam,
    /// The number of blocks of the disk, where it is known.
    blocks: Option<u64>,
    /// The first changed block that the disk does not have.
    beyond: Option<u64>,
}

impl Joiner {
    /// A joiner that appends to `boundaries`, which is empty.
    pub(crate) fn new(boundaries: Vec<u64>, blocks: Option<u64>) -> Self {
        debug_assert!(boundaries.is_empty());
        Self { boundaries, seam: Seam::default(), blocks, beyond: None }
    }

    /// The position of the next bit.
    pub(crate) const fn position(&self) -> u64 {
        self.seam.position
    }

    /// The list, and where it ends, for who appends to it.
    pub(super) const fn list(&mut self) -> (&mut Vec<u64>, &mut Seam) {
        (&mut self.boundaries, &mut self.seam)
    }

    /// Takes that many zeros.
    pub(super) fn skip_zeros(&mut self, bits: u64) {
        let closed = self.seam.zeros(bits);
        self.boundaries.extend(closed);
    }

    /// Gives out all runs that have ended.
    pub(crate) fn flush<V: Visitor>(&mut self, visitor: &mut V) -> ControlFlow<V::Break> {
        self.check_end();
        let ended = self.boundaries.len() & !1;
        let open = self.boundaries.get(ended).copied();
        let extents = from_boundaries(&self.boundaries[..ended]);
        if !extents.is_empty() && self.beyond.is_none() {
            visitor.extents(extents)?;
        }
        self.boundaries.clear();
        self.boundaries.extend(open);
        ControlFlow::Continue(())
    }

    /// Closes the last run at the end of the bitmap. What was not given out yet is left, checked, for
    /// [`flush`](Self::flush) or [`into_boundaries`](Self::into_boundaries).
    pub(crate) fn finish(&mut self, bits: u64) -> Result<()> {
        if self.boundaries.len() % 2 == 1 {
            self.boundaries.push(bits);
        }
        self.check_end();
        match (self.beyond, self.blocks) {
            (Some(block), Some(blocks)) => Err(Error::BlockBeyondEnd { block, blocks }),
            _ => Ok(()),
        }
    }

    pub(crate) fn into_boundaries(self) -> Vec<u64> {
        self.boundaries
    }

    /// Finds the first changed block beyond the disk, if there is one. Boundaries ascend, so the last one tells
    /// whether to look.
    fn check_end(&mut self) {
        let Some(blocks) = self.blocks else { return };
        let past = self.boundaries.len() % 2;
        let suspicious = self.boundaries.last().is_some_and(|&last| last + past as u64 > blocks);
        if !suspicious || self.beyond.is_some() {
            return;
        }
        // The first run that does not end in time. It may have begun in time.
        let first = self.boundaries.partition_point(|&boundary| boundary <= blocks) & !1;
        let start = self.boundaries.get(first).copied();
        self.beyond = start.map(|start| start.max(blocks));
    }
}
