//! The versions of `parcellate` that wrote a table's files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use na_cache::{Cache, CachedUnit};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;

/// The versions that the sidecars of cached units name, by long table.
pub(crate) fn cached_producers(
    cache: &Cache,
    units: &[Arc<CachedUnit>],
) -> Result<BTreeMap<String, BTreeSet<String>>, StoreError> {
    let of_units = units.par_iter().map(|unit| cache.sources(unit));
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in of_units.collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
        if let (Some(table), Some(version)) =
            (source.table, source.sidecar.and_then(|sidecar| sidecar.software_version))
        {
            versions.entry(table).or_default().insert(version);
        }
    }
    Ok(versions)
}

/// The versions that a file records; none in a file of the pandas package.
///
/// # Errors
/// A record that is not JSON.
pub(crate) fn recorded_producers(file: &ParquetReader) -> Result<BTreeSet<String>, StoreError> {
    let Some(text) = file.key_value(keys::PRODUCERS) else { return Ok(BTreeSet::new()) };
    serde_json::from_str(text).map_err(|error| StoreError::damaged(file.path(), error))
}
