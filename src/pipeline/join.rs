//! Putting the boundaries of chunks behind each other, and giving them out as extents.

use std::ops::ControlFlow;

use super::Visitor;
use super::piece::{Piece, append_in_parallel};
use crate::extent::from_boundaries;
use crate::{Error, Result};

/// The boundaries found so far that were not given out yet.
pub(crate) struct Joiner {
    boundaries: Vec<u64>,
    position: u64,
    open: bool,
    /// The number of blocks of the disk, where it is known.
    blocks: Option<u64>,
    /// The first changed block that the disk does not have.
    beyond: Option<u64>,
}

impl Joiner {
    /// A joiner that appends to `boundaries`, which is empty.
    pub(crate) fn new(boundaries: Vec<u64>, blocks: Option<u64>) -> Self {
        debug_assert!(boundaries.is_empty());
        Self { boundaries, position: 0, open: false, blocks, beyond: None }
    }

    /// The position of the next bit.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// The position of the next bit, and whether a run is open.
    pub(super) const fn end(&self) -> (u64, bool) {
        (self.position, self.open)
    }

    /// The list itself, for a scanner that starts from [`end`](Self::end) and says with
    /// [`set_end`](Self::set_end) how far it came.
    pub(super) const fn boundaries(&mut self) -> &mut Vec<u64> {
        &mut self.boundaries
    }

    pub(super) const fn set_end(&mut self, position: u64, open: bool) {
        self.position = position;
        self.open = open;
    }

    /// Takes that many zeros.
    pub(super) fn skip_zeros(&mut self, bits: u64) {
        let closed = self.close_for(bits);
        self.boundaries.extend(closed);
    }

    /// Takes note of that many zeros. Returns the boundary where they end a run.
    fn close_for(&mut self, zeros: u64) -> Option<u64> {
        let closed = (zeros > 0 && self.open).then_some(self.position);
        self.open &= closed.is_none();
        self.position += zeros;
        closed
    }

    /// Appends a chunk that was scanned as if no run were open before it and as if it began at `guess`.
    pub(super) fn append(&mut self, chunk: &[u64], guess: u64, end: u64, open: bool) {
        let piece = self.fit(chunk, guess, end, open);
        self.boundaries.extend(piece.lead);
        self.boundaries.extend(piece.rest.iter().map(|boundary| boundary.wrapping_add(piece.moved)));
    }

    /// Appends chunks one after the other, each after the zeros that come before it, on all threads.
    pub(super) fn append_all<'c>(&mut self, chunks: impl Iterator<Item = (u64, &'c [u64], u64, u64, bool)>) {
        let mut pieces = Vec::new();
        for (zeros, chunk, guess, end, open) in chunks {
            let closed = self.close_for(zeros);
            pieces.push(Piece { lead: closed, rest: &[], moved: 0 });
            pieces.push(self.fit(chunk, guess, end, open));
        }
        append_in_parallel(&mut self.boundaries, pieces);
    }

    /// Finds out what of a chunk is to be appended, and takes note of where it ends.
    fn fit<'c>(&mut self, chunk: &'c [u64], guess: u64, end: u64, open: bool) -> Piece<'c> {
        let mut piece = Piece { lead: None, rest: chunk, moved: self.position.wrapping_sub(guess) };
        if end > guess {
            if self.open {
                // The run that is open here ends where the chunk begins, unless the chunk begins with a one.
                match chunk.split_first() {
                    Some((&first, rest)) if first == guess => piece.rest = rest,
                    _ => piece.lead = Some(self.position),
                }
            }
            self.open = open;
        }
        self.position = end.wrapping_add(piece.moved);
        piece
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
