//! Waiting for others: for a lock, and for work that takes its time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Failure;

/// Does what waits for files or for other threads, elsewhere than on the threads that all connections share.
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
