//! A value behind a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a value. A thread that panicked while it held the lock left the value whole.
pub(crate) fn locked<T>(guarded: &Mutex<T>) -> MutexGuard<'_, T> {
    guarded.lock().unwrap_or_else(PoisonError::into_inner)
}
