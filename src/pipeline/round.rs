//! Chunks scanned on all threads and joined in order.
//!
//! A thread takes the next chunk as soon as it has finished one, and scans it into a buffer of its own, which stays in
//! its cache. Then it waits for its turn, which is when the chunk before has found its place in the list; takes as much
//! room behind that as it needs; lets the next one have its turn; and copies what it found. So nobody waits for the
//! slowest of a group, and the list is written once, by all threads.
//!
//! A thread only ever waits for chunks that others have already taken and are working at, so someone always comes on.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::{hint, thread};

use super::chunk::{Chunk, ChunkEnd, Layout, Place};
use super::join::{Joiner, Seam};
use super::shares::{Piece, Share, Shares, append_shared};
use super::{Codec, Plan};
use crate::Result;
use crate::source::{Input, Scratch};

/// How often to look whether it is one's turn before going to sleep.
const SPINS: u32 = 1 << 8;

/// A thread's own buffers, used again and again.
#[derive(Default)]
pub(super) struct Bench {
    scratch: Scratch,
    boundaries: Vec<u64>,
}

/// What is known before a round.
pub(super) struct Round<'r, I> {
    pub(super) plan: &'r Plan,
    pub(super) input: &'r I,
    /// The part of the input to be dealt with, as far as there is room for its boundaries.
    pub(super) range: Range<u64>,
    /// Chooses the length of the next chunk by the density of the last.
    pub(super) pace: &'r Pace,
    /// How many boundaries a chunk may have, those of one tile aside.
    pub(super) limit: usize,
}

/// How long chunks are.
pub(super) struct Pace {
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

    /// Takes note of how many boundaries so many bytes had.
    fn note(&self, bytes: u64, boundaries: usize) {
        if bytes == 0 {
            return;
        }
        let wanted = bytes.saturating_mul(self.boundaries as u64) / (boundaries as u64).max(1);
        self.bytes.store(wanted.clamp(self.bounds.start, self.bounds.end), Ordering::Relaxed);
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
    /// How many threads are asleep until it is their turn.
    asleep: usize,
}

struct Running<'r, 's, 'l, I> {
    round: &'r Round<'r, I>,
    shares: &'s Shares<'l>,
    /// The position of the first bit of the round, holes aside.
    position: u64,
    desk: Mutex<Desk>,
    order: Mutex<Order<'r>>,
    /// The number of the chunk that is to be joined next. Changes while the order is locked.
    turn: AtomicUsize,
    /// Tells of the next turn.
    next: Condvar,
    /// Whether what follows is of no use in this round.
    closed: AtomicBool,
    /// Whether a thread has panicked, and its turn will never end.
    abandoned: AtomicBool,
}

impl<I: Input> Round<'_, I> {
    /// Scans as far as there is room in the joiner's list, with a thread for each bench. Returns what was joined, as if
    /// it were one chunk.
    pub(super) fn run(&self, joiner: &mut Joiner, benches: &mut [Bench]) -> Result<ChunkEnd> {
        let (list, seam) = joiner.list();
        append_shared(list, |shares| {
            let desk = Desk { layout: Layout::new(self.plan.codec, self.range.clone()), number: 0 };
            let running = Running {
                round: self,
                shares,
                position: seam.position,
                desk: Mutex::new(desk),
                order: Mutex::new(Order {
                    seam,
                    total: Ok(ChunkEnd { next: self.range.start, ..ChunkEnd::default() }),
                    asleep: 0,
                }),
                turn: AtomicUsize::new(0),
                next: Condvar::new(),
                closed: AtomicBool::new(false),
                abandoned: AtomicBool::new(false),
            };
            let (own, others) = benches.split_first_mut().expect("a bench for each thread, and there is one");
            let shared = &running;
            // The caller's thread goes ahead while the others are being woken.
            rayon::in_place_scope(|scope| {
                for bench in others {
                    scope.spawn(|_| shared.work(bench));
                }
                shared.work(own);
            });
            running.order.into_inner().unwrap_or_else(PoisonError::into_inner).total
        })
    }
}

impl<'r, 's, 'l, I: Input> Running<'r, 's, 'l, I> {
    /// Takes one chunk after the other.
    fn work(&self, bench: &mut Bench) {
        let _guard = Abandon(self);
        while let Some(ticket) = self.take_ticket() {
            bench.boundaries.clear();
            let round = self.round;
            let chunk = Chunk { plan: round.plan, range: ticket.place.range.clone(), limit: round.limit };
            let guess = self.guess(&ticket.place);
            let start = Seam { position: guess, open: false };
            let end = chunk.scan(round.input, &mut bench.scratch, start, &mut bench.boundaries);
            let Some(order) = self.await_turn(ticket.number) else { return };
            if let Some((share, piece)) = self.join(order, &ticket, &bench.boundaries, guess, end) {
                share.fill(&piece);
            }
        }
    }

    fn take_ticket(&self) -> Option<Ticket> {
        if self.closed.load(Ordering::Relaxed) {
            return None;
        }
        let mut desk = lock(&self.desk);
        let place = desk.layout.next(self.round.input, self.round.pace.bytes.load(Ordering::Relaxed))?;
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

    /// Waits until all chunks before were joined. Nothing if that will never be.
    fn await_turn(&self, number: usize) -> Option<MutexGuard<'_, Order<'r>>> {
        let mut spins = 0;
        while self.turn.load(Ordering::Relaxed) != number && spins < SPINS {
            spins += 1;
            hint::spin_loop();
        }
        // Asleep, and not in a loop that yields: who is woken is given a processor that is idle, while two that share
        // one stay together for long.
        let mut order = lock(&self.order);
        while self.turn.load(Ordering::Relaxed) != number {
            if self.abandoned.load(Ordering::Relaxed) {
                return None;
            }
            order.asleep += 1;
            order = self.next.wait(order).unwrap_or_else(PoisonError::into_inner);
            order.asleep -= 1;
        }
        Some(order)
    }

    /// Finds the place of a chunk in the list, if the round comes that far.
    fn join<'c>(
        &self,
        mut order: MutexGuard<'_, Order<'r>>,
        ticket: &Ticket,
        boundaries: &'c [u64],
        guess: u64,
        end: Result<ChunkEnd>,
    ) -> Option<(Share<'s, 'l>, Piece<'c>)> {
        let joined = if self.closed.load(Ordering::Relaxed) {
            None
        } else {
            match end {
                Ok(end) => self.fit(&mut order, &ticket.place, boundaries, guess, end),
                Err(error) => {
                    order.total = Err(error);
                    None
                }
            }
        };
        if joined.is_none() {
            self.closed.store(true, Ordering::Relaxed);
        }
        self.turn.store(ticket.number + 1, Ordering::Relaxed);
        if order.asleep > 0 {
            self.next.notify_all();
        }
        joined
    }

    fn fit<'c>(
        &self,
        order: &mut Order<'_>,
        place: &Place,
        boundaries: &'c [u64],
        guess: u64,
        end: ChunkEnd,
    ) -> Option<(Share<'s, 'l>, Piece<'c>)> {
        let Ok(total) = &mut order.total else { return None };
        let mut seam = *order.seam;
        let piece = seam.fit(place.hole * 8, boundaries, guess, end.seam);
        self.round.pace.note(end.next - place.range.start, boundaries.len());
        let share = self.shares.take(piece.len())?;
        *order.seam = seam;
        total.add(&end);
        if end.stopped || end.next < place.range.end {
            self.closed.store(true, Ordering::Relaxed);
        }
        Some((share, piece))
    }
}

/// Tells the others when a thread panics, lest they wait for it.
struct Abandon<'a, 'r, 's, 'l, I>(&'a Running<'r, 's, 'l, I>);

impl<I> Drop for Abandon<'_, '_, '_, '_, I> {
    fn drop(&mut self) {
        if thread::panicking() {
            let _order = lock(&self.0.order);
            self.0.abandoned.store(true, Ordering::Relaxed);
            self.0.next.notify_all();
        }
    }
}

/// Locks what no panic leaves half done: whoever panics ends the whole round.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
