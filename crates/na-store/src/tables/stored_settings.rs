//! What a store remembers of how it was made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use na_model::{Choices, SourceRoot, TableName, WideMetrics};

use crate::error::StoreError;
use crate::tables::chosen_metrics::metrics_of_features;
use crate::tables::existing_store::ExistingStore;
use crate::tables::manifest;
use crate::tables::store_record::Remembered;

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

impl ExistingStore {
    /// What the store was last written with.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn settings(&self) -> Result<StoredSettings, StoreError> {
        let manifest = self.manifest.as_ref();
        let wide_metrics = match manifest {
            Some(manifest) => manifest::wide_metrics(manifest).map(WideMetrics::parse),
            None => metrics_of_features(&self.output)?,
        };
        let tables = manifest.into_iter().flat_map(|manifest| manifest.long_formats.values());
        let columns = tables.flat_map(|table| table.columns.iter().cloned()).collect();
        let Remembered { choices, roots, .. } = self.remembered.clone().unwrap_or_default();
        let atlas_name = manifest::atlas(&self.output, manifest)?;
        Ok(StoredSettings { atlas_name, wide_metrics, columns, choices, roots })
    }
}
