//! How the store and its cache were made, held against what a run asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use na_cache::{Cache, RunRecord};
use na_model::{Choices, SourceRoot, TableName, WideMetrics};
use na_store::{ExistingStore, StoreError, StoredSettings, TableInputs};

use crate::config::Config;
use crate::error::PipelineError;
use crate::inputs::entity_pick::EntityPick;
use crate::inputs::listed_inputs::ListedInputs;
use crate::plan::unit_plan::UnitPlan;

/// Stored units from which on a run asks whether most of them are another dataset's.
const ENOUGH_UNITS: usize = 10;

/// What a store and its cache remember of how they were made.
pub(crate) struct EarlierSettings {
    pub(crate) stored: StoredSettings,
    pub(crate) cached: Option<RunRecord>,
    /// The tables that the cache has.
    cached_tables: BTreeSet<TableName>,
    /// Whose files the tables of both are made of.
    pub(crate) inputs: TableInputs,
}

impl EarlierSettings {
    pub(crate) fn of(
        store: Option<&ExistingStore>,
        cache: Option<&Arc<Cache>>,
    ) -> Result<Self, PipelineError> {
        let stored = store.map(ExistingStore::settings).transpose()?.unwrap_or_default();
        let units = cache.map(|cache| cache.units()).transpose()?.unwrap_or_default();
        let cached_tables =
            units.iter().flat_map(|unit| &unit.tables).map(|info| info.table.clone()).collect();
        let kinds = cache.map(|cache| cache.table_kinds()).transpose()?.unwrap_or_default();
        let inputs = TableInputs::of(store, &units, &kinds)?;
        let cached = match cache {
            Some(cache) if !units.is_empty() => cache.run_record()?,
            _ => None,
        };
        Ok(Self { stored, cached, cached_tables, inputs })
    }

    /// Which file of several is a table: the same as before, or as the run asks if the store does not remember.
    ///
    /// # Errors
    /// Another atlas, or other choices, than what is there was made with.
    pub(crate) fn pick(&self, config: &Config, inputs: &ListedInputs) -> Result<EntityPick, PipelineError> {
        // A fresh load that was cut short is held against the run by `check_same`.
        let cached = self.cached.as_ref().filter(|record| !record.fresh);
        self.check_atlas(config, cached)?;
        let mut remembered: BTreeMap<TableName, Choices> = self.stored.choices.clone();
        for table in &self.cached_tables {
            let choices = remembered.entry(table.clone()).or_default();
            choices.extend(cached.into_iter().flat_map(|record| record.choices.clone()));
        }
        check_choices(config, inputs, &remembered)?;
        Ok(EntityPick { remembered, ..config.pick.clone() })
    }

    fn check_atlas(&self, config: &Config, cached: Option<&RunRecord>) -> Result<(), PipelineError> {
        let asked = &config.atlas_name;
        if let Some(store) = self.stored.atlas_name.as_ref().filter(|store| *store != asked) {
            let (output, store, asked) = (config.output.clone(), store.clone(), asked.clone());
            return Err(StoreError::OtherAtlas { output, store, asked }.into());
        }
        match cached
            .filter(|record| record.is_of_its_atlas())
            .map(|record| &record.settings.atlas_name)
            .filter(|cached| *cached != asked)
        {
            None => Ok(()),
            Some(cached) => Err(PipelineError::OtherAtlasCached {
                output: config.output.clone(),
                cached: cached.clone(),
                asked: asked.clone(),
            }),
        }
    }

    pub(crate) fn wide_metrics(&self) -> WideMetrics {
        let cached = self.cached.as_ref().map(|record| record.settings.wide_metrics.clone());
        cached.or_else(|| self.stored.wide_metrics.clone()).unwrap_or_default()
    }

    /// Refuses other roots than before if most stored units have another content there: they are another dataset.
    pub(crate) fn check_roots(
        &self,
        config: &Config,
        inputs: &ListedInputs,
        plan: &UnitPlan,
    ) -> Result<(), PipelineError> {
        match moved_root(&self.stored.roots, inputs) {
            Some(moved) if !config.yes => moved.check(plan.n_found_again, plan.n_differing),
            _ => Ok(()),
        }
    }
}

/// A root that is not the one from which the store was last loaded.
pub(crate) struct MovedRoot {
    setting: SourceRoot,
    before: PathBuf,
    now: PathBuf,
}

/// The first root that is not the one of the last run; `None` if all are.
pub(crate) fn moved_root(stored: &BTreeMap<SourceRoot, PathBuf>, inputs: &ListedInputs) -> Option<MovedRoot> {
    inputs.settings().find_map(|(setting, now)| {
        let (before, now) = (stored.get(&setting)?.clone(), absolute(&now));
        (before != now).then_some(MovedRoot { setting, before, now })
    })
}

impl MovedRoot {
    /// Refuses a root where most known units have another content.
    pub(crate) fn check(self, known: usize, changed: usize) -> Result<(), PipelineError> {
        if known < ENOUGH_UNITS || changed * 2 <= known {
            return Ok(());
        }
        let Self { setting, before, now } = self;
        Err(PipelineError::OtherRoots { changed, known, setting, before, now })
    }
}

/// Refuses a choice of files that is not the one that a table was made with.
fn check_choices(
    config: &Config,
    inputs: &ListedInputs,
    remembered: &BTreeMap<TableName, Choices>,
) -> Result<(), PipelineError> {
    let asked = config.choices();
    for (table, choices) in remembered.iter().filter(|(table, _)| inputs.looks_for(table)) {
        let differs = |(entity, value): &(&String, &Option<String>)| {
            asked.get(*entity).is_some_and(|asked| asked != *value)
        };
        if let Some((entity, stored)) = choices.iter().find(differs) {
            let word = |value: Option<&String>| value.map_or("none", String::as_str).to_owned();
            return Err(PipelineError::OtherChoice {
                output: config.output.clone(),
                table: table.to_string(),
                entity: entity.clone(),
                stored: word(stored.as_ref()),
                asked: word(asked.get(entity).and_then(Option::as_ref)),
            });
        }
    }
    Ok(())
}

/// A root as it is compared with an earlier run's.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
