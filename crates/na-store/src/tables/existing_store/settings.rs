//! The settings that a store was last written with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use na_model::{Choices, SourceRoot, TableName, WideMetrics};

use crate::error::StoreError;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::manifest;
use crate::tables::store_record::StoreRecord;

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
        let manifest = self.written_manifest();
        let wide_metrics = match manifest {
            Some(manifest) => manifest::wide_metrics(manifest).map(WideMetrics::parse),
            None => self.metrics_of_features()?,
        };
        let tables = manifest.into_iter().flat_map(|manifest| manifest.long_formats.values());
        let columns = tables.flat_map(|table| table.columns.iter().cloned()).collect();
        let StoreRecord { choices, roots, .. } = self.record().cloned().unwrap_or_default();
        Ok(StoredSettings { atlas_name: self.atlas()?, wide_metrics, columns, choices, roots })
    }
}
