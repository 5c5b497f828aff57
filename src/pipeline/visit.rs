//! Visitors that do part of their work on all threads.

use std::ops::ControlFlow;

use super::chunk::ChunkEnd;
use super::join::{DiskEnd, Fit, Joiner};
use super::outlet::{CACHED, Outlet};
use super::round::{Bench, Finish, Round};
use super::turns::Turns;
use crate::extent::from_boundaries;
use crate::source::Input;
use crate::{Extent, Geometry, Result};

/// The step that needs no order: done by all threads at once, while the extents are still in a cache.
pub trait Prepare: Sync {
    /// What is made of some extents.
    type Part: Send;

    /// Makes something of extents. Those before may not have been seen yet.
    fn prepare(&self, extents: &[Extent]) -> Self::Part;
}

/// A visitor that does part of its work on all threads: it gets the extents along with what was made of them, in order.
///
/// Neither step may wait for other work on the rayon pool of the scan: all threads of the pool may be waiting for this
/// step.
pub trait ParallelVisitor: Send {
    /// What prepares the extents.
    type Prepare: Prepare;
    /// What the visitor says when it stops early.
    type Break: Send;

    /// Is told, before the first extents, what turns them into bytes.
    fn begin(&mut self, geometry: &Geometry) -> Self::Prepare;

    /// Takes the next extents, as [`Visitor::extents`](crate::Visitor::extents) does, and what was made of just these.
    fn extents(&mut self, extents: &[Extent], part: <Self::Prepare as Prepare>::Part) -> ControlFlow<Self::Break>;

    /// Is told now and then how many bytes of the input have been dealt with.
    fn progress(&mut self, _input_bytes: u64) {}
}

/// Gives extents to such a visitor.
pub(crate) struct Prepared<V: ParallelVisitor> {
    visitor: V,
    prepare: V::Prepare,
}

impl<V: ParallelVisitor> Prepared<V> {
    pub(crate) fn new(mut visitor: V, geometry: &Geometry) -> Self {
        let prepare = visitor.begin(geometry);
        Self { visitor, prepare }
    }
}

impl<V: ParallelVisitor> Outlet for Prepared<V> {
    type Break = V::Break;

    const SERIAL_LIMIT: Option<usize> = Some(CACHED);

    /// Who prepares has more to do than to count.
    const NS_PER_BOUNDARY: f64 = 8.0;

    fn flush(&mut self, joiner: &mut Joiner) -> ControlFlow<V::Break> {
        let Self { visitor, prepare } = self;
        joiner.flush(|extents| visitor.extents(extents, prepare.prepare(extents)))
    }

    fn progress(&mut self, input_bytes: u64) {
        self.visitor.progress(input_bytes);
    }

    fn run(
        &mut self,
        round: Round<'_, impl Input>,
        joiner: &mut Joiner,
        benches: &mut [Bench],
        done: u64,
    ) -> Result<ControlFlow<V::Break, ChunkEnd>> {
        joiner.bypass(|disk_end, seam| {
            let given = Given { visitor: &mut self.visitor, disk_end, broken: ControlFlow::Continue(()) };
            let in_turn = InTurn { prepare: &self.prepare, turns: Turns::new(given), done };
            let end = round.run(seam, &in_turn, benches)?;
            Ok(in_turn.turns.into_inner().broken.map_continue(|()| end))
        })
    }
}

/// Gives what a round finds to a visitor, in order.
struct InTurn<'v, V: ParallelVisitor> {
    prepare: &'v V::Prepare,
    turns: Turns<Given<'v, V>>,
    /// Bytes of input before the input of this round.
    done: u64,
}

struct Given<'v, V: ParallelVisitor> {
    visitor: &'v mut V,
    disk_end: &'v mut DiskEnd,
    broken: ControlFlow<V::Break>,
}

impl<V: ParallelVisitor> Finish for InTurn<'_, V> {
    type Joined = ();

    /// For the start of a run that is open where the chunk begins, and the end of it.
    const FREE: usize = 2;

    fn join(&self, _added: usize) -> Option<()> {
        Some(())
    }

    fn finish(&self, number: usize, fit: &Fit, bench: &mut Bench, end: &ChunkEnd, (): ()) -> ControlFlow<()> {
        let extents = from_boundaries(fit.complete(&mut bench.boundaries, Self::FREE));
        let part = (!extents.is_empty()).then(|| self.prepare.prepare(extents));
        let Some(mut given) = self.turns.wait_for(number) else { return ControlFlow::Break(()) };
        if given.broken.is_break() {
            return ControlFlow::Break(());
        }
        if let Some(part) = part
            && given.disk_end.contains(extents)
        {
            given.broken = given.visitor.extents(extents, part);
            if given.broken.is_break() {
                return ControlFlow::Break(());
            }
        }
        given.visitor.progress(self.done + end.next);
        ControlFlow::Continue(())
    }

    fn abandon(&self) {
        self.turns.abandon();
    }
}
