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

use std::collections::BTreeSet;

use na_model::{TableName, TivSource, UnitKind};
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
    /// The store's atlas, and those of tables that have another.
    pub(crate) atlases: Vec<String>,
    /// Whose the volumes of the whole brain are. `None` without any.
    pub(crate) volume_source: Option<TivSource>,
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
        let kinds = view.table_kinds();
        let kind_of = |table: &TableName| {
            kinds
                .get(table)
                .map_or_else(|| UnitKind::of_parcellate(table.modality()), |kind| kind.unit_kind(table))
        };
        let units = Units::of(&rows, &sessions, &view.roots()?, kind_of);
        let provenance = Provenance::read(view, &sessions)?;
        let covariates = Covariates::of(&list, &view.tiv_batch()?, &sessions)?;
        let metadata = Metadata::of(&list, &sessions)?;
        let (changes, volume_source) = (view.last_changes()?, view.volume_source()?);
        let lost_files = view.lost_files();
        let is_stored = |(table, _): &(&TableName, _)| units.tables.contains(table);
        let own = kinds.iter().filter(is_stored).filter_map(|(_, kind)| kind.atlas.clone());
        let own: BTreeSet<String> = own.collect();
        let are_all_own = kinds.values().all(|kind| kind.input.has_own_atlas());
        let of_store = summary.atlas_name.clone().filter(|name| !are_all_own && !own.contains(name));
        let atlases = of_store.into_iter().chain(own).collect();
        Ok(Self {
            summary,
            sessions,
            units,
            provenance,
            covariates,
            metadata,
            lost_files,
            tells_outcomes,
            atlases,
            volume_source,
            changes,
        })
    }
}
