//! One after the other, in order of their numbers, however many threads there are.

use std::hint;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How often to look whether it is one's turn before going to sleep.
const SPINS: u32 = 1 << 12;

/// What is handed from each number to the next.
pub(super) struct Turns<T> {
    /// Whose turn it is. Changes while the state is locked.
    number: AtomicUsize,
    state: Mutex<State<T>>,
    next: Condvar,
}

struct State<T> {
    value: T,
    /// How many threads are asleep until it is their turn.
    asleep: usize,
    /// Whether a thread has panicked, and its turn will never end.
    abandoned: bool,
}

/// A number's turn, until this is dropped.
pub(super) struct Turn<'t, T> {
    turns: &'t Turns<T>,
    state: MutexGuard<'t, State<T>>,
}

impl<T> Turns<T> {
    /// Begins with number 0.
    pub(super) const fn new(value: T) -> Self {
        let state = State { value, asleep: 0, abandoned: false };
        Self { number: AtomicUsize::new(0), state: Mutex::new(state), next: Condvar::new() }
    }

    /// Waits until all numbers before had their turns. Nothing if that will never be.
    pub(super) fn wait_for(&self, number: usize) -> Option<Turn<'_, T>> {
        let mut spins = 0;
        while self.number.load(Ordering::Relaxed) != number && spins < SPINS {
            spins += 1;
            hint::spin_loop();
        }
        // Asleep, and not in a loop that yields: who is woken is given a processor that is idle, while two that share
        // one stay together for long.
        let mut state = self.lock();
        while !state.abandoned {
            if self.number.load(Ordering::Relaxed) == number {
                return Some(Turn { turns: self, state });
            }
            state.asleep += 1;
            state = self.next.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
        }
        None
    }

    /// Says that some number will never have its turn, lest others wait for it.
    pub(super) fn abandon(&self) {
        self.lock().abandoned = true;
        self.next.notify_all();
    }

    /// What the last number left.
    pub(super) fn into_inner(self) -> T {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).value
    }

    /// Nobody looks at what a panic has left half done: it ends all turns.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.state.value
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.state.value
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.state.abandoned = true;
        } else {
            self.turns.number.fetch_add(1, Ordering::Relaxed);
        }
        if self.state.asleep > 0 {
            self.turns.next.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn numbers_come_in_order() {
        let turns = Turns::new(Vec::new());
        let desk = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    loop {
                        let number = desk.fetch_add(1, Ordering::Relaxed);
                        if number >= 10_000 {
                            return;
                        }
                        turns.wait_for(number).expect("nobody panics").push(number);
                    }
                });
            }
        });
        assert_eq!(turns.into_inner(), (0..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn nobody_waits_for_a_thread_that_has_panicked() {
        let turns = Turns::new(());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| turns.wait_for(1).is_none());
            let result = catch_unwind(AssertUnwindSafe(|| {
                let _turn = turns.wait_for(0).expect("the first");
                panic!("on purpose");
            }));
            assert!(result.is_err());
            assert!(waiting.join().expect("it waits in vain"));
            assert!(turns.wait_for(0).is_none());
        });
    }
}
