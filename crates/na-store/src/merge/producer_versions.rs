//! The versions of `parcellate` that wrote a table's files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use na_cache::{Cache, CachedUnit};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;

/// Versions by long table.
type Versions = BTreeMap<String, BTreeSet<String>>;

/// The versions that the sidecars of cached units name.
pub(crate) fn cached_producers(cache: &Cache, units: &[Arc<CachedUnit>]) -> Result<Versions, StoreError> {
    let add = |mut versions: Versions, unit: &Arc<CachedUnit>| -> Result<Versions, StoreError> {
        for source in cache.sources(unit)? {
            let version = source.sidecar.and_then(|sidecar| sidecar.software_version);
            if let Some((table, version)) = source.table.zip(version) {
                versions.entry(table).or_default().insert(version);
            }
        }
        Ok(versions)
    };
    let joined = |mut some: Versions, others: Versions| {
        others.into_iter().for_each(|(table, versions)| some.entry(table).or_default().extend(versions));
        Ok(some)
    };
    units.par_iter().try_fold(Versions::new, add).try_reduce(Versions::new, joined)
}

/// The versions that a file records; none in a file of the pandas package.
///
/// # Errors
/// A record that is not JSON.
pub(crate) fn recorded_producers(file: &ParquetReader) -> Result<BTreeSet<String>, StoreError> {
    let Some(text) = file.key_value(keys::PRODUCERS) else { return Ok(BTreeSet::new()) };
    serde_json::from_str(text).map_err(|error| StoreError::damaged(file.path(), error))
}
