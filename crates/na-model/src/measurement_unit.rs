//! The units that columns are measured in.

use std::fmt;

use crate::columns::{TIV, VOL_TIV, VOLUME_MM3};
use crate::metric::metric_kind;
use crate::table::{TableName, Tissue};

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeasurementUnit {
    /// Cubic millimetres.
    CubicMillimetre,
    /// Millilitres.
    Millilitre,
    /// Millimetres.
    Millimetre,
    /// A ratio, a count, a probability.
    Dimensionless,
    /// Not told by the file.
    Unknown,
}

/// Statistics in the unit of the map itself; all others are ratios, counts or test values.
const IN_MAP_UNITS: &[&str] = &[
    "z_filtered_mean",
    "z_filtered_std",
    "iqr_filtered_mean",
    "iqr_filtered_std",
    "robust_mean",
    "robust_std",
    "mad_median",
    "mean",
    "std",
    "median",
    "sum",
    "percentile_5",
    "percentile_10",
    "percentile_25",
    "percentile_50",
    "percentile_75",
    "percentile_90",
    "percentile_95",
];

impl MeasurementUnit {
    /// The word in Parquet field metadata.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CubicMillimetre => "mm3",
            Self::Millilitre => "mL",
            Self::Millimetre => "mm",
            Self::Dimensionless => "dimensionless",
            Self::Unknown => "unknown",
        }
    }

    /// The unit of a numeric column of a long table, none for columns that are no statistic.
    ///
    /// `volume_mm3` is the sum of the map times the voxel's volume: a volume only where the map is a tissue
    /// probability, so it is [`MeasurementUnit::Unknown`] for thickness and diffusion maps.
    #[must_use]
    pub fn of_column(table: &TableName, column: &str) -> Option<Self> {
        if matches!(column, TIV | VOL_TIV) {
            return Some(Self::Millilitre);
        }
        metric_kind(column)?;
        let map = match table {
            TableName::Anatomical(Tissue::Gm | Tissue::Wm) => Self::Dimensionless,
            TableName::Anatomical(Tissue::Ct) => Self::Millimetre,
            TableName::Diffusion(_) => Self::Unknown,
        };
        Some(match column {
            VOLUME_MM3 if map == Self::Dimensionless => Self::CubicMillimetre,
            VOLUME_MM3 => Self::Unknown,
            _ if IN_MAP_UNITS.contains(&column) => map,
            _ => Self::Dimensionless,
        })
    }
}

impl fmt::Display for MeasurementUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_one_only_where_the_map_is_a_tissue() {
        let of =
            |table: &str, column: &str| MeasurementUnit::of_column(&TableName::parse(table).unwrap(), column);
        assert_eq!(of("anatomical_gm", "volume_mm3"), Some(MeasurementUnit::CubicMillimetre));
        assert_eq!(of("anatomical_ct", "volume_mm3"), Some(MeasurementUnit::Unknown));
        assert_eq!(of("anatomical_ct", "mean"), Some(MeasurementUnit::Millimetre));
        assert_eq!(of("diffusion_X", "mean"), Some(MeasurementUnit::Unknown));
        assert_eq!(of("diffusion_X", "voxel_count"), Some(MeasurementUnit::Dimensionless));
        assert_eq!(of("anatomical_gm", "tiv"), Some(MeasurementUnit::Millilitre));
        assert_eq!(of("anatomical_gm", "label"), None);
    }
}
