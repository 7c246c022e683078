//! Whether a store says already what a run would make it say.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use na_cache::RunRecord;
use na_model::{CHOOSE_OTHERS, UnitOutcome};

use crate::catalog::{read_manifest, wide_metrics};
use crate::error::StoreError;
use crate::layout::{METADATA_FILE, SESSIONS_FILE, SOURCES_FILE, TIV_FILE};
use crate::metadata::MetadataTable;
use crate::sessions_tsv::{self, cell};

/// Whether an export without new units would change nothing: settings, metadata and outcomes are as they were.
///
/// # Errors
/// A store that cannot be read.
pub fn is_current(output: &Path, record: &RunRecord, outcomes: &[UnitOutcome]) -> Result<bool, StoreError> {
    let Some(manifest) = read_manifest(output)? else { return Ok(false) };
    let files = manifest.long_formats.values().map(|entry| &entry.file_path);
    let files =
        files.chain(manifest.wide_features.values().map(|entry| &entry.file_path)).map(String::as_str);
    let others = [METADATA_FILE, SOURCES_FILE].into_iter().chain(manifest.has_tiv.then_some(TIV_FILE));
    if !files.chain(others).all(|path| output.join(path).is_file())
        || wide_metrics(&manifest) != Some(record.settings.wide_metrics.to_text().as_str())
    {
        return Ok(false);
    }
    let old = MetadataTable::read(output)?;
    let known: HashSet<_> = old.sessions.iter().cloned().collect();
    let written = old.state();
    if MetadataTable::merge(old, &record.listing, &known).state() != written {
        return Ok(false);
    }
    let Ok(text) = std::fs::read_to_string(output.join(SESSIONS_FILE)) else { return Ok(false) };
    let told: BTreeSet<Vec<&str>> =
        text.lines().map(|line| line.split('\t').collect::<Vec<_>>()).filter_map(told_of).collect();
    let now: Vec<Vec<String>> = outcomes
        .iter()
        .map(|outcome| {
            let session = &outcome.unit.session;
            let reason = sessions_tsv::or_none(&outcome.reason);
            [
                session.subject.as_str(),
                session.id_str().unwrap_or(sessions_tsv::NONE),
                outcome.unit.modality.as_str(),
                outcome.status.as_str(),
                &cell(reason),
            ]
            .map(str::to_owned)
            .into()
        })
        .collect();
    let now: BTreeSet<Vec<&str>> =
        now.iter().map(|cells| cells.iter().map(String::as_str).collect()).collect();
    Ok(told == now)
}

/// What a run said of a unit, without its tables, and without what the tables themselves say of a partial one.
fn told_of(cells: Vec<&str>) -> Option<Vec<&str>> {
    let [subject, session, modality, status, _, reason] = cells[..] else { return None };
    let reason = match status {
        "missing" | "failed" => reason,
        "partial" => {
            let end = reason.find(CHOOSE_OTHERS)? + CHOOSE_OTHERS.len();
            reason.get(..end)?
        }
        _ => return None,
    };
    Some(vec![subject, session, modality, status, reason])
}
