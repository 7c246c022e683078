//! Which map and statistic a feature is of, without its values.

use foldhash::{HashMap, HashMapExt};
use na_model::{MapSource, MeasurementUnit, TableName, WideFeature};

use crate::error::StoreError;
use crate::read::feature_lookup::{FeatureLocation, Opened};
use crate::read::snapshot::Snapshot;
use crate::tables::features::FeatureKind;

/// Which map and statistic a feature is of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct FeatureOutline {
    pub name: String,
    /// The long table that it is made from.
    pub table: TableName,
    /// `None` for the one map of a tissue's table.
    pub map: Option<MapSource>,
    pub metric: String,
    /// What the values are measured in.
    pub unit: MeasurementUnit,
}

/// What tells the maps of a store's features apart in the manifest, which does not know their descriptions.
type MapInManifest<'m> = (Option<&'m str>, Option<&'m str>, Option<&'m str>, &'m str);

fn map_in_manifest(entry: &WideFeature) -> MapInManifest<'_> {
    (entry.workflow.as_deref(), entry.model.as_deref(), entry.param.as_deref(), &entry.metric)
}

impl Snapshot {
    /// All features that are made from a map: total intracranial volume is not. Sorted by name. A feature's file is opened only where
    /// the manifest does not tell its map from another.
    pub(crate) fn feature_outlines(&self) -> Result<Vec<FeatureOutline>, StoreError> {
        let mut n_features: HashMap<MapInManifest<'_>, usize> = HashMap::new();
        for entry in self.manifest.wide_features.values() {
            *n_features.entry(map_in_manifest(entry)).or_default() += 1;
        }
        let is_alone = |entry: &WideFeature| n_features.get(&map_in_manifest(entry)).is_none_or(|n| *n == 1);
        let names = self.feature_names(None)?;
        let outlines =
            names.iter().map(|name| self.feature_outline(name, is_alone)).filter_map(Result::transpose);
        outlines.collect()
    }

    fn feature_outline(
        &self,
        name: &str,
        is_alone: impl Fn(&WideFeature) -> bool,
    ) -> Result<Option<FeatureOutline>, StoreError> {
        let found = self.find_feature(name)?;
        let (table, map, metric) = match &found {
            FeatureLocation::Tiv => return Ok(None),
            FeatureLocation::Computed(table, feature) => {
                (table.clone(), feature.map.clone(), feature.metric.clone())
            }
            FeatureLocation::File(file) if is_alone(&file.entry) || file.entry.param.is_none() => {
                (file.table.clone(), of_manifest(&file.entry), file.entry.metric.clone())
            }
            FeatureLocation::File(file) => match self.opened(&found)? {
                Opened::Computed(table, feature) => (table, feature.map, feature.metric),
                Opened::File(_, of_file) => {
                    let map = FeatureKind::of(of_file.file()).map(|kind| kind.map());
                    let map = map.unwrap_or_else(|| of_manifest(&file.entry));
                    (file.table.clone(), map, file.entry.metric.clone())
                }
                Opened::Tiv => return Ok(None),
            },
        };
        let unit = self.kinds().get(&table).and_then(|kind| kind.unit_of(&metric));
        let unit = unit.unwrap_or(MeasurementUnit::Unknown);
        Ok(Some(FeatureOutline { name: name.to_owned(), table, map, metric, unit }))
    }
}

/// The map of a feature, without the description that the manifest does not know. `None` for the one map of a tissue's table.
fn of_manifest(entry: &WideFeature) -> Option<MapSource> {
    let param = entry.param.clone()?;
    Some(MapSource { model: entry.model.clone().unwrap_or_default(), param, desc: String::new() })
}
