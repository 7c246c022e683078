//! The units of a store and its cache, each with the files that its values come from.

use std::sync::Arc;

use foldhash::HashMap;
use na_cache::{Cache, CachedUnit, joined_sources};
use na_model::{Removals, SourceFile, Unit};

use crate::error::StoreError;
use crate::merge::removals::sources_that_stay;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::sources::stored_unit::SourceDetail;

/// The units of a store and its cache with their files: what leaves is not among them.
pub(crate) struct MergedSources<'a> {
    /// `None` if nothing of the store stays.
    pub(crate) store: Option<&'a ExistingStore>,
    pub(crate) cache: &'a Cache,
    pub(crate) units: &'a [Arc<CachedUnit>],
    pub(crate) removals: &'a Removals,
}

impl MergedSources<'_> {
    /// Calls `each` for the units of the old file that stay, in its order, then for the cache's new units. A unit of the cache may
    /// have no files.
    ///
    /// # Errors
    /// A file or cache that cannot be read; what `each` returns.
    pub(crate) fn for_each(
        &self,
        mut each: impl FnMut(&Unit, Vec<SourceFile>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut cached: HashMap<&Unit, &Arc<CachedUnit>> =
            self.units.iter().map(|unit| (&unit.unit, unit)).collect();
        if let Some(store) = self.store {
            store.for_each_unit::<StoreError>(SourceDetail::Sidecars, |stored| {
                let sources = sources_that_stay(&stored.unit, stored.sources, self.removals);
                match cached.remove(&stored.unit) {
                    None if sources.is_empty() => Ok(()),
                    None => each(&stored.unit, sources),
                    Some(unit) => each(&unit.unit, joined_sources(sources, self.of_cache(unit)?, unit)),
                }
            })?;
        }
        let new = self.units.iter().filter(|unit| cached.contains_key(&unit.unit));
        new.into_iter().try_for_each(|unit| each(&unit.unit, self.of_cache(unit)?))
    }

    fn of_cache(&self, unit: &CachedUnit) -> Result<Vec<SourceFile>, StoreError> {
        Ok(sources_that_stay(&unit.unit, self.cache.sources(unit)?, self.removals))
    }
}
