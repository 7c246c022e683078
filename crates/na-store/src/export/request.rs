//! The request for an export, and its report.

use foldhash::HashSet;
use na_cache::{Cache, RunRecord};
use na_model::{Manifest, Names, Removals, Unit, UnitOutcome};

use crate::error::StoreError;
use crate::merge::segments::LeftOut;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::run_changes::RunChanges;
use crate::tables::runs::RunEntry;
use crate::tables::sessions_tsv::SessionRow;
use crate::tables::withdrawals::Withdrawal;

/// What to export, and how.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct ExportRequest {
    /// Settings, session list and modalities.
    pub record: RunRecord,
    /// The units, of this run and of earlier ones, that are missing, failed, kept though files of theirs are gone, or partly
    /// chosen.
    pub outcomes: Vec<UnitOutcome>,
    pub keep_cache: bool,
    /// What leaves the store.
    pub removals: Removals,
    /// How many of those who leave withdrew.
    pub withdrawal: Withdrawal,
    /// The names of those who withdrew: they are removed from what the store tells of others.
    pub names: Names,
    /// For the manifest. `None` if nobody says how the run was called.
    pub run: Option<RunEntry>,
}

impl ExportRequest {
    /// An export that adds what the cache holds, removes nothing, and deletes the cache.
    #[must_use]
    pub fn new(record: RunRecord) -> Self {
        Self {
            record,
            outcomes: Vec::new(),
            keep_cache: false,
            removals: Removals::default(),
            withdrawal: Withdrawal::default(),
            names: Names::default(),
            run: None,
        }
    }

    /// An export of a cache whose run did not come to its end: what that run says of units, and of all others what the store
    /// said. What the store said of a unit that the cache has is of files that were read again.
    ///
    /// # Errors
    /// A cache or store that cannot be read.
    pub(crate) fn of_cache(
        store: &ExistingStore,
        cache: &Cache,
        record: RunRecord,
    ) -> Result<Self, StoreError> {
        let cached = cache.outcomes()?;
        let told: HashSet<Unit> = cached.iter().map(|outcome| outcome.unit.clone()).collect();
        let read_again = cache.units()?.into_iter().map(|unit| unit.unit);
        let silent: HashSet<Unit> = read_again.filter(|unit| !told.contains(unit)).collect();
        let mut outcomes = store.earlier_outcomes(cached)?;
        outcomes.retain(|outcome| !silent.contains(&outcome.unit));
        Ok(Self { outcomes, ..Self::new(record) })
    }

    /// Whether anything leaves the store: the files are then held back until all are verified.
    pub(crate) fn takes_away(&self) -> bool {
        self.record.fresh || !self.removals.is_empty()
    }
}

/// What a store holds after an export.
#[derive(Debug, Clone)]
pub struct ExportReport {
    /// As it was written.
    pub manifest: Manifest,
    /// The rows of `sessions.tsv`.
    pub sessions: Vec<SessionRow>,
    /// The youngest and the oldest age. `None` if no session has an age.
    pub age_range: Option<(f64, f64)>,
    /// Whether ages are in years: a list may give them in an unknown unit.
    pub ages_in_years: bool,
    /// What is different from the store before.
    pub changes: RunChanges,
    /// The segments that are in it now, and deleted.
    pub n_segments: usize,
    /// What segments held that is not in it.
    pub left_out: LeftOut,
    /// What the user should know.
    pub notes: Vec<String>,
}
