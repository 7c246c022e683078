//! What a table is: told by the input that brings it, and kept with the table.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::columns::{HEMISPHERE_COLUMNS, INDEX, LABEL_COLUMNS, TIV, VOL_TIV};
use crate::measurement_unit::{MeasurementUnit, parcellate_unit};
use crate::metric::{MetricKind, PARCELLATE_METRICS, default_metrics};
use crate::table::{TableName, Tissue};
use crate::unit_kind::{InputName, UnitKind};

/// What a table is. Each Parquet file of a long table keeps it, so that nobody who reads one needs a list of kinds.
///
/// ```
/// use na_model::{MeasurementUnit, TableKind, TableName};
///
/// let kind = TableKind::of_parcellate(&TableName::parse("anatomical_gm")?);
/// assert_eq!(kind.feature_prefix, "gm");
/// assert_eq!(kind.unit_of("volume_mm3"), Some(MeasurementUnit::CubicMillimetre));
/// # Ok::<(), na_model::ModelError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableKind {
    /// The program that writes its files, `parcellate`.
    pub producer: String,
    /// The kind of input that brings it.
    #[serde(default, skip_serializing_if = "InputName::is_parcellate")]
    pub input: InputName,
    /// The atlas that was chosen for it, `aparc`. `None` where the store's is, or none can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atlas: Option<String>,
    /// What the names of its features begin with, `gm`.
    pub feature_prefix: String,
    /// What its maps measure, `volume`: the `metric` column of an anatomical table. Empty if nobody says it, as for
    /// workflows.
    pub measured: String,
    /// Its statistics. Columns that are none are kept in the long table, and become no features.
    pub metrics: BTreeMap<String, Metric>,
    /// The statistics that become features unless others are asked for, in this order.
    pub default_metrics: Vec<String>,
    /// What a statistic is called in the names of features, where that is not its column's name: `thickness` for `ThickAvg`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<String, String>,
    /// Whether its files say no model of any map: `unknown` is left out of the names of features.
    #[serde(default, skip_serializing_if = "is_false")]
    pub says_no_model: bool,
    /// The columns that tell its regions apart.
    pub region_key: RegionKey,
    /// Labels of rows that are no regions, such as what is not of the cortex: they are kept in the long table, and become no
    /// columns of features.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub no_regions: BTreeSet<String>,
    /// What the rows of measures of the whole brain are measured in, by label, where each has a unit of its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub row_units: BTreeMap<String, MeasurementUnit>,
    /// Labels of measures of the whole brain that every session has whose program came to its end: without one it is partial.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub expected_rows: BTreeSet<String>,
}

/// A statistic of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// What its cells must be.
    pub kind: MetricKind,
    /// What they are measured in.
    pub unit: MeasurementUnit,
}

/// The columns that tell the regions of a table apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionKey {
    /// The column with a region's number. `None` if the table's files have no stable one.
    pub index: Option<String>,
    /// The columns with its name: the first that has one in a row counts.
    pub labels: Vec<String>,
    /// The columns with its hemisphere: the first that has one in a row counts.
    pub hemispheres: Vec<String>,
}

impl TableKind {
    /// What `parcellate` writes into a table of this name, which is a tissue's or a workflow's.
    #[must_use]
    pub fn of_parcellate(table: &TableName) -> Self {
        let tissue = table.tissue();
        let metric = |(name, kind): &(&str, MetricKind)| {
            ((*name).to_owned(), Metric { kind: *kind, unit: parcellate_unit(tissue, name) })
        };
        Self {
            producer: "parcellate".to_owned(),
            input: InputName::PARCELLATE,
            atlas: None,
            feature_prefix: table.name().to_owned(),
            measured: tissue.map_or("", Tissue::measured).to_owned(),
            metrics: PARCELLATE_METRICS.iter().map(metric).collect(),
            default_metrics: default_metrics(table.modality()).iter().map(ToString::to_string).collect(),
            words: BTreeMap::new(),
            says_no_model: false,
            region_key: RegionKey::default(),
            no_regions: BTreeSet::new(),
            row_units: BTreeMap::new(),
            expected_rows: BTreeSet::new(),
        }
    }

    /// The kind of the units that feed a table of this kind.
    #[must_use]
    pub fn unit_kind(&self, table: &TableName) -> UnitKind {
        UnitKind::new(table.modality(), self.input.clone())
    }

    /// What a statistic's cells must be. `None` for columns that are no statistic.
    #[must_use]
    pub fn metric_kind(&self, column: &str) -> Option<MetricKind> {
        self.metrics.get(column).map(|metric| metric.kind)
    }

    /// What a statistic is called in the names of features: its word, or else its column's name.
    #[must_use]
    pub fn word_of<'a>(&'a self, metric: &'a str) -> &'a str {
        self.words.get(metric).map_or(metric, String::as_str)
    }

    /// Whether a name is that of a statistic, by its column or its word.
    #[must_use]
    pub fn is_metric(&self, name: &str) -> bool {
        self.metrics.contains_key(name) || self.words.values().any(|word| word == name)
    }

    /// What a column is measured in. `None` for columns that are no measurement.
    #[must_use]
    pub fn unit_of(&self, column: &str) -> Option<MeasurementUnit> {
        if matches!(column, TIV | VOL_TIV) {
            return Some(MeasurementUnit::Millilitre);
        }
        self.metrics.get(column).map(|metric| metric.unit)
    }

    /// What a region's column of a feature is measured in: in the unit of its row, or else of the statistic. `None` for a statistic
    /// that is not the table's.
    #[must_use]
    pub fn unit_of_region(&self, metric: &str, region: &str) -> Option<MeasurementUnit> {
        self.row_units.get(region).copied().or_else(|| self.unit_of(metric))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives references")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl RegionKey {
    /// Every column that tells a region from another.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.index.iter().chain(&self.labels).chain(&self.hemispheres).map(String::as_str)
    }

    /// Whether a column tells regions apart.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.columns().any(|name| name == column)
    }
}

impl Default for RegionKey {
    /// The columns of `parcellate`.
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self {
            index: Some(INDEX.to_owned()),
            labels: owned(&LABEL_COLUMNS),
            hemispheres: owned(&HEMISPHERE_COLUMNS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(table: &str, column: &str) -> Option<MeasurementUnit> {
        TableKind::of_parcellate(&TableName::parse(table).unwrap()).unit_of(column)
    }

    #[test]
    fn a_volume_is_one_only_where_the_map_is_a_tissue() {
        assert_eq!(unit("anatomical_gm", "volume_mm3"), Some(MeasurementUnit::CubicMillimetre));
        assert_eq!(unit("anatomical_ct", "volume_mm3"), Some(MeasurementUnit::Unknown));
        assert_eq!(unit("anatomical_ct", "mean"), Some(MeasurementUnit::Millimetre));
        assert_eq!(unit("diffusion_X", "mean"), Some(MeasurementUnit::Unknown));
        assert_eq!(unit("diffusion_X", "voxel_count"), Some(MeasurementUnit::Dimensionless));
        assert_eq!(unit("anatomical_gm", "tiv"), Some(MeasurementUnit::Millilitre));
        assert_eq!(unit("anatomical_gm", "label"), None);
    }

    #[test]
    fn a_kind_survives_the_round_trip() {
        let kind = TableKind::of_parcellate(&TableName::parse("diffusion_NODDI").unwrap());
        let text = serde_json::to_string(&kind).unwrap();
        assert_eq!(serde_json::from_str::<TableKind>(&text).unwrap(), kind);
    }
}
