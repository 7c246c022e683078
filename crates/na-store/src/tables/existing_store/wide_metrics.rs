//! Infers the metrics of a store from its features, in case the manifest is lost, or is the pandas package's, which does not say them.

use std::collections::BTreeSet;

use na_model::{FeatureName, Manifest, WideMetrics};

use crate::error::StoreError;
use crate::format::parquet_file::ParquetFile;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::features::{FeatureKind, FeatureOrigin, feature_plan};

impl ExistingStore {
    /// The choice of metrics that gives exactly the existing features, or else a list of their metrics. `None` if there are none.
    pub(crate) fn metrics_of_features(&self) -> Result<Option<WideMetrics>, StoreError> {
        let (mut names, mut metrics) = (BTreeSet::new(), BTreeSet::new());
        for path in self.own_files().wide_files()? {
            let file = ParquetFile::open(&self.output().join(path))?;
            let Some(kind) = file.as_ref().and_then(FeatureKind::of) else { continue };
            if kind.name != FeatureName::tiv().as_str() {
                names.insert(kind.name);
                metrics.insert(kind.metric);
            }
        }
        self.metrics_that_give(&names, metrics)
    }

    /// The same for the features that a manifest names.
    pub(crate) fn metrics_of_manifest(&self, manifest: &Manifest) -> Result<Option<WideMetrics>, StoreError> {
        let features = manifest.wide_features.values();
        let features = features.filter(|feature| feature.name != FeatureName::tiv().as_str());
        let (names, metrics) = features.map(|feature| (feature.name.clone(), feature.metric.clone())).unzip();
        self.metrics_that_give(&names, metrics)
    }

    fn metrics_that_give(
        &self,
        names: &BTreeSet<String>,
        metrics: BTreeSet<String>,
    ) -> Result<Option<WideMetrics>, StoreError> {
        if names.is_empty() {
            return Ok(None);
        }
        let mut tables = Vec::new();
        for table in self.long_tables()? {
            tables.extend(self.long_file(table)?.map(|long| (table, long)));
        }
        let origins: Vec<FeatureOrigin<'_>> = tables
            .iter()
            .map(|(table, long)| FeatureOrigin {
                table,
                kind: &long.kind,
                schema: long.file.schema(),
                maps: long.index.maps.clone(),
            })
            .collect();
        let gives_these = |metrics: &WideMetrics| {
            let features = feature_plan(&origins, metrics).features.into_values().flatten();
            features.map(|feature| feature.name.to_string()).collect::<BTreeSet<_>>() == *names
        };
        let known = [WideMetrics::Default, WideMetrics::All].into_iter().find(gives_these);
        Ok(Some(known.unwrap_or_else(|| WideMetrics::Listed(metrics.into_iter().collect()))))
    }
}
