//! Where extents go: onto a list, to a visitor, or in two steps to one that prepares them on all threads.

use std::convert::Infallible;
use std::ops::ControlFlow;

use super::chunk::ChunkEnd;
use super::join::Joiner;
use super::round::{Bench, Round};
use super::shares::append_shared;
use super::{LONG_CHUNK, LONGEST_CHUNK};
use crate::arch::contract::MAX_TILE_BOUNDARIES;
use crate::source::Input;
use crate::{Error, Extent, Geometry, Result};

/// How many boundaries a visitor gets at a time, or so, from a single thread: what stays in a cache.
pub(super) const CACHED: usize = 64 << 10;
/// How many it gets at the most from several.
const PARALLEL_LIMIT: usize = 256 << 10;
/// How many bytes of input there are between two calls of a visitor, from several threads, at the most.
const ROUND: u64 = 32 << 20;

/// Takes extents as they are found.
pub trait Visitor {
    /// What the visitor says when it stops early.
    type Break;

    /// Is told, before the first extents, what turns them into bytes. The virtual size of a `.cbtlog` is known here,
    /// since its header was read.
    fn begin(&mut self, _geometry: &Geometry) {}

    /// Takes the next extents: in ascending order, never adjacent to those before, and not empty.
    fn extents(&mut self, extents: &[Extent]) -> ControlFlow<Self::Break>;

    /// Is told now and then how many bytes of the input have been dealt with.
    fn progress(&mut self, _input_bytes: u64) {}
}

impl<B, F: FnMut(&[Extent]) -> ControlFlow<B>> Visitor for F {
    type Break = B;

    fn extents(&mut self, extents: &[Extent]) -> ControlFlow<B> {
        self(extents)
    }
}

/// Where extents go.
pub(crate) trait Outlet {
    /// What is said to stop early.
    type Break;

    /// How many boundaries are to be found at a time on one thread, if they do not stay on the list.
    const SERIAL_LIMIT: Option<usize>;

    /// How long a boundary takes, in nanoseconds or so, from finding it to having done with it.
    const NS_PER_BOUNDARY: f64 = 1.0;

    /// How many boundaries a byte of input may have, on average, for several threads to be worth it.
    const MOST_DENSE: f64 = f64::INFINITY;

    /// How many bytes a chunk may have on one thread of many.
    const LONGEST: u64 = LONG_CHUNK;

    /// Takes what the list has, if it is not to stay there.
    fn flush(&mut self, joiner: &mut Joiner) -> ControlFlow<Self::Break>;

    /// Is told how many bytes of the input have been dealt with.
    fn progress(&mut self, input_bytes: u64);

    /// Lets all threads scan, for as long as there is room for what they find. `done` is how many bytes of the input were
    /// dealt with before what the round counts from.
    fn run(
        &mut self,
        round: Round<'_, impl Input>,
        joiner: &mut Joiner,
        benches: &mut [Bench],
        done: u64,
    ) -> Result<ControlFlow<Self::Break, ChunkEnd>>;
}

/// Leaves everything on the list, which grows.
pub(crate) struct Collect;

impl Outlet for Collect {
    type Break = Infallible;

    const SERIAL_LIMIT: Option<usize> = None;

    /// A list with one block in a hundred or in a thousand changed is 1.1 times as fast with such chunks; what a visitor
    /// gets is not.
    const LONGEST: u64 = LONGEST_CHUNK;

    fn flush(&mut self, _joiner: &mut Joiner) -> ControlFlow<Infallible> {
        ControlFlow::Continue(())
    }

    fn progress(&mut self, _input_bytes: u64) {}

    fn run(
        &mut self,
        round: Round<'_, impl Input>,
        joiner: &mut Joiner,
        benches: &mut [Bench],
        _done: u64,
    ) -> Result<ControlFlow<Infallible, ChunkEnd>> {
        append(&round, joiner, benches, 0).map(ControlFlow::Continue)
    }
}

/// Gives a visitor what the list has, on the caller's thread, now and then.
pub(crate) struct Call<V>(V);

impl<V: Visitor> Call<V> {
    pub(crate) fn new(mut visitor: V, geometry: &Geometry) -> Self {
        visitor.begin(geometry);
        Self(visitor)
    }
}

impl<V: Visitor> Outlet for Call<V> {
    type Break = V::Break;

    const SERIAL_LIMIT: Option<usize> = Some(CACHED);

    /// What several threads find is put together for the visitor first, while one alone finds it where the visitor sees
    /// it. With one block in ten changed, two threads are 1.5 times as fast as one where boundaries are marked, and as
    /// fast where they are copied; with every other, half as fast.
    const MOST_DENSE: f64 = 1.0;

    fn flush(&mut self, joiner: &mut Joiner) -> ControlFlow<V::Break> {
        joiner.flush(|extents| self.0.extents(extents))
    }

    fn progress(&mut self, input_bytes: u64) {
        self.0.progress(input_bytes);
    }

    fn run(
        &mut self,
        mut round: Round<'_, impl Input>,
        joiner: &mut Joiner,
        benches: &mut [Bench],
        _done: u64,
    ) -> Result<ControlFlow<V::Break, ChunkEnd>> {
        round.range.end = round.range.end.min(round.range.start + ROUND);
        append(&round, joiner, benches, PARALLEL_LIMIT).map(ControlFlow::Continue)
    }
}

/// Appends what a round finds to the list, which has room for `wanted` boundaries, and for those of any chunk, with one
/// more at its start.
fn append(
    round: &Round<'_, impl Input>,
    joiner: &mut Joiner,
    benches: &mut [Bench],
    wanted: usize,
) -> Result<ChunkEnd> {
    joiner.append(|list, seam| {
        let least = round.limit + MAX_TILE_BOUNDARIES + 1;
        let reserved = list.try_reserve_exact(wanted).and_then(|()| list.try_reserve(least));
        reserved.map_err(|_| Error::OutOfMemory { bytes: (wanted.max(least) * size_of::<u64>()) as u64 })?;
        append_shared(list, |shares| round.run(seam, &shares, benches))
    })
}
