//! Which metrics a store was made with, seen from its features: what is known where the manifest is lost.

use std::collections::BTreeSet;
use std::path::Path;

use na_model::{FeatureName, WideMetrics};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::features::{FeatureKind, Giver, feature_plan};
use crate::tables::long_index::LongIndex;
use crate::tables::own_files::Owned;

/// The choice that gives exactly the features that are there, or else a list of their metrics; none without features.
pub(crate) fn metrics_of_features(output: &Path) -> Result<Option<WideMetrics>, StoreError> {
    let (mut names, mut metrics) = (BTreeSet::new(), BTreeSet::new());
    let owned = Owned::of(output)?;
    for path in owned.wide_files()? {
        let file = ParquetReader::open(&output.join(path))?;
        let kind = file.as_ref().and_then(|file| file.key_value(keys::FEATURE));
        let Some(kind) = kind.and_then(|text| serde_json::from_str::<FeatureKind>(text).ok()) else {
            continue;
        };
        if kind.name != FeatureName::tiv().as_str() {
            names.insert(kind.name);
            metrics.insert(kind.metric);
        }
    }
    if names.is_empty() {
        return Ok(None);
    }
    let mut tables = Vec::new();
    for table in owned.long_tables()? {
        if let Some(file) = ParquetReader::open(&output.join(table.file_path()))? {
            let maps = LongIndex::read(&file)?.maps;
            tables.push((table, file.closed(), maps));
        }
    }
    let givers: Vec<Giver<'_>> = tables
        .iter()
        .map(|(table, file, maps)| Giver { table, schema: file.schema(), maps: maps.clone() })
        .collect();
    let gives_these = |metrics: &WideMetrics| {
        let features = feature_plan(&givers, metrics).features.into_values().flatten();
        features.map(|feature| feature.name.to_string()).collect::<BTreeSet<_>>() == names
    };
    let known = [WideMetrics::Default, WideMetrics::All].into_iter().find(gives_these);
    Ok(Some(known.unwrap_or_else(|| WideMetrics::Listed(metrics.into_iter().collect()))))
}
