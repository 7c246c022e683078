//! The resumable run: list → find → read → commit → export.

use std::collections::BTreeMap;
use std::sync::Arc;

use na_cache::{Cache, CacheError, Claim, OwnedCache, OwnerLock, RunRecord};
use na_model::{ExportSettings, Modality, UnitOutcome, WideMetrics};
use na_store::{ExportObserver, ExportReport, ExportRequest, ExportStep, StoreError};

use crate::atlases::check_atlas;
use crate::claims::Claims;
use crate::config::{Config, SessionSource};
use crate::discover::discover;
use crate::error::PipelineError;
use crate::event::{Event, Observer, PlanSummary};
use crate::find::Finder;
use crate::identify::identify;
use crate::known::Known;
use crate::loading::{Loaded, Loading};
use crate::metrics_asked::check_metrics;
use crate::places::{check_list, check_tables};
use crate::plan::{Plan, plan};
use crate::roots::Roots;
use crate::session_list::{ListedRows, RowCounts, SessionList, SessionListOptions, read_session_list};

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
    /// Missing and failed units, and those of which some tables are not chosen.
    pub outcomes: Vec<UnitOutcome>,
    /// What the store holds now; `None` if nothing was exported.
    pub export: Option<ExportReport>,
    /// Whether the run was asked to stop before its end.
    pub interrupted: bool,
}

/// Looks what there is to do, and does nothing.
///
/// # Errors
/// A session list, root or store that cannot be read; nothing that was found, for a store that is empty.
pub fn dry_run(config: &Config, observer: &dyn Observer) -> Result<RunReport, PipelineError> {
    check_list(config)?;
    let inputs = Inputs::read(config)?;
    na_store::check_output(&config.output)?;
    let cache = if config.force { None } else { Cache::open_existing(&config.output)?.map(Arc::new) };
    in_pool(config, || {
        let Some(work) = Work::look(config, &inputs, cache.as_ref(), observer)? else {
            return Ok(stopped_before_loading());
        };
        if !work.plan.to_load.is_empty() {
            check_tables(config, &inputs.roots, &config.wide_metrics.clone().unwrap_or_default())?;
        }
        work.plan.tell(observer);
        Ok(report(&work.list, &work.plan, Loaded::default(), None, false))
    })?
}

/// Loads what is not in the store yet, each unit committed the moment it is read, and exports all.
///
/// # Errors
/// Whatever keeps the run from going on. What was committed is safe, and the next run goes on from there. Units that
/// cannot be read are no error of the run: the report lists them.
pub fn run(config: &Config, observer: &dyn Observer) -> Result<RunReport, PipelineError> {
    check_list(config)?;
    let inputs = Inputs::read(config)?;
    let mut work = None;
    if config.force || !config.output.exists() {
        // Where nothing is found, no store is made, and none is cleared.
        work = in_pool(config, || Work::look(config, &inputs, None, observer))??;
        if work.is_none() {
            return Ok(stopped_before_loading());
        }
    }
    na_store::create_output(&config.output)?;
    let claim = Claim { take_over: config.take_over.clone(), cancel: observer.cancel() };
    let lock = OwnerLock::claim(&config.output, &claim)?;
    na_store::check_output(&config.output)?;
    if config.force {
        check_tables(config, &inputs.roots, &config.wide_metrics.clone().unwrap_or_default())?;
        observer.event(Event::Clearing(na_store::contents(&config.output)?));
        na_store::clear(&lock)?;
    }
    match in_pool(config, || load_and_export(config, observer, &inputs, work, &lock))? {
        Err(PipelineError::Cache(CacheError::Stopped) | PipelineError::Store(StoreError::Stopped)) => {
            Ok(stopped_before_loading())
        }
        result => result,
    }
}

/// What a run reads before it looks into the store.
struct Inputs {
    /// `None` where sessions are discovered.
    rows: Option<ListedRows>,
    roots: Roots,
}

impl Inputs {
    fn read(config: &Config) -> Result<Self, PipelineError> {
        let rows = match &config.sessions {
            SessionSource::List { path, options } => Some(read_session_list(path, options)?),
            SessionSource::Discover => None,
        };
        Ok(Self { rows, roots: Roots::list(config)? })
    }

    /// The sessions of the run, with what is to be said of them.
    fn sessions(&self, config: &Config, known: &Known, observer: &dyn Observer) -> SessionList {
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
struct Work {
    known: Known,
    list: SessionList,
    plan: Plan,
}

impl Work {
    /// Looks what there is to do; `None` if the run is to stop.
    fn look(
        config: &Config,
        inputs: &Inputs,
        cache: Option<&Arc<Cache>>,
        observer: &dyn Observer,
    ) -> Result<Option<Self>, PipelineError> {
        let known = if config.force { Known::default() } else { Known::of(&config.output, cache)? };
        let list = inputs.sessions(config, &known, observer);
        let finder = Finder::new(config, &inputs.roots, Claims::new(&inputs.roots, &list, &known));
        let plan = plan(config, &finder, &list, cache.map(AsRef::as_ref), &|| observer.should_stop())?;
        if observer.should_stop() {
            return Ok(None);
        }
        check_found(config, inputs, &finder, &plan, &known)?;
        check_metrics(config, &finder, &list, &|| observer.should_stop())?;
        drop(finder);
        Ok(Some(Self { known, list, plan }))
    }
}

/// An empty store for which nothing is found is a wrong setting, not a result.
fn check_found(
    config: &Config,
    inputs: &Inputs,
    finder: &Finder<'_>,
    plan: &Plan,
    known: &Known,
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

/// Rayon's work of a run stays on the run's own threads.
fn in_pool<T: Send>(config: &Config, work: impl FnOnce() -> T + Send) -> Result<T, PipelineError> {
    let n_jobs = config.n_jobs.max(1);
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(n_jobs).thread_name(|n| format!("load-{n}")).build();
    let pool = pool.map_err(|error| PipelineError::Threads { n_jobs, problem: error.to_string() })?;
    Ok(pool.install(work))
}

fn load_and_export(
    config: &Config,
    observer: &dyn Observer,
    inputs: &Inputs,
    work: Option<Work>,
    lock: &OwnerLock,
) -> Result<RunReport, PipelineError> {
    let existing = Cache::open_until(&config.output, lock.cancel())?.map(Arc::new);
    let wide_metrics = checked_settings(config, existing.as_deref())?;
    // What was seen before the store was locked holds where the store is still empty.
    let work = match work.filter(|_| existing.is_none()) {
        Some(work) if na_store::contents(&config.output)?.is_empty() => Some(work),
        _ => Work::look(config, inputs, existing.as_ref(), observer)?,
    };
    let Some(Work { known, list, plan }) = work else { return Ok(stopped_before_loading()) };
    let notes = inputs.roots.notes.iter().chain(&list.notes);
    notes.for_each(|note| observer.event(Event::Note(note.clone())));
    plan.tell(observer);
    let record = record(config, &list, wide_metrics.clone());
    let nothing_to_do = plan.to_load.is_empty() && existing.is_none();
    if nothing_to_do && na_store::is_current(&config.output, &record, &plan.outcomes)? {
        return Ok(report(&list, &plan, Loaded::default(), None, false));
    }
    check_tables(config, &inputs.roots, &wide_metrics)?;
    let finder = Finder::new(config, &inputs.roots, Claims::new(&inputs.roots, &list, &known));
    let loading =
        Loading { config, finder: &finder, list: &list, plan: &plan, metrics: wide_metrics, observer };
    let admission = loading.admission(existing.as_deref())?;
    if let Some(cache) = &existing {
        na_store::keep_metadata(lock, cache, &record.listing)?;
    }
    known.close_cache();
    drop(existing);
    let cache = OwnedCache::open_or_create(lock)?;
    cache.write_run_record(&record)?;
    let loaded = loading.run(&cache, admission)?;
    if observer.should_stop() {
        return Ok(report(&list, &plan, loaded, None, true));
    }
    let outcomes: Vec<UnitOutcome> = plan.outcomes.iter().chain(&loaded.failed).cloned().collect();
    cache.write_outcomes(&outcomes)?;
    let request = ExportRequest { record, outcomes, keep_cache: config.keep_cache };
    match na_store::export(lock, Some(cache), &request, &Exporting(observer)) {
        Ok(export) => {
            export.notes.iter().for_each(|note| observer.event(Event::Note(note.clone())));
            Ok(report(&list, &plan, loaded, Some(export), false))
        }
        Err(StoreError::Stopped) => Ok(report(&list, &plan, loaded, None, true)),
        Err(error) => Err(error.into()),
    }
}

/// What the run is asked to do, checked against what is there: one store, one atlas.
fn checked_settings(config: &Config, cache: Option<&Cache>) -> Result<WideMetrics, PipelineError> {
    let asked = &config.atlas_name;
    let stored = na_store::stored_settings(&config.output)?;
    if let Some(store) = stored.atlas_name.filter(|store| store != asked) {
        return Err(
            StoreError::OtherAtlas { output: config.output.clone(), store, asked: asked.clone() }.into()
        );
    }
    let earlier = match cache {
        Some(cache) if !cache.units()?.is_empty() => cache.run_record()?.map(|record| record.settings),
        _ => None,
    };
    if let Some(earlier) = earlier.as_ref().filter(|earlier| earlier.atlas_name != *asked) {
        return Err(PipelineError::OtherAtlasCached {
            output: config.output.clone(),
            cached: earlier.atlas_name.clone(),
            asked: asked.clone(),
        });
    }
    match (&config.wide_metrics, earlier) {
        (Some(metrics), _) => Ok(metrics.clone()),
        (None, Some(earlier)) => Ok(earlier.wide_metrics),
        (None, None) => Ok(stored.wide_metrics.unwrap_or_default()),
    }
}

fn record(config: &Config, list: &SessionList, wide_metrics: WideMetrics) -> RunRecord {
    RunRecord {
        settings: ExportSettings {
            atlas_name: config.atlas_name.clone(),
            wide_metrics,
            compression: config.compression,
        },
        listing: list.listing.clone(),
        modalities: config.modalities(),
    }
}

impl Plan {
    fn tell(&self, observer: &dyn Observer) {
        observer.event(Event::Planned(self.summary));
        self.notes.iter().for_each(|note| observer.event(Event::Note(note.clone())));
    }
}

fn stopped_before_loading() -> RunReport {
    report(&SessionList::default(), &Plan::default(), Loaded::default(), None, true)
}

fn report(
    list: &SessionList,
    plan: &Plan,
    loaded: Loaded,
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
