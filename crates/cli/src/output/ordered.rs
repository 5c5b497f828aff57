//! Things made on all threads and taken in order.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// How many things there are for each thread at the most that were begun and not taken: so many that nobody waits for a
/// thread that is late.
const AHEAD: usize = 4;
/// On how many threads they are made at the most: memory is to stay bounded on any machine.
const MOST_THREADS: usize = 6;

/// Makes something of each item, on all threads, and gives them to `take` in order, on whichever thread has made the next.
/// What `make` begins with was taken before, or is new. Ends with the first error.
pub(crate) fn in_order<I, T, E, F>(items: &[I], make: impl Fn(&I, &mut T) + Sync, take: F) -> Result<(), E>
where
    I: Sync,
    T: Default + Send,
    E: Send,
    F: FnMut(&T) -> Result<(), E> + Send,
{
    let threads = rayon::current_num_threads().min(MOST_THREADS).min(items.len());
    let row = Row { begun: 0, taken: 0, ready: VecDeque::new(), spare: Vec::new(), take: Some(take), outcome: Ok(()) };
    let queue = Queue { row: Mutex::new(row), moved: Condvar::new(), most: AHEAD * threads };
    rayon::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| queue.work(items, &make));
        }
        queue.work(items, &make);
    });
    queue.row.into_inner().unwrap_or_else(PoisonError::into_inner).outcome
}

struct Queue<T, E, F> {
    row: Mutex<Row<T, E, F>>,
    /// Something was taken, or nothing more will be.
    moved: Condvar,
    /// How many may be begun and not taken.
    most: usize,
}

struct Row<T, E, F> {
    begun: usize,
    taken: usize,
    /// Those that may be made already, from the next to be taken on.
    ready: VecDeque<Option<T>>,
    spare: Vec<T>,
    /// Not there while a thread uses it.
    take: Option<F>,
    outcome: Result<(), E>,
}

impl<T, E, F> Row<T, E, F> {
    /// The next thing, if it is to be taken and has been made.
    fn next(&mut self) -> Option<T> {
        self.outcome.as_ref().ok()?;
        let thing = self.ready.front_mut()?.take()?;
        self.ready.pop_front();
        Some(thing)
    }
}

impl<T: Default, E, F: FnMut(&T) -> Result<(), E>> Queue<T, E, F> {
    fn lock(&self) -> MutexGuard<'_, Row<T, E, F>> {
        self.row.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work<I>(&self, items: &[I], make: &impl Fn(&I, &mut T)) {
        let _guard = Abandon(self, items.len());
        while let Some((number, mut thing)) = self.begin(items.len()) {
            make(&items[number], &mut thing);
            self.put(number, thing);
        }
    }

    /// The number of the next item, if there is one, and what to make it in.
    fn begin(&self, count: usize) -> Option<(usize, T)> {
        let mut row = self.lock();
        loop {
            if row.begun >= count || row.outcome.is_err() {
                return None;
            }
            if row.begun < row.taken + self.most {
                row.begun += 1;
                row.ready.push_back(None);
                return Some((row.begun - 1, row.spare.pop().unwrap_or_default()));
            }
            row = self.moved.wait(row).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes all that can be taken, unless another thread is doing that.
    fn put(&self, number: usize, thing: T) {
        let mut row = self.lock();
        let place = number - row.taken;
        row.ready[place] = Some(thing);
        let Some(mut take) = row.take.take() else { return };
        while let Some(thing) = row.next() {
            row.taken += 1;
            drop(row);
            let outcome = take(&thing);
            row = self.lock();
            row.spare.push(thing);
            row.outcome = outcome;
            self.moved.notify_all();
        }
        row.take = Some(take);
    }
}

/// Lets nobody wait for a thread that has panicked.
struct Abandon<'q, T: Default, E, F: FnMut(&T) -> Result<(), E>>(&'q Queue<T, E, F>, usize);

impl<T: Default, E, F: FnMut(&T) -> Result<(), E>> Drop for Abandon<'_, T, E, F> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().begun = self.1;
            self.0.moved.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn on(threads: usize, run: impl FnOnce() + Send) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(run);
    }

    /// Some take long, whichever thread they fall to.
    fn dawdle(number: usize) {
        if number % 7 == 3 {
            thread::sleep(Duration::from_micros(300));
        }
    }

    #[test]
    fn all_are_taken_in_order() {
        for threads in [1, 2, 3, 8] {
            on(threads, || {
                for count in [0, 1, 2, 100, 1000] {
                    let items: Vec<usize> = (0..count).collect();
                    let (mut taken, most) = (Vec::new(), AtomicUsize::new(0));
                    let make = |&number: &usize, thing: &mut Vec<usize>| {
                        most.fetch_add(usize::from(thing.is_empty()), Ordering::Relaxed);
                        dawdle(number);
                        *thing = vec![number];
                    };
                    let outcome: Result<(), ()> = in_order(&items, make, |thing| {
                        dawdle(thing[0] + 1);
                        taken.extend_from_slice(thing);
                        Ok(())
                    });
                    assert!(outcome.is_ok());
                    assert_eq!(taken, items);
                    // One more while it is being taken.
                    assert!(most.into_inner() <= AHEAD * threads + 1, "used again");
                }
            });
        }
    }

    #[test]
    fn the_first_error_ends_it() {
        let items: Vec<usize> = (0..1000).collect();
        for threads in [1, 2, 8] {
            on(threads, || {
                let mut taken = 0;
                let outcome = in_order(
                    &items,
                    |&number, thing| *thing = number,
                    |&number| {
                        assert_eq!(number, taken);
                        taken += 1;
                        if number < 500 { Ok(()) } else { Err(number) }
                    },
                );
                assert_eq!((outcome, taken), (Err(500), 501));
            });
        }
    }

    #[test]
    fn a_panic_ends_it() {
        let items: Vec<usize> = (0..1000).collect();
        for (threads, making) in [(1, true), (2, true), (8, true), (1, false), (2, false), (8, false)] {
            let ended = std::panic::catch_unwind(|| {
                on(threads, || {
                    let make = |&number: &usize, thing: &mut usize| {
                        assert!(!making || number != 300, "expected");
                        *thing = number;
                    };
                    let _: Result<(), ()> = in_order(&items, make, |&number| {
                        assert!(making || number != 300, "expected");
                        Ok(())
                    });
                });
            });
            assert!(ended.is_err());
        }
    }
}
