//! Which features a long table gives, and what they are called.

use std::collections::{HashMap, HashSet};

use arrow::datatypes::{DataType, Schema};
use na_model::{FeatureName, FeatureSource, MapSource, TableName, WideMetrics};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::long::columns::tsv_columns;

/// A feature to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedFeature {
    pub(crate) name: FeatureName,
    pub(crate) map: Option<MapSource>,
    pub(crate) metric: String,
    pub(crate) kind: FeatureKind,
}

/// What a feature is: what its file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeatureKind {
    pub(crate) name: String,
    pub(crate) modality: String,
    pub(crate) metric: String,
    pub(crate) source_modality: Option<String>,
    pub(crate) workflow: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) param: Option<String>,
    /// Tells features of one name part from another; the manifest has no key for it.
    pub(crate) desc: Option<String>,
}

/// The features of a table with these columns and maps.
pub(crate) fn plan(
    table: &TableName,
    schema: &Schema,
    maps: &[Option<MapSource>],
    metrics: &WideMetrics,
) -> Vec<PlannedFeature> {
    let columns = tsv_columns(table, schema);
    let numbers: Vec<&str> = columns
        .fields()
        .iter()
        .filter(|field| matches!(field.data_type(), DataType::Float64 | DataType::Int64 | DataType::Boolean))
        .map(|field| field.name().as_str())
        .collect();
    let metrics = metrics.choose(table.modality(), &numbers);
    let mut descs: HashMap<(&str, &str), HashSet<&str>> = HashMap::new();
    for map in maps.iter().flatten() {
        descs.entry((&map.model, &map.param)).or_default().insert(&map.desc);
    }
    let mut features = Vec::new();
    for map in maps {
        let several = map.as_ref().is_some_and(|map| {
            descs.get(&(map.model.as_str(), map.param.as_str())).is_some_and(|descs| descs.len() > 1)
        });
        let source = FeatureSource { table: table.clone(), map: map.clone() };
        for metric in &metrics {
            let name = source.feature(metric, several);
            let kind = kind(table, map.as_ref(), &name, metric);
            features.push(PlannedFeature { name, map: map.clone(), metric: (*metric).to_owned(), kind });
        }
    }
    features
}

fn kind(table: &TableName, map: Option<&MapSource>, name: &FeatureName, metric: &str) -> FeatureKind {
    let (tissue, workflow) = match table {
        TableName::Anatomical(tissue) => (Some(tissue.to_string()), None),
        TableName::Diffusion(workflow) => (None, Some(workflow.to_string())),
    };
    FeatureKind {
        name: name.to_string(),
        modality: table.modality().to_string(),
        metric: metric.to_owned(),
        source_modality: tissue,
        workflow,
        model: map.map(|map| map.model.clone()),
        param: map.map(|map| map.param.clone()),
        desc: map.map(|map| map.desc.clone()),
    }
}

/// Two sources whose features would have one name, or one file, are an error before anything is written.
pub(crate) fn check_names<'a>(
    features: impl IntoIterator<Item = (&'a TableName, &'a PlannedFeature)>,
) -> Result<(), StoreError> {
    let describe = |table: &TableName, feature: &PlannedFeature| match &feature.map {
        None => table.to_string(),
        Some(map) => format!("{table} (model {}, param {}, desc {})", map.model, map.param, map.desc),
    };
    let tiv = FeatureName::tiv();
    let mut seen: HashMap<String, String> =
        HashMap::from([(tiv.to_string(), "total intracranial volume".to_owned())]);
    let mut files: HashMap<String, String> =
        HashMap::from([(tiv.file_path(), "total intracranial volume".to_owned())]);
    for (table, feature) in features {
        let this = describe(table, feature);
        let name = feature.name.to_string();
        let same_name = seen.insert(name.clone(), this.clone());
        let same_file = files.insert(feature.name.file_path(), this.clone());
        if let Some(first) = same_name.or(same_file) {
            return Err(StoreError::SameFeature { name, first, second: this });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;

    fn schema() -> Schema {
        let column = |name: &str, data_type| Field::new(name, data_type, true);
        Schema::new(vec![
            column("label", DataType::Utf8),
            column("mean", DataType::Float64),
            column("voxel_count", DataType::Int64),
            column("skewness", DataType::Utf8),
            column("workflow", DataType::Utf8),
        ])
    }

    fn map(model: &str, param: &str, desc: &str) -> Option<MapSource> {
        Some(MapSource { model: model.into(), param: param.into(), desc: desc.into() })
    }

    fn names(table: &str, maps: &[Option<MapSource>]) -> Vec<(TableName, PlannedFeature)> {
        let table = TableName::parse(table).unwrap();
        let planned = plan(&table, &schema(), maps, &WideMetrics::Default);
        planned.into_iter().map(|feature| (table.clone(), feature)).collect()
    }

    #[test]
    fn a_description_is_in_the_name_where_a_param_has_several() {
        let features =
            names("diffusion_W", &[map("m", "fa", "a"), map("m", "fa", "unknown"), map("m", "md", "a")]);
        let names: Vec<String> = features.iter().map(|(_, feature)| feature.name.to_string()).collect();
        assert_eq!(
            names,
            [
                "W_m_fa_desc-a_mean",
                "W_m_fa_desc-a_voxel_count",
                "W_m_fa_mean",
                "W_m_fa_voxel_count",
                "W_m_md_mean",
                "W_m_md_voxel_count"
            ]
        );
    }

    #[test]
    fn two_sources_with_one_name_are_an_error_that_names_both() {
        let mut features = names("diffusion_A", &[map("b_c", "fa", "unknown")]);
        check_names(features.iter().map(|(table, feature)| (table, feature))).unwrap();
        features.extend(names("diffusion_A_b", &[map("c", "fa", "unknown")]));
        let error =
            check_names(features.iter().map(|(table, feature)| (table, feature))).unwrap_err().to_string();
        assert!(error.contains("diffusion_A ") && error.contains("diffusion_A_b "), "{error}");
    }
}
