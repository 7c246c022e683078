//! Finds a feature: its file, or the long table from which it is computed.

use std::path::{Component, Path, PathBuf};

use na_model::{FeatureName, Modality, TableName, WideFeature, WideMetrics};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_file::ParquetFile;
use crate::format::parquet_reader::ParquetReader;
use crate::read::snapshot::Snapshot;
use crate::read::suggest::unknown;
use crate::tables::feature_names::{families, may_give};
use crate::tables::features::{FeatureOrigin, PlannedFeature, feature_plan, is_up_to_date, table_of};
use crate::tables::long_schema::LongSchema;
use crate::tables::manifest;
use crate::tables::paths::MANIFEST_FILE;

/// Where a feature is read from.
#[derive(Debug, Clone)]
pub(crate) enum FeatureLocation {
    /// Total intracranial volume.
    Tiv,
    /// Its file.
    File(FeatureFile),
    /// A long table.
    Computed(TableName, PlannedFeature),
}

/// The file of a feature, by its entry in the manifest.
#[derive(Debug, Clone)]
pub(crate) struct FeatureFile {
    pub(crate) entry: WideFeature,
    /// The state of the long table that it is made from. `None` if nobody replaces it meanwhile.
    of_state: Option<String>,
}

impl Snapshot {
    /// The features that exist, or would exist after an export. Sorted by name.
    pub(crate) fn feature_names(&self, modality: Option<Modality>) -> Result<Vec<String>, StoreError> {
        let wanted = |of: Modality| modality.is_none_or(|modality| modality == of);
        let mut names = Vec::new();
        if wanted(Modality::Anatomical) && !self.volumes()?.0.is_empty() {
            names.push(FeatureName::tiv().to_string());
        }
        for family in families(self.kinds().iter().map(|(table, kind)| (table.clone(), &**kind))) {
            if !family.iter().any(|table| wanted(table.modality())) {
                continue;
            }
            if self.is_parquet_alone() || (!self.is_any_touched(&family) && self.has_the_same_metrics()) {
                let exported = self.manifest.wide_features.values();
                let is_of_family = |entry: &&WideFeature| {
                    table_of(entry).is_some_and(|table| wanted(table.modality()) && family.contains(&table))
                };
                names.extend(exported.filter(is_of_family).map(|entry| entry.name.clone()));
            } else {
                let planned = self.planned(&family, &self.wide_metrics())?.into_iter();
                let planned = planned.filter(|(table, _)| wanted(table.modality()));
                names.extend(planned.map(|(_, feature)| feature.name.to_string()));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    pub(crate) fn find_feature(&self, name: &str) -> Result<FeatureLocation, StoreError> {
        if name == FeatureName::tiv().as_str() && !self.volumes()?.0.is_empty() {
            return Ok(FeatureLocation::Tiv);
        }
        let entry = self.manifest.wide_features.get(name).and_then(|entry| Some((entry, table_of(entry)?)));
        let unchecked = entry.as_ref().filter(|_| self.is_parquet_alone()).map(|(entry, _)| *entry);
        let unchecked = unchecked.map(|entry| FeatureFile { entry: entry.clone(), of_state: None });
        if !self.store.version().has_cache()
            && let Some(file) = unchecked
        {
            return Ok(FeatureLocation::File(file));
        }
        let kinds = self.kinds();
        let families = families(kinds.iter().map(|(table, kind)| (table.clone(), &**kind)));
        if let Some((entry, table)) = entry
            && let Some(family) = families.iter().find(|family| family.contains(&table))
            && let Some(state) = self.state_of_current_file(&table, family, entry)?
        {
            let file = FeatureFile { entry: entry.clone(), of_state: Some(state) };
            return Ok(FeatureLocation::File(file));
        }
        for metrics in [self.wide_metrics(), WideMetrics::All] {
            let gives = |table: &TableName| kinds.get(table).is_some_and(|kind| may_give(kind, name));
            for family in families.iter().filter(|family| family.iter().any(gives)) {
                let mut planned = self.planned(family, &metrics)?.into_iter();
                if let Some((table, feature)) = planned.find(|(_, feature)| feature.name.as_str() == name) {
                    return Ok(FeatureLocation::Computed(table, feature));
                }
            }
        }
        // A name that another program gave.
        if let Some(file) = unchecked {
            return Ok(FeatureLocation::File(file));
        }
        Err(unknown("feature", name, self.output(), self.feature_names(None)?.iter().map(String::as_str)))
    }

    /// The features of a family's tables, as an export would name them now.
    fn planned(
        &self,
        family: &[TableName],
        metrics: &WideMetrics,
    ) -> Result<Vec<(TableName, PlannedFeature)>, StoreError> {
        let merges = family.iter().map(|table| self.merge(table)).collect::<Result<Vec<_>, StoreError>>()?;
        let columns: Vec<LongSchema> = merges.iter().map(|merge| merge.columns()).collect();
        let origins: Vec<FeatureOrigin<'_>> =
            merges.iter().zip(&columns).map(|(merge, schema)| merge.feature_origin(schema)).collect();
        let planned = feature_plan(&origins, metrics).features.into_iter();
        let with_table = |(table, features): (TableName, Vec<PlannedFeature>)| {
            features.into_iter().map(move |feature| (table.clone(), feature))
        };
        Ok(planned.flat_map(with_table).collect())
    }

    fn is_any_touched(&self, family: &[TableName]) -> bool {
        family.iter().any(|table| self.is_touched(table))
    }

    /// Whether an export would make features of the same metrics as the last one.
    fn has_the_same_metrics(&self) -> bool {
        let exported = manifest::wide_metrics(&self.manifest).map(WideMetrics::parse);
        exported.is_some_and(|exported| exported == self.wide_metrics())
    }

    /// While there is a cache, an export may be running: a feature's file is then as new as that of its long table only
    /// if it records the same state, which is returned. Another table's features may also need its name by then.
    fn state_of_current_file(
        &self,
        table: &TableName,
        family: &[TableName],
        entry: &WideFeature,
    ) -> Result<Option<String>, StoreError> {
        if self.is_any_touched(family) {
            return Ok(None);
        }
        let (Some(long), Some(wide)) = (self.file(table)?, ParquetFile::open(&self.path_of(entry)?)?) else {
            return Ok(None);
        };
        let state = long.key_value(keys::STATE).filter(|_| is_up_to_date(&wide, long.file()));
        Ok(state.map(str::to_owned))
    }

    fn path_of(&self, entry: &WideFeature) -> Result<PathBuf, StoreError> {
        let path = Path::new(&entry.file_path);
        if path.components().all(|component| matches!(component, Component::Normal(_))) {
            return Ok(self.output().join(path));
        }
        Err(StoreError::damaged(
            &self.output().join(MANIFEST_FILE),
            format!("it puts {} outside the store", entry.name),
        ))
    }

    /// Opens the file of a feature.
    ///
    /// # Errors
    /// [`StoreError::Changing`] if an export has replaced it since it was found: it is renamed before its long table is.
    pub(crate) fn feature_file(
        &self,
        FeatureFile { entry, of_state }: &FeatureFile,
    ) -> Result<ParquetReader, StoreError> {
        let path = self.path_of(entry)?;
        let file = ParquetReader::open(&path)?.ok_or_else(|| StoreError::damaged(&path, "it is gone"))?;
        match of_state {
            Some(state) if file.key_value(keys::FROM_STATE) != Some(state) => {
                Err(StoreError::Changing { output: self.output().to_owned() })
            }
            _ => Ok(file),
        }
    }
}
