//! Whether an export would change anything.

use std::collections::{BTreeSet, HashSet};

use na_cache::RunRecord;
use na_model::{Unit, UnitOutcome};

use crate::error::StoreError;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::found_by_folder::found_by_folder;
use crate::tables::manifest::wide_metrics;
use crate::tables::metadata::table::MetadataTable;
use crate::tables::paths::{METADATA_FILE, SESSIONS_FILE, SOURCES_FILE, TIV_FILE};
use crate::tables::sessions_tsv::{self, cell};

impl ExistingStore {
    /// Whether an export without new units would change nothing: settings, metadata and outcomes are as they were.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn is_up_to_date(&self, record: &RunRecord, outcomes: &[UnitOutcome]) -> Result<bool, StoreError> {
        let Some(manifest) = self.written_manifest() else { return Ok(false) };
        let output = self.output();
        let files = manifest.long_formats.values().map(|entry| &entry.file_path);
        let files =
            files.chain(manifest.wide_features.values().map(|entry| &entry.file_path)).map(String::as_str);
        let others = [METADATA_FILE, SOURCES_FILE, SESSIONS_FILE]
            .into_iter()
            .chain(manifest.has_tiv.then_some(TIV_FILE));
        if record.n_listed_withdrawn.is_some() && record.n_listed_withdrawn != self.n_listed_withdrawn() {
            return Ok(false);
        }
        if !files.chain(others).all(|path| output.join(path).is_file())
            || wide_metrics(manifest) != Some(record.settings.wide_metrics.to_text().as_str())
        {
            return Ok(false);
        }
        let old = MetadataTable::read(output)?;
        let known: HashSet<_> = old.sessions.iter().cloned().collect();
        let written = old.state();
        if MetadataTable::merge(old, &record.listing, &known).state() != written {
            return Ok(false);
        }
        if !record.listing.found_by_folders {
            let found = found_by_folder(output)?;
            if record.listing.rows.iter().any(|row| found.contains(&row.session)) {
                return Ok(false);
            }
        }
        let told = sessions_tsv::read(output)?
            .into_iter()
            .map(|outcome| (outcome.unit, outcome.status.as_str(), outcome.reason));
        let now = outcomes.iter().map(|outcome| {
            (outcome.unit.clone(), outcome.status.as_str(), cell(sessions_tsv::or_none(&outcome.reason)))
        });
        let told: BTreeSet<(Unit, &str, String)> = told
            .map(|(unit, status, reason)| (unit, status, sessions_tsv::or_none(&reason).to_owned()))
            .collect();
        Ok(told == now.collect())
    }
}
