//! A run that shares its output with any number of others: it publishes segments, takes no lock, and exports nothing.

use std::sync::Arc;

use na_cache::{Cache, SegmentLimits, SegmentRun};
use na_model::ReadAt;
use na_store::ExistingStore;

use crate::config::Config;
use crate::error::PipelineError;
use crate::event::{Event, Observer};
use crate::inputs::unit_finder::UnitFinder;
use crate::load::admission::Admission;
use crate::load::workers::Workers;
use crate::plan::collisions::{check_list, check_tables};
use crate::plan::fresh_load::Base;
use crate::plan::run_inputs::RunInputs;
use crate::plan::run_plan::{RunPlan, Start};
use crate::run::report::RunReport;
use crate::run::steps::{in_pool, looking_again, open_store, settled, with_segments};
use crate::sessions::shard::Shard;

/// What one of several processes loads, and how it publishes that.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "a field without a note is what its name says")]
pub struct SegmentLoad {
    /// The part of the cohort. `None` for all that is listed, which is then read whether it is there or not: who loads one session
    /// after its scan need not look what the others have.
    pub shard: Option<Shard>,
    /// The job or process, for people.
    pub writer: String,
    pub limits: SegmentLimits,
}

/// Loads into segments beside the store. Any number of processes may do so at once, with others that export.
///
/// # Errors
/// Whatever keeps the run from going on. What was published is safe.
pub fn load_segments(
    config: &Config,
    how: &SegmentLoad,
    observer: &dyn Observer,
) -> Result<RunReport, PipelineError> {
    check_list(config)?;
    let config = &settled(config)?;
    let inputs = RunInputs::read(config)?;
    inputs.tell_roots(observer);
    let config = Config { reload: config.reload || how.shard.is_none(), ..config.clone() };
    let run = Load { config: &config, how, inputs: &inputs, observer, started: ReadAt::now() };
    in_pool(&config, || run.run())?
}

struct Load<'a> {
    config: &'a Config,
    how: &'a SegmentLoad,
    inputs: &'a RunInputs,
    observer: &'a dyn Observer,
    started: ReadAt,
}

/// What is there already, and what there is to do.
struct Planned {
    store: Arc<ExistingStore>,
    plan: RunPlan,
    admission: Admission,
}

impl Load<'_> {
    fn run(&self) -> Result<RunReport, PipelineError> {
        let Some(Planned { store, plan, admission }) = self.plan()? else {
            return Ok(RunReport::interrupted_early());
        };
        let (config, observer) = (self.config, self.observer);
        check_tables(&self.inputs.listed, &store, &plan.wide_metrics)?;
        plan.list.tell(observer);
        plan.units.tell(observer);
        if let Some(shard) = self.how.shard.filter(|_| plan.units.looked_for.is_empty()) {
            observer.event(Event::Note(format!("shard {shard} has none of the listed sessions")));
        }
        let finder = plan.finder(&self.inputs.listed);
        let workers = self.workers(&plan, &finder);
        na_store::create_output(&config.output)?;
        let run = SegmentRun {
            output: config.output.clone(),
            writer: self.how.writer.clone(),
            record: plan.record(config, &self.inputs.listed, Base::Stored),
            started: self.started,
            limits: self.how.limits,
        };
        let loaded = workers.run_into_segments(run, admission, Some(&plan.units.outcomes))?;
        Ok(RunReport { interrupted: observer.should_stop(), ..RunReport::of(&plan, loaded) })
    }

    fn workers<'w>(&'w self, plan: &'w RunPlan, finder: &'w UnitFinder<'w>) -> Workers<'w> {
        Workers {
            config: self.config,
            finder,
            list: &plan.list,
            plan: &plan.units,
            metrics: plan.wide_metrics.clone(),
            names: &plan.names,
            observer: self.observer,
        }
    }

    /// The plan; `None` if the run is asked to stop meanwhile.
    fn plan(&self) -> Result<Option<Planned>, PipelineError> {
        looking_again(self.observer, || self.plan_once())
    }

    fn plan_once(&self) -> Result<Option<Planned>, PipelineError> {
        let (config, observer) = (self.config, self.observer);
        let store = open_store(config, observer)?;
        let cache = with_segments(&store, self.own_cache()?, Some(&config.atlas_name))?;
        let record = cache.as_ref().map(Cache::run_record).transpose()?.flatten();
        let n_listed = record.and_then(|record| record.n_listed_withdrawn);
        config.withdrawn.told(config.yes).check(&config.output, n_listed)?;
        let cache = cache.map(Arc::new);
        let start = Start {
            config,
            inputs: self.inputs,
            store: Some(&store),
            cache: cache.as_ref(),
            shard: self.how.shard,
            observer,
        };
        let Some(plan) = RunPlan::make(&start)? else { return Ok(None) };
        let finder = plan.finder(&self.inputs.listed);
        let admission = self.workers(&plan, &finder).admission(Some(&store), cache.as_deref())?;
        drop(finder);
        // Where one process at a time can have the cache open, a load may be waiting for it.
        plan.stored.close_cache();
        Ok(Some(Planned { store, plan, admission }))
    }

    /// What an ordinary load has committed. `None` if it cannot be seen from here now, or replaces the store.
    fn own_cache(&self) -> Result<Option<Cache>, PipelineError> {
        let own = match Cache::open_until(&self.config.output, &self.observer.cancel()) {
            Err(error) if error.leaves_the_export() => return Ok(None),
            own => own?,
        };
        let is_fresh = own.as_ref().map(Cache::is_fresh).transpose()? == Some(true);
        Ok(own.filter(|_| !is_fresh))
    }
}
