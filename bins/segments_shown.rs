//! Shows what segments hold.

use std::fmt::Write as _;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use na_cache::{CacheError, CacheStatus, RefusedSegment, Segments};
use na_model::Listing;
use na_store::{ExistingStore, StoreError, join_segments};
use serde_json::{Value, json};

/// How often to look again while others merge.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Looks at a store that another process may be merging: a segment that was there a moment ago may be gone.
pub(crate) fn looking_again<T>(look: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 0..TRIES {
        match look() {
            Err(StoreError::Cache(CacheError::SegmentGone { .. }) | StoreError::Changing { .. }) => {
                sleep(PAUSE)
            }
            looked => return looked,
        }
    }
    look()
}

/// What the segments of a store hold that is not exported.
pub(crate) struct SegmentsShown {
    n: usize,
    /// `None` if none of them can be read.
    held: Option<CacheStatus>,
    refused: Vec<RefusedSegment>,
    /// Units that contradict the store.
    n_refused_units: usize,
}

impl SegmentsShown {
    /// `None` if there are none.
    ///
    /// # Errors
    /// A store or segment that cannot be read.
    pub(crate) fn of(output: &Path) -> Result<Option<Self>, StoreError> {
        looking_again(|| Self::now(output))
    }

    fn now(output: &Path) -> Result<Option<Self>, StoreError> {
        let segments = match output.is_dir() {
            true => match Segments::list(output) {
                Err(error) if error.leaves_the_export() => {
                    tracing::warn!("{error}: what is published and not merged is not counted");
                    Segments::default()
                }
                segments => segments?,
            },
            false => Segments::default(),
        };
        if segments.is_empty() {
            return Ok(None);
        }
        let store = ExistingStore::open(output)?;
        let (cache, left_out) = join_segments(&store, None, &segments, &Listing::default(), None)?;
        let held = cache.map(|cache| cache.status()).transpose()?;
        let n_refused_units = left_out.units.len();
        Ok(Some(Self { n: segments.len(), held, refused: left_out.segments, n_refused_units }))
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let n = |of: fn(&CacheStatus) -> usize| self.held.as_ref().map_or(0, of);
        let _ = writeln!(text, "Segments: {}", self.n);
        let _ = writeln!(text, "Anatomical sessions: {}", n(|held| held.anatomical_sessions));
        let _ = writeln!(text, "Diffusion sessions: {}", n(|held| held.diffusion_sessions));
        for RefusedSegment { name, why, .. } in &self.refused {
            let _ = writeln!(text, "Not to be merged: {name}: {why}");
        }
        if self.n_refused_units > 0 {
            let _ =
                writeln!(text, "Contradicting the store: {} (they fail at the merge)", self.n_refused_units);
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let refused = self.refused.iter().map(|of| json!({ "segment": of.name.as_str(), "problem": of.why }));
        json!({
            "segments": self.n,
            "size_bytes": self.held.as_ref().map_or(0, |held| held.size_bytes),
            "anatomical_sessions": self.held.as_ref().map_or(0, |held| held.anatomical_sessions),
            "diffusion_sessions": self.held.as_ref().map_or(0, |held| held.diffusion_sessions),
            "refused": refused.collect::<Vec<_>>(),
            "contradicting": self.n_refused_units,
        })
    }
}
