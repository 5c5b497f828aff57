//! Putting the boundaries of chunks behind each other, and giving them out as extents.

use std::ops::ControlFlow;

use crate::extent::from_boundaries;
use crate::length::MOST_FILLING_BITS;
use crate::{Error, Extent, Result};

/// Where the list ends so far: what the next chunk has to fit to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seam {
    /// The position of the next bit.
    pub(super) position: u64,
    /// Whether a run is open.
    pub(super) open: bool,
    /// Where it begins.
    pub(super) since: u64,
}

/// The boundaries of a chunk, as far as it matters for how it fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) count: usize,
    /// The first and the last, if there are any.
    pub(super) ends: Option<(u64, u64)>,
}

impl Ends {
    pub(super) fn of(boundaries: &[u64]) -> Self {
        let ends = boundaries.first().copied().zip(boundaries.last().copied());
        Self { count: boundaries.len(), ends }
    }
}

/// How a chunk fits to what is before it.
#[derive(Debug)]
pub(super) struct Fit {
    /// Where the run begins that is open before the chunk.
    since: Option<u64>,
    /// The boundary where that run ends, if that is where the chunk begins, or where zeros before it begin.
    pub(super) lead: Option<u64>,
    /// How many of the chunk's own boundaries are none: the first, if the open run goes on in the chunk.
    pub(super) skip: usize,
    /// How far the others are from where they were thought to be.
    pub(super) moved: u64,
}

impl Seam {
    /// Takes that many zeros. Returns the boundary where they end a run.
    fn zeros(&mut self, bits: u64) -> Option<u64> {
        let closed = (bits > 0 && self.open).then_some(self.position);
        self.open &= closed.is_none();
        self.position += bits;
        closed
    }

    /// Finds out how a chunk fits that comes after so many zeros, was scanned as if no run were open before it and as if
    /// it began at `guess`, and ends as `end` says. Returns also where things stand behind it.
    pub(super) fn fit(&self, zeros: u64, chunk: Ends, guess: u64, end: &Self) -> (Fit, Self) {
        let mut seam = *self;
        let mut lead = seam.zeros(zeros);
        let mut skip = 0;
        let moved = seam.position.wrapping_sub(guess);
        if end.position > guess {
            if seam.open {
                // The run that is open here ends where the chunk begins, unless the chunk begins with a one.
                match chunk.ends {
                    Some((first, _)) if first == guess => skip = 1,
                    _ => lead = Some(seam.position),
                }
            }
            seam.open = end.open;
            if let Some((_, last)) = chunk.ends
                && chunk.count > skip
            {
                seam.since = last.wrapping_add(moved);
            }
        }
        seam.position = end.position.wrapping_add(moved);
        (Fit { since: self.open.then_some(self.since), lead, skip, moved }, seam)
    }
}

impl Fit {
    /// How many boundaries are added to those before by a chunk with so many.
    pub(super) fn added(&self, count: usize) -> usize {
        usize::from(self.lead.is_some()) + count - self.skip
    }

    /// The boundaries of all runs that end in the chunk, put together in its own buffer, which has some free places
    /// before its boundaries: two at the least.
    pub(super) fn complete<'b>(&self, buffer: &'b mut [u64], free: usize) -> &'b [u64] {
        let mut start = free + self.skip;
        if self.moved != 0 {
            buffer[start..].iter_mut().for_each(|boundary| *boundary = boundary.wrapping_add(self.moved));
        }
        for boundary in [self.lead, self.since].into_iter().flatten() {
            start -= 1;
            buffer[start] = boundary;
        }
        let there = &buffer[start..];
        &there[..there.len() & !1]
    }
}

/// Where the disk ends, and whether something was found beyond that.
pub(super) struct DiskEnd {
    /// The number of blocks of the disk, where it is known.
    blocks: Option<u64>,
    /// The first changed block that the disk does not have.
    beyond: Option<u64>,
}

impl DiskEnd {
    /// Whether these extents, and all before, lie within the disk.
    pub(super) fn contains(&mut self, extents: &[Extent]) -> bool {
        if let Some(blocks) = self.blocks
            && self.beyond.is_none()
            && extents.last().is_some_and(|last| last.end_block > blocks)
        {
            // The first run that does not end in time. It may have begun in time.
            let first = extents.partition_point(|extent| extent.end_block <= blocks);
            self.beyond = extents.get(first).map(|extent| extent.start_block.max(blocks));
        }
        self.beyond.is_none()
    }
}

/// The boundaries found so far that were not given out yet.
pub(crate) struct Joiner {
    boundaries: Vec<u64>,
    seam: Seam,
    disk_end: DiskEnd,
    /// Whether runs were dropped, so that nothing but an error can come of the bitmap.
    dropped: bool,
}

impl Joiner {
    /// A joiner that appends to `boundaries`, which is empty.
    pub(crate) fn new(boundaries: Vec<u64>, blocks: Option<u64>) -> Self {
        debug_assert!(boundaries.is_empty());
        Self { boundaries, seam: Seam::default(), disk_end: DiskEnd { blocks, beyond: None }, dropped: false }
    }

    /// The position of the next bit.
    pub(crate) const fn position(&self) -> u64 {
        self.seam.position
    }

    /// The number of whole bytes so far. The last symbol of a text may have some bits more than its last byte.
    pub(crate) const fn whole_bytes(&self) -> u64 {
        self.seam.position / 8
    }

    /// Takes that many zeros.
    pub(super) fn skip_zeros(&mut self, bits: u64) {
        let closed = self.seam.zeros(bits);
        self.boundaries.extend(closed);
    }

    /// Lets someone append to the list, who moves the seam as well.
    pub(super) fn append<R>(&mut self, append: impl FnOnce(&mut Vec<u64>, &mut Seam) -> R) -> R {
        append(&mut self.boundaries, &mut self.seam)
    }

    /// Lets someone give out what follows without appending it to the list, of which all was given out that could be.
    pub(super) fn bypass<R>(&mut self, give: impl FnOnce(&mut DiskEnd, &mut Seam) -> R) -> R {
        debug_assert_eq!(self.boundaries.len(), usize::from(self.seam.open), "the start of an open run, and no more");
        let result = give(&mut self.disk_end, &mut self.seam);
        self.boundaries.clear();
        self.boundaries.extend(self.seam.open.then_some(self.seam.since));
        result
    }

    /// Gives out all runs that have ended.
    pub(super) fn flush<B>(&mut self, give: impl FnOnce(&[Extent]) -> ControlFlow<B>) -> ControlFlow<B> {
        let ended = self.boundaries.len() & !1;
        let open = self.boundaries.get(ended).copied();
        let extents = from_boundaries(&self.boundaries[..ended]);
        if self.disk_end.contains(extents) && !extents.is_empty() {
            give(extents)?;
        }
        self.boundaries.clear();
        self.boundaries.extend(open);
        ControlFlow::Continue(())
    }

    /// Drops all runs that have ended if the bitmap is too long for the disk: an error for certain, which needs no list.
    pub(super) fn drop_if_too_long(&mut self) {
        if self.disk_end.blocks.is_some_and(|blocks| self.whole_bytes() > blocks.saturating_add(MOST_FILLING_BITS) / 8)
        {
            self.dropped = true;
            let _: ControlFlow<()> = self.flush(|_| ControlFlow::Continue(()));
        }
    }

    /// Closes the last run at the end of the bitmap. What was not given out yet is left, checked, for
    /// [`flush`](Self::flush) or [`into_boundaries`](Self::into_boundaries).
    pub(crate) fn finish(&mut self, bits: u64) -> Result<()> {
        if self.boundaries.len() % 2 == 1 {
            self.boundaries.push(bits);
        }
        self.disk_end.contains(from_boundaries(&self.boundaries));
        // The length was judged before. Should it have passed although runs were dropped, there is still no list.
        let beyond = self.disk_end.beyond.or(self.disk_end.blocks.filter(|_| self.dropped));
        match (beyond, self.disk_end.blocks) {
            (Some(block), Some(blocks)) => Err(Error::BlockBeyondEnd { block, blocks }),
            _ => Ok(()),
        }
    }

    pub(crate) fn into_boundaries(self) -> Vec<u64> {
        self.boundaries
    }
}
