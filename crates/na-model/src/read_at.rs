//! When a unit was read: of two versions of one thing the later is the store's, wherever it lies.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// An instant in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReadAt(pub i64);

impl ReadAt {
    /// Older than everything that says when it was read: caches of the pandas package.
    pub const UNKNOWN: Self = Self(0);

    /// Now.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    /// This instant, or one microsecond after what it replaces where a clock went back.
    ///
    /// ```
    /// use na_model::ReadAt;
    ///
    /// assert_eq!(ReadAt(5).after(ReadAt(9)), ReadAt(10));
    /// assert_eq!(ReadAt(50).after(ReadAt(9)), ReadAt(50));
    /// ```
    #[must_use]
    pub fn after(self, replaced: Self) -> Self {
        self.max(Self(replaced.0.saturating_add(1)))
    }
}
