//! Steps that a run and a dry run share.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use na_cache::{Cache, CacheError, RunRecord, Segments};
use na_model::Listing;
use na_store::{ExistingStore, ExportObserver, ExportStep, StoreError, TableInputs, join_segments};

use crate::config::Config;
use crate::error::PipelineError;
use crate::event::{Event, Observer};
use crate::load::thread_pool::thread_pool;
use crate::plan::disk_space::DiskSpace;
use crate::plan::fresh_load::Base;
use crate::plan::let_go::LetGo;

/// Runs on a pool of the run's own threads, Rayon's work included.
pub(super) fn in_pool<T: Send>(config: &Config, work: impl FnOnce() -> T + Send) -> Result<T, PipelineError> {
    Ok(thread_pool(config, "load")?.install(work))
}

/// The store as it is, if a run may write to it.
pub(super) fn open_store(
    config: &Config,
    observer: &dyn Observer,
) -> Result<Arc<ExistingStore>, PipelineError> {
    let store = ExistingStore::open(&config.output)?;
    store.check_withdrawals(config.withdrawn.told(config.yes))?;
    store.check()?;
    match Cache::check_file(&config.output) {
        // Who holds it so that nobody else can read it has looked.
        Err(error) if error.leaves_the_export() => {}
        checked => checked?,
    }
    store.what_is_lost()?.into_iter().for_each(|lost| observer.event(Event::Note(lost)));
    Ok(Arc::new(store))
}

/// The run with the atlases that the store, its cache and its segments have, where none is chosen. Where the run loads nothing of
/// `parcellate`'s atlas, that is the store's, too: who adds FreeSurfer's tables, or CAT12's own, need not know it. A store of these
/// alone is called by their atlas.
pub(super) fn settled(config: &Config) -> Result<Config, PipelineError> {
    let mut settled = config.clone();
    let inputs = config.inputs();
    let asked = inputs.iter().filter(|input| input.is_asked_for());
    let has_own: Vec<bool> = asked.map(|input| input.unit_kind().input.has_own_atlas()).collect();
    if !has_own.contains(&true) {
        return Ok(settled);
    }
    let mut atlas = None;
    if !config.force {
        let store = ExistingStore::open(&config.output)?;
        let own = match Cache::open_existing(&config.output) {
            Err(error) if error.leaves_the_export() => None,
            own => own?,
        };
        let record = own.as_ref().map(Cache::run_record).transpose()?.flatten();
        let of_record = record.filter(RunRecord::is_of_its_atlas).map(|record| record.settings.atlas_name);
        atlas = store.settings()?.atlas_name.or(of_record);
        let cache = with_segments(&store, own, None)?;
        let units = cache.as_ref().map(Cache::units).transpose()?.unwrap_or_default();
        let kinds = cache.as_ref().map(Cache::table_kinds).transpose()?.unwrap_or_default();
        settled.atlases = settled.atlases.or_known(&TableInputs::of(Some(&store), &units, &kinds)?);
    }
    if !has_own.contains(&false) {
        let freesurfer = config.freesurfer.is_some().then(|| settled.atlases.freesurfer());
        let cat12 = || config.cat12_roi.then(|| settled.atlases.cat12());
        let qsirecon = || config.qsirecon_stats.is_some().then(|| settled.atlases.qsirecon());
        let own = atlas.or(freesurfer).or_else(cat12).or_else(qsirecon);
        settled.atlas_name = own.unwrap_or(settled.atlas_name);
    }
    Ok(settled)
}

/// A store's cache with its segments, without what cannot be merged. The atlas that is asked for counts where nothing is stored.
pub(super) fn with_segments(
    store: &ExistingStore,
    own: Option<Cache>,
    asked: Option<&str>,
) -> Result<Option<Cache>, PipelineError> {
    let segments = Segments::list(store.output())?;
    Ok(join_segments(store, own, &segments, &Listing::default(), asked)?.0)
}

/// How often somebody without the lock looks again while others export.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Looks at a store whose lock another process may have: a file that was there a moment ago may be gone.
pub(super) fn looking_again<T>(
    observer: &dyn Observer,
    look: impl Fn() -> Result<T, PipelineError>,
) -> Result<T, PipelineError> {
    let mut tries = 0;
    loop {
        match look() {
            Err(error) if tries < TRIES && may_pass(&error) && !observer.should_stop() => {
                tracing::debug!(%error, "looking again: others may be exporting");
                tries += 1;
                sleep(PAUSE);
            }
            looked => return looked,
        }
    }
}

/// Whether an error may be one of the moment: somebody replaced or deleted a file between two looks.
fn may_pass(error: &PipelineError) -> bool {
    let of_cache = |error: &CacheError| {
        matches!(
            error,
            CacheError::SegmentGone { .. }
                | CacheError::Io { .. }
                | CacheError::Pool { .. }
                | CacheError::Sqlite { .. }
                | CacheError::Damaged { .. }
        )
    };
    match error {
        PipelineError::Cache(error) | PipelineError::Store(StoreError::Cache(error)) => of_cache(error),
        PipelineError::Store(
            StoreError::Io { .. } | StoreError::Damaged { .. } | StoreError::Parquet { .. },
        ) => true,
        _ => false,
    }
}

/// Refuses to let go of what nobody asked to let go of.
pub(super) fn check_let_go(config: &Config, let_go: &LetGo) -> Result<(), PipelineError> {
    if config.yes || !let_go.is_unasked() {
        return Ok(());
    }
    let (output, let_go) = (config.output.clone(), let_go.to_string());
    Err(PipelineError::WouldLetGo { output, let_go })
}

/// Refuses a fresh load for which there is no room. Of another load a part is worth something, and the next goes on from there.
pub(super) fn check_room(config: &Config, space: Option<DiskSpace>, base: Base) -> Result<(), PipelineError> {
    match space.filter(|space| space.is_short()) {
        Some(space) if base == Base::Anew && !config.yes => {
            Err(PipelineError::NoRoom { output: config.output.clone(), space: space.to_string() })
        }
        _ => Ok(()),
    }
}

/// An export's steps as events of the run.
pub(super) struct ExportEvents<'a>(pub(super) &'a dyn Observer);

impl ExportObserver for ExportEvents<'_> {
    fn step(&self, step: &ExportStep) {
        self.0.event(Event::Export(step.clone()));
    }

    fn should_stop(&self) -> bool {
        self.0.should_stop()
    }
}
