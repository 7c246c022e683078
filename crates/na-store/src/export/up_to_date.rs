//! Decides whether an export would change anything.

use std::path::Path;

use foldhash::HashSet;
use na_cache::RunRecord;
use na_model::{Listing, Manifest, Names, UnitOutcome};

use crate::error::StoreError;
use crate::tables::columns_json::{earlier_notes, metadata_notes};
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::found_by_folder::found_by_folder;
use crate::tables::manifest::{is_as_written, wide_metrics};
use crate::tables::metadata::table::MetadataTable;
use crate::tables::paths::other_files;
use crate::tables::sessions_tsv::{self, cell, or_none};

impl ExistingStore {
    /// Whether an export without new units would change no content: the manifest is as it was written, every file is there, and metrics, metadata, listed
    /// sessions, outcomes and the length of the list of withdrawals are as they were. Compression, choices and roots are
    /// not compared.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn is_up_to_date(&self, record: &RunRecord, outcomes: &[UnitOutcome]) -> Result<bool, StoreError> {
        let Some(manifest) = self.written_manifest() else { return Ok(false) };
        let output = self.output();
        if record.n_listed_withdrawn.is_some() && record.n_listed_withdrawn != self.n_listed_withdrawn()? {
            return Ok(false);
        }
        let metrics = record.settings.wide_metrics.to_text();
        Ok(is_as_written(output, manifest)?
            && has_all_files(output, manifest)
            && wide_metrics(manifest) == Some(metrics.as_str())
            && keeps_metadata(output, &record.listing)?
            && keeps_listed_sessions(output, &record.listing)?
            && keeps_outcomes(output, outcomes)?)
    }
}

fn has_all_files(output: &Path, manifest: &Manifest) -> bool {
    let long = manifest.long_formats.values().map(|entry| entry.file_path.as_str());
    let wide = manifest.wide_features.values().map(|entry| entry.file_path.as_str());
    long.chain(wide).chain(other_files(manifest.has_tiv)).all(|path| output.join(path).is_file())
}

fn keeps_metadata(output: &Path, listing: &Listing) -> Result<bool, StoreError> {
    let old = MetadataTable::read(output)?;
    let known: HashSet<_> = old.sessions.iter().cloned().collect();
    let written = old.state();
    let merged = MetadataTable::merge(old, listing, &known);
    let notes = earlier_notes(output);
    // Those who withdrew are not in what is written.
    let told = metadata_notes(&merged.columns, listing, &notes, &Names::default());
    let keeps_notes = told.iter().all(|(name, note)| notes.get(name) == Some(note));
    Ok(merged.state() == written && keeps_notes)
}

/// Whether a list names no session that so far was only found by its folder.
fn keeps_listed_sessions(output: &Path, listing: &Listing) -> Result<bool, StoreError> {
    let mut named = listing.named().peekable();
    if named.peek().is_none() {
        return Ok(true);
    }
    let found = found_by_folder(output)?;
    Ok(!named.any(|session| found.contains(session)))
}

/// Compares outcomes as `sessions.tsv` reports them.
fn keeps_outcomes(output: &Path, outcomes: &[UnitOutcome]) -> Result<bool, StoreError> {
    let told = sessions_tsv::read(output)?.into_iter();
    let told = told.map(|told| UnitOutcome { reason: or_none(&told.reason).to_owned(), ..told });
    let now = outcomes.iter();
    let now = now.map(|now| UnitOutcome { reason: cell(or_none(&now.reason)), ..now.clone() });
    Ok(told.collect::<HashSet<UnitOutcome>>() == now.collect())
}
