//! What there is to do for a run, and for whom: the list and the roots, seen together with what the store holds.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use na_cache::{Cache, RunRecord};
use na_model::{
    Choices, ExportSettings, Modality, Names, Session, SourceRoot, TableName, Unit, UnitOutcome, UnitStatus,
    WideMetrics,
};
use na_store::{ExistingStore, StoreError, StoredSettings, earlier_outcomes};

use crate::config::EntityPick;
use crate::config::{Config, SessionSource};
use crate::error::PipelineError;
use crate::event::{Event, Observer};
use crate::files::roots::Roots;
use crate::identifiers::session_key::SessionKey;
use crate::inputs::atlases::check_atlas;
use crate::inputs::roots::list_roots;
use crate::inputs::unit_finder::UnitFinder;
use crate::plan::fresh_load::Base;
use crate::plan::metric_check::check_metrics;
use crate::plan::planner::Planner;
use crate::plan::unit_plan::UnitPlan;
use crate::sessions::claims::Claims;
use crate::sessions::discovery::discover;
use crate::sessions::identity::identify;
use crate::sessions::list::options::SessionListOptions;
use crate::sessions::list::{ListedRows, read_session_list};
use crate::sessions::session_list::SessionList;
use crate::sessions::stored_sessions::StoredSessions;
use crate::withdrawals::withdrawal::check_clear;
use crate::withdrawals::withdrawal_list::{Meant, Unclear};

/// StoredSessions units from which on it is told that most of them are something else.
const ENOUGH_UNITS: usize = 10;

/// What a run reads before it looks into the store.
pub(crate) struct RunInputs {
    /// `None` where sessions are discovered.
    rows: Option<ListedRows>,
    pub(crate) roots: Roots,
}

impl RunInputs {
    pub(crate) fn read(config: &Config) -> Result<Self, PipelineError> {
        let rows = match &config.sessions {
            SessionSource::List { path, options } => Some(read_session_list(path, options)?),
            SessionSource::Discover => None,
        };
        Ok(Self { rows, roots: list_roots(config)? })
    }

    /// The sessions of the run, with what is to be said of them.
    pub(crate) fn sessions(
        &self,
        config: &Config,
        known: &StoredSessions,
        observer: &dyn Observer,
    ) -> SessionList {
        let should_stop = || observer.should_stop();
        let mut list = match &self.rows {
            Some(rows) => identify(rows.clone(), &self.roots, known, &should_stop),
            None => discover(&self.roots, &should_stop),
        };
        let default = SessionListOptions::default();
        let options = match &config.sessions {
            SessionSource::List { options, .. } => options,
            SessionSource::Discover => &default,
        };
        let stored = known.metadata_columns.iter();
        list.listing.left_out = stored.filter(|column| options.leaves_out(column)).cloned().collect();
        list
    }
}

/// What a run has to do, and for whom.
pub(crate) struct RunPlan {
    pub(crate) known: StoredSessions,
    pub(crate) list: SessionList,
    pub(crate) plan: UnitPlan,
    pub(crate) pick: EntityPick,
    pub(crate) wide_metrics: WideMetrics,
    /// Those who withdrew, as what is told of others may name them.
    pub(crate) names: Names,
}

impl RunPlan {
    /// Looks what there is to do beside what a store has, if there is one to add to; `None` if the run is to stop.
    pub(crate) fn look(
        config: &Config,
        inputs: &RunInputs,
        store: Option<&ExistingStore>,
        cache: Option<&Arc<Cache>>,
        observer: &dyn Observer,
    ) -> Result<Option<Self>, PipelineError> {
        let output = store.map(|_| config.output.as_path());
        let known = StoredSessions::of(output, cache)?;
        let mut list = inputs.sessions(config, &known, observer);
        config.withdrawn.take_out_of(&mut list);
        let everybody =
            list.claimants().map(|(session, _)| session.clone()).chain(known.sessions()).collect();
        let Meant { names, unclear, .. } = config.withdrawn.among(&everybody);
        // Of whom the store has, lines were looked at before the run.
        let is_stored = |line: &Unclear| line.subject.as_ref().is_some_and(|code| known.has_subject(code));
        check_clear(&unclear, config.yes, is_stored)?;
        let remembered = EarlierSettings::of(store, cache)?;
        let pick = remembered.pick(config)?;
        let finder = UnitFinder::new(config, &inputs.roots, Claims::new(&inputs.roots, &list, &known), &pick);
        let chosen = if config.labels.is_empty() { None } else { Some(config.labels.chosen(&list)?) };
        let planner = Planner {
            config,
            finder: &finder,
            list: &list,
            chosen,
            store,
            cache: cache.map(AsRef::as_ref),
            should_stop: &|| observer.should_stop(),
        };
        let mut plan = planner.plan()?;
        if observer.should_stop() {
            return Ok(None);
        }
        // Of a list of which all withdrew there is nothing to find.
        if !list.listing.rows.is_empty() || list.withdrawn.is_empty() {
            check_found(config, inputs, &finder, &plan, &known)?;
        }
        check_metrics(config, &remembered.stored.columns, &finder, &list, &|| observer.should_stop())?;
        if store.is_some() {
            remembered.check_roots(config, &plan)?;
            plan.carry_over(earlier_outcomes(&config.output, cache.map(AsRef::as_ref))?, config, &list);
        }
        if let Some(chosen) = &planner.chosen {
            plan.note_not_chosen(&list, config, chosen);
        }
        plan.leave_untold(&names);
        let wide_metrics = match &config.wide_metrics {
            Some(metrics) => metrics.clone(),
            None => remembered.wide_metrics(),
        };
        drop(finder);
        if config.sessions == SessionSource::Discover
            && let Some(begun) = remembered.cached.as_ref().filter(|record| record.fresh && store.is_none())
        {
            list.listing.take_words_of(&begun.listing);
        }
        Ok(Some(Self { known, list, plan, pick, wide_metrics, names }))
    }

    /// What the cache is told of a run.
    pub(crate) fn record(&self, config: &Config, base: Base) -> RunRecord {
        let settings = ExportSettings {
            atlas_name: config.atlas_name.clone(),
            wide_metrics: self.wide_metrics.clone(),
            compression: config.compression,
        };
        let mut roots: BTreeMap<SourceRoot, PathBuf> = config
            .roots()
            // A run of some sessions says nothing of where the others are.
            .filter(|_| config.labels.is_empty())
            .map(|(setting, path)| (setting, absolute(path)))
            .collect();
        self.names.take_out_of_roots(&mut roots);
        RunRecord {
            choices: config.choices(),
            asked: config.asked(),
            roots,
            fresh: base == Base::Anew,
            n_listed_withdrawn: config.withdrawn.told(config.yes).n_listed(),
            ..RunRecord::new(settings, self.list.listing.clone(), config.modalities())
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// What a store and its cache remember of how they were made.
struct EarlierSettings {
    stored: StoredSettings,
    cached: Option<RunRecord>,
    /// The tables that the cache has.
    cached_tables: BTreeSet<TableName>,
}

impl EarlierSettings {
    fn of(store: Option<&ExistingStore>, cache: Option<&Arc<Cache>>) -> Result<Self, PipelineError> {
        let stored = store.map(ExistingStore::settings).transpose()?.unwrap_or_default();
        let units = cache.map(|cache| cache.units()).transpose()?.unwrap_or_default();
        let cached_tables =
            units.iter().flat_map(|unit| &unit.tables).map(|info| info.table.clone()).collect();
        let cached = match cache {
            Some(cache) if !units.is_empty() => cache.run_record()?,
            _ => None,
        };
        Ok(Self { stored, cached, cached_tables })
    }

    /// Which file of several is a table: as it was, or as the run asks where nothing is known.
    fn pick(&self, config: &Config) -> Result<EntityPick, PipelineError> {
        if let Some(store) = self.stored.atlas_name.as_ref().filter(|store| **store != config.atlas_name) {
            let (output, store, asked) = (config.output.clone(), store.clone(), config.atlas_name.clone());
            return Err(StoreError::OtherAtlas { output, store, asked }.into());
        }
        // A load that begins anew is held against the run by itself.
        let cached = self.cached.as_ref().filter(|record| !record.fresh);
        if let Some(record) = cached.filter(|record| record.settings.atlas_name != config.atlas_name) {
            return Err(PipelineError::OtherAtlasCached {
                output: config.output.clone(),
                cached: record.settings.atlas_name.clone(),
                asked: config.atlas_name.clone(),
            });
        }
        let mut remembered: BTreeMap<TableName, Choices> = self.stored.choices.clone();
        for table in &self.cached_tables {
            let of_cache = cached.map(|record| record.choices.clone()).unwrap_or_default();
            remembered.entry(table.clone()).or_default().extend(of_cache);
        }
        let asked = config.choices();
        for (table, choices) in remembered.iter().filter(|(table, _)| config.looks_for(table)) {
            let other =
                choices.iter().find(|(entity, value)| asked.get(*entity).is_some_and(|a| a != *value));
            if let Some((entity, stored)) = other {
                let word = |value: Option<&String>| value.map_or("none", String::as_str).to_owned();
                return Err(PipelineError::OtherChoice {
                    output: config.output.clone(),
                    table: table.to_string(),
                    entity: entity.clone(),
                    stored: word(stored.as_ref()),
                    asked: word(asked.get(entity).and_then(Option::as_ref)),
                });
            }
        }
        Ok(EntityPick { remembered, ..config.pick.clone() })
    }

    fn wide_metrics(&self) -> WideMetrics {
        let cached = self.cached.as_ref().map(|record| record.settings.wide_metrics.clone());
        cached.or_else(|| self.stored.wide_metrics.clone()).unwrap_or_default()
    }

    /// Other roots, under which most of what is known is something else, are another dataset.
    fn check_roots(&self, config: &Config, plan: &UnitPlan) -> Result<(), PipelineError> {
        let (known, changed) = (plan.known, plan.other_content);
        if config.yes || known < ENOUGH_UNITS || changed * 2 <= known {
            return Ok(());
        }
        let before = |setting: &SourceRoot| self.stored.roots.get(setting);
        let mut moved = config.roots().filter_map(|(setting, now)| {
            let (before, now) = (before(&setting)?.clone(), absolute(now));
            (before != now).then_some((setting, before, now))
        });
        match moved.next() {
            None => Ok(()),
            Some((setting, before, now)) => {
                Err(PipelineError::OtherRoots { changed, known, setting, before, now })
            }
        }
    }
}

/// An empty store for which nothing is found is a wrong setting, not a result.
fn check_found(
    config: &Config,
    inputs: &RunInputs,
    finder: &UnitFinder<'_>,
    plan: &UnitPlan,
    known: &StoredSessions,
) -> Result<(), PipelineError> {
    if plan.lacks_tables() {
        check_atlas(config, &inputs.roots)?;
    }
    if !plan.found_nothing() || !known.is_empty() {
        return Ok(());
    }
    let looked_in = config.modalities().into_iter().flat_map(|modality| finder.looked_in(modality));
    Err(PipelineError::NothingFound {
        sessions: plan.summary.sessions,
        looked_in: looked_in.collect::<Vec<_>>().join("; "),
    })
}

impl UnitPlan {
    /// Adds what was told before of units that this run does not look for. Who leaves is told of no more, and who is there
    /// by now is not missing: a run that was cut short may have loaded them.
    fn carry_over(&mut self, earlier: Vec<UnitOutcome>, config: &Config, list: &SessionList) {
        let listed: HashSet<&Session> = list.listing.rows.iter().map(|row| &row.session).collect();
        let by_number = list.listing.rows.iter().map(|row| &row.session);
        let by_number: HashSet<SessionKey> =
            by_number.filter(|session| SessionKey::is_number(session)).map(SessionKey::of).collect();
        let has_nothing = |session: &Session| {
            let mut units = Modality::ALL.into_iter().map(|modality| Unit::new(session.clone(), modality));
            !units.any(|unit| self.stored.contains(&unit))
        };
        // Who was missing under another spelling is somebody who is listed.
        let is_respelled = |session: &Session| {
            !listed.contains(session)
                && SessionKey::is_number(session)
                && by_number.contains(&SessionKey::of(session))
                && has_nothing(session)
        };
        let stays = |outcome: &UnitOutcome| {
            let is_there = outcome.status == UnitStatus::Missing && self.stored.contains(&outcome.unit);
            !self.looked_for.contains(&outcome.unit)
                && !is_there
                && !is_respelled(&outcome.unit.session)
                && (!config.prune_unlisted || listed.contains(&outcome.unit.session))
        };
        let told: Vec<UnitOutcome> = earlier.into_iter().filter(stays).collect();
        self.unlisted.extend(told);
    }

    /// Tells of listed units that labels leave out and of which nothing is known.
    fn note_not_chosen(&mut self, list: &SessionList, config: &Config, chosen: &HashSet<Session>) {
        let told: HashSet<Unit> = self.unlisted.iter().map(|outcome| outcome.unit.clone()).collect();
        let others = list.listing.rows.iter().filter(|row| !chosen.contains(&row.session));
        let units = others.flat_map(|row| {
            config.modalities().into_iter().map(|modality| Unit::new(row.session.clone(), modality))
        });
        let untold = units.filter(|unit| !told.contains(unit) && !self.stored.contains(unit));
        let reason = "not looked for: the labels choose other sessions".to_owned();
        let outcomes: Vec<UnitOutcome> = untold
            .map(|unit| UnitOutcome { unit, status: UnitStatus::Missing, reason: reason.clone() })
            .collect();
        self.unlisted.extend(outcomes);
    }
}

/// Notes of the roots and the list.
pub(crate) fn tell_notes(inputs: &RunInputs, list: &SessionList, observer: &dyn Observer) {
    let notes = inputs.roots.notes.iter().chain(&list.notes);
    notes.for_each(|note| observer.event(Event::Note(note.clone())));
}
