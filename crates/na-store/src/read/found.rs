//! Finding a feature: in its file, or what it is to be computed out of.

use std::path::{Component, Path, PathBuf};

use na_model::{FeatureName, Modality, TableName, Tissue, WideFeature, WideMetrics, Workflow};

use crate::error::StoreError;
use crate::notes;
use crate::read::names::unknown;
use crate::read::snapshot::Snapshot;
use crate::table_file::TableFile;
use crate::wide::plan::{FeatureKind, PlannedFeature};

/// A feature that can be read.
#[derive(Debug, Clone)]
pub(crate) enum Found {
    /// Total intracranial volume.
    Tiv,
    /// It has a file, which is as new as all else.
    File(WideFeature),
    /// It is made out of a long table.
    Computed(TableName, PlannedFeature),
}

impl Snapshot {
    /// The features there are, or would be after an export.
    pub(crate) fn feature_names(&self, modality: Option<Modality>) -> Result<Vec<String>, StoreError> {
        let wanted = |of: Modality| modality.is_none_or(|modality| modality == of);
        let mut names = Vec::new();
        if wanted(Modality::Anatomical) && !self.volumes()?.0.is_empty() {
            names.push(FeatureName::tiv().to_string());
        }
        for table in self.tables()?.iter().filter(|table| wanted(table.modality())) {
            if self.is_parquet_alone() || !self.is_touched(table) {
                let of_table = self.manifest.wide_features.values();
                names.extend(
                    of_table
                        .filter(|entry| table_of(entry).as_ref() == Some(table))
                        .map(|entry| entry.name.clone()),
                );
            } else {
                let planned = self.planned(table, &self.wide_metrics())?;
                names.extend(planned.into_iter().map(|feature| feature.name.to_string()));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    pub(crate) fn find_feature(&self, name: &str) -> Result<Found, StoreError> {
        if name == FeatureName::tiv().as_str() && !self.volumes()?.0.is_empty() {
            return Ok(Found::Tiv);
        }
        if let Some(entry) = self.manifest.wide_features.get(name)
            && let Some(table) = table_of(entry)
            && self.has_current_file(&table, entry)?
        {
            return Ok(Found::File(entry.clone()));
        }
        for table in self.tables()? {
            let prefix = match &table {
                TableName::Anatomical(tissue) => tissue.as_str(),
                TableName::Diffusion(workflow) => workflow.as_str(),
            };
            if !name.starts_with(prefix) {
                continue;
            }
            for metrics in [self.wide_metrics(), WideMetrics::All] {
                let planned = self.planned(&table, &metrics)?;
                if let Some(feature) = planned.into_iter().find(|feature| feature.name.as_str() == name) {
                    return Ok(Found::Computed(table, feature));
                }
            }
        }
        Err(unknown("feature", name, &self.output, self.feature_names(None)?.iter().map(String::as_str)))
    }

    /// While a cache is there, an export may be under way: a feature's file is then as new as its long table's only
    /// where it says so.
    fn has_current_file(&self, table: &TableName, entry: &WideFeature) -> Result<bool, StoreError> {
        if self.is_parquet_alone() {
            return Ok(true);
        }
        if self.is_touched(table) {
            return Ok(false);
        }
        let (Some(long), Some(wide)) = (self.file(table)?, TableFile::open(&self.path_of(entry)?)?) else {
            return Ok(false);
        };
        let state = long.note(notes::STATE).filter(|state| !state.is_empty());
        Ok(state.is_some() && wide.note(notes::FROM_STATE) == state)
    }

    fn path_of(&self, entry: &WideFeature) -> Result<PathBuf, StoreError> {
        let path = Path::new(&entry.file_path);
        if path.components().all(|component| matches!(component, Component::Normal(_))) {
            return Ok(self.output.join(path));
        }
        Err(StoreError::damaged(
            &self.output.join(crate::MANIFEST_FILE),
            format!("it puts {} outside the store", entry.name),
        ))
    }

    /// The file of a feature that has one.
    pub(crate) fn feature_file(&self, entry: &WideFeature) -> Result<TableFile, StoreError> {
        let path = self.path_of(entry)?;
        TableFile::open(&path)?.ok_or_else(|| StoreError::damaged(&path, "it is gone"))
    }
}

/// The long table of a feature in the manifest; none for TIV.
pub(crate) fn table_of(entry: &WideFeature) -> Option<TableName> {
    match (&entry.source_modality, &entry.workflow) {
        (_, Some(workflow)) => Workflow::new(workflow).ok().map(TableName::Diffusion),
        (Some(tissue), None) => {
            Tissue::ALL.into_iter().find(|known| known.as_str() == tissue).map(TableName::Anatomical)
        }
        (None, None) => None,
    }
}

/// What a feature's file says it is.
pub(crate) fn kind_of(file: &TableFile) -> Option<FeatureKind> {
    serde_json::from_str(file.note(notes::FEATURE)?).ok()
}
