//! Features: a row each.

use askama::Template;
use askama::filters::HtmlSafe;
use na_model::MeasurementUnit;

use crate::drawing::number::{Count, Digits, Share, Signed};
use crate::drawing::plot::Sparkline;
use crate::features::feature::Feature;
use crate::features::version_shift::is_marked;
use crate::sections::standing::Material;

#[derive(Template)]
#[template(path = "features.html")]
pub(crate) struct FeaturesSection {
    rows: Vec<FeatureRow>,
    /// Whether regions of some features were not looked at.
    has_others: bool,
    /// The features of which each column is a measure of the whole brain.
    globals: String,
}

impl HtmlSafe for FeaturesSection {}

struct FeatureRow {
    name: String,
    unit: &'static str,
    n_sessions: Count,
    empty: Share,
    quantiles: [Digits; 3],
    sparkline: Sparkline,
    n_flagged: Option<Count>,
    age: Signed<2>,
    tiv: Signed<2>,
    icc: Option<String>,
    shift: Signed<2>,
    is_shifted: bool,
}

impl FeaturesSection {
    pub(crate) fn of(material: Material<'_>) -> Self {
        let features = &material.analysis.features;
        let of_globals = |feature: &&Feature| feature.outline.table.is_of_globals();
        let has_others = features.iter().any(|feature| feature.analysis.is_none() && !of_globals(&feature));
        let globals: Vec<&str> =
            features.iter().filter(of_globals).map(|feature| feature.outline.name.as_str()).collect();
        Self { rows: features.iter().map(row).collect(), has_others, globals: globals.join(", ") }
    }
}

fn row(feature: &Feature) -> FeatureRow {
    let quantiles = feature.quantiles;
    let analysis = feature.analysis.as_ref();
    let shift = feature.largest_shift();
    FeatureRow {
        name: feature.outline.name.clone(),
        unit: if feature.outline.table.is_of_globals() { "" } else { shown_unit(feature.outline.unit) },
        n_sessions: Count(feature.n_sessions),
        empty: Share::of(feature.n_empty, feature.n_sessions * feature.regions.len()),
        quantiles: match quantiles {
            Some([_, lower, median, upper, _]) => [Some(median), Some(lower), Some(upper)].map(Digits),
            None => [Digits(None); 3],
        },
        sparkline: Sparkline::of(&feature.histogram),
        n_flagged: analysis.and_then(|analysis| analysis.n_flagged).map(Count),
        age: Signed(feature.age_correlation),
        tiv: Signed(feature.tiv_correlation),
        icc: analysis
            .and_then(|analysis| analysis.icc)
            .map(|icc| format!("{icc:.2}").replace("-0.00", "0.00")),
        shift: Signed(shift),
        is_shifted: shift.is_some_and(is_marked),
    }
}

/// A unit as people write it.
fn shown_unit(unit: MeasurementUnit) -> &'static str {
    match unit {
        MeasurementUnit::CubicMillimetre => "mm³",
        MeasurementUnit::Millimetre => "mm",
        MeasurementUnit::SquareMillimetre => "mm²",
        MeasurementUnit::SquareCentimetre => "cm²",
        MeasurementUnit::Degree => "°",
        MeasurementUnit::Percent => "%",
        MeasurementUnit::Mark => "mark",
        MeasurementUnit::PerMillimetre => "mm⁻¹",
        MeasurementUnit::PerSquareMillimetre => "mm⁻²",
        MeasurementUnit::Millilitre => "mL",
        MeasurementUnit::Dimensionless => "",
        MeasurementUnit::Unknown => "?",
    }
}
