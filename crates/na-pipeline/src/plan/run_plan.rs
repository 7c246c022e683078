//! What a run has to do, and for whom: the list and the roots, seen together with what the store holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use foldhash::HashSet;
use na_cache::{Cache, RunRecord};
use na_model::{ExportSettings, Names, Session, SourceRoot, WideMetrics, take_out_of_notes};
use na_store::ExistingStore;

use crate::config::{Config, SessionSource};
use crate::error::PipelineError;
use crate::event::Observer;
use crate::inputs::atlases::check_atlas;
use crate::inputs::entity_pick::EntityPick;
use crate::inputs::listed_inputs::ListedInputs;
use crate::inputs::unit_finder::UnitFinder;
use crate::plan::collisions::check_producers;
use crate::plan::earlier_settings::{EarlierSettings, absolute};
use crate::plan::fresh_load::Base;

use crate::plan::metric_check::check_metrics;
use crate::plan::planner::Planner;
use crate::plan::run_inputs::RunInputs;
use crate::plan::unit_plan::UnitPlan;
use crate::sessions::claims::Claims;
use crate::sessions::session_list::SessionList;
use crate::sessions::shard::Shard;
use crate::sessions::stored_sessions::StoredSessions;
use crate::withdrawals::withdrawal::check_clear;
use crate::withdrawals::withdrawal_list::{Meant, Unclear};

/// What a run has to do, and for whom.
pub(crate) struct RunPlan {
    pub(crate) stored: StoredSessions,
    pub(crate) list: SessionList,
    pub(crate) units: UnitPlan,
    pub(crate) pick: EntityPick,
    pub(crate) wide_metrics: WideMetrics,
    /// Those who withdrew, as texts about others may name them.
    pub(crate) names: Names,
}

/// What a run starts from.
#[derive(Clone, Copy)]
pub(crate) struct Start<'a> {
    pub(crate) config: &'a Config,
    pub(crate) inputs: &'a RunInputs,
    /// The store to add to; `None` if all is loaded anew.
    pub(crate) store: Option<&'a Arc<ExistingStore>>,
    pub(crate) cache: Option<&'a Arc<Cache>>,
    /// The part of the cohort that is loaded; `None` for all of it.
    pub(crate) shard: Option<Shard>,
    pub(crate) observer: &'a dyn Observer,
}

impl RunPlan {
    /// Plans a run; `None` if it is asked to stop meanwhile.
    ///
    /// # Errors
    /// A store or cache that cannot be read; settings that contradict it; nothing that was found, for a store that is
    /// empty.
    pub(crate) fn make(start: &Start<'_>) -> Result<Option<Self>, PipelineError> {
        let stored = StoredSessions::of(start.store, start.cache)?;
        let mut list = start.inputs.sessions(start.config, &stored, start.observer);
        let names = start.leave_out_withdrawn(&stored, &mut list)?;
        let earlier = EarlierSettings::of(start.store.map(AsRef::as_ref), start.cache)?;
        check_producers(&start.inputs.listed, &earlier.inputs, &start.config.output)?;
        if let Some(store) = start.store {
            store.check_volumes(start.config.tiv_from)?;
        }
        let pick = earlier.pick(start.config, &start.inputs.listed)?;
        let listed = &start.inputs.listed;
        let finder = UnitFinder::new(listed, Claims::new(&listed.roots, &list, &stored), &pick);
        let Some(mut units) = start.units(&finder, &list, &stored, &earlier)? else { return Ok(None) };
        drop(finder);
        units.leave_untold(&names);
        let wide_metrics = match &start.config.wide_metrics {
            Some(metrics) => metrics.clone(),
            None => earlier.wide_metrics(),
        };
        let is_discovered = start.config.sessions == SessionSource::Discover;
        let begun = earlier.cached.as_ref().filter(|record| record.fresh && start.store.is_none());
        if let Some(begun) = begun.filter(|_| is_discovered) {
            list.listing.take_words_of(&begun.listing);
        }
        Ok(Some(Self { stored, list, units, pick, wide_metrics, names }))
    }

    /// Finds the files of the plan's sessions.
    pub(crate) fn finder<'a>(&'a self, listed: &'a ListedInputs) -> UnitFinder<'a> {
        UnitFinder::new(listed, Claims::new(&listed.roots, &self.list, &self.stored), &self.pick)
    }

    /// What the cache is told of the run.
    pub(crate) fn record(&self, config: &Config, inputs: &ListedInputs, base: Base) -> RunRecord {
        let settings = ExportSettings {
            atlas_name: config.atlas_name.clone(),
            wide_metrics: self.wide_metrics.clone(),
            compression: config.compression,
        };
        let mut roots: BTreeMap<SourceRoot, PathBuf> = inputs
            .settings()
            // A run of some sessions says nothing of where the others are.
            .filter(|_| config.labels.is_empty())
            .map(|(setting, path)| (setting, absolute(&path)))
            .collect();
        self.names.take_out_of_roots(&mut roots);
        let mut listing = self.list.listing.clone();
        take_out_of_notes(&self.names, &mut listing.notes);
        RunRecord {
            choices: config.choices(),
            asked: inputs.asked(),
            roots,
            fresh: base == Base::Anew,
            list_read_as: config.sessions.read_as(),
            tiv_from: config.tiv_from,
            n_listed_withdrawn: config.withdrawn.told(config.yes).n_listed(),
            ..RunRecord::new(settings, listing, inputs.kinds().to_vec())
        }
    }
}

impl Start<'_> {
    /// Takes those who withdrew out of the list; their names.
    fn leave_out_withdrawn(
        &self,
        stored: &StoredSessions,
        list: &mut SessionList,
    ) -> Result<Names, PipelineError> {
        let config = self.config;
        config.withdrawn.take_out_of(list);
        let everybody: BTreeSet<Session> =
            list.claimants().map(|(session, _)| session.clone()).chain(stored.sessions()).collect();
        let Meant { names, unclear, .. } = config.withdrawn.among(&everybody);
        // Lines of subjects whom the store has were checked before the run.
        let is_stored = |line: &Unclear| line.subject.as_ref().is_some_and(|code| stored.has_subject(code));
        check_clear(&unclear, config.yes, is_stored)?;
        Ok(names)
    }

    /// The sessions that labels choose, and the part of the cohort; `None` if that is all of them.
    fn chosen(&self, list: &SessionList) -> Result<Option<HashSet<Session>>, PipelineError> {
        let labels = &self.config.labels;
        let chosen = (!labels.is_empty()).then(|| labels.chosen(list)).transpose()?;
        let Some(shard) = self.shard else { return Ok(chosen) };
        let sessions = list.listing.rows.iter().map(|row| &row.session);
        let is_chosen = |session: &&Session| {
            shard.has(&session.subject) && chosen.as_ref().is_none_or(|chosen| chosen.contains(*session))
        };
        Ok(Some(sessions.filter(is_chosen).cloned().collect()))
    }

    /// The plan of units, with the outcomes of those that the run does not look for; `None` if it is asked to stop.
    fn units(
        &self,
        finder: &UnitFinder<'_>,
        list: &SessionList,
        stored: &StoredSessions,
        earlier: &EarlierSettings,
    ) -> Result<Option<UnitPlan>, PipelineError> {
        let config = self.config;
        let should_stop = || self.observer.should_stop();
        let cache = self.cache.map(AsRef::as_ref);
        let chosen = self.chosen(list)?;
        let planner = Planner {
            config,
            finder,
            list,
            chosen,
            store: self.store.map(AsRef::as_ref),
            cache,
            should_stop: &should_stop,
        };
        let mut units = planner.plan()?;
        if should_stop() {
            return Ok(None);
        }
        // If everybody on the list withdrew, there is nothing to find, and of a part of the cohort there may be nothing.
        if (!list.listing.rows.is_empty() || list.withdrawn.is_empty()) && self.shard.is_none() {
            self.check_found(finder, &units, stored)?;
        }
        check_metrics(config, &earlier.stored.columns, finder, list, &should_stop)?;
        if let Some(store) = self.store {
            earlier.check_roots(config, &self.inputs.listed, &units)?;
            let cached = cache.map(Cache::outcomes).transpose()?.unwrap_or_default();
            units.carry_over(store.earlier_outcomes(cached)?, config, list);
        }
        if let Some(chosen) = &planner.chosen {
            units.note_not_chosen(list, self.inputs.listed.kinds(), chosen);
        }
        Ok(Some(units))
    }

    /// An empty store for which nothing is found is a wrong setting, not a result.
    fn check_found(
        &self,
        finder: &UnitFinder<'_>,
        units: &UnitPlan,
        stored: &StoredSessions,
    ) -> Result<(), PipelineError> {
        if units.lacks_tables() {
            check_atlas(&self.config.atlas_name, &self.inputs.listed)?;
        }
        if !stored.is_empty() {
            return Ok(());
        }
        if !units.found_nothing() {
            let misplaced = self.inputs.listed.roots.misplaced.as_ref();
            return misplaced.map_or(Ok(()), |note| Err(PipelineError::MisplacedRoot { note: note.clone() }));
        }
        let looked_in = self.inputs.listed.kinds().iter().flat_map(|kind| finder.looked_in(kind));
        let looked_in = looked_in.collect::<Vec<_>>().join("; ");
        Err(PipelineError::NothingFound {
            sessions: units.summary.sessions,
            looked_in: if looked_in.is_empty() { looked_in } else { format!("; looked in: {looked_in}") },
        })
    }
}
