//! Memory that is not there is an error with an exit code, and no abort.
//!
//! Whatever may take much asks for it and has an error of its own. The rest is as little as any program takes; where even
//! that is missing, Rust aborts, which is turned into the end of a run that has failed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Whether there was not as much memory as someone has asked for.
static LACKED: AtomicBool = AtomicBool::new(false);

/// The allocator of the system, which takes note of a failure.
struct Watched;

fn watched(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        LACKED.store(true, Ordering::Relaxed);
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

/// Whether there was not as much memory as someone has asked for, so that what failed then failed for that.
pub(crate) fn was_lacked() -> bool {
    LACKED.load(Ordering::Relaxed)
}

/// Lets the process end with exit code 1 where it would abort for lack of memory. What has happened is told by then.
pub(crate) fn refuse_to_abort() {
    #[cfg(unix)]
    {
        use signal_hook::consts::SIGABRT;
        use signal_hook::low_level::{emulate_default_handler, exit, register};
        let end = || {
            if was_lacked() {
                exit(1);
            }
            let _ = emulate_default_handler(SIGABRT);
        };
        // SAFETY: `end` calls nothing but what may be called while a signal is dealt with, as both functions say of
        // themselves, and reads an atomic.
        #[expect(unsafe_code)]
        // Without it, an abort is an abort.
        let _ = unsafe { register(SIGABRT, end) };
    }
}
