//! Puts the boundaries of chunks one after the other, and gives them out as extents.
//!
//! Boundaries of two pieces of a bitmap, put one after the other, are the boundaries of the whole, if the second piece was
//! scanned with the last bit of the first as its carry. A chunk that is scanned apart does not know that bit. It is scanned
//! as if it followed an unchanged block, and stitched:
//!
//! ```text
//! carry 0                      its boundaries are right
//! carry 1, begins with a one   its first boundary is none: the run goes on
//! carry 1, begins with a zero  one boundary is missing: the run ends where the chunk begins
//! ```
//!
//! Line breaks and holes before a chunk move all its boundaries by the same distance.

use std::mem::MaybeUninit;

use crate::extent::from_boundaries;
use crate::length::MOST_FILLING_BITS;
use crate::{Error, Extent, Result};

/// The end of the list so far, to which the next chunk is stitched.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StitchState {
    /// The position of the next bit.
    pub(super) position: u64,
    /// The last bit: whether a run is open.
    pub(super) carry: bool,
}

/// A chunk that was scanned apart, as far as it matters for stitching.
#[derive(Clone, Copy, Debug)]
pub(super) struct BoundarySummary {
    /// Zeros before the chunk.
    pub(super) zeros: u64,
    /// The position at which its first bit was assumed.
    pub(super) assumed: u64,
    /// The state after it, by that assumption.
    pub(super) end: StitchState,
    /// Whether its first bit is a one.
    pub(super) starts_with_one: bool,
}

/// The part of a chunk's boundaries that is added to the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// The boundary before those of the chunk, where a run ends at its start or at the zeros before it.
    pub(super) lead: Option<u64>,
    /// How many of the chunk's own boundaries are left out: one, if a run goes on in the chunk.
    pub(super) skip: usize,
    /// The distance from the assumed positions to the right ones.
    pub(super) moved: u64,
}

impl StitchState {
    /// Takes that many zeros. Returns the boundary where they end a run.
    fn skip_zeros(&mut self, bits: u64) -> Option<u64> {
        let end = (bits > 0 && self.carry).then_some(self.position);
        self.carry &= end.is_none();
        self.position += bits;
        end
    }

    /// Stitches a chunk to the list.
    pub(super) fn stitch(&mut self, chunk: &BoundarySummary) -> Placement {
        let mut lead = self.skip_zeros(chunk.zeros);
        let mut skip = 0;
        let moved = self.position.wrapping_sub(chunk.assumed);
        if chunk.end.position > chunk.assumed {
            if self.carry {
                if chunk.starts_with_one {
                    skip = 1;
                } else {
                    lead = Some(self.position);
                }
            }
            self.carry = chunk.end.carry;
        }
        self.position = chunk.end.position.wrapping_add(moved);
        Placement { lead, skip, moved }
    }
}

impl Placement {
    /// How many boundaries a chunk with so many adds to the list.
    pub(super) fn added(&self, count: usize) -> usize {
        usize::from(self.lead.is_some()) + count - self.skip
    }

    /// Writes the boundaries that a chunk adds to the list to its slot, of just as many. Returns how many were written.
    pub(super) fn write(&self, chunk: &[u64], slot: &mut [MaybeUninit<u64>]) -> usize {
        let added = &chunk[self.skip..];
        let (lead, rest) = slot.split_at_mut(usize::from(self.lead.is_some()));
        assert_eq!(rest.len(), added.len(), "a slot of just this length");
        for (place, boundary) in lead.iter_mut().zip(self.lead) {
            place.write(boundary);
        }
        for (place, boundary) in rest.iter_mut().zip(added) {
            place.write(boundary.wrapping_add(self.moved));
        }
        lead.len() + rest.len()
    }
}

/// The end of the disk, and the first changed block that was found after it.
struct DiskEnd {
    /// The number of blocks, where it is known.
    blocks: Option<u64>,
    beyond: Option<u64>,
}

impl DiskEnd {
    /// Whether these extents, and all before, lie within the disk.
    fn contains(&mut self, extents: &[Extent]) -> bool {
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
pub(crate) struct Stitcher {
    boundaries: Vec<u64>,
    state: StitchState,
    disk_end: DiskEnd,
    /// Whether runs were dropped, so that the bitmap can only end as an error.
    dropped: bool,
}

impl Stitcher {
    /// A stitcher that appends to `boundaries`, which is empty.
    pub(crate) fn new(boundaries: Vec<u64>, blocks: Option<u64>) -> Self {
        debug_assert!(boundaries.is_empty());
        let disk_end = DiskEnd { blocks, beyond: None };
        Self { boundaries, state: StitchState::default(), disk_end, dropped: false }
    }

    /// The position of the next bit.
    pub(super) const fn position(&self) -> u64 {
        self.state.position
    }

    /// Takes that many zeros.
    pub(super) fn skip_zeros(&mut self, bits: u64) {
        let boundary = self.state.skip_zeros(bits);
        self.boundaries.extend(boundary);
    }

    /// The list and its end, for a scan that appends to the one and moves the other.
    pub(super) const fn end(&mut self) -> (&mut Vec<u64>, &mut StitchState) {
        (&mut self.boundaries, &mut self.state)
    }

    /// The runs that have ended, unless one of them or of those before lies beyond the disk.
    pub(super) fn ready(&mut self) -> &[Extent] {
        let extents = from_boundaries(&self.boundaries[..self.boundaries.len() & !1]);
        if self.disk_end.contains(extents) { extents } else { &[] }
    }

    /// Takes the runs that have ended off the list, checked.
    pub(super) fn discard_ready(&mut self) {
        self.ready();
        let ended = self.boundaries.len() & !1;
        let open = self.boundaries.get(ended).copied();
        self.boundaries.clear();
        self.boundaries.extend(open);
    }

    /// Drops all runs that have ended if the bitmap is too long for the disk: an error for certain, which needs no list.
    pub(super) fn drop_if_too_long(&mut self) {
        let most_bytes = |blocks: u64| blocks.saturating_add(MOST_FILLING_BITS) / 8;
        if self.disk_end.blocks.is_some_and(|blocks| self.state.position / 8 > most_bytes(blocks)) {
            self.dropped = true;
            self.discard_ready();
        }
    }

    /// Closes the last run at the end of the bitmap. The runs that were not taken yet are left, checked.
    pub(super) fn finish(&mut self, bits: u64) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The boundaries of bits of which the first is at `start`, bit by bit.
    fn boundaries(bits: &[bool], start: u64, carry: bool) -> Vec<u64> {
        let mut before = carry;
        let positions = (start..).zip(bits).filter(|&(_, &bit)| std::mem::replace(&mut before, bit) != bit);
        positions.map(|(position, _)| position).collect()
    }

    #[test]
    fn chunks_that_were_scanned_apart_are_stitched_to_the_boundaries_of_the_whole() {
        // Eight bits, cut into two chunks, with zeros before the second, and a wrong guess of where that begins.
        for all in 0..=255u8 {
            let bits: Vec<bool> = (0..8).map(|i| all >> i & 1 == 1).collect();
            for (cut, zeros, wrong_by) in (0..=8).flat_map(|cut| [(cut, 0, 0), (cut, 0, 2), (cut, 3, 0), (cut, 3, 5)]) {
                let (first, second) = bits.split_at(cut);
                let whole = [first, &vec![false; zeros], second].concat();
                let mut state = StitchState::default();
                let mut list: Vec<u64> = Vec::new();
                for (chunk, zeros, wrong_by) in [(first, 0, 0), (second, zeros as u64, wrong_by)] {
                    let assumed = state.position + zeros + wrong_by;
                    let found = boundaries(chunk, assumed, false);
                    let end = StitchState {
                        position: assumed + chunk.len() as u64,
                        carry: chunk.last().is_some_and(|&last| last),
                    };
                    let starts_with_one = chunk.first() == Some(&true);
                    let placement = state.stitch(&BoundarySummary { zeros, assumed, end, starts_with_one });
                    let mut slot = vec![MaybeUninit::new(u64::MAX); placement.added(found.len())];
                    assert_eq!(placement.write(&found, &mut slot), slot.len());
                    // SAFETY: all were initialised.
                    #[expect(unsafe_code)]
                    list.extend(slot.iter().map(|place| unsafe { place.assume_init() }));
                }
                assert_eq!(list, boundaries(&whole, 0, false), "{bits:?} cut at {cut}, {zeros} zeros");
                assert_eq!(state.position, whole.len() as u64);
                assert_eq!(state.carry, *whole.last().expect("eight bits"));
            }
        }
    }
}
