//! The resumable run: list → find → read → commit → export.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use na_cache::{Cache, CacheError, CachedUnit, Claim, OwnedCache, OwnerLock};
use na_model::{Modality, Removals, TableName, Unit, UnitOutcome};
use na_store::{ExistingStore, ExportObserver, ExportReport, ExportRequest, ExportStep, StoreError};

use crate::config::Config;
use crate::error::PipelineError;
use crate::event::{Event, Observer, PlanSummary};
use crate::inputs::unit_finder::UnitFinder;
use crate::load::workers::{LoadOutcome, Workers};
use crate::plan::collisions::{check_list, check_tables};
use crate::plan::fresh_load::{Base, LetGo, check_same, goes_on, make_room};
use crate::plan::removals::{check_share, leave_listing, pruned};
use crate::plan::run_plan::{RunInputs, RunPlan, tell_notes};
use crate::plan::unit_plan::UnitPlan;
use crate::sessions::claims::Claims;
use crate::sessions::session_list::{RowCounts, SessionList};

/// How a run ended, and what it did.
#[derive(Debug)]
pub struct RunReport {
    /// What there was to do; nothing if the run was asked to stop before it knew.
    pub plan: PlanSummary,
    /// What became of the session list's rows; nothing where sessions were discovered.
    pub rows: RowCounts,
    /// Units that were loaded in this run, by modality.
    pub loaded: BTreeMap<Modality, usize>,
    /// Units that were there already, by modality.
    pub skipped: BTreeMap<Modality, usize>,
    /// Missing and failed units.
    pub outcomes: Vec<UnitOutcome>,
    /// What the store holds now; `None` if nothing was exported.
    pub export: Option<ExportReport>,
    /// Whether the run was asked to stop before its end.
    pub interrupted: bool,
    /// What left the store, or would.
    pub removals: Removals,
    /// What the store has and a fresh load did not load again; where it has any, and no export is told, the store is as it
    /// was.
    pub let_go: LetGo,
    /// Why the run would stop before it does anything, where it was only looked at.
    pub would_stop: Option<String>,
}

/// Looks what there is to do, and does nothing.
///
/// # Errors
/// A session list, root or store that cannot be read; nothing that was found, for a store that is empty.
pub fn dry_run(config: &Config, observer: &dyn Observer) -> Result<RunReport, PipelineError> {
    check_list(config)?;
    let store = opened(config, observer)?;
    let inputs = RunInputs::read(config)?;
    let mut cache = Cache::open_existing(&config.output)?.map(Arc::new);
    let base = Base::of(config, cache.as_deref())?;
    if base == Base::Anew {
        // What was committed to another load is brought into the store before one begins anew.
        cache = cache.filter(|cache| matches!(cache.run_record(), Ok(Some(record)) if record.fresh));
    }
    in_pool(config, || {
        let Some(work) = RunPlan::look(config, &inputs, base.store(&store), cache.as_ref(), observer)? else {
            return Ok(stopped_before_loading());
        };
        let begun = cache.as_ref().map(|cache| cache.run_record()).transpose()?.flatten();
        if let Some(begun) = begun.filter(|begun| begun.fresh && !config.force) {
            check_same(config, &begun, &work.list)?;
        }
        if !work.plan.to_load.is_empty() {
            check_tables(config, &inputs.roots, &config.wide_metrics.clone().unwrap_or_default())?;
        }
        work.plan.tell(observer);
        let mut removals = pruned(config, &inputs.roots, &work.list, &work.plan)?;
        work.plan.add_evicted(&mut removals, |_| false);
        let cached = cache.as_ref().map(|cache| cache.units()).transpose()?.unwrap_or_default();
        let units = work.plan.units().chain(cached.iter().map(units_with_tables)).collect();
        let let_go = match base {
            Base::Stored => LetGo::default(),
            Base::Anew => {
                let is_loaded = |table: &TableName| config.looks_for(table);
                LetGo::of(config, &units, is_loaded, &work.plan.outcomes, &work.list.listing)?
            }
        };
        // A run takes those who withdrew out before it looks what else goes.
        let withdrawn = config.withdrawn.among_stored(&config.output)?.sessions;
        removals.retain(|unit| !withdrawn.contains(&unit.session));
        let let_go = let_go.without(&withdrawn);
        let stopped = check_share(config, &work.plan, &removals).and_then(|()| check_let_go(config, &let_go));
        let would_stop = stopped.err().map(|error| error.to_string());
        let report = report(&work.list, &work.plan, LoadOutcome::default(), None, false);
        Ok(RunReport { removals, let_go, would_stop, ..report })
    })?
}

/// Loads what is not in the store yet, each unit committed the moment it is read, and exports all.
///
/// # Errors
/// Whatever keeps the run from going on. What was committed is safe, and the next run goes on from there. Units that
/// cannot be read are no error of the run: the report lists them.
pub fn run(config: &Config, observer: &dyn Observer) -> Result<RunReport, PipelineError> {
    check_list(config)?;
    let inputs = RunInputs::read(config)?;
    let mut work = None;
    if config.force || !config.output.exists() {
        // Where nothing is found, no store is made, and none is touched.
        work = in_pool(config, || RunPlan::look(config, &inputs, None, None, observer))??;
        if work.is_none() {
            return Ok(stopped_before_loading());
        }
    }
    na_store::create_output(&config.output)?;
    let claim = Claim { take_over: config.take_over.clone(), cancel: observer.cancel() };
    let lock = OwnerLock::claim(&config.output, &claim)?;
    let store = opened(config, observer)?;
    if config.force {
        check_tables(config, &inputs.roots, &config.wide_metrics.clone().unwrap_or_default())?;
    }
    match in_pool(config, || begin(config, observer, &inputs, work, store, &lock))? {
        Err(PipelineError::Cache(CacheError::Stopped) | PipelineError::Store(StoreError::Stopped)) => {
            Ok(stopped_before_loading())
        }
        result => result,
    }
}

/// Rayon's work of a run stays on the run's own threads.
fn in_pool<T: Send>(config: &Config, work: impl FnOnce() -> T + Send) -> Result<T, PipelineError> {
    let n_jobs = config.n_jobs.max(1);
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(n_jobs).thread_name(|n| format!("load-{n}")).build();
    let pool = pool.map_err(|error| PipelineError::Threads { n_jobs, problem: error.to_string() })?;
    Ok(pool.install(work))
}

/// The store as it is, if a run may write to it.
fn opened(config: &Config, observer: &dyn Observer) -> Result<ExistingStore, PipelineError> {
    let store = ExistingStore::open(&config.output)?;
    store.check_withdrawals(config.withdrawn.told(config.yes))?;
    store.check()?;
    store.what_is_lost()?.into_iter().for_each(|lost| observer.event(Event::Note(lost)));
    Ok(store)
}

/// What comes first under the lock: a commit that was cut short is finished, and what a load that begins anew would lose is
/// brought into the store.
fn begin(
    config: &Config,
    observer: &dyn Observer,
    inputs: &RunInputs,
    work: Option<RunPlan>,
    mut store: ExistingStore,
    lock: &OwnerLock,
) -> Result<RunReport, PipelineError> {
    let exporting = Exporting(observer);
    if config.force {
        make_room(lock, &exporting)?;
    } else if na_store::finish_commit(lock, &exporting)?.is_some() {
        let note = "what an earlier run had begun to put in its place is there now";
        observer.event(Event::Note(note.to_owned()));
        store = ExistingStore::open(&config.output)?;
    }
    let existing = Cache::open_until(&config.output, lock.cancel())?.map(Arc::new);
    let base = Base::of(config, existing.as_deref())?;
    // What was seen before the store was locked holds where there is nothing to add to.
    let mut work = match work.filter(|_| existing.is_none()) {
        Some(work) if base == Base::Anew || na_store::contents(&config.output)?.is_empty() => Some(work),
        _ => RunPlan::look(config, inputs, base.store(&store), existing.as_ref(), observer)?,
    };
    let begun = existing.as_ref().map(|cache| cache.run_record()).transpose()?.flatten();
    let n_listed = begun.as_ref().and_then(|record| record.n_listed_withdrawn);
    config.withdrawn.told(config.yes).check(&config.output, n_listed)?;
    drop(existing);
    if let (Some(looked), Some(begun)) = (&work, begun.filter(|begun| begun.fresh)) {
        looked.known.close_cache();
        if goes_on(config, lock, &begun, &looked.list)? {
            observer.event(Event::Note("going on with the load that --force began".to_owned()));
        } else {
            observer.event(Event::Note(
                "beginning anew: the load that --force began was of something else".to_owned(),
            ));
            work = RunPlan::look(config, inputs, None, None, observer)?;
        }
    }
    match work {
        None => Ok(stopped_before_loading()),
        Some(work) => load_and_export(config, observer, inputs, &work, base.store(&store), lock),
    }
}

fn load_and_export(
    config: &Config,
    observer: &dyn Observer,
    inputs: &RunInputs,
    work: &RunPlan,
    store: Option<&ExistingStore>,
    lock: &OwnerLock,
) -> Result<RunReport, PipelineError> {
    let RunPlan { known, list, plan, pick, .. } = work;
    let base = if store.is_some() { Base::Stored } else { Base::Anew };
    tell_notes(inputs, list, observer);
    plan.tell(observer);
    let mut removals = pruned(config, &inputs.roots, list, plan)?;
    check_share(config, plan, &removals)?;
    let mut record = work.record(config, base);
    let of_nobody_left = leave_listing(&mut record.listing, &record.modalities, plan, &removals);
    let existing = Cache::open_until(&config.output, lock.cancel())?.map(Arc::new);
    let nothing_to_do = plan.to_load.is_empty() && plan.evicted.is_empty() && removals.is_empty();
    if let Some(store) = store.filter(|_| nothing_to_do && existing.is_none())
        && store.is_current(&record, &plan.all_outcomes(&[]))?
    {
        return Ok(report(list, plan, LoadOutcome::default(), None, false));
    }
    check_tables(config, &inputs.roots, &work.wide_metrics)?;
    let finder = UnitFinder::new(config, &inputs.roots, Claims::new(&inputs.roots, list, known), pick);
    let metrics = work.wide_metrics.clone();
    let loading = Workers { config, finder: &finder, list, plan, metrics, names: &work.names, observer };
    let admission = loading.admission(base, existing.as_deref())?;
    if let Some(cache) = existing.as_ref().filter(|_| base == Base::Stored) {
        na_store::keep_metadata(lock, cache, &record.listing)?;
    }
    known.close_cache();
    drop(existing);
    let cache = OwnedCache::open_or_create(lock)?;
    cache.write_run_record(&record)?;
    let loaded = loading.run(&cache, admission)?;
    if observer.should_stop() {
        return Ok(report(list, plan, loaded, None, true));
    }
    let mut outcomes: Vec<UnitOutcome> = plan.all_outcomes(&loaded.failed);
    outcomes.extend(of_nobody_left);
    cache.write_outcomes(&outcomes)?;
    let let_go = match base {
        Base::Stored => LetGo::default(),
        Base::Anew => {
            let cached = cache.units()?;
            let units: HashMap<Unit, bool> = cached.iter().map(units_with_tables).collect();
            let tables: HashSet<&TableName> =
                cached.iter().flat_map(|unit| &unit.tables).map(|info| &info.table).collect();
            let let_go = LetGo::of(config, &units, |table| tables.contains(table), &outcomes, &list.listing)?;
            check_let_go(config, &let_go)?;
            let has_none = units.is_empty() && !let_go.is_empty();
            if has_none || (!config.yes && !let_go.failed.is_empty()) {
                return Ok(RunReport { let_go, ..report(list, plan, loaded, None, false) });
            }
            let_go
        }
    };
    let failed: HashSet<&Unit> = loaded.failed.iter().map(|outcome| &outcome.unit).collect();
    let has_failed = |unit: &Unit| failed.contains(unit);
    // What cannot be read is not gone.
    removals.retain(|unit| !has_failed(unit));
    let notes = plan.add_evicted(&mut removals, has_failed);
    notes.into_iter().for_each(|note| observer.event(Event::Note(note)));
    let request = ExportRequest {
        outcomes,
        keep_cache: config.keep_cache,
        removals: removals.clone(),
        ..ExportRequest::new(record)
    };
    match na_store::export(lock, cache, &request, &Exporting(observer)) {
        Ok(export) => {
            export.notes.iter().for_each(|note| observer.event(Event::Note(note.clone())));
            Ok(RunReport { removals, let_go, ..report(list, plan, loaded, Some(export), false) })
        }
        Err(StoreError::Stopped) => Ok(report(list, plan, loaded, None, true)),
        Err(error) => Err(error.into()),
    }
}

/// Refuses to let go of what nobody asked to let go of.
fn check_let_go(config: &Config, let_go: &LetGo) -> Result<(), PipelineError> {
    if config.yes || !let_go.is_unasked() {
        return Ok(());
    }
    let (output, let_go) = (config.output.clone(), let_go.to_string());
    Err(PipelineError::WouldLetGo { output, let_go })
}

fn units_with_tables(cached: &CachedUnit) -> (Unit, bool) {
    (cached.unit.clone(), !cached.tables.is_empty())
}

impl UnitPlan {
    fn tell(&self, observer: &dyn Observer) {
        observer.event(Event::Planned(self.summary));
        self.notes.iter().for_each(|note| observer.event(Event::Note(note.clone())));
    }
}

fn stopped_before_loading() -> RunReport {
    report(&SessionList::default(), &UnitPlan::default(), LoadOutcome::default(), None, true)
}

fn report(
    list: &SessionList,
    plan: &UnitPlan,
    loaded: LoadOutcome,
    export: Option<ExportReport>,
    interrupted: bool,
) -> RunReport {
    RunReport {
        plan: plan.summary,
        rows: list.counts,
        loaded: loaded.committed,
        skipped: plan.skipped.clone(),
        outcomes: plan.outcomes.iter().cloned().chain(loaded.failed).collect(),
        export,
        interrupted,
        removals: Removals::default(),
        let_go: LetGo::default(),
        would_stop: None,
    }
}

/// An export's steps as events of the run.
struct Exporting<'a>(&'a dyn Observer);

impl ExportObserver for Exporting<'_> {
    fn step(&self, step: &ExportStep) {
        self.0.event(Event::Export(step.clone()));
    }

    fn should_stop(&self) -> bool {
        self.0.should_stop()
    }
}
