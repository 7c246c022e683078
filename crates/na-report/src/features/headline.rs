//! The headline features: one a map.

use std::collections::BTreeMap;

use na_model::MeasurementUnit;
use na_store::FeatureOutline;

/// Features of which regions and repeated measures are looked at, at most: of more, the headline features alone.
pub(crate) const MOST_ANALYSED: usize = 80;

/// The statistics that stand for a map, the best first: the volume of tissue maps, where it is one. FreeSurfer's are called as it calls
/// them.
const CHOICE: [&str; 5] = ["volume_mm3", "mean", "median", "ThickAvg", "Volume_mm3"];

/// The indices of the features that stand for a map each, in the order of the features.
pub(crate) fn headline(features: &[FeatureOutline]) -> Vec<usize> {
    let mut by_map: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    // Each measure of a whole brain has a unit of its own: they have no mean.
    let has_regions = |feature: &FeatureOutline| !feature.table.is_of_globals();
    for (index, feature) in features.iter().enumerate().filter(|(_, feature)| has_regions(feature)) {
        by_map.entry((&feature.table, &feature.map)).or_default().push(index);
    }
    let of_map = |indices: &Vec<usize>| {
        let best = indices
            .iter()
            .min_by_key(|index| features.get(**index).map(|feature| (rank(feature), &feature.name)));
        best.copied()
    };
    let mut headline: Vec<usize> = by_map.values().filter_map(of_map).collect();
    headline.sort_unstable();
    headline
}

fn rank(feature: &FeatureOutline) -> usize {
    let is_volume = feature.unit == MeasurementUnit::CubicMillimetre;
    let choice = CHOICE.iter().position(|metric| *metric == feature.metric);
    choice.filter(|rank| *rank > 0 || is_volume).unwrap_or(CHOICE.len())
}

#[cfg(test)]
mod tests {
    use na_model::{MapSource, TableName};

    use super::*;

    fn feature(table: &str, param: Option<&str>, metric: &str, unit: MeasurementUnit) -> FeatureOutline {
        let map =
            param.map(|param| MapSource { model: "m".into(), param: param.into(), desc: String::new() });
        let table = TableName::parse(table).unwrap();
        FeatureOutline {
            name: format!("{table}_{param:?}_{metric}"),
            table,
            map,
            metric: metric.into(),
            unit,
        }
    }

    #[test]
    fn each_map_has_one() {
        let features = [
            feature("anatomical_gm", None, "mean", MeasurementUnit::Dimensionless),
            feature("anatomical_gm", None, "volume_mm3", MeasurementUnit::CubicMillimetre),
            feature("anatomical_ct", None, "volume_mm3", MeasurementUnit::Unknown),
            feature("anatomical_ct", None, "mean", MeasurementUnit::Millimetre),
            feature("diffusion_W", Some("fa"), "std", MeasurementUnit::Dimensionless),
            feature("diffusion_W", Some("fa"), "mean", MeasurementUnit::Dimensionless),
            feature("diffusion_W", Some("md"), "cv", MeasurementUnit::Dimensionless),
            feature("anatomical_fs", None, "SurfArea", MeasurementUnit::SquareMillimetre),
            feature("anatomical_fs", None, "ThickAvg", MeasurementUnit::Millimetre),
            feature("anatomical_fs_globals", None, "value", MeasurementUnit::Unknown),
        ];
        assert_eq!(headline(&features), [1, 3, 5, 6, 8]);
    }
}
