//! What FreeSurfer's tables are: their statistics, with the words of its own tools, and their units.

use std::collections::{BTreeMap, BTreeSet};

use na_model::{InputName, MeasurementUnit, Metric, MetricKind, RegionKey, TableKind};

use crate::parse::freesurfer_stats::STRUCT_NAME;
use crate::parse::freesurfer_tables::LABEL;

/// Both hemispheres of a parcellation.
pub(in crate::inputs) const SURFACES: &str = "fs";
/// The volumes of a segmentation.
pub(in crate::inputs) const SEGMENTATION: &str = "aseg";
/// Measures of the whole brain.
pub(super) const GLOBALS: &str = "fs_globals";

/// Labels of rows that are no regions: where Schaefer's and the Human Connectome Project's parcellations are not of the cortex.
const NO_REGIONS: [&str; 2] = ["Background+FreeSurfer_Defined_Medial_Wall", "???"];

/// The columns of `mris_anatomical_stats`, each with the word of `aparcstats2table` and its unit.
const OF_SURFACES: [(&str, &str, MeasurementUnit); 9] = [
    ("NumVert", "numvert", MeasurementUnit::Dimensionless),
    ("SurfArea", "area", MeasurementUnit::SquareMillimetre),
    ("GrayVol", "volume", MeasurementUnit::CubicMillimetre),
    ("ThickAvg", "thickness", MeasurementUnit::Millimetre),
    ("ThickStd", "thicknessstd", MeasurementUnit::Millimetre),
    ("MeanCurv", "meancurv", MeasurementUnit::PerMillimetre),
    ("GausCurv", "gauscurv", MeasurementUnit::PerSquareMillimetre),
    ("FoldInd", "foldind", MeasurementUnit::Dimensionless),
    ("CurvInd", "curvind", MeasurementUnit::Dimensionless),
];

/// The statistics of `mri_segstats`, behind the name of the image that they are of.
const OF_INTENSITIES: [(&str, &str); 5] =
    [("Mean", "mean"), ("StdDev", "std"), ("Min", "min"), ("Max", "max"), ("Range", "range")];

/// The images that segmentations have statistics of: none is named by some.
const IMAGES: [&str; 3] = ["norm", "nu", ""];

/// The measures of a hemisphere's surface.
const OF_HEMISPHERES: [(&str, MeasurementUnit); 4] = [
    ("NumVert", MeasurementUnit::Dimensionless),
    ("WhiteSurfArea", MeasurementUnit::SquareMillimetre),
    ("PialSurfArea", MeasurementUnit::SquareMillimetre),
    ("MeanThickness", MeasurementUnit::Millimetre),
];

/// The measures of the whole brain that are volumes, of versions 5 to 8.
const VOLUMES: [&str; 22] = [
    "BrainSegVol",
    "BrainSegVolNotVent",
    "BrainSegVolNotVentSurf",
    "VentricleChoroidVol",
    "lhCortexVol",
    "rhCortexVol",
    "CortexVol",
    "lhCerebralWhiteMatterVol",
    "rhCerebralWhiteMatterVol",
    "CerebralWhiteMatterVol",
    "lhCorticalWhiteMatterVol",
    "rhCorticalWhiteMatterVol",
    "CorticalWhiteMatterVol",
    "SubCortGrayVol",
    "TotalGrayVol",
    "SupraTentorialVol",
    "SupraTentorialVolNotVent",
    "SupraTentorialVolNotVentVox",
    "MaskVol",
    "eTIV",
    "sTIV",
    "ICV",
];

/// Those that are ratios and counts.
const RATIOS: [&str; 5] =
    ["BrainSegVol-to-eTIV", "MaskVol-to-eTIV", "lhSurfaceHoles", "rhSurfaceHoles", "SurfaceHoles"];

/// A statistic: its column, its word in the names of features, and its unit.
type Statistic = (String, &'static str, MeasurementUnit);

/// The surfaces of a parcellation.
pub(super) fn surfaces(parcellation: &str) -> TableKind {
    let statistics = OF_SURFACES.map(|(column, word, unit)| (column.to_owned(), word, unit));
    let sides = NO_REGIONS.iter().flat_map(|name| [format!("lh_{name}"), format!("rh_{name}")]);
    TableKind {
        atlas: Some(parcellation.to_owned()),
        default_metrics: owned(&["ThickAvg", "SurfArea", "GrayVol"]),
        no_regions: sides.collect(),
        ..kind(SURFACES, SURFACES, (None, LABEL), statistics.into())
    }
}

/// The volumes of a segmentation, and the intensities there.
pub(super) fn segmentation(segmentation: &str) -> TableKind {
    let volumes = [
        ("NVoxels".to_owned(), "nvoxels", MeasurementUnit::Dimensionless),
        ("Volume_mm3".to_owned(), "volume", MeasurementUnit::CubicMillimetre),
    ];
    let intensities = IMAGES.iter().flat_map(|image| {
        OF_INTENSITIES.map(|(column, word)| (format!("{image}{column}"), word, MeasurementUnit::Unknown))
    });
    TableKind {
        atlas: Some(segmentation.to_owned()),
        default_metrics: owned(&["Volume_mm3"]),
        ..kind(
            SEGMENTATION,
            SEGMENTATION,
            (Some("SegId"), STRUCT_NAME),
            volumes.into_iter().chain(intensities).collect(),
        )
    }
}

/// Measures of the whole brain and of hemispheres. Their feature is called as the table, `fs_globals`.
pub(super) fn globals() -> TableKind {
    let value = ("value".to_owned(), "globals", MeasurementUnit::Unknown);
    TableKind {
        default_metrics: owned(&["value"]),
        row_units: units_of_measures(),
        ..kind(SURFACES, GLOBALS, (None, LABEL), vec![value])
    }
}

/// A kind whose regions are told apart by these columns, a number's and a name's.
fn kind(prefix: &str, measured: &str, key: (Option<&str>, &str), statistics: Vec<Statistic>) -> TableKind {
    let (index, label) = key;
    TableKind {
        producer: "FreeSurfer".to_owned(),
        input: InputName::FREESURFER,
        atlas: None,
        feature_prefix: prefix.to_owned(),
        measured: measured.to_owned(),
        words: statistics.iter().map(|(column, word, _)| (column.clone(), (*word).to_owned())).collect(),
        metrics: statistics
            .into_iter()
            .map(|(column, _, unit)| (column, Metric { kind: MetricKind::Number, unit }))
            .collect(),
        default_metrics: Vec::new(),
        says_no_model: false,
        region_key: RegionKey {
            index: index.map(str::to_owned),
            labels: vec![label.to_owned()],
            hemispheres: Vec::new(),
        },
        no_regions: BTreeSet::new(),
        row_units: BTreeMap::new(),
        expected_rows: BTreeSet::new(),
    }
}

/// What the measures of the whole brain and of hemispheres are measured in, by their labels: all versions agree on it.
fn units_of_measures() -> BTreeMap<String, MeasurementUnit> {
    let of_sides = ["lh", "rh"]
        .into_iter()
        .flat_map(|side| OF_HEMISPHERES.map(|(measure, unit)| (format!("{side}_{measure}"), unit)));
    let volumes = VOLUMES.map(|measure| (measure.to_owned(), MeasurementUnit::CubicMillimetre));
    let ratios = RATIOS.map(|measure| (measure.to_owned(), MeasurementUnit::Dimensionless));
    of_sides.chain(volumes).chain(ratios).collect()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use arrow_array::cast::AsArray;

    use super::*;
    use crate::parse::freesurfer_stats::parse_stats;
    use crate::parse::freesurfer_tables::StatsFile;

    fn stats_files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
        let files = files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "stats"));
        folders.iter().flat_map(|folder| stats_files(folder)).chain(files).collect()
    }

    #[test]
    fn a_measure_s_unit_is_the_one_that_files_of_all_versions_say() {
        let (units, mut n) = (units_of_measures(), 0);
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/inputs/freesurfer");
        for path in stats_files(&shipped) {
            let Ok(stats) = parse_stats(&path, &fs::read(&path).unwrap(), &|| false) else { continue };
            let Ok(table) = crate::parse::freesurfer_tables::globals(&[StatsFile { path: &path, stats }])
            else {
                continue;
            };
            let text = |name: &str| table[name].as_string::<i32>();
            for (label, told) in text(LABEL).iter().flatten().zip(text("unit").iter().flatten()) {
                let told = match told {
                    "mm^3" => MeasurementUnit::CubicMillimetre,
                    "mm^2" => MeasurementUnit::SquareMillimetre,
                    "mm" => MeasurementUnit::Millimetre,
                    "unitless" => MeasurementUnit::Dimensionless,
                    _ => MeasurementUnit::Unknown,
                };
                assert_eq!(units.get(label), Some(&told), "{label} in {}", path.display());
                n += 1;
            }
        }
        assert!(n > 100, "{n} measures");
    }
}
