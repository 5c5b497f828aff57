//! Lets threads take their turns in the order of numbers, and hands a value from each turn to the next.
//!
//! Invariant: at most one turn is open at a time, and the turn of a number opens only after the turn of the number
//! before has ended. A thread that panics abandons the sequence, so that no other waits for ever.

use std::hint;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How often a thread looks whether it is its turn before it goes to sleep: for about as long as waking it takes.
const SPINS: u32 = 1 << 12;

pub(crate) struct Sequencer<T> {
    /// The number whose turn it is. Changes only while the state is locked.
    current: AtomicUsize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    value: T,
    /// How many threads are asleep until it is their turn.
    sleepers: usize,
    /// Whether a thread has panicked, so that its turn will never end.
    abandoned: bool,
}

/// The turn of a number; it ends when this is dropped.
pub(crate) struct SequenceGuard<'s, T> {
    sequencer: &'s Sequencer<T>,
    state: MutexGuard<'s, State<T>>,
}

impl<T> Sequencer<T> {
    /// Begins with number 0.
    pub(crate) const fn new(value: T) -> Self {
        let state = State { value, sleepers: 0, abandoned: false };
        Self { current: AtomicUsize::new(0), state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Waits for the turn of a number; `None` if the sequence was abandoned.
    pub(crate) fn wait_for(&self, number: usize) -> Option<SequenceGuard<'_, T>> {
        let mut spins = 0;
        while self.current.load(Ordering::Relaxed) != number && spins < SPINS {
            spins += 1;
            hint::spin_loop();
        }
        // A thread that yields in a loop may stay on the processor of the one that it waits for; one that is woken gets
        // an idle processor.
        let mut state = self.lock();
        while !state.abandoned {
            if self.current.load(Ordering::Relaxed) == number {
                return Some(SequenceGuard { sequencer: self, state });
            }
            state.sleepers += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.sleepers -= 1;
        }
        None
    }

    /// Ends the waiting of all threads, now and later.
    fn abandon(&self) {
        self.lock().abandoned = true;
        self.changed.notify_all();
    }

    /// A guard that abandons the sequence if its thread panics.
    pub(crate) const fn abandon_on_panic(&self) -> AbandonOnPanic<'_, T> {
        AbandonOnPanic(self)
    }

    /// The value that the last turn left.
    pub(crate) fn into_inner(self) -> T {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).value
    }

    /// A poisoned lock is no matter: after a panic the value is never used.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Deref for SequenceGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.state.value
    }
}

impl<T> DerefMut for SequenceGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.state.value
    }
}

impl<T> Drop for SequenceGuard<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.state.abandoned = true;
        } else {
            self.sequencer.current.fetch_add(1, Ordering::Relaxed);
        }
        if self.state.sleepers > 0 {
            self.sequencer.changed.notify_all();
        }
    }
}

pub(crate) struct AbandonOnPanic<'s, T>(&'s Sequencer<T>);

impl<T> Drop for AbandonOnPanic<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn turns_come_in_the_order_of_their_numbers() {
        let sequencer = Sequencer::new(Vec::new());
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= 10_000 {
                            return;
                        }
                        sequencer.wait_for(number).expect("no thread panics").push(number);
                    }
                });
            }
        });
        assert_eq!(sequencer.into_inner(), (0..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn no_thread_waits_for_one_that_has_panicked() {
        let sequencer = Sequencer::new(());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| sequencer.wait_for(1).is_none());
            let result = catch_unwind(AssertUnwindSafe(|| {
                let _turn = sequencer.wait_for(0).expect("the first");
                panic!("on purpose");
            }));
            assert!(result.is_err());
            assert!(waiting.join().expect("it does not panic"));
            assert!(sequencer.wait_for(0).is_none());
        });
    }

    #[test]
    fn a_panic_outside_a_turn_ends_the_waiting_too() {
        let sequencer = Sequencer::new(());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| sequencer.wait_for(1).is_none());
            let result = catch_unwind(AssertUnwindSafe(|| {
                let _guard = sequencer.abandon_on_panic();
                panic!("on purpose");
            }));
            assert!(result.is_err());
            assert!(waiting.join().expect("it does not panic"));
        });
    }
}
