//! Room behind a list of boundaries, shared out among threads. The one place of the pipeline with unsafe code: safe code
//! would first have to fill with zeros what is then written over.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What a chunk adds to the list.
pub(super) struct Piece<'c> {
    /// Where the run before it ends, if that is where it begins.
    pub(super) lead: Option<u64>,
    pub(super) rest: &'c [u64],
    /// How far the boundaries of `rest` are from where they were thought to be.
    pub(super) moved: u64,
}

impl Piece<'_> {
    pub(super) fn len(&self) -> usize {
        usize::from(self.lead.is_some()) + self.rest.len()
    }
}

/// The spare capacity of a list, shared out from its start without gaps.
pub(super) struct Shares<'l> {
    rest: Mutex<&'l mut [MaybeUninit<u64>]>,
    filled: AtomicUsize,
}

/// A part of the list that is one piece's alone.
#[must_use = "what was shared out has to be filled"]
pub(super) struct Share<'s, 'l> {
    places: &'l mut [MaybeUninit<u64>],
    shares: &'s Shares<'l>,
}

impl<'l> Shares<'l> {
    /// The next so many places, if there are as many.
    pub(super) fn take(&self, len: usize) -> Option<Share<'_, 'l>> {
        // Nothing below can panic while the room is taken out.
        let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        if rest.len() < len {
            return None;
        }
        let (places, behind) = std::mem::take(&mut *rest).split_at_mut(len);
        *rest = behind;
        Some(Share { places, shares: self })
    }
}

impl Share<'_, '_> {
    /// Writes the piece that the share was taken for.
    pub(super) fn fill(self, piece: &Piece<'_>) {
        let places = self.places;
        assert_eq!(places.len(), piece.len(), "a share of just this length");
        let (lead, rest) = places.split_at_mut(places.len() - piece.rest.len());
        for (place, boundary) in lead.iter_mut().zip(piece.lead) {
            place.write(boundary);
        }
        for (place, boundary) in rest.iter_mut().zip(piece.rest) {
            place.write(boundary.wrapping_add(piece.moved));
        }
        self.shares.filled.fetch_add(piece.len(), Ordering::Relaxed);
    }
}

/// Lets `work` share out the spare capacity of a list, and takes what was shared out as part of the list.
pub(super) fn append_shared<R>(list: &mut Vec<u64>, work: impl FnOnce(&Shares<'_>) -> R) -> R {
    let room = list.spare_capacity_mut();
    let all = room.len();
    let shares = Shares { rest: Mutex::new(room), filled: AtomicUsize::new(0) };
    let result = work(&shares);
    let shared = all - shares.rest.into_inner().unwrap_or_else(PoisonError::into_inner).len();
    let filled = shares.filled.into_inner();
    assert_eq!(filled, shared, "every share was filled");
    let len = list.len() + shared;
    // SAFETY: the first `shared` elements of the spare capacity were shared out without gaps, a share can be filled
    // once, and the assertion says that all were.
    #[expect(unsafe_code)]
    unsafe {
        list.set_len(len);
    }
    result
}
