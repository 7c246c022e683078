//! What a store remembers of how it was made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use na_model::{SourceRoot, TableName, WideMetrics};

use crate::catalog::{self, Choices, Own, read_manifest};
use crate::error::StoreError;
use crate::wide::chosen::metrics_of_features;

/// What a store was last written with, as its manifest says, or as its files show; nothing where there is no store yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredSettings {
    /// The atlas.
    pub atlas_name: Option<String>,
    /// The metrics that have features.
    pub wide_metrics: Option<WideMetrics>,
    /// The columns of its long tables, table by table.
    pub columns: Vec<String>,
    /// Which of several files was a table.
    pub choices: BTreeMap<TableName, Choices>,
    /// Where the files were read from last.
    pub roots: BTreeMap<SourceRoot, PathBuf>,
}

/// What a store was last written with.
///
/// # Errors
/// A store that cannot be read.
pub fn stored_settings(output: &Path) -> Result<StoredSettings, StoreError> {
    let manifest = read_manifest(output)?;
    let wide_metrics = match &manifest {
        Some(manifest) => catalog::wide_metrics(manifest).map(WideMetrics::parse),
        None => metrics_of_features(output)?,
    };
    let tables = manifest.iter().flat_map(|manifest| manifest.long_formats.values());
    let columns = tables.flat_map(|table| table.columns.iter().cloned()).collect();
    let Own { choices, roots, .. } = manifest.as_ref().map(Own::of).unwrap_or_default();
    let atlas_name = catalog::atlas(output, manifest.as_ref())?;
    Ok(StoredSettings { atlas_name, wide_metrics, columns, choices, roots })
}
