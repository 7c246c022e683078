//! What a store says of its sessions beside the values of regions: who, what became of them, from which files, age and volume.
//!
//! Knows `statistics`. Sessions are numbers from here on, in the order of subject and session id, so that nothing hangs on the order of
//! runs. Open `sessions` first.

pub(crate) mod covariates;
pub(crate) mod metadata;
pub(crate) mod provenance;
pub(crate) mod reason;
pub(crate) mod sessions;
pub(crate) mod units;

use na_store::{RunChanges, StoreSummary, StoreView};

use crate::cohort::covariates::Covariates;
use crate::cohort::metadata::Metadata;
use crate::cohort::provenance::Provenance;
use crate::cohort::sessions::Sessions;
use crate::cohort::units::Units;
use crate::error::ReportError;

/// A cohort without the values of regions.
#[derive(Debug)]
pub(crate) struct Cohort {
    pub(crate) summary: StoreSummary,
    pub(crate) sessions: Sessions,
    pub(crate) units: Units,
    pub(crate) provenance: Provenance,
    pub(crate) covariates: Covariates,
    pub(crate) metadata: Metadata,
    /// Files that the manifest names and that are gone.
    pub(crate) lost_files: Vec<String>,
    /// Whether the store says what failed and what is missing.
    pub(crate) tells_outcomes: bool,
    /// What the last run changed. `None` if the store does not tell.
    pub(crate) changes: Option<RunChanges>,
}

impl Cohort {
    pub(crate) fn read(view: &StoreView<'_>) -> Result<Self, ReportError> {
        let summary = view.summary()?;
        let told = view.session_rows()?;
        let tells_outcomes = told.is_some();
        let rows = told.map_or_else(|| view.rows_as_loaded(), Ok)?;
        let list = view.metadata_batch()?;
        let sessions = Sessions::of(&rows, &list)?;
        let units = Units::of(&rows, &sessions, &view.roots()?);
        let provenance = Provenance::read(view, &sessions)?;
        let covariates = Covariates::of(&list, &view.tiv_batch()?, &sessions)?;
        let metadata = Metadata::of(&list, &sessions)?;
        let changes = view.last_changes()?;
        let lost_files = view.lost_files();
        Ok(Self {
            summary,
            sessions,
            units,
            provenance,
            covariates,
            metadata,
            lost_files,
            tells_outcomes,
            changes,
        })
    }
}
