//! Comparing what is on disk with what the store knows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use na_cache::{Cache, CachedUnit};
use na_model::{
    CHOOSE_OTHERS, Modality, Session, SourceFile, SourceKind, SourceRoot, TableName, TivFinding, Unit,
    UnitStatus,
};
use na_store::{ExistingStore, SourceDetail, StoreError, TablesByUnit, for_each_stored_unit};
use rayon::prelude::*;

use crate::config::{Config, SessionSource};
use crate::error::PipelineError;
use crate::files::source_folder::folder_of;
use crate::inputs::parcellate_tables::NotChosen;
use crate::inputs::unit_files::FoundUnit;
use crate::inputs::unit_finder::UnitFinder;
use crate::plan::absent_files::{AbsentFiles, is_gone};
use crate::plan::changes::Changes;
use crate::plan::evictions::WeakClaims;
use crate::plan::unit_plan::{Decided, Decision, KnownUnit, Remains, UnitPlan};
use crate::sessions::session_list::{SessionList, WrittenIds};
use crate::unit_error::UnitError;

/// What is known of units is large: so many are compared at once.
const UNITS_AT_ONCE: usize = 512;

/// What a run compares, and with what.
pub(crate) struct Planner<'a> {
    pub(crate) config: &'a Config,
    pub(crate) finder: &'a UnitFinder<'a>,
    pub(crate) list: &'a SessionList,
    /// The sessions that labels choose; all without labels.
    pub(crate) chosen: Option<HashSet<Session>>,
    /// The store; none where all is loaded anew.
    pub(crate) store: Option<&'a ExistingStore>,
    pub(crate) cache: Option<&'a Cache>,
    pub(crate) should_stop: &'a (dyn Fn() -> bool + Sync),
}

/// A comparison under way.
struct Comparison<'a> {
    planner: &'a Planner<'a>,
    indices: HashMap<&'a Session, usize>,
    modalities: Vec<Modality>,
    changes: Changes,
    weak: WeakClaims,
    stored: BTreeSet<Unit>,
    seen: HashSet<Unit>,
    waiting: Vec<(Unit, Option<KnownUnit>)>,
    decided: HashMap<Unit, Decided>,
}

impl Planner<'_> {
    /// What there is to do.
    pub(crate) fn plan(&self) -> Result<UnitPlan, PipelineError> {
        let rows = self.list.listing.rows.iter().enumerate();
        let mut comparison = Comparison {
            planner: self,
            indices: rows.map(|(index, row)| (&row.session, index)).collect(),
            modalities: self.config.modalities(),
            changes: Changes::of(self.config),
            weak: WeakClaims::default(),
            stored: BTreeSet::new(),
            seen: HashSet::new(),
            waiting: Vec::new(),
            decided: HashMap::new(),
        };
        comparison.known()?;
        for row in &self.list.listing.rows {
            for modality in comparison.modalities.clone() {
                comparison.add(Unit::new(row.session.clone(), modality), None);
            }
        }
        comparison.decide_waiting();
        Ok(comparison.plan())
    }
}

impl Comparison<'_> {
    /// Units that the store or its cache has. What the cache has of a unit replaces the same in the store.
    fn known(&mut self) -> Result<(), PipelineError> {
        let cache = self.planner.cache;
        let units = cache.map(Cache::units).transpose()?.unwrap_or_default();
        let mut cached: HashMap<&Unit, &CachedUnit> = units.iter().map(|unit| (&unit.unit, unit)).collect();
        let mut without_files = match self.planner.store {
            None => TablesByUnit::new(),
            Some(store) => store.rows_without_files()?,
        };
        for unit in &units {
            let Some(tables) = without_files.get_mut(&unit.unit) else { continue };
            for info in &unit.tables {
                tables.remove(&(info.table.clone(), info.map.clone()));
            }
        }
        if let Some(store) = self.planner.store.map(ExistingStore::output) {
            let mut files: HashMap<TableName, bool> = HashMap::new();
            for_each_stored_unit::<StoreError>(store, SourceDetail::States, |stored| {
                let mut sources = stored.sources;
                // A table's file that someone deleted takes its rows with it.
                sources.retain(|source| {
                    source.table_name().is_none_or(|table| {
                        let path = store.join(table.file_path());
                        *files.entry(table).or_insert_with(|| path.is_file())
                    })
                });
                if let Some((cache, unit)) = cache.zip(cached.remove(&stored.unit)) {
                    sources = newest(cache.sources(unit)?, unit, sources);
                }
                let without_files = without_files.remove(&stored.unit).unwrap_or_default();
                self.add_stored(stored.unit, KnownUnit { sources, without_files });
                Ok(())
            })?;
        }
        if let Some(cache) = cache {
            for unit in units.iter().filter(|unit| cached.contains_key(&unit.unit)) {
                let without_files = without_files.remove(&unit.unit).unwrap_or_default();
                let sources = cache.sources(unit)?;
                self.add_stored(unit.unit.clone(), KnownUnit { sources, without_files });
            }
        }
        for (unit, without_files) in without_files {
            self.add_stored(unit, KnownUnit { sources: Vec::new(), without_files });
        }
        Ok(())
    }

    fn add_stored(&mut self, unit: Unit, known: KnownUnit) {
        self.weak.add(&unit, &known.sources);
        self.stored.insert(unit.clone());
        // Units of sessions that are not listed today stay as they are.
        let is_looked_for = self.indices.contains_key(&unit.session) || self.looks_for_all();
        if is_looked_for && self.modalities.contains(&unit.modality) && !known.is_empty() {
            self.add(unit, Some(known));
        }
    }

    /// Whether the store's sessions are looked for that are not listed: those whose folders are gone are not discovered.
    fn looks_for_all(&self) -> bool {
        self.planner.config.sessions == SessionSource::Discover
    }

    fn add(&mut self, unit: Unit, known: Option<KnownUnit>) {
        let chosen = self.planner.chosen.as_ref();
        if chosen.is_some_and(|chosen| !chosen.contains(&unit.session)) {
            return;
        }
        if self.seen.insert(unit.clone()) {
            self.waiting.push((unit, known));
        }
        if self.waiting.len() >= UNITS_AT_ONCE {
            self.decide_waiting();
        }
    }

    fn decide_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let decisions = waiting.par_iter().map(|(unit, known)| {
            // Cancelled: the decisions are not looked at.
            if (self.planner.should_stop)() {
                Decided::of(Decision::Skip, known.as_ref())
            } else {
                self.decide(unit, known.as_ref())
            }
        });
        // What is known was read by this thread, and is freed by it: others would wait for its memory.
        let decisions: Vec<Decided> = decisions.collect();
        let units = waiting.into_iter().map(|(unit, _)| unit);
        self.decided.extend(units.zip(decisions));
    }

    fn decide(&self, unit: &Unit, known: Option<&KnownUnit>) -> Decided {
        let failed = |reason| Decided::of(Decision::Failed(reason), known);
        if let Some(reason) = self.planner.list.refused.get(&unit.session) {
            return failed(reason.clone());
        }
        let index = self.indices.get(&unit.session);
        let written = index.and_then(|index| self.planner.list.as_written.get(*index));
        let of_code = WrittenIds {
            subject: unit.session.subject.as_str().to_owned(),
            session: unit.session.id_str().map(str::to_owned),
        };
        let written = written.unwrap_or(&of_code);
        let tables = known.map(KnownUnit::tables).unwrap_or_default();
        let found = match self.planner.finder.find(unit, written) {
            Ok(found) => found,
            Err(error) => return failed(error.to_string()),
        };
        let has_tables = !found.found.tables.is_empty();
        let is_new = |one: &NotChosen| !tables.contains(&(one.table.clone(), one.map.clone()));
        let not_chosen = told(&found.found.not_chosen, is_new);
        let has_folder = found.has_folder_of_tables || !found.tiv.is_empty();
        let Some(known) = known else {
            let decision = match found.is_empty() {
                true => Decision::Missing(why_missing(unit, &found)),
                false => Decision::Load { has_tables, differs: false },
            };
            return Decided { not_chosen, has_folder, ..Decided::of(decision, None) };
        };
        let gone = AbsentFiles::of(self.planner.config, &found, &known.sources, &tables);
        let decision = if found.is_empty() && gone.reason().is_none() {
            // Of what the store has of it nothing is asked for.
            Decision::Skip
        } else if found.is_empty() {
            Decision::Kept(why_kept(unit, &found))
        } else {
            match self.planner.changes_of(&self.changes, &found, known, &gone) {
                Ok((true, differs)) => Decision::Load { has_tables, differs },
                Ok((false, _)) => Decision::Skip,
                Err(error) => return failed(error.to_string()),
            }
        };
        let mut decided = Decided { not_chosen, has_folder, ..Decided::of(decision, Some(known)) };
        if self.planner.config.prune {
            // What is gone is no longer known: the volume is then looked for in what is there.
            decided.tiv.retain(|source| !is_gone(source, &found));
        }
        let has_volume = known.sources.iter().any(|source| source.tiv.is_some());
        decided.remains =
            if tables.is_subset(&gone.tables) && (gone.volume || !has_volume) && found.is_empty() {
                Remains::Nothing
            } else {
                Remains::Something
            };
        decided.gone = gone;
        let of_files = known.sources.iter().filter_map(|source| Some(folder_of(source, unit.modality)?.0.0));
        let of_tables = known.without_files.iter().map(|_| SourceRoot::of_tables(unit.modality));
        for root in of_files.chain(of_tables) {
            let is_there = found.located.iter().any(|located| located.root.0 == root);
            decided.roots.insert(root, is_there);
        }
        decided
    }

    fn plan(mut self) -> UnitPlan {
        let prunes = self.planner.config.prune;
        let mut plan = UnitPlan { stored: std::mem::take(&mut self.stored), prunes, ..UnitPlan::default() };
        let comes_in = |unit: &Unit| {
            let decision = self.decided.get(unit).map(|decided| &decided.decision);
            matches!(decision, Some(Decision::Load { .. } | Decision::Skip))
        };
        plan.evicted = self.weak.evicted(self.planner.finder, comes_in);
        plan.summary.sessions = self.planner.list.listing.rows.len();
        for (index, row) in self.planner.list.listing.rows.iter().enumerate() {
            for modality in &self.modalities {
                let unit = Unit::new(row.session.clone(), *modality);
                if let Some(decided) = self.decided.remove(&unit) {
                    plan.add(index, unit, decided);
                }
            }
        }
        self.decided.drain().for_each(|(unit, decided)| plan.add_unlisted(unit, decided));
        plan.gone.sort_by(|(first, ..), (second, ..)| first.cmp(second));
        plan.to_load.sort_by_key(|unit| !unit.is_changed);
        plan.notes.extend(self.planner.finder.claims.notes());
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

impl Planner<'_> {
    /// Whether a known unit is to be read again, and whether its content is another.
    fn changes_of(
        &self,
        changes: &Changes,
        found: &FoundUnit,
        known: &KnownUnit,
        gone: &AbsentFiles,
    ) -> Result<(bool, bool), UnitError> {
        let differs = changes.any(found, &known.sources)?;
        let loses_volume = self.config.prune && gone.volume;
        // Of what is known without its files nobody can say whether it is something else.
        Ok((differs || self.config.reload || loses_volume, differs && !known.sources.is_empty()))
    }
}

impl Decided {
    fn of(decision: Decision, known: Option<&KnownUnit>) -> Self {
        let tiv = match (&decision, known) {
            (Decision::Load { .. }, Some(known)) => known.tiv(),
            _ => Vec::new(),
        };
        Self {
            decision,
            not_chosen: None,
            has_folder: true,
            is_known: known.is_some(),
            tiv,
            read_at: known.map(KnownUnit::read_at).unwrap_or_default(),
            gone: AbsentFiles::default(),
            remains: Remains::Something,
            roots: BTreeMap::new(),
        }
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
