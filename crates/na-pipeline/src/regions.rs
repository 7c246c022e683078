//! One set of regions a table: a unit whose labels and indices disagree with it is not let in.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use na_cache::Cache;
use na_model::{Modality, Region, RegionSet, TableName};

use crate::error::PipelineError;
use crate::load::LoadedUnit;

/// The regions of each table, of all units so far.
#[derive(Debug, Default)]
pub(crate) struct KnownRegions(Mutex<BTreeMap<TableName, RegionSet>>);

impl KnownRegions {
    pub(crate) fn of(output: &std::path::Path, cache: Option<&Cache>) -> Result<Self, PipelineError> {
        let mut regions = na_store::store_regions(output)?;
        if let Some(cache) = cache {
            for form in cache.table_forms(&cache.units()?)? {
                regions.entry(form.table).or_default().extend(&form.regions);
            }
        }
        Ok(Self(Mutex::new(regions)))
    }

    pub(crate) fn has_any(&self, modality: Modality) -> bool {
        let regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        regions.keys().any(|table| table.modality() == modality)
    }

    /// Lets a unit in: its regions become those of its tables.
    pub(crate) fn admit(&self, loaded: &LoadedUnit) -> Result<(), String> {
        let mut regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for table in &loaded.unit.tables {
            let Some(known) = regions.get(table.table()) else { continue };
            if let Some((store, unit)) = known.disagreement(table.regions()) {
                return Err(format!(
                    "{}: its region {} is {} in the store; the atlas is another one, or another version of it",
                    source_of(loaded, table.table()),
                    describe(unit),
                    describe(store)
                ));
            }
        }
        for table in &loaded.unit.tables {
            regions.entry(table.table().clone()).or_default().extend(table.regions());
        }
        Ok(())
    }
}

fn source_of(loaded: &LoadedUnit, table: &TableName) -> String {
    let name = table.to_string();
    let source = loaded.unit.sources.iter().find(|source| source.table.as_deref() == Some(&name));
    source.map_or(name, |source| source.path.clone())
}

fn describe(region: &Region) -> String {
    match (region.index, region.label.as_deref()) {
        (Some(index), Some(label)) => format!("{index} {label:?}"),
        (None, Some(label)) => format!("{label:?} without index"),
        (Some(index), None) => format!("{index} without label"),
        (None, None) => "without index and label".to_owned(),
    }
}
