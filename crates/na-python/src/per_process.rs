//! What a forked child must not share with its parent.

use std::mem;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

/// A value that each process makes for itself. A child never touches its parent's, not even to drop it: a thread that
/// the child does not have may hold a lock in it for ever.
///
/// The lock here is held only by who holds Python's, and Python's is not given up meanwhile: when Python forks, it is free.
pub(crate) struct PerProcess<T>(Mutex<Option<(u32, T)>>);

impl<T> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Looks at the value of this process, which is made where there is none yet.
    pub(crate) fn with<R, E>(
        &self,
        _: Python<'_>,
        make: impl FnOnce() -> Result<T, E>,
        look: impl FnOnce(&mut T) -> R,
    ) -> Result<R, E> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        let value = match slot.take() {
            Some((owner, value)) if owner == process => value,
            parents => {
                mem::forget(parents);
                make()?
            }
        };
        let (_, value) = slot.insert((process, value));
        Ok(look(value))
    }
}
