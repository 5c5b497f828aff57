//! The files that kills leave, at every moment of a change, and the changes after that.

#[path = "../../../tests/it/common/cases.rs"]
mod cases;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use self::cases::cases;
use super::*;
use crate::cbtlog::WritableStore;

thread_local! {
    /// How many files may still be replaced or removed before everything stops, as at a kill.
    static STEPS: Cell<usize> = const { Cell::new(usize::MAX) };
}

pub(super) fn step() -> io::Result<()> {
    let left = STEPS.get();
    STEPS.set(left.saturating_sub(1));
    if left == 0 { Err(io::Error::other("killed")) } else { Ok(()) }
}

#[derive(Clone, Debug)]
enum Event {
    Mark(u64),
    Grow(u64),
    Snapshot,
    Delete(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => (0..40u64).prop_map(Event::Mark),
        1 => (1..200_000u64).prop_map(Event::Grow),
        3 => Just(Event::Snapshot),
        2 => (0..8usize).prop_map(Event::Delete),
    ]
}

const DISK: Uuid = Uuid::from_u128(1);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(16, 256)))]

    /// Whatever happens to a disk, and wherever kills cut it short: each answer has all that was written.
    #[test]
    fn kills_anywhere_hide_no_change(events in vec(event(), 1..25), kills in vec(0..20usize, 0..4)) {
        let folder = tempfile::tempdir().expect("room");
        let writable = WritableStore::open(folder.path()).expect("there");
        STEPS.set(usize::MAX);
        let mut size = 30 * 65_536;
        writable.create(DISK, VirtualSize::new(size).expect("not 0")).expect("new");
        // When each snapshot was taken, and when each block was written last; what may or may not have happened has.
        let (mut taken, mut gone) = (BTreeMap::<Uuid, usize>::new(), BTreeSet::new());
        let mut written = Vec::<(usize, u64)>::new();
        let mut kills = kills.into_iter();
        STEPS.set(kills.next().unwrap_or(usize::MAX));
        for (now, event) in events.iter().enumerate() {
            let result = match *event {
                Event::Mark(block) if block * 65_536 < size => {
                    let start = block * 65_536;
                    let result = writable.mark(DISK, ByteRange::between(start, start + 1));
                    written.extend(result.is_ok().then_some((now, block)));
                    result
                }
                Event::Grow(bytes) => {
                    let grown = size + bytes;
                    let result = writable.set(DISK, |header| header.virtual_size = VirtualSize::new(grown).expect("not 0"));
                    size = if result.is_ok() { grown } else { size };
                    result
                }
                Event::Snapshot => {
                    let snapshot = Uuid::from_u128(100 + now as u128);
                    taken.insert(snapshot, now);
                    // Until it is there for certain.
                    gone.insert(snapshot);
                    writable.snapshot(DISK, snapshot).inspect(|()| assert!(gone.remove(&snapshot)))
                }
                Event::Delete(which) => match taken.keys().copied().nth(which) {
                    Some(snapshot) if !gone.contains(&snapshot) => {
                        gone.insert(snapshot);
                        writable.delete(snapshot)
                    }
                    _ => Ok(()),
                },
                Event::Mark(_) => Ok(()),
            };
            if let Err(error) = result {
                let killed = matches!(&error, ChainError::Write { source, .. } if source.kind() == io::ErrorKind::Other);
                prop_assert!(killed, "{}", error);
                STEPS.set(kills.next().unwrap_or(usize::MAX));
            }
        }
        STEPS.set(usize::MAX);
        let store = writable.store().expect("there");
        let ends: Vec<(Uuid, usize)> = taken.into_iter().chain([(DISK, usize::MAX)]).collect();
        for (i, &(from, since)) in ends.iter().enumerate() {
            for &(to, until) in &ends[i + 1..] {
                let answer = match store.list_changed_blocks_allow_inconsistent(from, to) {
                    Ok(answer) => answer,
                    Err(error) => {
                        let excused = gone.contains(&from) || gone.contains(&to);
                        prop_assert!(excused, "{}", error);
                        continue;
                    }
                };
                for &(when, block) in &written {
                    if when > since && when < until {
                        prop_assert_eq!(answer.bitmap.get(block), Some(true), "block {} from {} to {}", block, from, to);
                    }
                }
            }
        }
    }
}

/// Someone marks, snapshots and deletes without a pause, and others list where no lock keeps them apart.
#[test]
fn a_listing_without_a_lock_misses_no_change() {
    let folder = tempfile::tempdir().expect("room");
    let writable = WritableStore::open(folder.path()).expect("there");
    writable.create(DISK, VirtualSize::new(40 << 16).expect("not 0")).expect("new");
    // The snapshots, and what was written since each.
    let model = Mutex::new(BTreeMap::<Uuid, BTreeSet<u64>>::new());
    let done = AtomicBool::new(false);
    let read = |newest: bool| -> usize {
        let mut answers = 0;
        while !done.load(Ordering::SeqCst) {
            let chosen = {
                let model = model.lock().expect("whole");
                let mut snapshots = model.iter();
                if newest { snapshots.next_back() } else { snapshots.next() }
                    .map(|(&of, written)| (of, written.clone()))
            };
            let Some((from, written)) = chosen else { continue };
            let mut store = Store::open(folder.path()).expect("there");
            store.unlocked = true;
            match store.list_changed_blocks(from, DISK) {
                Ok(answer) => {
                    let missing = |&&block: &&u64| answer.bitmap.get(block) != Some(true);
                    assert_eq!(written.iter().find(missing), None, "since {from}, over {:?}", answer.chain);
                    answers += 1;
                }
                Err(ChainError::Changing { .. }) => {}
                // It may have been deleted meanwhile.
                Err(error) => assert!(!model.lock().expect("whole").contains_key(&from), "since {from}: {error}"),
            }
        }
        answers
    };
    let change = || {
        for now in 0..cases(150, 300_u64) {
            // A rest now and then: without one, no two looks of those who read would be the same.
            if now % 10 == 9 {
                std::thread::sleep(Duration::from_millis(50));
            }
            let block = now * 7 % 40;
            let oldest = model.lock().expect("whole").keys().copied().nth(usize::from(now % 8 < 4));
            match (now % 4, oldest) {
                (0, _) => {
                    let snapshot = Uuid::from_u128(100 + u128::from(now));
                    writable.snapshot(DISK, snapshot).expect("possible");
                    model.lock().expect("whole").insert(snapshot, BTreeSet::new());
                }
                (1, Some(oldest)) if now > 20 => {
                    model.lock().expect("whole").remove(&oldest);
                    writable.delete(oldest).expect("there");
                }
                _ => {
                    writable.mark(DISK, ByteRange::between(block << 16, (block << 16) + 1)).expect("on the disk");
                    for written in model.lock().expect("whole").values_mut() {
                        written.insert(block);
                    }
                }
            }
        }
    };
    let answers = std::thread::scope(|scope| {
        let read = &read;
        let readers = [true, false].map(|newest| scope.spawn(move || read(newest)));
        // However this ends, they end as well.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(change));
        done.store(true, Ordering::SeqCst);
        let answers = readers.map(|reader| reader.join().expect("nothing was missing"));
        outcome.expect("all changes are possible");
        answers
    });
    assert!(answers.iter().all(|&answers| answers > 0), "{answers:?}");
}
