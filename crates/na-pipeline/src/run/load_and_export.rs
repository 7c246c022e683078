//! What a run does under the lock, once it knows what there is to do.
//!
//! 1. What would leave the store is held against what the user agreed to.
//! 2. Units are loaded, each committed to the cache the moment it is read: the first point that a kill cannot undo.
//! 3. The outcomes go to the cache, and a fresh load is held against the store that it replaces.
//! 4. The export replaces the store's files and clears the cache: `na_store::export` says what a kill leaves.

use foldhash::{HashMap, HashSet};
use na_cache::{Cache, CachedUnit, OwnedCache, OwnerLock, RunRecord};
use na_model::{Removals, Session, SourceFile, SourceKind, Unit, UnitOutcome, UnitStatus};
use na_store::{
    ExistingStore, ExportRequest, LeftOut, RunEntry, Sealer, SourceDetail, StoreError, join_all_segments,
    joined_listing,
};

use crate::config::Config;
use crate::error::PipelineError;
use crate::event::{Event, Observer};
use crate::inputs::unit_finder::UnitFinder;
use crate::load::workers::{LoadOutcome, Workers};
use crate::plan::collisions::check_tables;
use crate::plan::disk_space::DiskSpace;
use crate::plan::earlier_settings::{absolute, moved_root};
use crate::plan::fresh_load::Base;
use crate::plan::let_go::{LetGo, LoadedParts};
use crate::plan::removals::{check_share, leave_listing, pruned};
use crate::plan::run_inputs::RunInputs;
use crate::plan::run_plan::RunPlan;
use crate::run::report::RunReport;
use crate::run::steps::{ExportEvents, check_let_go, check_room, with_segments};

/// A run that holds the lock and has a plan.
pub(super) struct LockedRun<'a> {
    pub(super) config: &'a Config,
    pub(super) observer: &'a dyn Observer,
    pub(super) inputs: &'a RunInputs,
    pub(super) plan: &'a RunPlan,
    pub(super) store: &'a ExistingStore,
    pub(super) base: Base,
    pub(super) lock: &'a OwnerLock,
}

/// What a fresh load lets go of, and whether it may replace the store.
#[derive(Default)]
struct Replacement {
    let_go: LetGo,
    is_refused: bool,
}

impl LockedRun<'_> {
    pub(super) fn load_and_export(&self) -> Result<RunReport, PipelineError> {
        let Self { config, plan, .. } = *self;
        if plan.stored.is_empty() {
            self.inputs.listed.offers().for_each(|offer| self.observer.event(Event::Offer(offer)));
        }
        plan.list.tell(self.observer);
        plan.units.tell(self.observer);
        let removals = pruned(config, &self.inputs.listed, &plan.list, &plan.units)?;
        check_share(config, &plan.units, &removals)?;
        let mut record = plan.record(config, &self.inputs.listed, self.base);
        let left = leave_listing(&mut record.listing, &record.kinds, &plan.units, &removals);
        let own = Cache::open_until(&config.output, self.lock.cancel())?;
        let existing = match self.base {
            Base::Stored => with_segments(self.store, own.clone(), Some(&config.atlas_name))?,
            Base::Anew => own.clone(),
        };
        if existing.is_none() && removals.is_empty() && self.is_up_to_date(&record)? {
            let updated_at = self.store.updated_at().map(str::to_owned);
            return Ok(RunReport { updated_at, ..RunReport::of(plan, LoadOutcome::default()) });
        }
        check_tables(&self.inputs.listed, self.store, &plan.wide_metrics)?;
        let finder = plan.finder(&self.inputs.listed);
        self.look_for_room(&finder)?;
        let (cache, loaded) = self.load(&finder, own, existing, &record)?;
        if self.observer.should_stop() {
            return Ok(RunReport { interrupted: true, ..RunReport::of(plan, loaded) });
        }
        let mut outcomes = plan.units.all_outcomes(&loaded.failed);
        outcomes.extend(left);
        cache.write_outcomes(&outcomes)?;
        let Replacement { let_go, is_refused } = self.replacement(&cache, &outcomes)?;
        if is_refused {
            return Ok(RunReport { let_go, ..RunReport::of(plan, loaded) });
        }
        let removals = self.with_evictions(removals, &loaded);
        let (cache, left_out) = self.with_segments(cache, &mut record)?;
        left_out.tell(&mut outcomes);
        if cache.has_segments() {
            // One may have come since the plan was made.
            let there: HashSet<Unit> = cache.units()?.into_iter().map(|unit| unit.unit).collect();
            outcomes
                .retain(|outcome| outcome.status != UnitStatus::Missing || !there.contains(&outcome.unit));
        }
        let mut report = RunReport::of(plan, loaded);
        report.outcomes.extend(left_out.units);
        report.n_refused_segments = left_out.segments.len();
        let request = ExportRequest {
            outcomes,
            keep_cache: config.keep_cache,
            removals: removals.clone(),
            run: self.entry(&report),
            ..ExportRequest::new(record)
        };
        match na_store::export(self.lock, self.store, cache, &request, &ExportEvents(self.observer)) {
            Ok(export) => {
                export.notes.iter().for_each(|note| self.observer.event(Event::Note(note.clone())));
                Ok(RunReport { removals, let_go, export: Some(export), ..report })
            }
            Err(StoreError::Stopped) => Ok(RunReport { interrupted: true, ..report }),
            Err(error) => Err(error.into()),
        }
    }

    /// The cache with all segments that there are now, which go into the store with it, and what of them does not.
    fn with_segments<'c>(
        &self,
        cache: OwnedCache<'c>,
        record: &mut RunRecord,
    ) -> Result<(OwnedCache<'c>, LeftOut), PipelineError> {
        if self.base == Base::Anew {
            return Ok((cache, LeftOut::default()));
        }
        let (cache, left_out) = join_all_segments(cache, self.store, &record.listing, None)?;
        if !self.config.prune_unlisted {
            record.listing = joined_listing(std::mem::take(&mut record.listing), &cache)?;
        }
        for refused in &left_out.segments {
            self.observer.event(Event::Note(format!("segment {} stays: {}", refused.name, refused.why)));
        }
        Ok((cache, left_out))
    }

    /// Tells a load that its disk may be full before its end.
    ///
    /// # Errors
    /// [`PipelineError::NoRoom`] of a fresh load.
    fn look_for_room(&self, finder: &UnitFinder<'_>) -> Result<(), PipelineError> {
        let space = DiskSpace::of(self.config, finder, self.plan, self.store, self.base)?;
        check_room(self.config, space, self.base)?;
        if let Some(space) = space.filter(|space| space.is_short()) {
            self.observer.event(Event::Note(format!(
                "there may be too little room on the disk of {}: {space}; if the load ends early, make room and run the same command \
                 again, which goes on from there",
                self.config.output.display()
            )));
        }
        Ok(())
    }

    /// How the run was called and what it did, for the manifest.
    fn entry(&self, report: &RunReport) -> Option<RunEntry> {
        let mut invocation = self.config.invocation.clone()?;
        let names = &self.plan.names;
        invocation.leave_untold(names);
        let roots = self.inputs.listed.settings().map(|(setting, path)| (setting, absolute(&path)));
        let roots = roots.filter(|(_, path)| !names.may_be_in_call(&path.to_string_lossy()));
        Some(RunEntry { invocation, roots: roots.collect(), counts: Some(report.counts()) })
    }

    /// Whether an export would change nothing, of a run that has nothing to load.
    fn is_up_to_date(&self, record: &RunRecord) -> Result<bool, PipelineError> {
        let units = &self.plan.units;
        Ok(self.base == Base::Stored
            && units.to_load.is_empty()
            && units.evictions.is_empty()
            && self.store.is_up_to_date(record, &units.all_outcomes(&[]))?)
    }

    /// Loads into the cache; `own` is the one that an earlier run left, and `existing` that with segments.
    fn load(
        &self,
        finder: &UnitFinder<'_>,
        own: Option<Cache>,
        existing: Option<Cache>,
        record: &RunRecord,
    ) -> Result<(OwnedCache<'_>, LoadOutcome), PipelineError> {
        let Self { config, plan, observer, lock, .. } = *self;
        let workers = Workers {
            config,
            finder,
            list: &plan.list,
            plan: &plan.units,
            metrics: plan.wide_metrics.clone(),
            names: &plan.names,
            observer,
        };
        let admission = workers.admission(self.base.store(self.store), existing.as_ref())?;
        if let Some(cache) = own.as_ref().filter(|_| self.base == Base::Stored) {
            na_store::keep_metadata(lock, cache, &record.listing)?;
        }
        // Readers close before the writer opens: where the cache's file has one user at a time, it needs it.
        plan.stored.close_cache();
        drop((own, existing));
        let cache = OwnedCache::open_or_create(lock)?;
        cache.write_run_record(record)?;
        let sealer = self.sealer(&cache, record)?;
        let loaded = workers.run(&cache, sealer, admission)?;
        Ok((cache, loaded))
    }

    /// What keeps the cache's database small. `None` if it is to have all units in the end, and where the database has one user at
    /// a time.
    fn sealer<'c>(
        &'c self,
        cache: &'c OwnedCache<'_>,
        record: &RunRecord,
    ) -> Result<Option<Sealer<'c>>, PipelineError> {
        if self.config.keep_cache || !cache.readers_can_join() || self.plan.units.to_load.is_empty() {
            return Ok(None);
        }
        let mut sessions: HashSet<Session> =
            self.plan.units.to_load.iter().map(|planned| planned.unit.session.clone()).collect();
        sessions.extend(cache.units()?.into_iter().map(|unit| unit.unit.session));
        let store = self.base.store(self.store);
        Ok(Some(Sealer::new(cache, store, record, &sessions, self.config.sealed_at_once)?))
    }

    /// Holds a fresh load against the store that it is to replace.
    ///
    /// # Errors
    /// [`PipelineError::WouldLetGo`].
    fn replacement(
        &self,
        cache: &OwnedCache<'_>,
        outcomes: &[UnitOutcome],
    ) -> Result<Replacement, PipelineError> {
        if self.base == Base::Stored {
            return Ok(Replacement::default());
        }
        let cached = cache.units()?;
        self.check_roots(cache, &cached)?;
        let loaded = cached.iter().map(|unit| (&unit.unit, LoadedParts::of_cached(unit))).collect();
        let let_go = LetGo::of(self.store, &loaded, outcomes, &self.plan.list, &self.config.sessions)?;
        check_let_go(self.config, &let_go)?;
        let loads_nothing = cached.is_empty() && !let_go.is_empty();
        let is_refused = loads_nothing || (!self.config.yes && !let_go.failed.is_empty());
        Ok(Replacement { let_go, is_refused })
    }

    /// Refuses to replace a store by what is another dataset under other roots.
    ///
    /// # Errors
    /// [`PipelineError::OtherRoots`].
    fn check_roots(&self, cache: &OwnedCache<'_>, cached: &[CachedUnit]) -> Result<(), PipelineError> {
        let roots = self.store.settings()?.roots;
        let Some(moved) = moved_root(&roots, &self.inputs.listed).filter(|_| !self.config.yes) else {
            return Ok(());
        };
        let loaded: HashMap<&Unit, &CachedUnit> = cached.iter().map(|unit| (&unit.unit, unit)).collect();
        let (mut known, mut changed) = (0, 0);
        self.store.for_each_unit::<PipelineError>(SourceDetail::States, |stored| {
            if let Some(unit) = loaded.get(&stored.unit) {
                known += 1;
                changed += usize::from(has_other_tables(&stored.sources, &cache.sources(unit)?));
            }
            Ok(())
        })?;
        moved.check(known, changed)
    }

    /// What leaves the store once it is known which units failed: what cannot be read is not gone, and takes no folder
    /// from another.
    fn with_evictions(&self, mut removals: Removals, loaded: &LoadOutcome) -> Removals {
        let failed: HashSet<&Unit> = loaded.failed.iter().map(|outcome| &outcome.unit).collect();
        let has_failed = |unit: &Unit| failed.contains(unit);
        removals.retain(|unit| !has_failed(unit));
        let notes = self.plan.units.add_evictions(&mut removals, has_failed);
        notes.into_iter().for_each(|note| self.observer.event(Event::Note(note)));
        removals
    }
}

/// Whether a table of a unit was read from a file with another content than before.
fn has_other_tables(before: &[SourceFile], now: &[SourceFile]) -> bool {
    let of_tables = |source: &&SourceFile| source.kind == SourceKind::Table;
    let before: HashMap<_, _> = before
        .iter()
        .filter(of_tables)
        .map(|file| ((&file.table, &file.map), &file.fingerprint.hash))
        .collect();
    let mut now = now.iter().filter(of_tables);
    now.any(|file| before.get(&(&file.table, &file.map)).is_some_and(|hash| **hash != file.fingerprint.hash))
}
