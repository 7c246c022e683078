//! Which units are to be loaded: those that are not there, and those whose sources changed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use na_cache::Cache;
use na_model::{Modality, Session, SourceFile, SourceKind, TableName, Unit, UnitOutcome, UnitStatus};
use na_store::{StoreError, for_each_stored_unit};
use rayon::prelude::*;

use crate::atlases::check_atlas;
use crate::config::Config;
use crate::error::PipelineError;
use crate::event::PlanSummary;
use crate::find::{Finder, FoundUnit, TableKey};
use crate::fingerprint::{read_with_fingerprint, stat};
use crate::session_list::SessionList;
use crate::unit_error::UnitError;

/// What a run has to do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// In the list's order.
    pub(crate) to_load: Vec<PlannedUnit>,
    /// Units that are missing, or failed before anything was read.
    pub(crate) outcomes: Vec<UnitOutcome>,
    pub(crate) summary: PlanSummary,
    pub(crate) skipped: BTreeMap<Modality, usize>,
    pub(crate) notes: Vec<String>,
    /// Whether any unit to load has a table.
    has_tables: bool,
}

/// A unit to load.
#[derive(Debug, Clone)]
pub(crate) struct PlannedUnit {
    /// The session's place in the list.
    pub(crate) place: usize,
    pub(crate) unit: Unit,
    /// Tables that the store has of it.
    pub(crate) known: BTreeSet<TableKey>,
    /// What the store knows of its TIV: the files that were looked at, and the one that it was taken from.
    pub(crate) known_tiv: Vec<SourceFile>,
}

enum Decision {
    Load {
        changed: bool,
        /// Not where TIV is all that was found.
        has_tables: bool,
    },
    Skip,
    Missing,
    /// In the store, and no longer on disk.
    Kept,
    Failed(UnitError),
}

/// What the store knows of a unit.
struct Known {
    sources: Vec<SourceFile>,
}

impl Known {
    fn tables(&self) -> BTreeSet<TableKey> {
        let tables = self.sources.iter().filter(|source| source.kind == SourceKind::Table);
        tables.filter_map(|source| Some((source.table_name()?, source.map.clone()))).collect()
    }
}

pub(crate) fn plan(
    config: &Config,
    finder: &Finder<'_>,
    list: &SessionList,
    cache: Option<&Cache>,
    should_stop: &(dyn Fn() -> bool + Sync),
) -> Result<Plan, PipelineError> {
    let mut plan = Plan::default();
    plan.summary.sessions = list.listing.rows.len();
    let modalities = config.modalities();
    let places: HashMap<&Session, usize> =
        list.listing.rows.iter().enumerate().map(|(place, row)| (&row.session, place)).collect();
    let mut decided: HashMap<Unit, (Decision, BTreeSet<TableKey>)> = HashMap::new();
    let mut waiting: Vec<(Unit, Option<Known>)> = Vec::new();
    let mut seen: HashSet<Unit> = HashSet::new();
    let mut take = |unit: Unit, known: Option<Known>, last: bool| {
        if let Some(known) = known {
            // Units of sessions that are not listed today stay as they are.
            if places.contains_key(&unit.session)
                && modalities.contains(&unit.modality)
                && seen.insert(unit.clone())
            {
                waiting.push((unit, Some(known)));
            }
        } else if seen.insert(unit.clone()) {
            waiting.push((unit, None));
        }
        // What is known of units is large: it is compared in parts.
        if last || waiting.len() >= 512 {
            let batch = std::mem::take(&mut waiting);
            let decisions: Vec<_> = batch
                .into_par_iter()
                .map(|(unit, known)| {
                    // Of a run that stops nobody asks what there was to do.
                    let decision = match should_stop() {
                        true => Decision::Skip,
                        false => decide(finder, list, &places, &unit, known.as_ref()),
                    };
                    let tables = known.map(|known| known.tables()).unwrap_or_default();
                    (unit, decision, tables)
                })
                .collect();
            decided.extend(decisions.into_iter().map(|(unit, decision, known)| (unit, (decision, known))));
        }
    };
    if let Some(cache) = cache {
        for unit in cache.units()? {
            let sources = cache.sources(&unit)?;
            take(unit.unit, Some(Known { sources }), false);
        }
    }
    let mut files: HashMap<TableName, bool> = HashMap::new();
    for_each_stored_unit::<StoreError>(&config.output, |stored| {
        let known = Known { sources: stored.sources };
        // A table's file that someone deleted takes its units with it.
        let mut is_there = |table: TableName| {
            let path = config.output.join(table.file_path());
            *files.entry(table).or_insert_with(|| path.is_file())
        };
        // A dry run with force finds what the run would have cleared.
        if !config.force && known.tables().into_iter().all(|(table, _)| is_there(table)) {
            take(stored.unit, Some(known), false);
        }
        Ok(())
    })?;
    for row in &list.listing.rows {
        for modality in &modalities {
            take(Unit::new(row.session.clone(), *modality), None, false);
        }
    }
    let end = list.listing.rows.first().zip(modalities.first());
    if let Some((row, modality)) = end {
        take(Unit::new(row.session.clone(), *modality), None, true);
    }
    for (place, row) in list.listing.rows.iter().enumerate() {
        for modality in &modalities {
            let unit = Unit::new(row.session.clone(), *modality);
            if let Some((decision, known)) = decided.remove(&unit) {
                plan.add(place, unit, decision, known);
            }
        }
    }
    if plan.summary.skipped + plan.summary.failed == 0 && !plan.has_tables {
        check_atlas(config)?;
    }
    Ok(plan)
}

impl Plan {
    fn add(&mut self, place: usize, unit: Unit, decision: Decision, known: BTreeSet<TableKey>) {
        match decision {
            Decision::Load { changed, has_tables } => {
                self.has_tables |= has_tables;
                self.summary.to_load += 1;
                self.summary.changed += usize::from(changed);
                self.to_load.push(PlannedUnit { place, unit, known, known_tiv: Vec::new() });
            }
            Decision::Skip => self.skip(unit.modality),
            Decision::Kept => {
                self.notes.push(format!("{unit}: its files are gone; what the store has of it stays"));
                self.skip(unit.modality);
            }
            Decision::Missing => {
                self.summary.missing += 1;
                let reason = format!("no {} tables were found", unit.modality);
                self.outcomes.push(UnitOutcome { unit, status: UnitStatus::Missing, reason });
            }
            Decision::Failed(error) => {
                self.summary.failed += 1;
                self.outcomes.push(UnitOutcome {
                    unit,
                    status: UnitStatus::Failed,
                    reason: error.to_string(),
                });
            }
        }
    }

    fn skip(&mut self, modality: Modality) {
        self.summary.skipped += 1;
        *self.skipped.entry(modality).or_default() += 1;
    }
}

fn decide(
    finder: &Finder<'_>,
    list: &SessionList,
    places: &HashMap<&Session, usize>,
    unit: &Unit,
    known: Option<&Known>,
) -> Decision {
    let tables = known.map(Known::tables).unwrap_or_default();
    let written = places.get(&unit.session).and_then(|place| list.as_written.get(*place));
    let Some(written) = written else { return Decision::Skip };
    let found = match finder.find(&unit.session, written, unit.modality, &tables) {
        Ok(found) => found,
        Err(error) => return Decision::Failed(error),
    };
    let nothing = found.tables.is_empty() && found.tiv.is_empty();
    match known {
        None if nothing => Decision::Missing,
        None => Decision::Load { changed: false, has_tables: !found.tables.is_empty() },
        Some(_) if nothing => Decision::Kept,
        Some(known) => match is_changed(&found, known) {
            Ok(true) => Decision::Load { changed: true, has_tables: !found.tables.is_empty() },
            Ok(false) => Decision::Skip,
            Err(error) => Decision::Failed(error),
        },
    }
}

/// Whether a unit has files that it was not read from, or one of its files is not what it was.
fn is_changed(found: &FoundUnit, known: &Known) -> Result<bool, UnitError> {
    let read: HashMap<&str, &SourceFile> =
        known.sources.iter().map(|source| (source.path.as_str(), source)).collect();
    let tables = found.tables.iter().map(|table| (table.path.as_path(), table.relative.clone()));
    let sidecars =
        found.tables.iter().filter_map(|table| Some((table.sidecar.as_deref()?, table.sidecar_relative()?)));
    let tiv = found.tiv.iter().map(|(path, relative)| (path.as_path(), relative.clone()));
    for (path, relative) in tables.chain(sidecars).chain(tiv) {
        match read.get(relative.as_str()) {
            None => return Ok(true),
            Some(source) if differs(path, source)? => return Ok(true),
            Some(_) => {}
        }
    }
    Ok(false)
}

/// Other size, or other modification time and then other content.
fn differs(path: &Path, source: &SourceFile) -> Result<bool, UnitError> {
    let (size, mtime_ns) = stat(path).map_err(|error| UnitError::unreadable(path, error))?;
    let known = &source.fingerprint;
    if size != known.size {
        return Ok(true);
    }
    Ok(mtime_ns != known.mtime_ns && read_with_fingerprint(path)?.1.hash != known.hash)
}
