//! Regions: where sessions stick out.

use std::collections::BTreeSet;

use askama::Template;
use askama::filters::HtmlSafe;
use foldhash::HashMap;

use crate::drawing::colour::{OFTEN, STEPS, ramp};
use crate::drawing::number::{Count, Length, Share};
use crate::drawing::picture::{Cells, Picture};
use crate::drawing::plot::Sparkline;
use crate::error::ReportError;
use crate::features::feature::Feature;
use crate::features::regions::RegionStatistics;
use crate::sections::standing::Material;

/// Rows of the table.
const WORST: usize = 12;

/// The share of sessions from which a cell is darkest.
const DARKEST: f64 = 0.02;

/// The shares that the key of the heat map names.
const KEY: [f64; 5] = [0.0, 0.001, 0.005, 0.01, DARKEST];

/// Pixels of a feature's row.
const ROW: usize = 15;

/// The regions of all features, each once, in the order of their names and of the numbers in these.
#[derive(Debug)]
pub(crate) struct Regions {
    pub(crate) names: Vec<String>,
    /// The index of each feature's regions, for the features whose regions are looked at.
    pub(crate) of_features: Vec<(usize, Vec<usize>)>,
}

impl Regions {
    pub(crate) fn of(features: &[Feature]) -> Self {
        let analysed = || features.iter().enumerate().filter(|(_, feature)| feature.analysis.is_some());
        let names: BTreeSet<&str> =
            analysed().flat_map(|(_, feature)| feature.regions.iter().map(String::as_str)).collect();
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_by_cached_key(|name| words_and_numbers(name));
        let indices: HashMap<&str, usize> = names.iter().copied().zip(0..).collect();
        let of_features = analysed().map(|(index, feature)| {
            let of_feature =
                feature.regions.iter().filter_map(|region| indices.get(region.as_str()).copied());
            (index, of_feature.collect())
        });
        let of_features = of_features.collect();
        Self { names: names.iter().map(|name| (*name).to_owned()).collect(), of_features }
    }

    /// The features whose regions are looked at, a row each.
    pub(crate) fn features<'a>(&self, features: &'a [Feature]) -> impl Iterator<Item = &'a Feature> {
        self.of_features.iter().filter_map(|(index, _)| features.get(*index))
    }

    /// The regions of these features, row by row.
    pub(crate) fn cells<'a>(&'a self, features: &'a [Feature]) -> impl Iterator<Item = Cell<'a>> {
        self.of_features.iter().enumerate().flat_map(|(row, (index, numbers))| {
            let feature = features.get(*index);
            let of_feature = feature.and_then(|feature| Some((feature, feature.analysis.as_ref()?)));
            of_feature.into_iter().flat_map(move |(feature, analysis)| {
                let cell = move |(region, statistics): (&usize, &'a RegionStatistics)| Cell {
                    row,
                    index: *index,
                    region: *region,
                    feature,
                    statistics,
                };
                numbers.iter().zip(&analysis.regions).map(cell)
            })
        })
    }
}

/// A region of a feature.
pub(crate) struct Cell<'a> {
    /// The row of the feature, and its index among all.
    pub(crate) row: usize,
    pub(crate) index: usize,
    /// Its number on the page.
    pub(crate) region: usize,
    pub(crate) feature: &'a Feature,
    pub(crate) statistics: &'a RegionStatistics,
}

/// What names sort by: words, then numbers by their size, by turns.
fn words_and_numbers(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        let (number, behind) =
            behind.split_at(behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len()));
        parts.push((word.to_owned(), number.parse().unwrap_or(0)));
        rest = behind;
    }
    parts
}

#[derive(Template)]
#[template(path = "regions.html")]
pub(crate) struct RegionsSection {
    features: Vec<String>,
    /// `None` if nothing is scored.
    heat: Option<Picture>,
    height: usize,
    /// The shares of the heat map's key, as far along it as their colours are.
    ticks: Vec<Tick>,
    /// The share that one session of the cohort is.
    one_session: Share,
    rows: Vec<RegionRow>,
}

impl HtmlSafe for RegionsSection {}

struct Tick {
    /// Percent of the key's width.
    at: Length,
    label: String,
}

struct RegionRow {
    region: String,
    feature: String,
    sparkline: Sparkline,
    n_unusual: Count,
    share: Share,
    n_empty: Count,
}

impl RegionsSection {
    pub(crate) fn of(material: Material<'_>, regions: &Regions) -> Result<Self, ReportError> {
        let analysis = material.analysis;
        let n_regions = regions.names.len();
        let mut heat = vec![0_u8; n_regions * regions.of_features.len()];
        let mut cells: Vec<Cell<'_>> = regions.cells(&analysis.features).collect();
        for Cell { row, region, statistics, .. } in &cells {
            let cell = heat.get_mut(row * n_regions + region);
            cell.into_iter().for_each(|cell| *cell = darkness(statistics.share_unusual()));
        }
        let share = |cell: &Cell<'_>| cell.statistics.share_unusual();
        cells.sort_by(|one, other| share(other).total_cmp(&share(one)));
        let mut seen = vec![false; n_regions];
        let is_new = |cell: &&Cell<'_>| {
            share(cell) > 0.0 && seen.get_mut(cell.region).is_some_and(|seen| !std::mem::replace(seen, true))
        };
        let rows = cells.iter().filter(is_new).take(WORST).map(|cell| RegionRow {
            region: regions.names.get(cell.region).cloned().unwrap_or_default(),
            feature: cell.feature.outline.name.clone(),
            sparkline: Sparkline::of(&cell.statistics.histogram),
            n_unusual: Count(cell.statistics.n_unusual),
            share: Share(share(cell)),
            n_empty: Count(cell.statistics.n_empty),
        });
        let names = regions.features(&analysis.features);
        let names: Vec<String> = names.map(|feature| feature.outline.name.clone()).collect();
        Ok(Self {
            rows: rows.collect(),
            height: ROW * names.len(),
            ticks: KEY.map(tick).into(),
            one_session: Share::of(1, material.cohort.sessions.len()),
            features: names,
            heat: if analysis.is_scored() {
                Some(Cells { width: n_regions, cells: heat }.picture(&ramp(&OFTEN))?)
            } else {
                None
            },
        })
    }
}

/// The step of the ramp, from 1.
fn darkness(share: f64) -> u8 {
    1 + (along_ramp(share) * (STEPS - 1) as f64).round() as u8
}

/// How far along the ramp a share is, from 0 to 1: by the square root, since most shares are small.
fn along_ramp(share: f64) -> f64 {
    (share / DARKEST).clamp(0.0, 1.0).sqrt()
}

fn tick(share: f64) -> Tick {
    let more = if share < DARKEST { "" } else { "+" };
    Tick { at: Length(100.0 * along_ramp(share)), label: format!("{}{more}", 100.0 * share) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_as_people_count() {
        let mut names = ["R_10", "R_2", "L_11_b", "L_11_a", "L_9"];
        names.sort_by_cached_key(|name| words_and_numbers(name));
        assert_eq!(names, ["L_9", "L_11_a", "L_11_b", "R_2", "R_10"]);
    }
}
