//! Cancellation, checked by whatever waits.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody asked to stop. Clones share the answer.
///
/// It ends waiting, never a commit under way.
#[derive(Clone, Default)]
pub struct Cancel(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Cancel {
    /// Never cancelled.
    #[must_use]
    pub fn never() -> Self {
        Self::default()
    }

    /// Cancelled as soon as `asked` is true.
    #[must_use]
    pub fn when(asked: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(asked)))
    }

    /// Whether somebody asked to stop.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.as_ref().is_some_and(|asked| asked())
    }
}

impl From<Arc<AtomicBool>> for Cancel {
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self::when(move || flag.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_asked()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_is_set_later_is_seen_by_every_clone() {
        let flag = Arc::new(AtomicBool::new(false));
        let cancel = Cancel::from(Arc::clone(&flag));
        let clone = cancel.clone();
        assert!(!clone.is_asked() && !Cancel::never().is_asked());
        flag.store(true, Ordering::Relaxed);
        assert!(clone.is_asked() && cancel.is_asked());
    }
}
