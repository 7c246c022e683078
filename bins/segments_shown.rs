//! Shows what segments hold, and what of a session list is in a store.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use na_cache::{Cache, CacheStatus, RefusedSegment, Segments};
use na_model::{Listing, Modality, Unit};
use na_store::{ExistingStore, StoreError, join_segments};
use serde_json::{Value, json};

/// Missing sessions that are named; `--json` names all.
const NAMED: usize = 20;

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
        let (cache, left_out) = join_segments(&store, None, &segments, &Listing::default())?;
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
        for RefusedSegment { name, why } in &self.refused {
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

/// What of a session list is in a store, its cache and its segments. Numbers are of sessions, each modality counted by itself.
pub(crate) struct ListedShown {
    n_sessions: usize,
    n_there: usize,
    missing: Vec<Unit>,
}

impl ListedShown {
    /// # Errors
    /// A store, cache or segment that cannot be read.
    pub(crate) fn of(output: &Path, listing: &Listing) -> Result<Self, StoreError> {
        let store = ExistingStore::open(output)?;
        let own = match Cache::open_existing(output) {
            Err(error) if error.leaves_the_export() => None,
            own => own?,
        };
        let (cache, _) = join_segments(&store, own, &Segments::list(output)?, &Listing::default())?;
        let mut there: BTreeSet<Unit> = store.units()?.into_keys().collect();
        let mut modalities: BTreeSet<Modality> = there.iter().map(|unit| unit.modality).collect();
        if let Some(cache) = cache {
            there.extend(cache.units()?.into_iter().map(|unit| unit.unit));
            modalities.extend(cache.run_record()?.into_iter().flat_map(|record| record.modalities));
        }
        if modalities.is_empty() {
            modalities.extend(Modality::ALL);
        }
        let sessions = listing.rows.iter().map(|row| &row.session);
        let units = sessions
            .flat_map(|session| modalities.iter().map(|modality| Unit::new(session.clone(), *modality)));
        let (found, missing): (Vec<Unit>, Vec<Unit>) = units.partition(|unit| there.contains(unit));
        Ok(Self { n_sessions: listing.rows.len(), n_there: found.len(), missing })
    }

    pub(crate) fn is_all_there(&self) -> bool {
        self.missing.is_empty()
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "Listed sessions: {}\nThere: {}\nMissing: {}\n",
            self.n_sessions,
            self.n_there,
            self.missing.len()
        );
        for unit in self.missing.iter().take(NAMED) {
            let _ = writeln!(text, "  - {unit}");
        }
        if self.missing.len() > NAMED {
            let _ = writeln!(text, "  and {} more: --json names all", self.missing.len() - NAMED);
        }
        text
    }

    pub(crate) fn json(&self) -> Value {
        let missing = self.missing.iter().map(|unit| {
            json!({
                "subject_code": unit.session.subject.as_str(),
                "session_id": unit.session.id_str(),
                "modality": unit.modality.as_str(),
            })
        });
        json!({ "listed": self.n_sessions, "there": self.n_there, "missing": missing.collect::<Vec<_>>() })
    }
}
