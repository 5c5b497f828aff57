//! Other programs that keep the folder locked: they hold up changes, for a bounded time, and nothing else.

#![cfg(unix)]

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Uuid;
use serde_json::{Value, json};

use super::wire::{Served, Session};
use crate::cases::{cases, is_left_to_ci};

const DISK: Uuid = Uuid::from_u128(1);
const OLDER: Uuid = Uuid::from_u128(2);
const MIB: u64 = 1 << 20;

/// Far less than a change waits, and far more than an answer takes.
const PROMPT: Duration = Duration::from_secs(3);
/// Far less than a program that is stopped may keep the folder.
const BOUND: Duration = Duration::from_secs(20);

fn served() -> Served {
    let served = Served::new();
    served.writable().create(DISK, VirtualSize::new(MIB).expect("not 0")).expect("new");
    served.writable().snapshot(DISK, OLDER).expect("there");
    served
}

/// The answer of a call, which has to come in time.
#[track_caller]
fn within(limit: Duration, call: impl FnOnce() -> Result<Value, Vec<String>>) -> Result<Value, Vec<String>> {
    let start = Instant::now();
    let result = call();
    assert!(start.elapsed() < limit, "{:?} for {result:?}", start.elapsed());
    result
}

/// Every way to read, over and over; with pauses by default, so that other tests get on.
fn read_until(done: &AtomicBool, session: &Session<'_>, disk: &Value) -> usize {
    let mut rounds = 0;
    while !done.load(Ordering::SeqCst) {
        for (method, params) in [
            ("VDI.get_all_records", vec![]),
            ("VDI.get_virtual_size", vec![disk.clone()]),
            ("SR.get_all_records", vec![]),
            ("event.from", vec![json!(["vdi"]), json!(""), json!(0)]),
            ("pool.get_all_records", vec![]),
        ] {
            within(PROMPT, || session.call(method, &params)).unwrap_or_else(|error| panic!("{method}: {error:?}"));
        }
        rounds += 1;
        std::thread::sleep(cases(Duration::from_millis(300), Duration::ZERO));
    }
    rounds
}

fn refused_as_busy(result: Result<Value, Vec<String>>) {
    let error = result.expect_err("someone has the folder");
    assert_eq!(error[..2], ["OTHER_OPERATION_IN_PROGRESS", "VDI"]);
    // The one who has it is this process, in this test.
    let told = format!("locked by process {} (", std::process::id());
    assert!(error[3].contains(&told) || error[3].contains("which the system does not tell"), "{error:?}");
}

/// Runs `changes` while others read all the time, and the folder is locked.
fn while_locked(served: &Served, changes: impl FnOnce(&Session<'_>, &Value)) {
    let session = served.login();
    let disk = session.vdi(DISK);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(|| read_until(&done, &session, &disk))).collect();
        // However this ends, they end as well.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| changes(&session, &disk)));
        done.store(true, Ordering::SeqCst);
        for reader in readers {
            assert!(reader.join().expect("each read was in time") > 0);
        }
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn a_program_that_reads_for_ever_holds_up_only_changes() {
    let served = served();
    let held = File::open(served.folder()).expect("there");
    held.lock_shared().expect("possible");
    while_locked(&served, |session, disk| {
        let older = session.vdi(OLDER);
        refused_as_busy(within(BOUND, || session.call("VDI.snapshot", std::slice::from_ref(disk))));
        refused_as_busy(within(BOUND, || session.call("VDI.disable_cbt", std::slice::from_ref(disk))));
        // Those that need no log are made.
        within(PROMPT, || session.call("VDI.set_name_label", &[disk.clone(), json!("named")])).expect("possible");
        within(PROMPT, || session.call("VDI.create", &[json!({"virtual_size": MIB})])).expect("possible");
        within(PROMPT, || session.call("VDI.list_changed_blocks", &[older, disk.clone()])).expect("a chain");
        drop(held);
        within(BOUND, || session.call("VDI.snapshot", std::slice::from_ref(disk))).expect("it is free");
        within(BOUND, || session.call("VDI.snapshot", std::slice::from_ref(disk))).expect("it is free");
    });
}

#[test]
fn a_program_that_writes_for_ever_holds_up_only_changes_and_listings() {
    if is_left_to_ci("the server waits 10 s for a lock") {
        return;
    }
    let served = served();
    let held = File::open(served.folder()).expect("there");
    held.lock().expect("possible");
    while_locked(&served, |session, disk| {
        let older = session.vdi(OLDER);
        // All at once: none of them waits for the others as well.
        std::thread::scope(|scope| {
            scope.spawn(|| refused_as_busy(within(BOUND, || session.call("VDI.snapshot", std::slice::from_ref(disk)))));
            scope.spawn(|| {
                refused_as_busy(within(BOUND, || session.call("VDI.resize", &[disk.clone(), json!(2 * MIB)])));
            });
            let params = [older.clone(), disk.clone()];
            scope.spawn(move || refused_as_busy(within(BOUND, || session.call("VDI.list_changed_blocks", &params))));
        });
        drop(held);
        within(BOUND, || session.call("VDI.snapshot", std::slice::from_ref(disk))).expect("it is free");
        within(BOUND, || session.call("VDI.list_changed_blocks", &[older, disk.clone()])).expect("a chain");
    });
}

/// Each of those who read keeps changes out while it does.
#[test]
fn readers_never_keep_a_change_out_for_long() {
    let served = served();
    while_locked(&served, |session, disk| {
        for _ in 0..10 {
            within(BOUND, || session.call("VDI.snapshot", std::slice::from_ref(disk)))
                .expect("nobody else has the folder");
        }
    });
}

/// Nor do many who read at the same time keep other programs out.
#[test]
fn readers_leave_the_folder_to_other_programs_now_and_then() {
    let served = served();
    // So many that one who reads has it for some time, and they overlap.
    let log = served.folder().join(format!("{OLDER}.cbtlog"));
    for number in 100..cases(600, 2100) {
        std::fs::copy(&log, served.folder().join(format!("{}.cbtlog", Uuid::from_u128(number)))).expect("room");
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let session = served.login();
                let disk = session.vdi(DISK);
                while !done.load(Ordering::SeqCst) {
                    session.call("VDI.get_virtual_size", std::slice::from_ref(&disk)).expect("there");
                }
            });
        }
        let writable = served.writable().patience(BOUND);
        let outcome: Vec<_> = (0..cases(3, 5))
            .map(|_| {
                std::thread::sleep(Duration::from_millis(200));
                writable.lock().map(drop)
            })
            .collect();
        done.store(true, Ordering::SeqCst);
        for locked in outcome {
            locked.expect("it is left to others");
        }
    });
}

/// Readers go on beside a program that has the folder, and are told of no state that there never was.
#[test]
fn changes_under_way_are_seen_before_or_after() {
    let served = served();
    let (session, writable) = (served.login(), served.writable());
    let [disk, older] = [DISK, OLDER].map(|uuid| session.vdi(uuid));
    let logs = writable.lock().expect("it is free");
    let done = AtomicBool::new(false);
    let read = || {
        while !done.load(Ordering::SeqCst) {
            match session.call("VDI.get_snapshot_of", std::slice::from_ref(&older)) {
                Ok(of) => assert_eq!(of, disk),
                Err(error) => assert_eq!(error[0], "OTHER_OPERATION_IN_PROGRESS", "{error:?}"),
            }
        }
    };
    let change = || {
        let end = Instant::now() + cases(Duration::from_millis(200), Duration::from_secs(4));
        let mut snapshots = (100..).map(Uuid::from_u128);
        while Instant::now() < end {
            let snapshot = snapshots.next().expect("any number");
            logs.snapshot(DISK, snapshot).expect("there");
            logs.delete(snapshot).expect("there");
        }
    };
    std::thread::scope(|scope| {
        let readers = [(); 2].map(|()| scope.spawn(read));
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(change));
        done.store(true, Ordering::SeqCst);
        for reader in readers {
            reader.join().expect("each answer was right");
        }
        outcome.expect("all changes are possible");
    });
}
