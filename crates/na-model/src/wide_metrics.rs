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

    /// The metrics among a table's numeric and boolean columns that become features, in the order asked for. They are asked for
    /// by their columns or their words.
    #[must_use]
    pub fn choose<'a>(&'a self, kind: &'a TableKind, columns: &[&'a str]) -> Vec<&'a str> {
        let wanted = match self {
            Self::All => return columns.iter().copied().filter(|c| kind.is_metric(c)).collect(),
            Self::Listed(metrics) => metrics,
            Self::Default => &kind.default_metrics,
        };
        let column_of = |metric: &String| {
            let by_word = |column: &&&str| kind.word_of(column) == kind.word_of(metric);
            let by_name = columns.iter().find(|column| *column == metric);
            by_name.or_else(|| columns.iter().find(by_word)).copied()
        };
        once_each(wanted.iter().filter_map(column_of)).collect()
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
    use crate::measurement_unit::MeasurementUnit;
    use crate::metric::MetricKind;
    use crate::table::TableName;
    use crate::table_kind::Metric;

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
    fn a_metric_is_asked_for_by_its_column_or_its_word() {
        let words = [("ThickAvg", "thickness"), ("normMean", "mean"), ("nuMean", "mean")];
        let words = words.map(|(column, word)| (column.to_owned(), word.to_owned())).into();
        let number = Metric { kind: MetricKind::Number, unit: MeasurementUnit::Unknown };
        let metrics = ["ThickAvg", "normMean", "nuMean"].map(|column| (column.to_owned(), number)).into();
        let kind = TableKind { words, metrics, ..kind("anatomical_gm") };
        let columns = ["NumVert", "ThickAvg", "nuMean"];
        for asked in ["thickness", "ThickAvg", "thickness,ThickAvg"] {
            assert_eq!(WideMetrics::parse(asked).choose(&kind, &columns), ["ThickAvg"], "{asked}");
        }
        assert_eq!(WideMetrics::parse("mean,x").choose(&kind, &columns), ["nuMean"]);
        assert_eq!(WideMetrics::All.choose(&kind, &columns), ["ThickAvg", "nuMean"]);
    }

    #[test]
    fn a_metric_that_is_named_twice_counts_once() {
        assert_eq!(WideMetrics::parse("mean, std,mean,,std").to_text(), "mean,std");
        let by_hand = WideMetrics::Listed(vec!["mean".to_owned(), "mean".to_owned()]);
        assert_eq!(by_hand.choose(&kind("diffusion_NODDI"), &["mean"]), ["mean"]);
    }
}
