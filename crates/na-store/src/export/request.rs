//! What an export is asked to do, and what it reports.

use na_cache::RunRecord;
use na_model::{Manifest, Names, Removals, UnitOutcome};

use crate::tables::sessions_tsv::SessionRow;
use crate::tables::withdrawals::Withdrawal;

/// What to export, and how.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// Settings, session list and modalities.
    pub record: RunRecord,
    /// The missing and failed units of the run.
    pub outcomes: Vec<UnitOutcome>,
    /// Whether the cache stays.
    pub keep_cache: bool,
    /// What leaves the store.
    pub removals: Removals,
    /// How many of them withdrew.
    pub withdrawal: Withdrawal,
    /// The names of those who withdrew, which go from what is told of others.
    pub names: Names,
}

impl ExportRequest {
    /// An export that adds what the cache holds, takes nothing out, and deletes the cache.
    #[must_use]
    pub fn new(record: RunRecord) -> Self {
        Self {
            record,
            outcomes: Vec::new(),
            keep_cache: false,
            removals: Removals::default(),
            withdrawal: Withdrawal::default(),
            names: Names::default(),
        }
    }

    /// Whether anything leaves the store: files then wait until all are verified.
    pub(crate) fn takes_away(&self) -> bool {
        self.record.fresh || !self.removals.is_empty()
    }
}

/// What a store holds after an export.
#[derive(Debug, Clone)]
pub struct ExportReport {
    /// The manifest as it was written.
    pub manifest: Manifest,
    /// The rows of `sessions.tsv`.
    pub sessions: Vec<SessionRow>,
    /// The youngest and the oldest age.
    pub age_range: Option<(f64, f64)>,
    /// Whether ages are in years: a list may count them in a unit that nobody knows.
    pub ages_in_years: bool,
    /// What the user should know.
    pub notes: Vec<String>,
}
