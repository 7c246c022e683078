//! Provenance: which versions made the tables, when, whether sessions differ by them, and with which settings.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use askama::filters::HtmlSafe;
use na_model::TableName;

use crate::cohort::provenance::{Quarter, newest_first};
use crate::drawing::number::{Count, Length, Signed};
use crate::features::feature::Feature;
use crate::features::version_shift::is_marked;
use crate::sections::standing::Material;

/// Features whose shifts have a row.
const SHIFTED: usize = 20;

/// The last quarters that are shown: ten years.
const MOST_QUARTERS: usize = 40;

/// Versions that have a colour of their own.
const COLOURS: usize = 5;

#[derive(Template)]
#[template(path = "provenance.html")]
pub(crate) struct ProvenanceSection {
    made: Vec<MadeRow>,
    quarters: Vec<QuarterBar>,
    /// Sessions of quarters before those that are shown.
    n_before: Count,
    versions: Vec<VersionKey>,
    /// The versions that are compared, the newest first.
    compared: Vec<String>,
    shifts: Vec<ShiftRow>,
    /// What all tables agree on.
    agreed: Vec<String>,
    settings: Vec<SettingRow>,
}

impl HtmlSafe for ProvenanceSection {}

/// The sessions with tables that a version of a program made.
struct MadeRow {
    producer: String,
    version: String,
    n: Count,
}

struct QuarterBar {
    label: String,
    n: usize,
    is_labelled: bool,
    x: Length,
    parts: Vec<QuarterPart>,
    width: Length,
}

struct QuarterPart {
    class: usize,
    y: Length,
    height: Length,
    words: String,
}

struct VersionKey {
    class: usize,
    version: String,
    n: Count,
}

struct ShiftRow {
    feature: String,
    shifts: Vec<(Signed<2>, bool)>,
}

struct SettingRow {
    table: String,
    setting: &'static str,
    values: String,
    differs: bool,
}

impl ProvenanceSection {
    pub(crate) fn of(material: Material<'_>) -> Self {
        let provenance = &material.cohort.provenance;
        let mut n_sessions: BTreeMap<&String, usize> = BTreeMap::new();
        for (version, n) in provenance.quarters.values().flatten() {
            *n_sessions.entry(version).or_default() += n;
        }
        let order = newest_first(n_sessions.keys().map(|version| (*version).clone()));
        let class =
            |version: &String| order.iter().position(|other| other == version).unwrap_or(0).min(COLOURS - 1);
        let versions = order.iter().map(|version| VersionKey {
            class: class(version),
            version: version.clone(),
            n: Count(n_sessions.get(version).copied().unwrap_or(0)),
        });
        let (compared, shifts) = shifts(material);
        let (agreed, settings) = settings(&provenance.settings);
        let quarters = quarter_bars(&provenance.quarters, class);
        let n_shown: usize = quarters.iter().map(|bar| bar.n).sum();
        Self {
            made: made_rows(material),
            n_before: Count(n_sessions.values().sum::<usize>().saturating_sub(n_shown)),
            quarters,
            versions: versions.collect(),
            compared,
            shifts,
            agreed,
            settings,
        }
    }
}

fn made_rows(material: Material<'_>) -> Vec<MadeRow> {
    let all = material.cohort.provenance.by_producer().into_iter();
    let rows = all.flat_map(|(producer, versions)| {
        versions.into_iter().map(move |(version, sessions)| MadeRow {
            producer: producer.to_owned(),
            version,
            n: Count(sessions.len()),
        })
    });
    rows.collect()
}

/// The sessions of each quarter, also of those between in which there were none.
fn quarter_bars(
    quarters: &BTreeMap<Quarter, BTreeMap<String, usize>>,
    class: impl Fn(&String) -> usize,
) -> Vec<QuarterBar> {
    const WIDTH: f64 = 520.0;
    const HEIGHT: f64 = 120.0;
    let number = |(year, quarter): &Quarter| usize::from(*year) * 4 + usize::from(*quarter);
    let (Some((first, _)), Some((last, _))) = (quarters.first_key_value(), quarters.last_key_value()) else {
        return Vec::new();
    };
    // One file with a clock of 1970 would push all others out of sight.
    let first = number(first).max((number(last) + 1).saturating_sub(MOST_QUARTERS));
    let n = number(last) - first + 1;
    let tallest =
        quarters.values().map(|versions| versions.values().sum::<usize>()).max().unwrap_or(1).max(1);
    let width = WIDTH / n as f64;
    let bar = |index: usize| {
        let quarter = first + index;
        let (year, of_year) = (quarter / 4, quarter % 4);
        let label = format!("{year}-Q{}", of_year + 1);
        let versions = u16::try_from(year).ok().and_then(|year| quarters.get(&(year, of_year as u8)));
        let mut y = HEIGHT;
        let parts = versions.into_iter().flatten().map(|(version, n)| {
            let height = *n as f64 / tallest as f64 * (HEIGHT - 4.0);
            y -= height;
            let words = format!("{label}: {} of {version}", Count(*n));
            QuarterPart { class: class(version), y: Length(y), height: Length(height), words }
        });
        QuarterBar {
            n: versions.map_or(0, |versions| versions.values().sum()),
            parts: parts.collect(),
            is_labelled: index.is_multiple_of(n.div_ceil(6)),
            x: Length(index as f64 * width + 1.0),
            width: Length((width - 2.0).clamp(1.0, 60.0)),
            label,
        }
    };
    (0..n).map(bar).collect()
}

/// The shifts of the headline features with the largest ones, by version.
fn shifts(material: Material<'_>) -> (Vec<String>, Vec<ShiftRow>) {
    let mut features: Vec<_> = material
        .analysis
        .headline()
        .filter(|feature| feature.version_shifts.iter().filter(|of| of.shift.is_some()).count() > 1)
        .collect();
    let size = |feature: &Feature| feature.largest_shift().map_or(0.0, f64::abs);
    features.sort_by(|one, other| size(other).total_cmp(&size(one)));
    features.truncate(SHIFTED);
    let provenance = &material.cohort.provenance;
    let named = |feature: &Feature, version: &str| provenance.named(&feature.outline.table, version);
    let all = features
        .iter()
        .flat_map(|feature| feature.version_shifts.iter().map(|of| named(feature, &of.version)));
    let versions = newest_first(all.collect::<BTreeSet<_>>());
    let row = |feature: &&Feature| {
        let shift = |version: &String| {
            let of_version = feature.version_shifts.iter().find(|of| named(feature, &of.version) == *version);
            let shift = of_version.and_then(|of| of.shift);
            (Signed(shift), shift.is_some_and(is_marked))
        };
        ShiftRow { feature: feature.outline.name.clone(), shifts: versions.iter().map(shift).collect() }
    };
    let rows = features.iter().map(row).collect();
    (versions, rows)
}

/// The settings that every table has with one value, in words; and of all others a row a table.
fn settings(
    all: &BTreeMap<(TableName, &'static str), BTreeMap<String, Vec<u32>>>,
) -> (Vec<String>, Vec<SettingRow>) {
    let mut values: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
    for ((_, setting), of_table) in all {
        values.entry(setting).or_default().extend(of_table.keys());
    }
    let one_value = |values: &BTreeSet<&String>| {
        values.first().filter(|_| values.len() == 1).map(|value| (*value).clone())
    };
    let agreed =
        values.iter().filter_map(|(setting, values)| Some(format!("{setting} {}", one_value(values)?)));
    let row = |((table, setting), of_table): (&(TableName, &'static str), &BTreeMap<String, Vec<u32>>)| {
        let value = |(value, sessions): (&String, &Vec<u32>)| format!("{value}: {}", Count(sessions.len()));
        SettingRow {
            table: table.to_string(),
            setting,
            values: of_table.iter().map(value).collect::<Vec<_>>().join(", "),
            differs: of_table.len() > 1,
        }
    };
    let differs = |setting: &str| values.get(setting).is_some_and(|values| values.len() > 1);
    let rows = all.iter().filter(|((_, setting), _)| differs(setting)).map(row).collect();
    (agreed.collect(), rows)
}
