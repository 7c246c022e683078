//! The resumable run: list, find, read, commit, export.
//!
//! Knows every room. Promises that what is committed is safe whenever it is stopped, and that the next run goes on from
//! there. Begin with [`run`]; [`load_and_export`] is what it does under the lock, step by step.

pub(crate) mod dry_run;
pub(crate) mod listing;
mod load_and_export;
pub(crate) mod report;
pub(crate) mod segments;
mod steps;

use std::sync::Arc;

use na_cache::{Cache, CacheError, Claim, OwnerLock};
use na_store::{ExistingStore, StoreError};

use crate::config::Config;
use crate::error::PipelineError;
use crate::event::{Event, Observer};
use crate::plan::collisions::{check_list, check_tables};
use crate::plan::fresh_load::{Base, goes_on, make_room};
use crate::plan::run_inputs::RunInputs;
use crate::plan::run_plan::{RunPlan, Start};
use crate::run::load_and_export::LockedRun;
use crate::run::report::RunReport;
use crate::run::steps::{ExportEvents, in_pool, open_store, settled, with_segments};

/// Loads what is not in the store yet, each unit committed the moment it is read, and exports all.
///
/// # Errors
/// Whatever keeps the run from going on. What was committed is safe, and the next run goes on from there. Units that
/// cannot be read are no error of the run: the report lists them.
pub fn run(config: &Config, observer: &dyn Observer) -> Result<RunReport, PipelineError> {
    check_list(config)?;
    let config = &settled(config)?;
    let inputs = RunInputs::read(config)?;
    inputs.tell_roots(observer);
    let mut plan = None;
    if config.force || !config.output.exists() {
        // If nothing is found, no store is made, and none is touched.
        let start = Start { config, inputs: &inputs, store: None, cache: None, shard: None, observer };
        plan = in_pool(config, || RunPlan::make(&start))??;
        if plan.is_none() {
            return Ok(RunReport::interrupted_early());
        }
    }
    na_store::create_output(&config.output)?;
    let claim = Claim { cancel: observer.cancel(), ..config.claim() };
    let lock = OwnerLock::claim(&config.output, &claim)?;
    let store = open_store(config, observer)?;
    if config.force {
        check_tables(&inputs.listed, &store, &config.wide_metrics.clone().unwrap_or_default())?;
    }
    let begin = Begin { config, observer, inputs: &inputs, lock: &lock };
    match in_pool(config, || begin.run(plan, store))? {
        Err(PipelineError::Cache(CacheError::Stopped) | PipelineError::Store(StoreError::Stopped)) => {
            Ok(RunReport::interrupted_early())
        }
        result => result,
    }
}

/// What comes first under the lock: a commit that was cut short is finished, and what a load that begins anew would
/// lose is brought into the store.
struct Begin<'a> {
    config: &'a Config,
    observer: &'a dyn Observer,
    inputs: &'a RunInputs,
    lock: &'a OwnerLock,
}

impl Begin<'_> {
    /// Goes on to the load; a plan that was made before the lock holds if there is nothing to add to.
    fn run(&self, plan: Option<RunPlan>, store: Arc<ExistingStore>) -> Result<RunReport, PipelineError> {
        let config = self.config;
        let store = self.settle(store)?;
        let own = Cache::open_until(&config.output, self.lock.cancel())?;
        let begun = own.as_ref().map(Cache::run_record).transpose()?.flatten();
        let base = Base::of(config, begun.as_ref());
        let existing = match base {
            Base::Stored => with_segments(&store, own, Some(&config.atlas_name))?,
            Base::Anew => own,
        };
        let existing = existing.map(Arc::new);
        let mut plan = match plan.filter(|_| existing.is_none()) {
            Some(plan) if base == Base::Anew || store.files()?.is_empty() => Some(plan),
            _ => self.plan(base.store(&store), existing.as_ref())?,
        };
        let record = existing.as_ref().map(|cache| cache.run_record()).transpose()?.flatten();
        let n_listed = record.and_then(|record| record.n_listed_withdrawn);
        config.withdrawn.told(config.yes).check(&config.output, n_listed)?;
        drop(existing);
        if let (Some(planned), Some(begun)) = (&plan, begun.filter(|begun| begun.fresh)) {
            planned.stored.close_cache();
            let events = ExportEvents(self.observer);
            if goes_on(config, &self.inputs.listed, self.lock, &begun, &planned.list, &events)? {
                self.note("going on with the load that --force began");
            } else {
                self.note("beginning anew: the load that --force began was of something else");
                plan = self.plan(None, None)?;
            }
        }
        let Some(plan) = &plan else { return Ok(RunReport::interrupted_early()) };
        let Self { config, observer, inputs, lock } = *self;
        LockedRun { config, observer, inputs, plan, store: &store, base, lock }.load_and_export()
    }

    /// Makes room for a fresh load, or finishes a commit that was cut short; the store as it is then.
    fn settle(&self, store: Arc<ExistingStore>) -> Result<Arc<ExistingStore>, PipelineError> {
        let events = ExportEvents(self.observer);
        if self.config.force {
            make_room(self.lock, &events)?;
        } else if na_store::finish_commit(self.lock, &events)?.is_some() {
            self.note("what an earlier run had begun to put in its place is there now");
        } else {
            return Ok(store);
        }
        Ok(Arc::new(ExistingStore::open(&self.config.output)?))
    }

    fn plan(
        &self,
        store: Option<&Arc<ExistingStore>>,
        cache: Option<&Arc<Cache>>,
    ) -> Result<Option<RunPlan>, PipelineError> {
        let Self { config, observer, inputs, .. } = *self;
        RunPlan::make(&Start { config, inputs, store, cache, shard: None, observer })
    }

    fn note(&self, note: &str) {
        self.observer.event(Event::Note(note.to_owned()));
    }
}
