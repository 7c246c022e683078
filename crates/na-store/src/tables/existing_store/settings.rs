//! The settings with which a store was last written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use na_model::{Choices, SourceRoot, TableName, WideMetrics};

use crate::error::StoreError;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::manifest;
use crate::tables::store_record::StoreRecord;

/// The settings with which a store was last written, from its manifest or its files. `None` and empty if there is no store yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct StoredSettings {
    pub atlas_name: Option<String>,
    /// The metrics that have features.
    pub wide_metrics: Option<WideMetrics>,
    /// The columns of all long tables, table by table. Empty if the manifest is missing or broken.
    pub columns: Vec<String>,
    /// Which of several files is a table, by entities of their names.
    pub choices: BTreeMap<TableName, Choices>,
    /// The folders from which the files were last read.
    pub roots: BTreeMap<SourceRoot, PathBuf>,
    /// How the session list was last read, as whoever read it writes that down. `None` in stores of earlier versions.
    pub list_read_as: Option<String>,
}

impl ExistingStore {
    /// The settings with which the store was last written.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn settings(&self) -> Result<StoredSettings, StoreError> {
        let manifest = self.written_manifest();
        let wide_metrics = match manifest {
            Some(manifest) => match manifest::wide_metrics(manifest) {
                Some(metrics) => Some(WideMetrics::parse(metrics)),
                None => self.metrics_of_manifest(manifest)?,
            },
            None => self.metrics_of_features()?,
        };
        let tables = manifest.into_iter().flat_map(|manifest| manifest.long_formats.values());
        let columns = tables.flat_map(|table| table.columns.iter().cloned()).collect();
        let StoreRecord { choices, roots, list_read_as, .. } = self.record()?.cloned().unwrap_or_default();
        Ok(StoredSettings { atlas_name: self.atlas()?, wide_metrics, columns, choices, roots, list_read_as })
    }
}
