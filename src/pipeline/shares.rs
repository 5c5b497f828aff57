//! Room behind a list of boundaries, shared out among threads. The one place of the pipeline with unsafe code: safe code
//! would first have to fill with zeros what is then written over.

use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::chunk::ChunkEnd;
use super::join::Fit;
use super::round::Finish;

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
    fn take(&self, len: usize) -> Option<Share<'_, 'l>> {
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
    /// Writes what the chunk adds for which the share was taken.
    fn fill(self, fit: &Fit, chunk: &[u64]) {
        let (places, rest) = (self.places, &chunk[fit.skip..]);
        assert_eq!(places.len(), fit.added(chunk), "a share of just this length");
        let (lead, behind) = places.split_at_mut(places.len() - rest.len());
        for (place, boundary) in lead.iter_mut().zip(fit.lead) {
            place.write(boundary);
        }
        for (place, boundary) in behind.iter_mut().zip(rest) {
            place.write(boundary.wrapping_add(fit.moved));
        }
        self.shares.filled.fetch_add(places.len(), Ordering::Relaxed);
    }
}

impl<'s, 'l> Finish for &'s Shares<'l> {
    type Joined = Share<'s, 'l>;

    const FREE: usize = 0;

    fn join(&self, added: usize) -> Option<Share<'s, 'l>> {
        self.take(added)
    }

    fn finish(
        &self,
        _number: usize,
        fit: &Fit,
        boundaries: &mut [u64],
        _end: &ChunkEnd,
        share: Share<'s, 'l>,
    ) -> ControlFlow<()> {
        share.fill(fit, boundaries);
        ControlFlow::Continue(())
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
