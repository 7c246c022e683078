//! The resumable run: list → find → read → commit → export.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use na_cache::{Cache, OwnedCache, OwnerLock, RunRecord, UnitSender, Writer};
use na_model::{ExportSettings, Modality, Unit, UnitOutcome, UnitStatus};
use na_store::{ExportObserver, ExportReport, ExportRequest, ExportStep, StoreError};

use crate::config::{Config, SessionSource};
use crate::discover::discover;
use crate::error::PipelineError;
use crate::event::{Event, Observer, PlanSummary};
use crate::find::Finder;
use crate::load::load;
use crate::plan::{Plan, PlannedUnit, plan};
use crate::regions::KnownRegions;
use crate::session_list::{SessionList, read_session_list};
use crate::sources::qsiparc::list_workflows;

/// How a run ended, and what it did.
#[derive(Debug)]
pub struct RunReport {
    /// What there was to do; nothing where the run was asked to stop before it knew.
    pub plan: PlanSummary,
    /// Units that were loaded in this run, by modality.
    pub loaded: BTreeMap<Modality, usize>,
    /// Units that were there already, by modality.
    pub skipped: BTreeMap<Modality, usize>,
    /// Missing and failed units.
    pub outcomes: Vec<UnitOutcome>,
    /// What the store holds now; none where nothing was exported.
    pub export: Option<ExportReport>,
    /// Whether the run was asked to stop before its end.
    pub interrupted: bool,
}

/// Looks what there is to do, and does nothing.
///
/// # Errors
/// A session list, root or store that cannot be read.
pub fn dry_run(config: &Config, observer: &dyn Observer) -> Result<RunReport, PipelineError> {
    let (list, finder) = prepare(config, observer)?;
    let cache = if config.force { None } else { Cache::open_existing(&config.output)? };
    let should_stop = || observer.should_stop();
    let plan = in_pool(config, || plan(config, &finder, &list, cache.as_ref(), &should_stop))??;
    if observer.should_stop() {
        return Ok(stopped_before_loading());
    }
    observer.event(Event::Planned(plan.summary));
    plan.notes.iter().for_each(|note| observer.event(Event::Note(note.clone())));
    Ok(report(&plan, BTreeMap::new(), plan.outcomes.clone(), None, false))
}

/// Loads what is not in the store yet, each unit committed the moment it is read, and exports all.
///
/// # Errors
/// Whatever keeps the run from going on. What was committed is safe, and the next run goes on from there. Units that
/// cannot be read are no error of the run: the report lists them.
pub fn run(config: &Config, observer: &dyn Observer) -> Result<RunReport, PipelineError> {
    let (list, finder) = prepare(config, observer)?;
    na_store::create_output(&config.output)?;
    let lock = OwnerLock::acquire(&config.output)?;
    if config.force {
        observer.event(Event::Clearing(na_store::contents(&config.output)?));
        na_store::clear(&lock)?;
    }
    in_pool(config, || load_and_export(config, observer, &list, &finder, &lock))?
}

fn prepare<'a>(
    config: &'a Config,
    observer: &dyn Observer,
) -> Result<(SessionList, Finder<'a>), PipelineError> {
    let list = match &config.sessions {
        SessionSource::List { path, options } => read_session_list(path, options)?,
        SessionSource::Discover => {
            let roots = roots(config)?;
            discover(&roots.iter().map(|(setting, root)| (*setting, root.as_path())).collect::<Vec<_>>())?
        }
    };
    let finder = Finder::new(config)?;
    for note in list.notes.iter().chain(&finder.notes) {
        observer.event(Event::Note(note.clone()));
    }
    Ok((list, finder))
}

/// Every folder that holds folders of subjects, with the setting that leads to it.
fn roots(config: &Config) -> Result<Vec<(&'static str, PathBuf)>, PipelineError> {
    let modalities = config.modalities();
    let mut roots = Vec::new();
    if modalities.contains(&Modality::Anatomical) {
        roots.extend(config.cat12_parcellated_root.clone().map(|root| ("CAT12_PARCELLATED_ROOT", root)));
    }
    if let Some(root) = config.qsiparc.as_deref().filter(|_| modalities.contains(&Modality::Diffusion)) {
        roots.extend(list_workflows(root)?.into_iter().map(|(_, folder)| ("QSIPARC_PATH", folder)));
    }
    Ok(roots)
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
    list: &SessionList,
    finder: &Finder<'_>,
    lock: &OwnerLock,
) -> Result<RunReport, PipelineError> {
    let existing = Cache::open_existing(&config.output)?;
    let record = record(config, list, existing.as_ref())?;
    let plan = plan(config, finder, list, existing.as_ref(), &|| observer.should_stop())?;
    if observer.should_stop() {
        return Ok(stopped_before_loading());
    }
    observer.event(Event::Planned(plan.summary));
    plan.notes.iter().for_each(|note| observer.event(Event::Note(note.clone())));
    let nothing_to_do = plan.to_load.is_empty() && existing.is_none();
    if nothing_to_do && na_store::is_current(&config.output, &record, &plan.outcomes)? {
        return Ok(report(&plan, BTreeMap::new(), plan.outcomes.clone(), None, false));
    }
    let regions = KnownRegions::of(&config.output, existing.as_ref())?;
    if let Some(cache) = &existing {
        na_store::keep_metadata(lock, cache, &record.listing)?;
    }
    drop(existing);
    let cache = OwnedCache::open_or_create(lock)?;
    cache.write_run_record(&record)?;
    let loading = Loading { finder, list, plan: &plan, regions, observer, failed: Mutex::default() };
    let loaded = loading.run(config, &cache)?;
    let mut outcomes = plan.outcomes.clone();
    outcomes.extend(loading.failed.into_inner().unwrap_or_else(PoisonError::into_inner));
    if observer.should_stop() {
        return Ok(report(&plan, loaded, outcomes, None, true));
    }
    cache.write_outcomes(&outcomes)?;
    let request = ExportRequest { record, outcomes: outcomes.clone(), keep_cache: config.keep_cache };
    match na_store::export(lock, Some(cache), &request, &Exporting(observer)) {
        Ok(export) => {
            export.notes.iter().for_each(|note| observer.event(Event::Note(note.clone())));
            Ok(report(&plan, loaded, outcomes, Some(export), false))
        }
        Err(StoreError::Stopped) => Ok(report(&plan, loaded, outcomes, None, true)),
        Err(error) => Err(error.into()),
    }
}

/// What the run is asked to do, checked against what is there.
fn record(config: &Config, list: &SessionList, cache: Option<&Cache>) -> Result<RunRecord, PipelineError> {
    let asked = &config.atlas_name;
    if let Some(store) = na_store::store_atlas(&config.output)?.filter(|store| store != asked) {
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
    let wide_metrics = match (&config.wide_metrics, earlier) {
        (Some(metrics), _) => metrics.clone(),
        (None, Some(earlier)) => earlier.wide_metrics,
        (None, None) => na_store::store_wide_metrics(&config.output)?.unwrap_or_default(),
    };
    Ok(RunRecord {
        settings: ExportSettings {
            atlas_name: config.atlas_name.clone(),
            wide_metrics,
            compression: config.compression,
        },
        listing: list.listing.clone(),
        modalities: config.modalities(),
    })
}

fn stopped_before_loading() -> RunReport {
    report(&Plan::default(), BTreeMap::new(), Vec::new(), None, true)
}

fn report(
    plan: &Plan,
    loaded: BTreeMap<Modality, usize>,
    outcomes: Vec<UnitOutcome>,
    export: Option<ExportReport>,
    interrupted: bool,
) -> RunReport {
    RunReport { plan: plan.summary, loaded, skipped: plan.skipped.clone(), outcomes, export, interrupted }
}

/// The loading of all units: threads read and encode, one writer commits.
struct Loading<'a> {
    finder: &'a Finder<'a>,
    list: &'a SessionList,
    plan: &'a Plan,
    regions: KnownRegions,
    observer: &'a dyn Observer,
    failed: Mutex<Vec<UnitOutcome>>,
}

impl Loading<'_> {
    fn run(
        &self,
        config: &Config,
        cache: &OwnedCache<'_>,
    ) -> Result<BTreeMap<Modality, usize>, PipelineError> {
        let committed: Mutex<BTreeMap<Modality, usize>> = Mutex::default();
        let (acknowledged, acknowledgements) = std::sync::mpsc::channel::<Unit>();
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                for unit in acknowledgements {
                    let mut committed = committed.lock().unwrap_or_else(PoisonError::into_inner);
                    *committed.entry(unit.modality).or_default() += 1;
                    drop(committed);
                    self.observer.event(Event::Committed(unit));
                }
            });
            let (writer, sender) = Writer::start(cache, move |unit| {
                let _ = acknowledged.send(unit.clone());
            })?;
            self.load_all(config, &sender);
            drop(sender);
            writer.finish()
        });
        result?;
        Ok(committed.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands every unit that is to be loaded to the writer, in the list's order, on all threads.
    fn load_all(&self, config: &Config, sender: &UnitSender) {
        let first = self.decide_regions(sender);
        let next = AtomicUsize::new(0);
        rayon::scope(|scope| {
            for _ in 0..config.n_jobs.max(1) {
                scope.spawn(|_| {
                    while !self.observer.should_stop() && !sender.has_failed() {
                        let place = next.fetch_add(1, Ordering::Relaxed);
                        let Some(planned) = self.plan.to_load.get(place) else { break };
                        if !first.contains(&place) && !self.load_one(planned, sender) {
                            break;
                        }
                    }
                });
            }
        });
    }

    /// Where a table's regions are not known yet, the first session in the list decides, whichever thread is faster.
    fn decide_regions(&self, sender: &UnitSender) -> Vec<usize> {
        let mut taken = Vec::new();
        for (place, planned) in self.plan.to_load.iter().enumerate() {
            if Modality::ALL.iter().all(|modality| self.regions.has_any(*modality))
                || self.observer.should_stop()
            {
                break;
            }
            if !self.regions.has_any(planned.unit.modality) {
                taken.push(place);
                if !self.load_one(planned, sender) {
                    break;
                }
            }
        }
        taken
    }

    /// Reads a unit and hands it over. False where there is no sense in going on.
    fn load_one(&self, planned: &PlannedUnit, sender: &UnitSender) -> bool {
        let should_stop = || self.observer.should_stop();
        let Some(written) = self.list.as_written.get(planned.place) else { return true };
        let unit = &planned.unit;
        let loaded = self
            .finder
            .find(&unit.session, written, unit.modality, &planned.known)
            .and_then(|found| load(planned, &found, &should_stop));
        match loaded {
            Ok(None) => false,
            Ok(Some(mut loaded)) => match self.regions.admit(&loaded) {
                Ok(()) => {
                    loaded.notes.drain(..).for_each(|note| self.observer.event(Event::Note(note)));
                    sender.send(loaded.unit).is_ok()
                }
                Err(reason) => self.fail(unit, reason),
            },
            Err(error) => self.fail(unit, error.to_string()),
        }
    }

    fn fail(&self, unit: &Unit, reason: String) -> bool {
        let outcome = UnitOutcome { unit: unit.clone(), status: UnitStatus::Failed, reason };
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).push(outcome.clone());
        self.observer.event(Event::Failed(outcome));
        true
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
