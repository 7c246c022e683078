//! What a run would do, seen without a lock and without a write.

use std::sync::Arc;

use foldhash::{HashMap, HashSet, HashSetExt};
use na_cache::{Cache, RunRecord};
use na_model::{Session, SourceKind, Unit, WideMetrics};
use na_store::{ExistingStore, SourceDetail, StoreError};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::config::Config;
use crate::error::PipelineError;
use crate::event::Observer;
use crate::inputs::found_tables::{FoundTable, TableKey};
use crate::inputs::unit_finder::UnitFinder;
use crate::load::workers::LoadOutcome;
use crate::plan::collisions::{check_list, check_tables};
use crate::plan::disk_space::DiskSpace;
use crate::plan::fresh_load::{Base, check_same};
use crate::plan::let_go::{LetGo, LoadedParts};
use crate::plan::removals::{check_share, pruned};
use crate::plan::run_inputs::RunInputs;
use crate::plan::run_plan::{RunPlan, Start};
use crate::run::report::RunReport;
use crate::run::steps::{check_let_go, check_room, in_pool, open_store, settled, with_segments};

/// Looks what there is to do, and does nothing.
///
/// # Errors
/// A session list, root or store that cannot be read; nothing that was found, for a store that is empty.
pub fn dry_run(config: &Config, observer: &dyn Observer) -> Result<RunReport, PipelineError> {
    check_list(config)?;
    let config = &settled(config)?;
    let store = open_store(config, observer)?;
    let inputs = RunInputs::read(config)?;
    inputs.tell_roots(observer);
    let own = Cache::open_existing(&config.output)?;
    let mut begun = own.as_ref().map(Cache::run_record).transpose()?.flatten();
    let base = Base::of(config, begun.as_ref());
    let cache = match base {
        Base::Stored => with_segments(&store, own, Some(&config.atlas_name))?,
        Base::Anew => own,
    };
    let mut cache = cache.map(Arc::new);
    if base == Base::Anew && !begun.as_ref().is_some_and(|begun| begun.fresh) {
        // A fresh load first brings into the store what another load committed.
        (cache, begun) = (None, None);
    }
    let start = Start {
        config,
        inputs: &inputs,
        store: base.store(&store),
        cache: cache.as_ref(),
        shard: None,
        observer,
    };
    in_pool(config, || {
        let Some(plan) = RunPlan::make(&start)? else { return Ok(RunReport::interrupted_early()) };
        let is_another = |begun: &&RunRecord| {
            begun.fresh && config.force && check_same(config, &inputs.listed, begun, &plan.list).is_err()
        };
        if begun.as_ref().filter(is_another).is_none() {
            return report(&start, &store, begun.as_ref(), &plan);
        }
        // The run begins anew: what was loaded goes.
        let start = Start { cache: None, ..start };
        match RunPlan::make(&start)? {
            None => Ok(RunReport::interrupted_early()),
            Some(plan) => report(&start, &store, None, &plan),
        }
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
    plan.list.tell(start.observer);
    plan.units.tell(start.observer);
    let mut removals = pruned(config, &start.inputs.listed, &plan.list, &plan.units)?;
    plan.units.add_evictions(&mut removals, |_| false);
    let base = Base::of(config, begun);
    let finder = plan.finder(&start.inputs.listed);
    let let_go = match base {
        Base::Stored => LetGo::default(),
        Base::Anew => let_go(start, &finder, store, plan)?,
    };
    // A run takes out those who withdrew before anything else.
    let withdrawn = config.withdrawn.among_stored(store)?.sessions;
    removals.retain(|unit| !withdrawn.contains(&unit.session));
    let let_go = let_go.without(&withdrawn);
    let space = DiskSpace::of(config, &finder, plan, store, base)?;
    let stopped = check_share(config, &plan.units, &removals)
        .and_then(|()| check_room(config, space, base))
        .and_then(|()| check_let_go(config, &let_go));
    let would_stop = stopped.err().map(|error| error.to_string());
    Ok(RunReport { removals, let_go, space, would_stop, ..RunReport::of(plan, LoadOutcome::default()) })
}

/// What a fresh load would let go, as far as it can be told before files are read.
fn let_go(
    start: &Start<'_>,
    finder: &UnitFinder<'_>,
    store: &ExistingStore,
    plan: &RunPlan,
) -> Result<LetGo, PipelineError> {
    let cached = start.cache.map(|cache| cache.units()).transpose()?.unwrap_or_default();
    let found = found_parts(finder, store, plan)?;
    let of_found =
        found.iter().map(|found| (found.unit, LoadedParts::of_found(&found.tables, found.may_have_volume)));
    let of_cached = cached.iter().map(|unit| (&unit.unit, LoadedParts::of_cached(unit)));
    let loaded: HashMap<&Unit, LoadedParts<'_>> = of_found.chain(of_cached).collect();
    Ok(LetGo::of(store, &loaded, &plan.units.outcomes, &plan.list, &start.config.sessions)?)
}

/// What is on disk of a unit to load.
struct FoundParts<'p> {
    unit: &'p Unit,
    tables: Vec<TableKey>,
    may_have_volume: bool,
}

/// The units to load.
fn found_parts<'p>(
    finder: &UnitFinder<'_>,
    store: &ExistingStore,
    plan: &'p RunPlan,
) -> Result<Vec<FoundParts<'p>>, PipelineError> {
    let of_reports = volumes_of_reports(store)?;
    let find = |unit: &'p Unit, index: usize| {
        // What cannot be told any more was told a moment ago: the next look says what became of it.
        let found = finder.find(unit, plan.list.as_written.get(index)?).ok()?;
        let tables: Vec<TableKey> = found.found.tables.iter().map(FoundTable::key).collect();
        let in_tables = !tables.is_empty() && !of_reports.contains(&unit.session);
        Some(FoundParts { unit, tables, may_have_volume: !found.tiv.is_empty() || in_tables })
    };
    Ok(plan.units.to_load.par_iter().filter_map(|planned| find(&planned.unit, planned.index)).collect())
}

/// The sessions whose total intracranial volume is known to be of a report, and not of a table's column.
fn volumes_of_reports(store: &ExistingStore) -> Result<HashSet<Session>, StoreError> {
    let mut sessions = HashSet::new();
    store.for_each_unit::<StoreError>(SourceDetail::States, |stored| {
        if stored.sources.iter().any(|source| source.kind == SourceKind::Tiv && source.tiv.is_some()) {
            sessions.insert(stored.unit.session);
        }
        Ok(())
    })?;
    Ok(sessions)
}
