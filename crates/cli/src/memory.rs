//! A lack of memory is an error with an exit code, and no abort.
//!
//! Code that may need much memory asks for it and has an error of its own. The rest is as little as any program takes;
//! where even that is missing, Rust aborts, and the process exits as a run that has failed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicI32, Ordering};

#[global_allocator]
static ALLOCATOR: NotingAllocator = NotingAllocator;

thread_local! {
    /// Whether this thread has once not got the memory that it asked for. Others may abort for another reason. It is
    /// not reset once there is memory: before Rust aborts, it may get some to tell where.
    static HAS_LACKED_MEMORY: Cell<bool> = const { Cell::new(false) };
}

/// The allocator of the system, which takes note of a failure.
struct NotingAllocator;

fn note_failure(memory: *mut u8) -> *mut u8 {
    if memory.is_null() {
        HAS_LACKED_MEMORY.set(true);
    }
    memory
}

// SAFETY: all of it is done by the allocator of the system, by the same rules.
#[expect(unsafe_code)]
unsafe impl GlobalAlloc for NotingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        note_failure(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        note_failure(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        note_failure(unsafe { System.realloc(memory, layout, len) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// The exit code for a lack of memory: that of a failed run, unless a command gives this another meaning.
static EXIT_CODE: AtomicI32 = AtomicI32::new(1);

/// Sets the exit code for a lack of memory.
pub(crate) fn set_exit_code(code: i32) {
    EXIT_CODE.store(code, Ordering::Relaxed);
}

/// Lets the process end with an exit code where it would abort for lack of memory. Rust has printed the reason by then.
pub(crate) fn exit_instead_of_abort() {
    #[cfg(unix)]
    {
        use signal_hook::consts::SIGABRT;
        use signal_hook::low_level::{emulate_default_handler, exit, register};
        let end = || {
            if HAS_LACKED_MEMORY.get() {
                exit(EXIT_CODE.load(Ordering::Relaxed));
            }
            let _ = emulate_default_handler(SIGABRT);
        };
        // SAFETY: `end` calls only functions that may be called in a signal handler, as both say of themselves, and reads
        // a flag of its own thread, which needs neither to be made nor dropped, and an atomic number.
        #[expect(unsafe_code)]
        // Without it, an abort is an abort.
        let _ = unsafe { register(SIGABRT, end) };
    }
}
