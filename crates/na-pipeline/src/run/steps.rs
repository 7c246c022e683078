//! Steps that a run and a dry run share.

use std::sync::Arc;

use na_cache::{Cache, Segments};
use na_model::Listing;
use na_store::{ExistingStore, ExportObserver, ExportStep, join_segments};

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
    Cache::check_file(&config.output)?;
    store.what_is_lost()?.into_iter().for_each(|lost| observer.event(Event::Note(lost)));
    Ok(Arc::new(store))
}

/// A store's cache with its segments, without what cannot be merged.
pub(super) fn with_segments(
    store: &ExistingStore,
    own: Option<Cache>,
) -> Result<Option<Cache>, PipelineError> {
    let segments = Segments::list(store.output())?;
    Ok(join_segments(store, own, &segments, &Listing::default())?.0)
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
