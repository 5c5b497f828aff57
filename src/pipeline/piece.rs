//! The boundaries of several chunks, copied behind each other on all threads. The one place of the pipeline with unsafe
//! code: safe code would first have to fill with zeros what is then written over.

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// What a chunk adds to the list.
pub(super) struct Piece<'c> {
    /// Where the run before it ends, if that is where it begins.
    pub(super) lead: Option<u64>,
    pub(super) rest: &'c [u64],
    /// How far the boundaries of `rest` are from where they were thought to be.
    pub(super) moved: u64,
}

impl Piece<'_> {
    fn len(&self) -> usize {
        usize::from(self.lead.is_some()) + self.rest.len()
    }

    /// Writes the piece to where it belongs. Writes every place.
    fn write(&self, to: &mut [MaybeUninit<u64>]) {
        assert_eq!(to.len(), self.len(), "a share of just this length");
        let (lead, rest) = to.split_at_mut(to.len() - self.rest.len());
        for (place, boundary) in lead.iter_mut().zip(self.lead) {
            place.write(boundary);
        }
        for (place, boundary) in rest.iter_mut().zip(self.rest) {
            place.write(boundary.wrapping_add(self.moved));
        }
    }
}

/// Appends the pieces, in order.
pub(super) fn append_in_parallel(list: &mut Vec<u64>, pieces: Vec<Piece<'_>>) {
    let total = pieces.iter().map(Piece::len).sum();
    list.reserve(total);
    let mut room = &mut list.spare_capacity_mut()[..total];
    let mut jobs = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let (here, behind) = room.split_at_mut(piece.len());
        jobs.push((piece, here));
        room = behind;
    }
    jobs.into_par_iter().for_each(|(piece, to)| piece.write(to));
    let len = list.len() + total;
    // SAFETY: the first `total` elements of the spare capacity were shared out without a gap to pieces of just these
    // lengths, and each has written all of its share.
    #[expect(unsafe_code)]
    unsafe {
        list.set_len(len);
    }
}
