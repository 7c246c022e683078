//! The statistics that `parcellate` computes for a region.

use std::collections::HashSet;

use crate::columns::{VOL_TIV, VOLUME_MM3};

/// What a known statistic must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A number or null; integers stay integers.
    Number,
    /// True, false or null; `0`, `1`, `0.0` and `1.0` are read too.
    Flag,
}

/// Every statistic of `parcellate` from its first version (November 2025) to its diagnostic tier (February 2026).
const NUMBERS: &[&str] = &[
    VOLUME_MM3,
    "voxel_count",
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
    "cv",
    "robust_cv",
    "quartile_dispersion",
    "skewness",
    "kurtosis",
    "excess_kurtosis",
    "abs_skewness",
    "abs_excess_kurtosis",
    "bimodality_coefficient",
    "prop_outliers_2sd",
    "prop_outliers_3sd",
    "prop_outliers_iqr",
    "left_tail_mass",
    "right_tail_mass",
    "tail_asymmetry",
    "excess_tail_mass",
    "dagostino_k2",
    "dagostino_p",
    "log_dagostino_k2",
    "shapiro_w",
    "shapiro_p",
    "qq_correlation",
    "qq_r_squared",
    "histogram_entropy",
    "percentile_5",
    "percentile_10",
    "percentile_25",
    "percentile_50",
    "percentile_75",
    "percentile_90",
    "percentile_95",
    VOL_TIV,
];

const FLAGS: &[&str] =
    &["is_strongly_skewed", "is_heavy_tailed", "is_bimodal", "has_outliers", "fails_normality"];

/// The kind of a statistic that `parcellate` knows, none for other columns.
#[must_use]
pub fn metric_kind(column: &str) -> Option<MetricKind> {
    if NUMBERS.contains(&column) {
        Some(MetricKind::Number)
    } else if FLAGS.contains(&column) {
        Some(MetricKind::Flag)
    } else {
        None
    }
}

/// The metrics of anatomical tables that become features unless others are asked for.
pub const DEFAULT_ANATOMICAL_METRICS: &[&str] =
    &[VOLUME_MM3, "mean", "std", "median", "sum", "robust_std", "mad_median"];

/// The metrics of diffusion tables that become features unless others are asked for.
pub const DEFAULT_DIFFUSION_METRICS: &[&str] = &[
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
    pub fn choose<'a>(&'a self, modality: crate::unit::Modality, columns: &[&'a str]) -> Vec<&'a str> {
        let wanted: Vec<&str> = match self {
            Self::All => return columns.iter().copied().filter(|c| metric_kind(c).is_some()).collect(),
            Self::Listed(metrics) => metrics.iter().map(String::as_str).collect(),
            Self::Default => match modality {
                crate::unit::Modality::Anatomical => DEFAULT_ANATOMICAL_METRICS.to_vec(),
                crate::unit::Modality::Diffusion => DEFAULT_DIFFUSION_METRICS.to_vec(),
            },
        };
        once_each(wanted.into_iter().filter(|metric| columns.contains(metric))).collect()
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
    use crate::unit::Modality;

    #[test]
    fn features_are_the_metrics_asked_for_that_are_there() {
        let columns = ["mean", "skewness", "label", "is_bimodal"];
        assert_eq!(WideMetrics::Default.choose(Modality::Anatomical, &columns), ["mean"]);
        assert_eq!(
            WideMetrics::All.choose(Modality::Anatomical, &columns),
            ["mean", "skewness", "is_bimodal"]
        );
        assert_eq!(WideMetrics::parse("skewness, cv").choose(Modality::Diffusion, &columns), ["skewness"]);
        assert_eq!(WideMetrics::parse("skewness, cv").to_text(), "skewness,cv");
    }

    #[test]
    fn a_metric_that_is_named_twice_counts_once() {
        assert_eq!(WideMetrics::parse("mean, std,mean,,std").to_text(), "mean,std");
        let by_hand = WideMetrics::Listed(vec!["mean".to_owned(), "mean".to_owned()]);
        assert_eq!(by_hand.choose(Modality::Diffusion, &["mean"]), ["mean"]);
    }
}
