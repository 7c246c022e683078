//! Which units are to be loaded: those that are not there, and those whose sources changed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use na_cache::{Cache, CachedUnit};
use na_model::{
    CHOOSE_OTHERS, Modality, ReadAt, Session, SourceFile, SourceKind, TableName, TivFinding, Unit,
    UnitOutcome, UnitStatus,
};
use na_store::{StoreError, for_each_stored_unit};
use rayon::prelude::*;

use crate::change::Changes;
use crate::config::Config;
use crate::error::PipelineError;
use crate::event::PlanSummary;
use crate::find::{Finder, FoundUnit, TableKey};
use crate::session_list::SessionList;
use crate::sources::NotChosen;

/// What is known of units is large: so many are compared at once.
const UNITS_AT_ONCE: usize = 512;

/// What a run has to do.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Units whose sources changed, then new ones, each in the list's order.
    pub(crate) to_load: Vec<PlannedUnit>,
    /// Units that are missing, that failed before anything was read, or of which some tables are not chosen.
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
    /// The session's index in the list.
    pub(crate) index: usize,
    pub(crate) unit: Unit,
    /// Whether the store has it, and its files changed.
    pub(crate) is_changed: bool,
    /// Tables that the store has of it.
    pub(crate) known: BTreeSet<TableKey>,
    /// What the store knows of its TIV: the files that were looked at, and the one that it was taken from.
    pub(crate) known_tiv: Vec<SourceFile>,
    /// When what the store has of it was read.
    pub(crate) known_read_at: ReadAt,
}

enum Decision {
    Load {
        has_tables: bool,
    },
    Skip,
    /// Nothing was found, or nothing that is chosen.
    Missing(String),
    /// In the store, and no longer on disk.
    Kept(String),
    Failed(String),
}

/// What the store and its cache know of a unit.
#[derive(Default)]
struct KnownUnit {
    sources: Vec<SourceFile>,
}

impl KnownUnit {
    fn tables(&self) -> BTreeSet<TableKey> {
        let tables = self.sources.iter().filter(|source| source.kind == SourceKind::Table);
        tables.filter_map(|source| Some((source.table_name()?, source.map.clone()))).collect()
    }

    fn tiv(&self) -> Vec<SourceFile> {
        let of_tiv = |source: &&SourceFile| source.kind == SourceKind::Tiv || source.tiv.is_some();
        self.sources.iter().filter(of_tiv).cloned().collect()
    }

    fn read_at(&self) -> ReadAt {
        self.sources.iter().map(|source| source.read_at).max().unwrap_or_default()
    }
}

/// A unit with what became of it.
struct Decided {
    decision: Decision,
    /// Tables that are there beside what is chosen, in words.
    not_chosen: Option<String>,
    is_known: bool,
    tables: BTreeSet<TableKey>,
    tiv: Vec<SourceFile>,
    read_at: ReadAt,
}

/// Compares what is on disk with what the store knows.
struct Planner<'a> {
    finder: &'a Finder<'a>,
    list: &'a SessionList,
    indices: HashMap<&'a Session, usize>,
    modalities: Vec<Modality>,
    changes: Changes,
    should_stop: &'a (dyn Fn() -> bool + Sync),
    seen: HashSet<Unit>,
    waiting: Vec<(Unit, Option<KnownUnit>)>,
    decided: HashMap<Unit, Decided>,
}

pub(crate) fn plan(
    config: &Config,
    finder: &Finder<'_>,
    list: &SessionList,
    cache: Option<&Cache>,
    should_stop: &(dyn Fn() -> bool + Sync),
) -> Result<Plan, PipelineError> {
    let rows = list.listing.rows.iter().enumerate();
    let mut planner = Planner {
        finder,
        list,
        indices: rows.map(|(index, row)| (&row.session, index)).collect(),
        modalities: config.modalities(),
        changes: Changes::of(config),
        should_stop,
        seen: HashSet::new(),
        waiting: Vec::new(),
        decided: HashMap::new(),
    };
    // A dry run with force finds what the run would have cleared.
    if !config.force {
        planner.add_known(&config.output, cache)?;
    }
    for row in &list.listing.rows {
        for modality in planner.modalities.clone() {
            planner.add(Unit::new(row.session.clone(), modality), None);
        }
    }
    planner.decide_waiting();
    Ok(planner.plan())
}

impl Planner<'_> {
    /// Units that the store or its cache has. What the cache has of a unit replaces the same in the store.
    fn add_known(&mut self, output: &Path, cache: Option<&Cache>) -> Result<(), PipelineError> {
        let units = cache.map(Cache::units).transpose()?.unwrap_or_default();
        let mut cached: HashMap<&Unit, &CachedUnit> = units.iter().map(|unit| (&unit.unit, unit)).collect();
        let mut files: HashMap<TableName, bool> = HashMap::new();
        for_each_stored_unit::<StoreError>(output, |stored| {
            let mut sources = stored.sources;
            // A table's file that someone deleted takes its rows with it.
            sources.retain(|source| {
                source.table_name().is_none_or(|table| {
                    let path = output.join(table.file_path());
                    *files.entry(table).or_insert_with(|| path.is_file())
                })
            });
            if let Some((cache, unit)) = cache.zip(cached.remove(&stored.unit)) {
                sources = newest(cache.sources(unit)?, unit, sources);
            }
            self.add_stored(stored.unit, sources);
            Ok(())
        })?;
        let Some(cache) = cache else { return Ok(()) };
        for unit in units.iter().filter(|unit| cached.contains_key(&unit.unit)) {
            self.add_stored(unit.unit.clone(), cache.sources(unit)?);
        }
        Ok(())
    }

    fn add_stored(&mut self, unit: Unit, sources: Vec<SourceFile>) {
        // Units of sessions that are not listed today stay as they are.
        let is_listed = self.indices.contains_key(&unit.session) && self.modalities.contains(&unit.modality);
        if is_listed && !sources.is_empty() {
            self.add(unit, Some(KnownUnit { sources }));
        }
    }

    fn add(&mut self, unit: Unit, known: Option<KnownUnit>) {
        if self.seen.insert(unit.clone()) {
            self.waiting.push((unit, known));
        }
        if self.waiting.len() >= UNITS_AT_ONCE {
            self.decide_waiting();
        }
    }

    fn decide_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let decisions = waiting.into_par_iter().map(|(unit, known)| {
            let is_known = known.is_some();
            let known = known.unwrap_or_default();
            // Cancelled: the decisions are not looked at.
            let (decision, not_chosen) = if (self.should_stop)() {
                (Decision::Skip, None)
            } else {
                self.decide(&unit, is_known.then_some(&known))
            };
            let (tables, tiv) = match decision {
                Decision::Load { .. } => (known.tables(), known.tiv()),
                _ => Default::default(),
            };
            (unit, Decided { decision, not_chosen, is_known, tables, tiv, read_at: known.read_at() })
        });
        let decisions: Vec<(Unit, Decided)> = decisions.collect();
        self.decided.extend(decisions);
    }

    /// What becomes of a unit, and which of its tables that the store has not are there and not chosen.
    fn decide(&self, unit: &Unit, known: Option<&KnownUnit>) -> (Decision, Option<String>) {
        if let Some(reason) = self.list.refused.get(&unit.session) {
            return (Decision::Failed(reason.clone()), None);
        }
        let index = self.indices.get(&unit.session);
        let Some(written) = index.and_then(|index| self.list.as_written.get(*index)) else {
            return (Decision::Skip, None);
        };
        let tables = known.map(KnownUnit::tables).unwrap_or_default();
        let found = match self.finder.find(unit, written, &tables) {
            Ok(found) => found,
            Err(error) => return (Decision::Failed(error.to_string()), None),
        };
        let has_tables = !found.found.tables.is_empty();
        let is_new = |one: &NotChosen| !tables.contains(&(one.table.clone(), one.map.clone()));
        let not_chosen = told(&found.found.not_chosen, is_new);
        let decision = match known {
            None if found.is_empty() => Decision::Missing(why_missing(unit, &found)),
            None => Decision::Load { has_tables },
            Some(_) if found.is_empty() => Decision::Kept(why_kept(unit, &found)),
            Some(known) => match self.changes.any(&found, &known.sources) {
                Ok(true) => Decision::Load { has_tables },
                Ok(false) => Decision::Skip,
                Err(error) => Decision::Failed(error.to_string()),
            },
        };
        (decision, not_chosen)
    }

    fn plan(mut self) -> Plan {
        let mut plan = Plan::default();
        plan.summary.sessions = self.list.listing.rows.len();
        for (index, row) in self.list.listing.rows.iter().enumerate() {
            for modality in &self.modalities {
                let unit = Unit::new(row.session.clone(), *modality);
                if let Some(decided) = self.decided.remove(&unit) {
                    plan.add(index, unit, decided);
                }
            }
        }
        plan.to_load.sort_by_key(|unit| !unit.is_changed);
        plan.notes.extend(self.finder.claims.notes());
        let partial = || plan.outcomes.iter().filter(|outcome| outcome.status == UnitStatus::Partial);
        let note = partial().next().map(|first| {
            format!(
                "{} units have tables that are not chosen, and are in the store without them, such as {}: {}",
                partial().count(),
                first.unit,
                first.reason
            )
        });
        plan.notes.extend(note);
        plan
    }
}

/// What is known of a unit that the cache and the store have: the cache's files, and those of the store that it has not
/// read again.
fn newest(mut cached: Vec<SourceFile>, unit: &CachedUnit, stored: Vec<SourceFile>) -> Vec<SourceFile> {
    let is_known = |source: &SourceFile| match source.kind {
        SourceKind::Tiv => unit.tiv != TivFinding::Kept,
        SourceKind::Table | SourceKind::Sidecar => unit
            .tables
            .iter()
            .any(|table| source.table_name().as_ref() == Some(&table.table) && source.map == table.map),
    };
    let paths: HashSet<String> = cached.iter().map(|source| source.path.clone()).collect();
    cached.extend(stored.into_iter().filter(|source| !is_known(source) && !paths.contains(&source.path)));
    cached
}

fn why_missing(unit: &Unit, found: &FoundUnit) -> String {
    let not_chosen = told(&found.found.not_chosen, |_| true);
    not_chosen.unwrap_or_else(|| format!("no {} tables were found", unit.modality))
}

fn why_kept(unit: &Unit, found: &FoundUnit) -> String {
    match told(&found.found.not_chosen, |_| true) {
        None => format!("{unit}: its files are gone; what the store has of it stays"),
        Some(not_chosen) => format!("{unit}: {not_chosen}; what the store has of it stays"),
    }
}

/// What is there of tables of which nothing is chosen; `None` if there is no such table.
fn told(all: &[NotChosen], is_meant: impl Fn(&NotChosen) -> bool) -> Option<String> {
    let mut meant: Vec<String> = Vec::new();
    for one in all.iter().filter(|one| is_meant(one)).map(ToString::to_string) {
        // Maps of one table have the same words.
        if !meant.contains(&one) {
            meant.push(one);
        }
    }
    (!meant.is_empty()).then(|| format!("{}: {CHOOSE_OTHERS}", meant.join(", ")))
}

impl Plan {
    /// Whether nothing was found for any session, and nothing is in the store.
    pub(crate) fn found_nothing(&self) -> bool {
        self.to_load.is_empty() && self.summary.skipped + self.summary.failed == 0
    }

    /// Whether no table was found of the atlas asked for, today or before.
    pub(crate) fn lacks_tables(&self) -> bool {
        self.summary.skipped + self.summary.failed == 0 && !self.has_tables
    }

    fn add(&mut self, index: usize, unit: Unit, decided: Decided) {
        let fail = |status, reason| UnitOutcome { unit: unit.clone(), status, reason };
        if let (Decision::Load { .. } | Decision::Skip, Some(reason)) =
            (&decided.decision, decided.not_chosen)
        {
            self.outcomes.push(fail(UnitStatus::Partial, reason));
        }
        match decided.decision {
            Decision::Load { has_tables } => {
                self.has_tables |= has_tables;
                self.summary.to_load += 1;
                self.summary.changed += usize::from(decided.is_known);
                self.to_load.push(PlannedUnit {
                    index,
                    unit,
                    is_changed: decided.is_known,
                    known: decided.tables,
                    known_tiv: decided.tiv,
                    known_read_at: decided.read_at,
                });
            }
            Decision::Skip => self.skip(unit.modality),
            Decision::Kept(note) => {
                self.notes.push(note);
                self.skip(unit.modality);
            }
            Decision::Missing(reason) => {
                self.summary.missing += 1;
                self.outcomes.push(fail(UnitStatus::Missing, reason));
            }
            Decision::Failed(reason) => {
                self.summary.failed += 1;
                self.outcomes.push(fail(UnitStatus::Failed, reason));
            }
        }
    }

    fn skip(&mut self, modality: Modality) {
        self.summary.skipped += 1;
        *self.skipped.entry(modality).or_default() += 1;
    }
}
