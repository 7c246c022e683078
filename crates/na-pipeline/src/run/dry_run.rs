//! What a run would do, seen without a lock and without a write.

use std::sync::Arc;

use na_cache::{Cache, RunRecord};
use na_model::{TableName, WideMetrics};
use na_store::ExistingStore;

use crate::config::Config;
use crate::error::PipelineError;
use crate::event::Observer;
use crate::load::workers::LoadOutcome;
use crate::plan::collisions::{check_list, check_tables};
use crate::plan::fresh_load::{Base, LetGo, check_same};
use crate::plan::removals::{check_share, pruned};
use crate::plan::run_inputs::RunInputs;
use crate::plan::run_plan::{RunPlan, Start};
use crate::run::report::RunReport;
use crate::run::steps::{check_let_go, in_pool, open_store, units_with_tables};

/// Looks what there is to do, and does nothing.
///
/// # Errors
/// A session list, root or store that cannot be read; nothing that was found, for a store that is empty.
pub fn dry_run(config: &Config, observer: &dyn Observer) -> Result<RunReport, PipelineError> {
    check_list(config)?;
    let store = open_store(config, observer)?;
    let inputs = RunInputs::read(config)?;
    let mut cache = Cache::open_existing(&config.output)?.map(Arc::new);
    let mut begun = cache.as_ref().map(|cache| cache.run_record()).transpose()?.flatten();
    let base = Base::of(config, begun.as_ref());
    if base == Base::Anew && !begun.as_ref().is_some_and(|begun| begun.fresh) {
        // A fresh load first brings into the store what another load committed.
        (cache, begun) = (None, None);
    }
    let start = Start { config, inputs: &inputs, store: base.store(&store), cache: cache.as_ref(), observer };
    in_pool(config, || match RunPlan::make(&start)? {
        None => Ok(RunReport::interrupted_early()),
        Some(plan) => report(&start, &store, begun.as_ref(), &plan),
    })?
}

fn report(
    start: &Start<'_>,
    store: &ExistingStore,
    begun: Option<&RunRecord>,
    plan: &RunPlan,
) -> Result<RunReport, PipelineError> {
    let config = start.config;
    if let Some(begun) = begun.filter(|begun| begun.fresh && !config.force) {
        check_same(config, &start.inputs.listed, begun, &plan.list)?;
    }
    if !plan.units.to_load.is_empty() {
        let metrics: WideMetrics = config.wide_metrics.clone().unwrap_or_default();
        check_tables(&start.inputs.listed, store, &metrics)?;
    }
    plan.units.tell(start.observer);
    let mut removals = pruned(config, &start.inputs.listed, &plan.list, &plan.units)?;
    plan.units.add_evictions(&mut removals, |_| false);
    let cached = start.cache.map(|cache| cache.units()).transpose()?.unwrap_or_default();
    let units = plan.units.units().chain(cached.iter().map(units_with_tables)).collect();
    let let_go = match Base::of(config, begun) {
        Base::Stored => LetGo::default(),
        Base::Anew => {
            let is_loaded = |table: &TableName| start.inputs.listed.looks_for(table);
            LetGo::of(store, &units, is_loaded, &plan.units.outcomes, &plan.list.listing)?
        }
    };
    // A run takes out those who withdrew before anything else.
    let withdrawn = config.withdrawn.among_stored(store)?.sessions;
    removals.retain(|unit| !withdrawn.contains(&unit.session));
    let let_go = let_go.without(&withdrawn);
    let stopped = check_share(config, &plan.units, &removals).and_then(|()| check_let_go(config, &let_go));
    let would_stop = stopped.err().map(|error| error.to_string());
    Ok(RunReport { removals, let_go, would_stop, ..RunReport::of(plan, LoadOutcome::default()) })
}
