//! Chunks scanned on all threads and dealt with in order.
//!
//! A thread takes the next chunk as soon as it has finished one, and scans it into a buffer of its own, which stays in
//! its cache, or only marks and counts its boundaries. Then it waits for its turn, which is when the chunk before has
//! found its place; finds its own; and lets the next one have its turn. What remains to be done with its boundaries, now
//! that it is known where they belong, it does while others go on. So nobody waits for the slowest of a group.
//!
//! A thread only ever waits for chunks that others have already taken and are working at, so someone always comes on.

use std::mem;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::chunk::{Chunk, ChunkEnd, Layout, Place};
use super::join::{Ends, Fit, Seam};
use super::kept::{LISTS, MARKS};
use super::turns::Turns;
use super::{Codec, Plan};
use crate::Result;
use crate::decode::TILE_SYMBOLS;
use crate::scan::marks::Marks;
use crate::source::{Input, Scratch};

/// A thread's own buffers, used again and again. What was read of one input is not kept for the next.
pub(crate) struct Bench {
    scratch: Scratch,
    pub(super) boundaries: Vec<u64>,
    pub(super) marks: Marks,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self { scratch: Scratch::default(), boundaries: LISTS.take(), marks: MARKS.take() }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        LISTS.give(mem::take(&mut self.boundaries));
        MARKS.give(mem::take(&mut self.marks));
    }
}

/// What becomes of the boundaries of a chunk.
pub(super) trait Finish: Sync {
    /// What a chunk gets when it has found its place.
    type Joined;

    /// How many places are left free before the boundaries of a chunk.
    const FREE: usize;

    /// Whether it takes marks, in a round where chunks are marked.
    const TAKES_MARKS: bool;

    /// In turn: makes room for what a chunk adds. Nothing if there is none left in this round.
    fn join(&self, added: usize) -> Option<Self::Joined>;

    /// Out of turn: deals with the boundaries of the chunk of that number, which are the bench's marks, or its boundaries
    /// behind the free places. Breaks if the round is to end.
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
    /// How many boundaries a chunk may have, those of one tile aside.
    pub(super) limit: usize,
    /// Whether boundaries are better marked and written to their place than copied there.
    pub(super) marked: bool,
}

/// How long chunks are: as long as suits one as dense as the last.
pub(crate) struct Pace {
    bytes: AtomicU64,
    /// The shortest and the longest.
    bounds: Range<u64>,
    /// How many boundaries a chunk is to have at the most, or so.
    boundaries: usize,
}

impl Pace {
    /// Begins with the longest.
    pub(super) const fn new(bounds: Range<u64>, boundaries: usize) -> Self {
        Self { bytes: AtomicU64::new(bounds.end), bounds, boundaries }
    }

    /// How long the next one is to be: no longer than `longest`, as long as there are not so many boundaries.
    fn next(&self, longest: u64) -> u64 {
        // Whole tiles: what is left of one takes longer than many of them.
        let bytes = self.bytes.load(Ordering::Relaxed).min(longest);
        (bytes / TILE_SYMBOLS as u64 * TILE_SYMBOLS as u64).max(self.bounds.start)
    }

    /// Takes note of how many boundaries so many bytes had.
    pub(super) fn note(&self, bytes: u64, boundaries: usize) {
        if bytes > 0 {
            let wanted = bytes.saturating_mul(self.boundaries as u64) / (boundaries as u64).max(1);
            self.bytes.store(wanted.clamp(self.bounds.start, self.bounds.end), Ordering::Relaxed);
        }
    }
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
            position,
            desk: Mutex::new(Desk { layout: Layout::new(self.plan.codec, self.range.clone()), number: 0 }),
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
        let round = self.round;
        while let Some(ticket) = self.take_ticket() {
            let guess = self.guess(&ticket.place);
            let start = Seam { position: guess, ..Seam::default() };
            let chunk = |limit| Chunk { plan: round.plan, range: ticket.place.range.clone(), limit };
            let Bench { scratch, boundaries, marks } = &mut *bench;
            let (end, ends) = if F::TAKES_MARKS && round.marked {
                let end = chunk(round.limit).mark(round.input, scratch, start, marks);
                (end, Ends { count: marks.len(), ends: marks.ends() })
            } else {
                boundaries.clear();
                boundaries.resize(F::FREE, 0);
                let end = chunk(round.limit + F::FREE).scan(round.input, scratch, start, boundaries);
                (end, Ends::of(&boundaries[F::FREE..]))
            };
            let Some((fit, end, joined)) = self.join(&ticket, ends, guess, end) else { return };
            if self.finish.finish(ticket.number, &fit, bench, &end, joined).is_break() {
                self.close();
            }
        }
    }

    fn take_ticket(&self) -> Option<Ticket> {
        if self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let place = desk.layout.next(self.round.input, self.round.pace.next(self.round.longest))?;
        let number = desk.number;
        desk.number += 1;
        Some(Ticket { number, place })
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
        let end = match end {
            Ok(end) => end,
            Err(error) => {
                order.total = Err(error);
                self.close();
                return None;
            }
        };
        let place = &ticket.place;
        self.round.pace.note(end.next - place.range.start, chunk.count);
        let (fit, seam) = order.seam.fit(place.hole * 8, chunk, guess, &end.seam);
        let Some(joined) = self.finish.join(fit.added(chunk.count)) else {
            self.close();
            return None;
        };
        *order.seam = seam;
        if let Ok(total) = &mut order.total {
            total.add(&end);
        }
        if end.stopped || end.next < place.range.end {
            self.close();
        }
        Some((fit, end, joined))
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
