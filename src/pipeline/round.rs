//! Chunks scanned on all threads and dealt with in order.
//!
//! A thread takes the next chunk as soon as it has finished one, and scans it into a buffer of its own, which stays in
//! its cache. Then it waits for its turn, which is when the chunk before has
//! found its place; finds its own; and lets the next one have its turn. What remains to be done with its boundaries, now
//! that it is known where they belong, it does while others go on. So nobody waits for the slowest of a group.
//!
//! A thread only ever waits for chunks that others have already taken and are working at, so someone always comes on.

use std::mem;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::chunk::{Chunk, ChunkEnd, Layout, Place};
use super::join::{Ends, Fit, Seam};
use super::kept::LISTS;
use super::pace::Pace;
use super::turns::Turns;
use super::{Codec, Plan, SHORT_CHUNK};
use crate::Result;
use crate::arch::contract::Density;
use crate::source::{Input, Scratch};

/// A thread's own buffers, used again and again. What was read of one input is not kept for the next.
pub(crate) struct Bench {
    scratch: Scratch,
    pub(super) boundaries: Vec<u64>,
    /// How dense the last chunk was.
    density: Density,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self { scratch: Scratch::default(), boundaries: LISTS.take(), density: Density::default() }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        LISTS.give(mem::take(&mut self.boundaries));
    }
}

/// What becomes of the boundaries of a chunk.
pub(super) trait Finish: Sync {
    /// What a chunk gets when it has found its place.
    type Joined;

    /// How many places are left free before the boundaries of a chunk.
    const FREE: usize;

    /// In turn: makes room for what a chunk adds. Nothing if there is none left in this round.
    fn join(&self, added: usize) -> Option<Self::Joined>;

    /// Out of turn: deals with the boundaries of the chunk of that number, which are the bench's after the free places.
    /// Breaks if the round is to end.
    fn finish(
        &self,
        number: usize,
        fit: &Fit,
        bench: &mut Bench,
        end: &ChunkEnd,
        joined: Self::Joined,
    ) -> ControlFlow<()>;

    /// Says that a thread has panicked.
    fn abandon(&self) {}
}

/// What is known before a round.
pub(crate) struct Round<'r, I> {
    pub(super) plan: &'r Plan,
    pub(super) input: &'r I,
    /// The part of the input to be dealt with.
    pub(super) range: Range<u64>,
    pub(super) pace: &'r Pace,
    /// How many bytes a chunk may have, unless it has to have more.
    pub(super) longest: u64,
    /// How many boundaries a chunk may have that is scanned apart, those of one tile aside.
    pub(super) limit: usize,
}

/// A chunk that a thread has taken.
struct Ticket {
    number: usize,
    place: Place,
}

/// Which chunk is next.
struct Desk {
    layout: Layout,
    number: usize,
    /// How long chunks may be until each thread has taken one more.
    longest: u64,
}

/// What is known in order.
struct Order<'r> {
    seam: &'r mut Seam,
    /// The chunks joined so far, as if they were one.
    total: Result<ChunkEnd>,
}

struct Running<'r, I, F> {
    round: &'r Round<'r, I>,
    finish: &'r F,
    threads: u64,
    /// The position of the first bit of the round, holes aside.
    position: u64,
    desk: Mutex<Desk>,
    order: Turns<Order<'r>>,
    /// Whether what follows is of no use in this round.
    closed: AtomicBool,
}

impl<I: Input> Round<'_, I> {
    /// Scans from `seam` on, as far as `finish` has room, with a thread for each bench. Returns what was joined, as if it
    /// were one chunk.
    pub(super) fn run<F: Finish>(&self, seam: &mut Seam, finish: &F, benches: &mut [Bench]) -> Result<ChunkEnd> {
        let position = seam.position;
        let total = Ok(ChunkEnd { next: self.range.start, ..ChunkEnd::default() });
        let running = Running {
            round: self,
            finish,
            threads: benches.len() as u64,
            position,
            desk: Mutex::new(Desk { layout: Layout::new(self.plan.codec, self.range.clone()), number: 0, longest: 0 }),
            order: Turns::new(Order { seam, total }),
            closed: AtomicBool::new(false),
        };
        let shared = &running;
        // The caller's thread goes ahead while the others are being woken.
        rayon::in_place_scope(|scope| {
            let mut benches = benches.iter_mut();
            let own = benches.next();
            for bench in benches {
                scope.spawn(|_| shared.work(bench));
            }
            if let Some(bench) = own {
                shared.work(bench);
            }
        });
        running.order.into_inner().total
    }
}

impl<I: Input, F: Finish> Running<'_, I, F> {
    /// Takes one chunk after the other.
    fn work(&self, bench: &mut Bench) {
        let _guard = Abandon(self);
        while let Some(ticket) = self.take_ticket() {
            if self.scan(&ticket, bench).is_none() {
                return;
            }
        }
    }

    fn take_ticket(&self) -> Option<Ticket> {
        if self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let number = desk.number;
        if (number as u64).is_multiple_of(self.threads) {
            let share = desk.layout.left() * 4 / (5 * self.threads);
            desk.longest = share.max(SHORT_CHUNK).min(self.round.longest);
        }
        let bytes = self.round.pace.next(desk.longest);
        let place = desk.layout.next(self.round.input, bytes)?;
        desk.number += 1;
        Some(Ticket { number, place })
    }

    /// Scans a chunk onto the bench, and deals with it when it has found its place. Nothing if the round is over.
    fn scan(&self, ticket: &Ticket, bench: &mut Bench) -> Option<()> {
        let Round { plan, input, limit, .. } = self.round;
        let guess = self.guess(&ticket.place);
        let start = Seam { position: guess, ..Seam::default() };
        let chunk =
            Chunk { plan, range: ticket.place.range.clone(), limit: *limit, reused: true, density: bench.density };
        let Bench { scratch, boundaries, .. } = &mut *bench;
        boundaries.clear();
        boundaries.resize(F::FREE, 0);
        let end = chunk.scan(*input, scratch, start, boundaries);
        let ends = Ends::of(&boundaries[F::FREE..]);
        let (fit, end, joined) = self.join(ticket, ends, guess, end)?;
        bench.density = end.density;
        if self.finish.finish(ticket.number, &fit, bench, &end, joined).is_break() {
            self.close();
        }
        Some(())
    }

    /// Where the first bit of a chunk is, unless there are line breaks or holes before it in this round.
    fn guess(&self, place: &Place) -> u64 {
        let before = place.range.start - self.round.range.start;
        match self.round.plan.codec {
            Codec::Text(alphabet) => self.position + before * alphabet.bits_per_symbol() as u64,
            Codec::Raw(_) => self.position + before * 8,
        }
    }

    /// Finds the place of a chunk, if the round comes that far.
    fn join(
        &self,
        ticket: &Ticket,
        chunk: Ends,
        guess: u64,
        end: Result<ChunkEnd>,
    ) -> Option<(Fit, ChunkEnd, F::Joined)> {
        let mut order = self.order.wait_for(ticket.number)?;
        if self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let end = self.judge(&mut order, end)?;
        let (fit, seam) = order.seam.fit(ticket.place.hole * 8, chunk, guess, &end.seam);
        let Some(joined) = self.finish.join(fit.added(chunk.count)) else {
            self.close();
            return None;
        };
        self.advance(&mut order, ticket, seam, &end);
        Some((fit, end, joined))
    }

    /// The first error, in order, is that of the round.
    fn judge(&self, order: &mut Order<'_>, end: Result<ChunkEnd>) -> Option<ChunkEnd> {
        end.map_err(|error| {
            order.total = Err(error);
            self.close();
        })
        .ok()
    }

    /// Takes note of where things stand behind a chunk that has found its place.
    fn advance(&self, order: &mut Order<'_>, ticket: &Ticket, seam: Seam, end: &ChunkEnd) {
        let Range { start, end: whole } = ticket.place.range;
        self.round.pace.note(end.next - start, end.boundaries);
        *order.seam = seam;
        if let Ok(total) = &mut order.total {
            total.add(end);
        }
        if end.stopped || end.next < whole {
            self.close();
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// Tells the others when a thread panics, lest they wait for it.
struct Abandon<'a, 'r, I, F: Finish>(&'a Running<'r, I, F>);

impl<I, F: Finish> Drop for Abandon<'_, '_, I, F> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.order.abandon();
            self.0.finish.abandon();
        }
    }
}
