//! The statistics that `parcellate` computes for a region.

use serde::{Deserialize, Serialize};

use crate::columns::{VOL_TIV, VOLUME_MM3};
use crate::modality::Modality;

/// What the cells of a statistic must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricKind {
    /// A number or null; integers stay integers.
    Number,
    /// True, false or null; `0`, `1`, `0.0` and `1.0` are read too.
    Flag,
}

/// Every statistic of `parcellate` from its first version (November 2025) to its diagnostic tier (February 2026).
pub(crate) const PARCELLATE_METRICS: &[(&str, MetricKind)] = &[
    (VOLUME_MM3, MetricKind::Number),
    ("voxel_count", MetricKind::Number),
    ("z_filtered_mean", MetricKind::Number),
    ("z_filtered_std", MetricKind::Number),
    ("iqr_filtered_mean", MetricKind::Number),
    ("iqr_filtered_std", MetricKind::Number),
    ("robust_mean", MetricKind::Number),
    ("robust_std", MetricKind::Number),
    ("mad_median", MetricKind::Number),
    ("mean", MetricKind::Number),
    ("std", MetricKind::Number),
    ("median", MetricKind::Number),
    ("sum", MetricKind::Number),
    ("cv", MetricKind::Number),
    ("robust_cv", MetricKind::Number),
    ("quartile_dispersion", MetricKind::Number),
    ("skewness", MetricKind::Number),
    ("kurtosis", MetricKind::Number),
    ("excess_kurtosis", MetricKind::Number),
    ("abs_skewness", MetricKind::Number),
    ("abs_excess_kurtosis", MetricKind::Number),
    ("bimodality_coefficient", MetricKind::Number),
    ("prop_outliers_2sd", MetricKind::Number),
    ("prop_outliers_3sd", MetricKind::Number),
    ("prop_outliers_iqr", MetricKind::Number),
    ("left_tail_mass", MetricKind::Number),
    ("right_tail_mass", MetricKind::Number),
    ("tail_asymmetry", MetricKind::Number),
    ("excess_tail_mass", MetricKind::Number),
    ("dagostino_k2", MetricKind::Number),
    ("dagostino_p", MetricKind::Number),
    ("log_dagostino_k2", MetricKind::Number),
    ("shapiro_w", MetricKind::Number),
    ("shapiro_p", MetricKind::Number),
    ("qq_correlation", MetricKind::Number),
    ("qq_r_squared", MetricKind::Number),
    ("histogram_entropy", MetricKind::Number),
    ("percentile_5", MetricKind::Number),
    ("percentile_10", MetricKind::Number),
    ("percentile_25", MetricKind::Number),
    ("percentile_50", MetricKind::Number),
    ("percentile_75", MetricKind::Number),
    ("percentile_90", MetricKind::Number),
    ("percentile_95", MetricKind::Number),
    (VOL_TIV, MetricKind::Number),
    ("is_strongly_skewed", MetricKind::Flag),
    ("is_heavy_tailed", MetricKind::Flag),
    ("is_bimodal", MetricKind::Flag),
    ("has_outliers", MetricKind::Flag),
    ("fails_normality", MetricKind::Flag),
];

/// The kind of a statistic that `parcellate` knows. `None` for other columns.
#[must_use]
pub fn metric_kind(column: &str) -> Option<MetricKind> {
    PARCELLATE_METRICS.iter().find(|(name, _)| *name == column).map(|(_, kind)| *kind)
}

/// The metrics of anatomical tables that become features unless others are asked for.
const DEFAULT_ANATOMICAL_METRICS: &[&str] =
    &[VOLUME_MM3, "mean", "std", "median", "sum", "robust_std", "mad_median"];

/// The metrics of diffusion tables that become features unless others are asked for.
const DEFAULT_DIFFUSION_METRICS: &[&str] = &[
    "mean",
    "std",
    "median",
    "robust_mean",
    "robust_std",
    "mad_median",
    "z_filtered_mean",
    "z_filtered_std",
    "iqr_filtered_mean",
    "iqr_filtered_std",
    VOLUME_MM3,
    "voxel_count",
];

/// The statistics of `parcellate` that become features unless others are asked for.
pub(crate) fn default_metrics(modality: Modality) -> &'static [&'static str] {
    match modality {
        Modality::Anatomical => DEFAULT_ANATOMICAL_METRICS,
        Modality::Diffusion => DEFAULT_DIFFUSION_METRICS,
    }
}
