//! Memory that is not there is an error with an exit code, and no abort.
//!
//! Whatever may take much asks for it and has an error of its own. The rest is as little as any program takes; where even
//! that is missing, Rust aborts, which is turned into the end of a run that has failed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

thread_local! {
    /// Whether there was once not as much memory as this thread has asked for. Others may abort for another reason. It is
    /// not taken back once there is memory: before Rust aborts, it may get some to tell where.
    static LACKED: Cell<bool> = const { Cell::new(false) };
}

/// The allocator of the system, which takes note of a failure.
struct Watched;

fn watched(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        LACKED.set(true);
    }
    memory
}

// SAFETY: all of it is done by the allocator of the system, by the same rules.
#[expect(unsafe_code)]
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        watched(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        watched(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        watched(unsafe { System.realloc(memory, layout, len) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Lets the process end with exit code 1 where it would abort for lack of memory. What has happened is told by then.
pub(crate) fn refuse_to_abort() {
    #[cfg(unix)]
    {
        use signal_hook::consts::SIGABRT;
        use signal_hook::low_level::{emulate_default_handler, exit, register};
        let end = || {
            if LACKED.get() {
                exit(1);
            }
            let _ = emulate_default_handler(SIGABRT);
        };
        // SAFETY: `end` calls nothing but what may be called while a signal is dealt with, as both functions say of
        // themselves, and reads a flag of its own thread, which needs neither to be made nor dropped.
        #[expect(unsafe_code)]
        // Without it, an abort is an abort.
        let _ = unsafe { register(SIGABRT, end) };
    }
}
