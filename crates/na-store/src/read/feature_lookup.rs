//! Finds a feature: its file, or the long table from which it is computed.

use std::path::{Component, Path, PathBuf};

use na_model::{FeatureName, Modality, TableName, WideFeature, WideMetrics};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
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
    /// Its file, if that is of its table as it is.
    File(FeatureFile),
    /// A long table.
    Computed(TableName, PlannedFeature),
}

/// The file of a feature, and the table that it is made from.
#[derive(Debug, Clone)]
pub(crate) struct FeatureFile {
    pub(crate) entry: WideFeature,
    pub(crate) table: TableName,
}

/// Where a feature is read from now.
pub(crate) enum Opened {
    Tiv,
    /// The file of this entry.
    File(WideFeature, ParquetReader),
    Computed(TableName, PlannedFeature),
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
        if let Some((entry, table)) = entry
            && !self.is_family_touched(&table)
        {
            return Ok(FeatureLocation::File(FeatureFile { entry: entry.clone(), table }));
        }
        let unknown = || -> StoreError {
            match self.feature_names(None) {
                Ok(names) => unknown("feature", name, self.output(), names.iter().map(String::as_str)),
                Err(error) => error,
            }
        };
        self.computed_location(name)?.ok_or_else(unknown)
    }

    /// Opens the file of a feature, if it has one that is of its table as it is.
    pub(crate) fn opened(&self, found: &FeatureLocation) -> Result<Opened, StoreError> {
        match found {
            FeatureLocation::Tiv => Ok(Opened::Tiv),
            FeatureLocation::Computed(table, feature) => Ok(Opened::Computed(table.clone(), feature.clone())),
            FeatureLocation::File(file) => {
                if let Some(opened) = self.feature_file(file)? {
                    return Ok(Opened::File(file.entry.clone(), opened));
                }
                match self.computed_location(&file.entry.name)? {
                    Some(FeatureLocation::Computed(table, feature)) => Ok(Opened::Computed(table, feature)),
                    _ => Err(StoreError::damaged(
                        &self.path_of(&file.entry)?,
                        "it is of another state of its table",
                    )),
                }
            }
        }
    }

    /// Where a feature is computed from. `None` if no table gives it.
    fn computed_location(&self, name: &str) -> Result<Option<FeatureLocation>, StoreError> {
        let kinds = self.kinds();
        let families = families(kinds.iter().map(|(table, kind)| (table.clone(), &**kind)));
        for metrics in [self.wide_metrics(), WideMetrics::All] {
            let gives = |table: &TableName| kinds.get(table).is_some_and(|kind| may_give(kind, name));
            for family in families.iter().filter(|family| family.iter().any(gives)) {
                let mut planned = self.planned(family, &metrics)?.into_iter();
                if let Some((table, feature)) = planned.find(|(_, feature)| feature.name.as_str() == name) {
                    return Ok(Some(FeatureLocation::Computed(table, feature)));
                }
            }
        }
        Ok(None)
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

    /// Whether the cache changes a table, or one whose features may need the names of its own.
    fn is_family_touched(&self, table: &TableName) -> bool {
        if self.is_parquet_alone() {
            return false;
        }
        let families = families(self.kinds().iter().map(|(table, kind)| (table.clone(), &**kind)));
        // A table that is gone gives no feature.
        families.iter().find(|family| family.contains(table)).is_none_or(|family| self.is_any_touched(family))
    }

    pub(crate) fn path_of(&self, entry: &WideFeature) -> Result<PathBuf, StoreError> {
        let path = Path::new(&entry.file_path);
        if path.components().all(|component| matches!(component, Component::Normal(_))) {
            return Ok(self.output().join(path));
        }
        Err(StoreError::damaged(
            &self.output().join(MANIFEST_FILE),
            format!("it puts {} outside the store", entry.name),
        ))
    }

    /// Opens the file of a feature. `None` if it is of another state of its table, from which the feature is then computed: an
    /// export renames features while their tables are still being synced, and one that was cut short may have renamed either.
    fn feature_file(
        &self,
        FeatureFile { entry, table }: &FeatureFile,
    ) -> Result<Option<ParquetReader>, StoreError> {
        let path = self.path_of(entry)?;
        let file = ParquetReader::open(&path)?.ok_or_else(|| StoreError::damaged(&path, "it is gone"))?;
        let Some(long) = self.file(table)? else { return Ok(Some(file).filter(|_| self.is_parquet_alone())) };
        let is_current = if self.cached.is_some() {
            is_up_to_date(file.file(), long.file())
        } else {
            // Another program's file says nothing of states.
            let states = file.key_value(keys::FROM_STATE).zip(long.key_value(keys::STATE));
            states.is_none_or(|(of_file, of_table)| of_file == of_table || of_table.is_empty())
        };
        Ok(is_current.then_some(file))
    }
}
