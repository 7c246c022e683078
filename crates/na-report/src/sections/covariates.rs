//! Age, total intracranial volume and the session list's columns, without a single session's value.

use std::collections::BTreeMap;

use askama::Template;
use askama::filters::HtmlSafe;
use na_model::TivSource;

use crate::cohort::metadata::ListColumn;
use crate::disclosure::{Group, SMALLEST, Shown, disclosed};
use crate::drawing::number::{Count, Digits, Length, Signed};
use crate::features::analysis::Analysis;
use crate::features::feature::Feature;
use crate::sections::standing::Material;
use crate::statistics::sorted::Sorted;

/// Of fewer sessions neither quartiles nor a bin of ages is shown.
const FEWEST: usize = 20;

/// Years of a bin, and mL.
const YEARS: f64 = 5.0;
const MILLILITRES: f64 = 75.0;

/// No head is larger, mL: what is beyond stands for something else.
const LARGEST_HEAD: f64 = 10_000.0;

/// The size of a histogram, and of a feature held against age.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 130.0;
const SMALL_WIDTH: f64 = 240.0;
const SMALL_HEIGHT: f64 = 90.0;

#[derive(Template)]
#[template(path = "covariates.html")]
pub(crate) struct CovariatesSection {
    ages: Option<BinnedSessions>,
    in_years: bool,
    has_ages: bool,
    volumes: Option<BinnedSessions>,
    n_implausible: Count,
    /// Who measured the volumes, in words.
    measured_by: &'static str,
    curves: Vec<AgeCurve>,
    columns: Vec<ColumnRow>,
}

impl HtmlSafe for CovariatesSection {}

/// How many sessions lie in each bin, as far as that may be shown.
struct BinnedSessions {
    what: &'static str,
    bars: Vec<BinBar>,
    most: Count,
    /// Median and quartiles, rounded. `None` with few sessions.
    quartiles: Option<[Count; 3]>,
    unit: &'static str,
    n_without: Count,
    has_few: bool,
}

struct BinBar {
    label: String,
    is_labelled: bool,
    middle: Length,
    x: Length,
    y: Length,
    width: Length,
    height: Length,
    words: String,
    class: &'static str,
    is_empty: bool,
}

/// A feature's session means by age.
struct AgeCurve {
    feature: String,
    rho: Signed<2>,
    area: String,
    line: String,
    highest: Digits,
    lowest: Digits,
    youngest: Count,
    oldest: Count,
}

struct ColumnRow {
    name: String,
    values: String,
    n_empty: String,
}

impl CovariatesSection {
    pub(crate) fn of(material: Material<'_>) -> Self {
        let covariates = &material.cohort.covariates;
        let subjects = material.cohort.sessions.subjects();
        let ages = Some(&covariates.ages).filter(|_| covariates.in_years);
        let column = |column: &ListColumn| ColumnRow {
            name: column.name.clone(),
            values: values_of(column),
            n_empty: n_empty(column),
        };
        Self {
            ages: ages.and_then(|ages| {
                let n_without = covariates.without_age().count();
                binned(&Binned { what: "age", unit: "years", width: YEARS, n_without, subjects }, ages)
            }),
            in_years: covariates.in_years,
            has_ages: covariates.has_ages,
            volumes: {
                let volumes: Vec<f64> = covariates.volumes.iter().map(|volume| plausible(*volume)).collect();
                let n_without = volumes.iter().filter(|volume| volume.is_nan()).count();
                let what = Binned { what: "TIV", unit: "mL", width: MILLILITRES, n_without, subjects };
                binned(&what, &volumes)
            },
            measured_by: match material.cohort.volume_source {
                None => "",
                Some(TivSource::Cat12) => "CAT12's, a sum of tissues",
                Some(TivSource::FreeSurfer) => {
                    "FreeSurfer's, which it estimates from the registration of an atlas (eTIV)"
                }
            },
            n_implausible: Count(covariates.implausible_volumes().count()),
            curves: ages.map(|ages| curves(material.analysis, ages, subjects)).unwrap_or_default(),
            columns: material.cohort.metadata.columns.iter().map(column).collect(),
        }
    }
}

/// How many sessions have no value. That is a group, too: the total would tell it.
fn n_empty(column: &ListColumn) -> String {
    match groups(column).first() {
        Some(Shown::Few) => "few".to_owned(),
        Some(Shown::Count(n)) => Count(*n).to_string(),
        Some(Shown::None) | None => "0".to_owned(),
    }
}

/// What may be shown of the sessions without a value, and then of those of each value.
fn groups(column: &ListColumn) -> Vec<Shown> {
    let groups = column.groups.iter().flat_map(BTreeMap::values).cloned();
    disclosed(&[column.empty.clone()].into_iter().chain(groups).collect::<Vec<_>>())
}

/// The values of a column, those of small groups without a name.
fn values_of(column: &ListColumn) -> String {
    let Some(of_values) = &column.groups else {
        let kind = if column.holds_numbers { "numbers" } else { "texts" };
        return column.n_values.map_or("not shown".to_owned(), |n| format!("{} different {kind}", Count(n)));
    };
    let shown = groups(column).split_off(1);
    let n_hidden = shown.iter().filter(|shown| **shown == Shown::Few).count();
    let named = of_values.keys().zip(&shown).filter_map(|(value, shown)| match shown {
        Shown::Count(n) => Some(format!("{value}: {}", Count(*n))),
        Shown::None | Shown::Few => None,
    });
    let others = match n_hidden {
        0 => None,
        1 => Some("one value that is not told".to_owned()),
        n => Some(format!("{n} values that are not told")),
    };
    named.chain(others).collect::<Vec<_>>().join(", ")
}

/// A volume that may be one; NaN for what stands for something else.
fn plausible(volume: f64) -> f64 {
    if (0.0..LARGEST_HEAD).contains(&volume) { volume } else { f64::NAN }
}

/// What is put into bins.
struct Binned<'a> {
    what: &'static str,
    unit: &'static str,
    width: f64,
    /// Sessions of which it is known that they have no value.
    n_without: usize,
    /// The subject of each session.
    subjects: &'a [usize],
}

/// Sessions in bins, by their values. `None` if all lie in one, or there are none.
fn binned(of: &Binned<'_>, values: &[f64]) -> Option<BinnedSessions> {
    let Binned { what, unit, width, n_without, subjects } = *of;
    let sorted = Sorted::of(values.iter().copied().filter(|value| value.is_finite()));
    let known = values.iter().copied().zip(subjects.iter().copied()).filter(|(value, _)| value.is_finite());
    let (first, groups) = bins(known, width)?;
    // One bar would tell everybody's value.
    if groups.len() < 2 {
        return None;
    }
    let shown = disclosed(&groups);
    let tall = |shown: &Shown| match shown {
        Shown::None => 0,
        Shown::Few => SMALLEST,
        Shown::Count(n) => *n,
    };
    let most = shown.iter().map(tall).max().unwrap_or(0).max(1);
    let n_bins = shown.len();
    let bar_width = WIDTH / n_bins as f64;
    let bars = shown.iter().enumerate().map(|(index, shown)| {
        let from = (first as f64 + index as f64) * width;
        let (is_first, is_last) = (index == 0 && n_bins > 1, index + 1 == n_bins && n_bins > 1);
        let range = match (is_first, is_last) {
            (true, _) => format!("below {}", Count((from + width) as usize)),
            (_, true) => format!("from {}", Count(from as usize)),
            _ => format!("{} to {}", Count(from as usize), Count((from + width) as usize)),
        };
        let n = match shown {
            Shown::None => "none".to_owned(),
            Shown::Few => "few".to_owned(),
            Shown::Count(n) => Count(*n).to_string(),
        };
        let height = tall(shown) as f64 / most as f64 * (HEIGHT - 6.0);
        BinBar {
            label: match (is_first, is_last) {
                (true, _) => format!("<{}", Count((from + width) as usize)),
                (_, true) => format!("≥{}", Count(from as usize)),
                _ => Count(from as usize).to_string(),
            },
            is_labelled: index.is_multiple_of(n_bins.div_ceil(12)) || is_last,
            middle: Length((index as f64 + 0.5) * bar_width),
            x: Length(index as f64 * bar_width + 1.0),
            y: Length(HEIGHT - height),
            width: Length((bar_width - 2.0).max(1.0)),
            height: Length(height),
            words: format!("{range} {unit}: {n}"),
            class: if *shown == Shown::Few { "few" } else { "all" },
            is_empty: *shown == Shown::None,
        }
    });
    let bars = bars.collect();
    let rounded = |share: f64| sorted.quantile(share).map(|value| Count(value.round() as usize));
    let quartiles = [rounded(0.5)?, rounded(0.25)?, rounded(0.75)?];
    Some(BinnedSessions {
        what,
        bars,
        most: Count(most),
        quartiles: Some(quartiles).filter(|_| sorted.len() >= FEWEST && !is_of_few(values, subjects)),
        unit,
        n_without: Count(n_without),
        has_few: shown.contains(&Shown::Few),
    })
}

/// Whether the values are of few people.
fn is_of_few(values: &[f64], subjects: &[usize]) -> bool {
    let mut all = Group::default();
    values
        .iter()
        .zip(subjects)
        .filter(|(value, _)| value.is_finite())
        .for_each(|(_, subject)| all.add(*subject));
    all.is_small()
}

/// Bins that are drawn at most.
const MOST_BINS: i64 = 60;

/// The first bin and the sessions in each, up to the last, of values with their subjects. The bins at the ends have at least as many people
/// as may be told: where a single one is the oldest, the axis does not say how old. `None` without values.
fn bins(values: impl Iterator<Item = (f64, usize)>, width: f64) -> Option<(i64, Vec<Group>)> {
    let mut groups: BTreeMap<i64, Group> = BTreeMap::new();
    for (value, subject) in values {
        groups.entry((value / width).floor() as i64).or_default().add(subject);
    }
    while let Some((bin, group)) = groups.pop_first() {
        match groups.first_entry().filter(|_| group.is_small()) {
            Some(mut next) => next.get_mut().append(group),
            None => {
                groups.insert(bin, group);
                break;
            }
        }
    }
    while let Some((bin, group)) = groups.pop_last() {
        match groups.last_entry().filter(|_| group.is_small()) {
            Some(mut next) => next.get_mut().append(group),
            None => {
                groups.insert(bin, group);
                break;
            }
        }
    }
    let (first, last) = (*groups.first_key_value()?.0, *groups.last_key_value()?.0);
    let last = last.min(first + MOST_BINS - 1);
    let mut bars = vec![Group::default(); usize::try_from(last - first).ok()? + 1];
    for (bin, group) in groups {
        let bar = usize::try_from(bin.min(last) - first).ok().and_then(|bar| bars.get_mut(bar));
        if let Some(bar) = bar {
            bar.append(group);
        }
    }
    Some((first, bars))
}

/// The first headline features, median and quartiles of their session means by age.
fn curves(analysis: &Analysis, ages: &[f64], subjects: &[usize]) -> Vec<AgeCurve> {
    let mut bins: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (session, age) in ages.iter().enumerate().filter(|(_, age)| age.is_finite()) {
        bins.entry((age / YEARS).floor() as i64).or_default().push(session);
    }
    let curve = |(feature, means): (&Feature, &Vec<f64>)| {
        let quartiles = |sessions: &Vec<usize>| {
            let sorted = Sorted::of(sessions.iter().filter_map(|session| means.get(*session).copied()));
            let quartiles = [sorted.quantile(0.25)?, sorted.median()?, sorted.quantile(0.75)?];
            let mut people = Group::default();
            sessions
                .iter()
                .filter_map(|session| subjects.get(*session))
                .for_each(|subject| people.add(*subject));
            (sorted.len() >= FEWEST && !people.is_small()).then_some(quartiles)
        };
        let points: Vec<(i64, [f64; 3])> =
            bins.iter().filter_map(|(bin, sessions)| Some((*bin, quartiles(sessions)?))).collect();
        let values = Sorted::of(points.iter().flat_map(|(_, quartiles)| *quartiles));
        let (lowest, highest) = (*values.values().first()?, *values.values().last()?);
        let (first, last) = (points.first()?.0, points.last()?.0);
        if first == last {
            return None;
        }
        let x = |bin: i64| (bin - first) as f64 / (last - first) as f64 * SMALL_WIDTH;
        let y = |value: f64| {
            let span = highest - lowest;
            if span > 0.0 { (highest - value) / span * SMALL_HEIGHT } else { SMALL_HEIGHT / 2.0 }
        };
        let point = |(bin, quartiles): &(i64, [f64; 3]), which: usize| {
            let value = quartiles.get(which).copied().unwrap_or_default();
            format!("{},{}", Length(x(*bin)), Length(y(value)))
        };
        let line = |which: usize| points.iter().map(|of| point(of, which)).collect::<Vec<_>>();
        let mut area = line(0);
        area.extend(line(2).into_iter().rev());
        Some(AgeCurve {
            feature: feature.outline.name.clone(),
            rho: Signed(feature.age_correlation),
            area: area.join(" "),
            line: line(1).join(" "),
            highest: Digits(Some(highest)),
            lowest: Digits(Some(lowest)),
            youngest: Count((first as f64 * YEARS) as usize),
            oldest: Count(((last + 1) as f64 * YEARS) as usize),
        })
    };
    analysis.headline().zip(&analysis.first_means).filter_map(curve).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_an_axis_do_not_tell_of_a_few() {
        let sizes = |ages: &[f64]| {
            let (first, groups) = bins(ages.iter().copied().zip(0..), 5.0)?;
            Some((first, groups.iter().map(|group| group.n_sessions).collect::<Vec<_>>()))
        };
        let ages = |old: &[f64]| -> Vec<f64> {
            [20.0, 21.0, 22.0, 23.0, 24.0, 41.0, 42.0, 43.0, 44.0].iter().chain(old).copied().collect()
        };
        assert_eq!(sizes(&ages(&[99.0])), Some((4, vec![5, 0, 0, 0, 5])));
        assert_eq!(sizes(&ages(&[99.0])), sizes(&ages(&[72.0])));
        assert_eq!(sizes(&[1.0, 50.0]), Some((10, vec![2])));
        assert_eq!(sizes(&[]), None);
        // Nine sessions of the oldest are one person's.
        let old = ages(&[99.0; 9]).into_iter().zip([0, 1, 2, 3, 4, 5, 6, 7, 8].into_iter().chain([9; 9]));
        assert_eq!(bins(old, 5.0).map(|(first, groups)| (first, groups.len())), Some((4, 5)));
    }
}
