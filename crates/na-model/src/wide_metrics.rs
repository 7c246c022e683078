//! Which metrics become features.

use foldhash::{HashSet, HashSetExt};

use crate::table_kind::TableKind;

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
