//! The units that columns are measured in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::columns::{VOL_TIV, VOLUME_MM3};
use crate::table::Tissue;

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MeasurementUnit {
    /// Cubic millimetres.
    #[serde(rename = "mm3")]
    CubicMillimetre,
    /// Millilitres.
    #[serde(rename = "mL")]
    Millilitre,
    /// Millimetres.
    #[serde(rename = "mm")]
    Millimetre,
    /// Square millimetres.
    #[serde(rename = "mm2")]
    SquareMillimetre,
    /// Square centimetres.
    #[serde(rename = "cm2")]
    SquareCentimetre,
    /// A curvature: one over millimetres.
    #[serde(rename = "1/mm")]
    PerMillimetre,
    /// A Gaussian curvature: one over square millimetres.
    #[serde(rename = "1/mm2")]
    PerSquareMillimetre,
    /// Degrees of an angle.
    #[serde(rename = "degree")]
    Degree,
    /// Hundredths.
    #[serde(rename = "%")]
    Percent,
    /// A mark of CAT12 from 0.5, the best, to 10.5.
    #[serde(rename = "mark")]
    Mark,
    /// A ratio, a count, a probability.
    #[serde(rename = "dimensionless")]
    Dimensionless,
    /// Not told by the file.
    #[serde(rename = "unknown")]
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
            Self::SquareMillimetre => "mm2",
            Self::SquareCentimetre => "cm2",
            Self::PerMillimetre => "1/mm",
            Self::PerSquareMillimetre => "1/mm2",
            Self::Degree => "degree",
            Self::Percent => "%",
            Self::Mark => "mark",
            Self::Dimensionless => "dimensionless",
            Self::Unknown => "unknown",
        }
    }
}

/// The unit of a statistic of `parcellate`, in the table of a tissue or, without one, of a workflow.
///
/// `volume_mm3` is the sum of the map times the voxel's volume: a volume only where the map is a tissue probability, so it
/// is [`MeasurementUnit::Unknown`] for thickness and diffusion maps.
pub(crate) fn parcellate_unit(tissue: Option<Tissue>, metric: &str) -> MeasurementUnit {
    let map = match tissue {
        Some(Tissue::Gm | Tissue::Wm) => MeasurementUnit::Dimensionless,
        Some(Tissue::Ct) => MeasurementUnit::Millimetre,
        None => MeasurementUnit::Unknown,
    };
    match metric {
        VOL_TIV => MeasurementUnit::Millilitre,
        VOLUME_MM3 if map == MeasurementUnit::Dimensionless => MeasurementUnit::CubicMillimetre,
        VOLUME_MM3 => MeasurementUnit::Unknown,
        _ if IN_MAP_UNITS.contains(&metric) => map,
        _ => MeasurementUnit::Dimensionless,
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
    fn a_unit_is_one_word_wherever_it_is_written() {
        for unit in [
            MeasurementUnit::CubicMillimetre,
            MeasurementUnit::Millilitre,
            MeasurementUnit::Millimetre,
            MeasurementUnit::SquareMillimetre,
            MeasurementUnit::SquareCentimetre,
            MeasurementUnit::Degree,
            MeasurementUnit::Percent,
            MeasurementUnit::Mark,
            MeasurementUnit::PerMillimetre,
            MeasurementUnit::PerSquareMillimetre,
            MeasurementUnit::Dimensionless,
            MeasurementUnit::Unknown,
        ] {
            assert_eq!(serde_json::to_value(unit).unwrap(), unit.as_str());
            assert_eq!(unit.to_string(), unit.as_str());
        }
    }
}
