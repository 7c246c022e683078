//! The features of an export that are not up to date.

use std::collections::BTreeMap;

use na_model::TableName;

use crate::error::StoreError;
use crate::export::background_commit::BackgroundCommit;
use crate::export::feature_splice::ChangedSessions;
use crate::export::feature_writer::FeatureWriter;
use crate::export::observer::ExportStep;
use crate::export::steps::ExportSteps;
use crate::format::open_file_limit::written_at_once;
use crate::format::parquet_file::ParquetFile;
use crate::tables::features::{PlannedFeature, is_up_to_date};
use crate::tables::long_file::LongFile;

/// Features that wait for the disk at most: each has its buffer and its footer in memory.
const FEATURES_WAITING: usize = 32;

/// The features of a long table that are written.
struct TableFeatures<'t> {
    table: &'t TableName,
    long: &'t LongFile,
    features: Vec<PlannedFeature>,
    changed: Option<ChangedSessions<'t>>,
}

impl ExportSteps<'_> {
    /// Writes the features that are not up to date, table by table.
    pub(super) fn write_features(&self, tables: &BTreeMap<TableName, LongFile>) -> Result<(), StoreError> {
        let mut to_write = Vec::new();
        for planned in &self.plan.tables {
            let Some(long) = tables.get(&planned.merge.table) else { continue };
            let changed = ChangedSessions::of(&planned.merge);
            // No feature is of a state that is new.
            let is_new = changed.as_ref().is_some_and(|changed| !changed.is_of_state_of(&long.file));
            let mut features = Vec::new();
            for feature in &planned.features {
                if is_new || !self.is_written(feature, long.file.file())? {
                    features.push(feature.clone());
                }
            }
            if !features.is_empty() {
                to_write.push(TableFeatures { table: &planned.merge.table, long, features, changed });
            }
        }
        let features_waiting = written_at_once().min(FEATURES_WAITING);
        std::thread::scope(|scope| {
            self.write_feature_files(to_write, BackgroundCommit::new(scope, features_waiting))
        })
    }

    fn write_feature_files<'t>(
        &'t self,
        tables: Vec<TableFeatures<'t>>,
        mut commits: BackgroundCommit<'_, 't>,
    ) -> Result<(), StoreError> {
        let total = tables.len();
        for (index, TableFeatures { table, long, features, changed }) in (1..).zip(tables) {
            let (name, n_features) = (table.clone(), features.len());
            self.to.observer.step(&ExportStep::Features { table: name, n_features, index, total });
            let file = long.file.opened()?;
            let (to, store) = (self.to, self.store);
            let writer = FeatureWriter { to, kind: &long.kind, file, index: &long.index, store, changed };
            writer.write(&features, &mut commits)?;
        }
        commits.wait()
    }

    /// Whether the file of a feature is already what it should be.
    fn is_written(&self, feature: &PlannedFeature, long: &ParquetFile) -> Result<bool, StoreError> {
        Ok(self.store.feature_file(feature)?.is_some_and(|file| is_up_to_date(&file, long)))
    }
}
