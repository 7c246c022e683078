//! The statistics that `parcellate` computes for a region.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::columns::{VOL_TIV, VOLUME_MM3};
use crate::table_kind::TableKind;
use crate::unit::Modality;

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

/// Which metrics become features.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WideMetrics {
    /// The defaults of each modality.
    #[default]
    Default,
    /// Every statistic that a table has.
    All,
    /// These, where a table has them.
    Listed(Vec<String>),
}

impl WideMetrics {
    /// Reads `default`, `all` or a list with commas; a metric that is named twice counts once.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.trim() {
            "" | "default" => Self::Default,
            "all" => Self::All,
            list => Self::Listed(
                once_each(list.split(',').map(str::trim).filter(|metric| !metric.is_empty()))
                    .map(str::to_owned)
                    .collect(),
            ),
        }
    }

    /// The form that [`parse`](Self::parse) reads.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::All => "all".to_owned(),
            Self::Listed(metrics) => metrics.join(","),
        }
    }

    /// The metrics among a table's numeric and boolean columns that become features, in the order asked for.
    #[must_use]
    pub fn choose<'a>(&'a self, kind: &'a TableKind, columns: &[&'a str]) -> Vec<&'a str> {
        let wanted = match self {
            Self::All => return columns.iter().copied().filter(|c| kind.metric_kind(c).is_some()).collect(),
            Self::Listed(metrics) => metrics,
            Self::Default => &kind.default_metrics,
        };
        once_each(wanted.iter().map(String::as_str).filter(|metric| columns.contains(metric))).collect()
    }
}

/// The words in their order, each where it comes first.
fn once_each<'a>(words: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let mut seen = HashSet::new();
    words.filter(move |word| seen.insert(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TableName;

    fn kind(table: &str) -> TableKind {
        TableKind::of_parcellate(&TableName::parse(table).unwrap())
    }

    #[test]
    fn features_are_the_metrics_asked_for_that_are_there() {
        let columns = ["mean", "skewness", "label", "is_bimodal"];
        assert_eq!(WideMetrics::Default.choose(&kind("anatomical_gm"), &columns), ["mean"]);
        assert_eq!(
            WideMetrics::All.choose(&kind("anatomical_gm"), &columns),
            ["mean", "skewness", "is_bimodal"]
        );
        assert_eq!(
            WideMetrics::parse("skewness, cv").choose(&kind("diffusion_NODDI"), &columns),
            ["skewness"]
        );
        assert_eq!(WideMetrics::parse("skewness, cv").to_text(), "skewness,cv");
    }

    #[test]
    fn a_metric_that_is_named_twice_counts_once() {
        assert_eq!(WideMetrics::parse("mean, std,mean,,std").to_text(), "mean,std");
        let by_hand = WideMetrics::Listed(vec!["mean".to_owned(), "mean".to_owned()]);
        assert_eq!(by_hand.choose(&kind("diffusion_NODDI"), &["mean"]), ["mean"]);
    }
}
