//! What the runs were asked to do that wrote a cache and segments, as one record.

use std::collections::BTreeSet;

use na_model::{Listing, ReadAt, UnitKind};

use crate::db::database::Database;
use crate::db::schema::setting;
use crate::error::CacheError;
use crate::read::run_record::{self, RunRecord};

/// The record of several runs: of each session the words of the list of the run that started last, and the settings of that run. `None`
/// if none was recorded.
pub(crate) fn read<'d>(
    databases: impl Iterator<Item = &'d Database>,
) -> Result<Option<RunRecord>, CacheError> {
    let mut records = Vec::new();
    for database in databases {
        if let Some(record) = run_record::read(database)? {
            records.push((started(database)?, record));
        }
    }
    // Stable: of runs that started at once, the later segment counts.
    records.sort_by_key(|(started, _)| *started);
    Ok(joined(records.into_iter().rev().map(|(_, record)| record).collect()))
}

/// When a run started. The beginning of time if it did not record that, as in caches of earlier versions.
pub(crate) fn started(database: &Database) -> Result<ReadAt, CacheError> {
    let text = database.setting(setting::STARTED)?;
    let started = text.map_or(Ok(0), |text| text.parse().map_err(|error| database.damaged(error)));
    started.map(ReadAt)
}

fn joined(latest_first: Vec<RunRecord>) -> Option<RunRecord> {
    let mut joined = latest_first.first()?.clone();
    // What has an atlas of its own says nothing of the others'.
    if let Some(of_atlas) = latest_first.iter().find(|record| record.is_of_its_atlas()) {
        joined.settings.atlas_name.clone_from(&of_atlas.settings.atlas_name);
    }
    for record in &latest_first {
        for (entity, value) in &record.choices {
            joined.choices.entry(entity.clone()).or_insert_with(|| value.clone());
        }
        for (root, path) in &record.roots {
            joined.roots.entry(root.clone()).or_insert_with(|| path.clone());
        }
        joined.fresh |= record.fresh;
        joined.tiv_from = joined.tiv_from.or(record.tiv_from);
        joined.n_listed_withdrawn = joined.n_listed_withdrawn.max(record.n_listed_withdrawn);
    }
    let asked: BTreeSet<&UnitKind> = latest_first.iter().flat_map(|record| &record.kinds).collect();
    joined.kinds = asked.into_iter().cloned().collect();
    joined.listing = Listing::joined(latest_first.into_iter().map(|record| record.listing));
    Some(joined)
}
