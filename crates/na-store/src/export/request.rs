//! What an export is asked to do.

use na_cache::RunRecord;
use na_model::{Names, Removals, UnitOutcome};

use crate::withdraw::Withdrawal;

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
