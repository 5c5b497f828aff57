//! Room behind a list of boundaries, shared out among threads. The one place of the pipeline with unsafe code: safe code
//! would first have to fill with zeros what is then written over, and cannot write past the caches.

use std::mem::MaybeUninit;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::chunk::ChunkEnd;
use super::join::Fit;
use super::round::{Bench, Finish};

/// How many boundaries a cache holds that all threads share, or so.
const CACHED: usize = 1 << 20;

/// The spare capacity of a list, shared out from its start without gaps.
pub(super) struct Shares<'l> {
    /// How many places there were at first.
    all: usize,
    rest: Mutex<&'l mut [MaybeUninit<u64>]>,
    filled: AtomicUsize,
}

/// A part of the list that is one piece's alone.
#[must_use = "what was shared out has to be filled"]
pub(super) struct Share<'s, 'l> {
    places: &'l mut [MaybeUninit<u64>],
    /// Whether the start of the list will have left the caches.
    far: bool,
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
        let far = self.is_far(&rest);
        let (places, behind) = std::mem::take(&mut *rest).split_at_mut(len);
        *rest = behind;
        Some(Share { places, far, shares: self })
    }

    /// Whether what is left begins so far behind the start of the list that the start will have left the caches.
    const fn is_far(&self, rest: &[MaybeUninit<u64>]) -> bool {
        self.all - rest.len() > CACHED
    }
}

impl Share<'_, '_> {
    /// Writes what the chunk adds for which the share was taken.
    fn fill(self, fit: &Fit, bench: &Bench) {
        let places = self.places;
        let count = bench.boundaries.len();
        assert_eq!(places.len(), fit.added(count), "a share of just this length");
        let (lead, behind) = places.split_at_mut(places.len() - (count - fit.skip));
        for (place, boundary) in lead.iter_mut().zip(fit.lead) {
            place.write(boundary);
        }
        if self.far {
            copy_past_cache(&bench.boundaries[fit.skip..], fit.moved, behind);
        } else {
            copy(&bench.boundaries[fit.skip..], fit.moved, behind);
        }
        self.shares.filled.fetch_add(places.len(), Ordering::Relaxed);
    }
}

/// Copies boundaries, each moved by the same. Both are as long. Writes every place.
fn copy(from: &[u64], moved: u64, to: &mut [MaybeUninit<u64>]) {
    for (place, boundary) in to.iter_mut().zip(from) {
        place.write(boundary.wrapping_add(moved));
    }
}

/// The same without reading the destination into the caches first: 1.7 times as fast where it is not there.
#[cfg(target_arch = "x86_64")]
fn copy_past_cache(from: &[u64], moved: u64, to: &mut [MaybeUninit<u64>]) {
    use std::arch::x86_64::{__m128i, _mm_add_epi64, _mm_loadu_si128, _mm_set1_epi64x, _mm_sfence, _mm_stream_si128};

    // What is before a multiple of 16 bytes, and what is behind the last one.
    let first = to.as_ptr().align_offset(size_of::<__m128i>()).min(to.len());
    let (from_first, from) = from.split_at(first);
    let (to_first, to) = to.split_at_mut(first);
    copy(from_first, moved, to_first);
    let (from_pairs, from_last) = from.as_chunks::<2>();
    let (to_pairs, to_last) = to.as_chunks_mut::<2>();
    // SAFETY: every x86-64 processor has these instructions. Both sides of a pair are two words; the destination is
    // aligned, being a whole number of pairs behind a place that is. Such stores are ordered by nothing but the fence,
    // which comes before anybody else can know of them.
    #[expect(unsafe_code)]
    unsafe {
        let by = _mm_set1_epi64x(moved.cast_signed());
        for (from, to) in from_pairs.iter().zip(to_pairs) {
            let pair = _mm_loadu_si128(from.as_ptr().cast());
            _mm_stream_si128(to.as_mut_ptr().cast(), _mm_add_epi64(pair, by));
        }
        _mm_sfence();
    }
    copy(from_last, moved, to_last);
}

#[cfg(not(target_arch = "x86_64"))]
use copy as copy_past_cache;

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
        bench: &mut Bench,
        _end: &ChunkEnd,
        share: Share<'s, 'l>,
    ) -> ControlFlow<()> {
        share.fill(fit, bench);
        ControlFlow::Continue(())
    }
}

/// Lets `work` share out the spare capacity of a list, and takes what was shared out as part of the list.
pub(super) fn append_shared<R>(list: &mut Vec<u64>, work: impl FnOnce(&Shares<'_>) -> R) -> R {
    let room = list.spare_capacity_mut();
    let all = room.len();
    let shares = Shares { all, rest: Mutex::new(room), filled: AtomicUsize::new(0) };
    let result = work(&shares);
    let shared = all - shares.rest.into_inner().unwrap_or_else(PoisonError::into_inner).len();
    let filled = shares.filled.into_inner();
    assert_eq!(filled, shared, "every share was filled");
    let len = list.len() + shared;
    // SAFETY: the first `shared` elements of the spare capacity were shared out without gaps, a share can be filled
    // once and the assertion says that there is nothing else.
    #[expect(unsafe_code)]
    unsafe {
        list.set_len(len);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_every_length_and_alignment_are_alike() {
        let from: Vec<u64> = (0..70).map(|i| i * 0x0123_4567_89ab_cdef).collect();
        for start in 0..4 {
            for len in 0..=64 {
                let mut plain = vec![MaybeUninit::new(1); 70];
                let mut past = plain.clone();
                copy(&from[start..start + len], 7, &mut plain[start..start + len]);
                copy_past_cache(&from[start..start + len], 7, &mut past[start..start + len]);
                // SAFETY: all were initialised above.
                #[expect(unsafe_code)]
                let value = |place: &MaybeUninit<u64>| unsafe { place.assume_init() };
                assert!(plain.iter().map(value).eq(past.iter().map(value)), "{len} from {start}");
            }
        }
    }
}
