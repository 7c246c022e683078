//! Plans the features that long tables give.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_schema::{DataType, Schema};
use foldhash::{HashMap, HashMapExt, HashSet};
use na_model::{
    FeatureName, FeatureSource, LONGEST_FEATURE_FILE, MapSource, Modality, TableKind, TableName, WideFeature,
    WideMetrics,
};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_file::ParquetFile;
use crate::tables::feature_names::{Unnamed, named};
use crate::tables::long_schema::tsv_columns;

/// A feature that a store is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedFeature {
    pub(crate) name: FeatureName,
    pub(crate) map: Option<MapSource>,
    pub(crate) metric: String,
    pub(crate) kind: FeatureKind,
}

/// What a feature's file says of itself, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeatureKind {
    pub(crate) name: String,
    pub(crate) modality: String,
    pub(crate) metric: String,
    pub(crate) source_modality: Option<String>,
    pub(crate) workflow: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) param: Option<String>,
    /// Tells features with one model and param apart. The manifest has no key for it.
    pub(crate) desc: Option<String>,
}

/// A long table that gives features.
pub(crate) struct FeatureOrigin<'a> {
    pub(crate) table: &'a TableName,
    pub(crate) kind: &'a TableKind,
    pub(crate) schema: &'a Schema,
    pub(crate) maps: Vec<Option<MapSource>>,
}

impl FeatureKind {
    /// Reads what a feature's file says of itself. `None` if this program did not write it.
    pub(crate) fn of(file: &ParquetFile) -> Option<Self> {
        serde_json::from_str(file.key_value(keys::FEATURE)?).ok()
    }

    /// The map that it is of. `None` for the one map of a tissue's table.
    pub(crate) fn map(&self) -> Option<MapSource> {
        let (model, desc) = (self.model.clone().unwrap_or_default(), self.desc.clone().unwrap_or_default());
        self.param.clone().map(|param| MapSource { model, param, desc })
    }

    /// The JSON for the feature's file.
    ///
    /// # Errors
    /// If JSON cannot hold it.
    pub(crate) fn to_text(&self, path: &Path) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|error| StoreError::damaged(path, error))
    }
}

/// Whether a feature's file was made from the long table as it is now.
pub(crate) fn is_up_to_date(feature: &ParquetFile, long: &ParquetFile) -> bool {
    let state = long.key_value(keys::STATE).filter(|state| !state.is_empty());
    let is_its_own = |file: &ParquetFile| !file.has_notes_of_another();
    state.is_some() && feature.key_value(keys::FROM_STATE) == state && is_its_own(long) && is_its_own(feature)
}

/// The long table of a feature in the manifest. `None` for total intracranial volume, and for a table that no store has.
pub(crate) fn table_of(entry: &WideFeature) -> Option<TableName> {
    if entry.name == FeatureName::tiv().as_str() {
        return None;
    }
    match (&entry.source_modality, &entry.workflow) {
        (_, Some(workflow)) => TableName::new(Modality::Diffusion, workflow).ok(),
        (Some(tissue), None) => TableName::new(Modality::Anatomical, tissue).ok(),
        (None, None) => None,
    }
}

/// The features of a store, by table.
#[derive(Debug, Default)]
pub(crate) struct FeaturePlan {
    pub(crate) features: BTreeMap<TableName, Vec<PlannedFeature>>,
    /// For the user.
    pub(crate) notes: Vec<String>,
}

/// Plans the features of all tables of a store, or of a family of tables (see [`families`]). What the tables hold decides the
/// names, not the order in which it came.
///
/// [`families`]: crate::tables::feature_names::families
pub(crate) fn feature_plan(origins: &[FeatureOrigin<'_>], metrics: &WideMetrics) -> FeaturePlan {
    let all = origins.iter().flat_map(|origin| unnamed(origin, metrics));
    // A metric that is asked for once the tables exist must not make their export fail.
    let (unnamed, too_long): (Vec<Unnamed>, Vec<Unnamed>) = all.partition(Unnamed::can_be_a_file);
    let (features, mut notes) = named(unnamed);
    if let Some(first) = too_long.first() {
        notes.push(format!(
            "features left out because the names of their files would have over {LONGEST_FEATURE_FILE} bytes: {}, such as \
             that of the metric {}",
            too_long.len(),
            first.metric
        ));
    }
    let mut plan = FeaturePlan { features: BTreeMap::new(), notes };
    for (feature, name) in features {
        let Unnamed { source: FeatureSource { table, map, .. }, metric, .. } = feature;
        let kind = kind(&table, map.as_ref(), &name, &metric);
        plan.features.entry(table).or_default().push(PlannedFeature { name, map, metric, kind });
    }
    plan
}

/// The features of a table, map by map.
fn unnamed(origin: &FeatureOrigin<'_>, metrics: &WideMetrics) -> Vec<Unnamed> {
    let columns = tsv_columns(origin.schema);
    let numbers: Vec<&str> = columns
        .fields()
        .iter()
        .filter(|field| matches!(field.data_type(), DataType::Float64 | DataType::Int64 | DataType::Boolean))
        .map(|field| field.name().as_str())
        .collect();
    let metrics = metrics.choose(origin.kind, &numbers);
    let mut descs: HashMap<(&str, &str), HashSet<&str>> = HashMap::new();
    for map in origin.maps.iter().flatten() {
        descs.entry((&map.model, &map.param)).or_default().insert(&map.desc);
    }
    let several = |map: &Option<MapSource>| {
        let descs = map.as_ref().and_then(|map| descs.get(&(map.model.as_str(), map.param.as_str())));
        descs.is_some_and(|descs| descs.len() > 1)
    };
    let mut features = Vec::new();
    for map in &origin.maps {
        let source = FeatureSource::new(origin.table, origin.kind, map.clone());
        let desc_in_name = several(map);
        let named = metrics.iter().map(|metric| (*metric, origin.kind.word_of(metric)));
        features.extend(named.map(|metric| Unnamed::new(&source, metric, desc_in_name)));
    }
    features
}

fn kind(table: &TableName, map: Option<&MapSource>, name: &FeatureName, metric: &str) -> FeatureKind {
    let name_of = |modality| (table.modality() == modality).then(|| table.name().to_owned());
    FeatureKind {
        name: name.to_string(),
        modality: table.modality().to_string(),
        metric: metric.to_owned(),
        source_modality: name_of(Modality::Anatomical),
        workflow: name_of(Modality::Diffusion),
        model: map.map(|map| map.model.clone()),
        param: map.map(|map| map.param.clone()),
        desc: map.map(|map| map.desc.clone()),
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::Field;

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

    #[test]
    fn a_description_is_in_the_name_where_a_param_has_several() {
        let table = TableName::parse("diffusion_W").unwrap();
        let maps = vec![map("m", "fa", "a"), map("m", "fa", "unknown"), map("m", "md", "a")];
        let origin =
            FeatureOrigin { table: &table, kind: &TableKind::of_parcellate(&table), schema: &schema(), maps };
        let plan = feature_plan(&[origin], &WideMetrics::Default);
        let names: Vec<String> = plan.features[&table].iter().map(|f| f.name.to_string()).collect();
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
        assert!(plan.notes.is_empty());
    }

    #[test]
    fn a_metric_whose_files_can_have_no_name_is_left_out_and_told() {
        let (table, metric) = (TableName::parse("anatomical_gm").unwrap(), "m".repeat(300));
        let column = |name: &str| Field::new(name, DataType::Float64, true);
        let schema = Schema::new(vec![column(&metric), column("mean")]);
        let origin = FeatureOrigin {
            table: &table,
            kind: &TableKind::of_parcellate(&table),
            schema: &schema,
            maps: vec![None],
        };
        let plan = feature_plan(&[origin], &WideMetrics::Listed(vec![metric, "mean".to_owned()]));
        let names: Vec<String> = plan.features[&table].iter().map(|f| f.name.to_string()).collect();
        assert_eq!(names, ["gm_mean"]);
        assert!(plan.notes[0].contains("bytes: 1, such as"), "{:?}", plan.notes);
    }
}
