//! Small helpers that several files of the server share: locks, blocking work, memory, and the time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use changed_blocks::VirtualSize;
use changed_blocks::cbtlog::Header;

use super::budgets::SPARE;
use super::failure::Failure;

/// Runs work that waits for files or for other threads, away from the threads that all connections share.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Failure::internal(error.to_string())),
    }
}

/// Locks, also after a thread that had the lock has died: each change of what is locked is whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes sure that there is memory for something large, with some to spare.
pub(super) fn there_is_memory_for(bytes: u64) -> Result<(), Failure> {
    let bytes =
        usize::try_from(bytes).ok().and_then(|bytes| bytes.checked_add(SPARE)).ok_or_else(Failure::no_memory)?;
    // It is not touched, so this takes no time.
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| Failure::no_memory())
}

/// The bytes that the bitmap of a disk has.
pub(super) fn bitmap_bytes(virtual_size: u64) -> u64 {
    VirtualSize::new(virtual_size).map_or(0, |size| size.bitmap_bytes(Header::BLOCK_SIZE))
}

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
