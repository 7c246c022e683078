//! Decides whether an export would change anything.

use std::collections::HashSet;
use std::path::Path;

use na_cache::RunRecord;
use na_model::{Listing, Manifest, Unit, UnitOutcome, UnitStatus};

use crate::error::StoreError;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::found_by_folder::found_by_folder;
use crate::tables::manifest::wide_metrics;
use crate::tables::metadata::table::MetadataTable;
use crate::tables::paths::{METADATA_FILE, SESSIONS_FILE, SOURCES_FILE, TIV_FILE};
use crate::tables::sessions_tsv::{self, cell, or_none};

impl ExistingStore {
    /// Whether an export without new units would change nothing: settings, metadata and outcomes are as they were.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn is_up_to_date(&self, record: &RunRecord, outcomes: &[UnitOutcome]) -> Result<bool, StoreError> {
        let Some(manifest) = self.written_manifest() else { return Ok(false) };
        let output = self.output();
        if record.n_listed_withdrawn.is_some() && record.n_listed_withdrawn != self.n_listed_withdrawn() {
            return Ok(false);
        }
        let metrics = record.settings.wide_metrics.to_text();
        Ok(has_all_files(output, manifest)
            && wide_metrics(manifest) == Some(metrics.as_str())
            && keeps_metadata(output, &record.listing)?
            && keeps_listed_sessions(output, &record.listing)?
            && keeps_outcomes(output, outcomes)?)
    }
}

fn has_all_files(output: &Path, manifest: &Manifest) -> bool {
    let long = manifest.long_formats.values().map(|entry| entry.file_path.as_str());
    let wide = manifest.wide_features.values().map(|entry| entry.file_path.as_str());
    let tiv = manifest.has_tiv.then_some(TIV_FILE);
    let others = [METADATA_FILE, SOURCES_FILE, SESSIONS_FILE].into_iter().chain(tiv);
    long.chain(wide).chain(others).all(|path| output.join(path).is_file())
}

fn keeps_metadata(output: &Path, listing: &Listing) -> Result<bool, StoreError> {
    let old = MetadataTable::read(output)?;
    let known: HashSet<_> = old.sessions.iter().cloned().collect();
    let written = old.state();
    Ok(MetadataTable::merge(old, listing, &known).state() == written)
}

/// Whether a list names no session that so far was only found by its folder.
fn keeps_listed_sessions(output: &Path, listing: &Listing) -> Result<bool, StoreError> {
    if listing.found_by_folders {
        return Ok(true);
    }
    let found = found_by_folder(output)?;
    Ok(!listing.rows.iter().any(|row| found.contains(&row.session)))
}

/// An outcome as `sessions.tsv` reports it.
#[derive(PartialEq, Eq, Hash)]
struct ReportedOutcome {
    unit: Unit,
    status: UnitStatus,
    reason: String,
}

fn keeps_outcomes(output: &Path, outcomes: &[UnitOutcome]) -> Result<bool, StoreError> {
    let reported = sessions_tsv::read(output)?.into_iter().map(|UnitOutcome { unit, status, reason }| {
        let reason = or_none(&reason).to_owned();
        ReportedOutcome { unit, status, reason }
    });
    let reported: HashSet<ReportedOutcome> = reported.collect();
    let now = outcomes.iter().map(|UnitOutcome { unit, status, reason }| ReportedOutcome {
        unit: unit.clone(),
        status: *status,
        reason: cell(or_none(reason)),
    });
    Ok(reported == now.collect())
}
