//! What each statistic of `parcellate` is, with its formula: [`metric_note`].
//!
//! Read from `src/parcellate/metrics/volume.py` of parcellate, at its commit 34974fa. Voxels that are NaN are left out where the
//! sentence does not say otherwise; x is the map at a voxel, n the number of the region's voxels.

/// A statistic in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricNote {
    /// Its name in full.
    pub long_name: &'static str,
    /// Its formula, as a sentence.
    pub formula: &'static str,
}

const NOTES: &[(&str, &str, &str)] = &[
    ("volume_mm3", "Volume", "Sum of the map over the region, times the volume of a voxel."),
    ("voxel_count", "Number of voxels", "Number of the region's voxels where the map is not 0."),
    ("z_filtered_mean", "Mean within 3 SD", "Mean of the voxels within 3 standard deviations of the mean."),
    (
        "z_filtered_std",
        "Standard deviation within 3 SD",
        "Standard deviation of the voxels within 3 standard deviations of the mean.",
    ),
    (
        "iqr_filtered_mean",
        "Mean within Tukey's fences",
        "Mean of the voxels from Q1 - 1.5 IQR to Q3 + 1.5 IQR.",
    ),
    (
        "iqr_filtered_std",
        "Standard deviation within Tukey's fences",
        "Standard deviation of the voxels from Q1 - 1.5 IQR to Q3 + 1.5 IQR.",
    ),
    (
        "robust_mean",
        "Robust mean",
        "Mean of the voxels with |0.6745 (x - median) / MAD| of at most 3.5; of all where MAD is 0.",
    ),
    (
        "robust_std",
        "Robust standard deviation",
        "Standard deviation of the voxels with |0.6745 (x - median) / MAD| of at most 3.5; of all where MAD is 0.",
    ),
    ("mad_median", "Median absolute deviation", "Median of |x - median|, not scaled."),
    ("mean", "Mean", "Mean of the map over the region."),
    ("std", "Standard deviation", "Square root of the mean of (x - mean)^2: divided by n."),
    ("median", "Median", "Median of the map over the region."),
    ("sum", "Sum", "Sum of the map over the region."),
    ("cv", "Coefficient of variation", "std / (mean + 1e-10)."),
    ("robust_cv", "Robust coefficient of variation", "IQR / (median + 1e-10)."),
    ("quartile_dispersion", "Quartile coefficient of dispersion", "(Q3 - Q1) / (Q3 + Q1 + 1e-10)."),
    ("skewness", "Skewness", "Third standardized moment, without correction for bias."),
    ("kurtosis", "Kurtosis", "As versions of parcellate of February 2026 have it, before excess_kurtosis."),
    (
        "excess_kurtosis",
        "Excess kurtosis",
        "Fourth standardized moment minus 3, without correction for bias.",
    ),
    ("abs_skewness", "Absolute skewness", "|skewness|."),
    ("abs_excess_kurtosis", "Absolute excess kurtosis", "|excess_kurtosis|."),
    (
        "bimodality_coefficient",
        "Bimodality coefficient",
        "(skewness^2 + 1) / (excess_kurtosis + 3 + 3 (n - 1)^2 / ((n - 2)(n - 3))). Pfister et al. (2013), whose threshold is 0.555, \
         have no + 3 in front of the fraction: these values are lower than theirs. Null below 4 voxels.",
    ),
    (
        "prop_outliers_2sd",
        "Share beyond 2 SD",
        "Share of voxels more than 2 standard deviations from the mean.",
    ),
    (
        "prop_outliers_3sd",
        "Share beyond 3 SD",
        "Share of voxels more than 3 standard deviations from the mean.",
    ),
    (
        "prop_outliers_iqr",
        "Share beyond Tukey's fences",
        "Share of voxels below Q1 - 1.5 IQR or above Q3 + 1.5 IQR.",
    ),
    ("left_tail_mass", "Left tail", "Share of voxels below mean - 2 std."),
    ("right_tail_mass", "Right tail", "Share of voxels above mean + 2 std."),
    ("tail_asymmetry", "Asymmetry of the tails", "right_tail_mass - left_tail_mass."),
    ("excess_tail_mass", "Excess of the tails", "left_tail_mass + right_tail_mass - 0.046."),
    (
        "dagostino_k2",
        "D'Agostino and Pearson's K2",
        "Statistic of the test of normality by skewness and kurtosis. Null below 20 voxels.",
    ),
    (
        "dagostino_p",
        "p of D'Agostino and Pearson's test",
        "p value of the test of normality by skewness and kurtosis. Null below 20 voxels.",
    ),
    ("log_dagostino_k2", "Logarithm of K2", "ln(dagostino_k2 + 1e-10). Null below 20 voxels."),
    (
        "shapiro_w",
        "Shapiro and Wilk's W",
        "Statistic of the test of normality. Null below 3 and above 5,000 voxels.",
    ),
    (
        "shapiro_p",
        "p of Shapiro and Wilk's test",
        "p value of the test of normality. Null below 3 and above 5,000 voxels.",
    ),
    (
        "qq_correlation",
        "Correlation in the Q-Q plot",
        "Pearson's correlation of the sorted voxels with the quantiles of a normal distribution.",
    ),
    ("qq_r_squared", "R2 of the Q-Q plot", "qq_correlation^2."),
    (
        "histogram_entropy",
        "Entropy of the histogram",
        "Shannon entropy, bits, of the voxels' histogram with NumPy's automatic bins.",
    ),
    ("percentile_5", "5th percentile", "Value below which 5 % of the voxels are, interpolated linearly."),
    ("percentile_10", "10th percentile", "Value below which 10 % of the voxels are, interpolated linearly."),
    (
        "percentile_25",
        "25th percentile (Q1)",
        "Value below which 25 % of the voxels are, interpolated linearly.",
    ),
    ("percentile_50", "50th percentile", "The median."),
    (
        "percentile_75",
        "75th percentile (Q3)",
        "Value below which 75 % of the voxels are, interpolated linearly.",
    ),
    ("percentile_90", "90th percentile", "Value below which 90 % of the voxels are, interpolated linearly."),
    ("percentile_95", "95th percentile", "Value below which 95 % of the voxels are, interpolated linearly."),
    (
        "vol_TIV",
        "Total intracranial volume",
        "CAT12's vol_TIV of the session, the same in every row; tiv is what the store takes it to be.",
    ),
    ("is_strongly_skewed", "Strongly skewed", "abs_skewness > 0.5."),
    ("is_heavy_tailed", "Heavy tails", "abs_excess_kurtosis > 1."),
    ("is_bimodal", "Bimodal", "bimodality_coefficient > 0.555."),
    ("has_outliers", "Outliers", "prop_outliers_3sd > 0.01."),
    (
        "fails_normality",
        "Not normal",
        "shapiro_p < 0.05; where that is null, dagostino_p < 0.05; false where both are.",
    ),
];

/// What a statistic of `parcellate` is. `None` for other columns.
///
/// ```
/// assert_eq!(na_model::metric_note("mean").unwrap().formula, "Mean of the map over the region.");
/// assert!(na_model::metric_note("label").is_none());
/// ```
#[must_use]
pub fn metric_note(column: &str) -> Option<MetricNote> {
    let note = NOTES.iter().find(|(name, ..)| *name == column);
    note.map(|(_, long_name, formula)| MetricNote { long_name, formula })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::PARCELLATE_METRICS;

    #[test]
    fn every_statistic_has_a_note_and_every_note_a_statistic() {
        let names: Vec<&str> = NOTES.iter().map(|(name, ..)| *name).collect();
        let known: Vec<&str> = PARCELLATE_METRICS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, known);
    }
}
