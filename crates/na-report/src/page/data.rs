//! What the page's script reads: sessions, their deviations, regions, and the lists that findings lead to.

use std::collections::BTreeMap;

use serde_json::json;

use crate::cohort::reason::without_files;
use crate::cohort::units::severity;
use crate::error::ReportError;
use crate::features::analysis::HeadlineScores;
use crate::features::deviations::{CUT_OFF, LARGEST};
use crate::features::feature::Feature;
use crate::naming::Lists;
use crate::page::block::Block;
use crate::sections::regions::{Cell, Regions};
use crate::sections::standing::Material;
use crate::statistics::histogram::BARS;

/// Sessions up to which each has its reason with the names of files.
const ALL_REASONED: usize = 20_000;

/// The directory as JSON that may stand in the page, and the block in base64.
pub(crate) struct Data {
    pub(crate) directory: String,
    pub(crate) block: String,
}

impl Data {
    pub(crate) fn of(
        material: Material<'_>,
        regions: &Regions,
        lists: &Lists,
        n_findings: usize,
    ) -> Result<Self, ReportError> {
        let mut block = Block::default();
        let n = material.cohort.sessions.len();
        let analysis = material.analysis;
        let versions = add_sessions(&mut block, material);
        add_units(&mut block, material);
        block.add("means", analysis.means_for_scores().flat_map(|(_, means)| means).copied());
        add_details(&mut block, material, regions);
        add_regions(&mut block, material, regions);
        let lists = add_lists(&mut block, lists);
        let (arrays, block) =
            block.finish().map_err(|error| ReportError::Data(serde_json::Error::io(error)))?;
        let directory = json!({
            "n": n,
            "ids": material.naming.ids,
            "scored": analysis.is_scored(),
            "cutOff": CUT_OFF,
            "largest": LARGEST,
            "bars": BARS,
            "modalities": material.kinds().map(ToString::to_string).collect::<Vec<_>>(),
            "features": names(analysis.headline()),
            "analysed": names(regions.features(&analysis.features)),
            "means": names(analysis.means_for_scores().map(|(feature, _)| feature)),
            "regions": regions.names,
            "versions": versions,
            "lists": lists,
            "findings": n_findings,
            "firstCell": first_cell(material, regions),
            "arrays": arrays,
        });
        // No text can end the element that it stands in.
        let directory = serde_json::to_string(&directory)?.replace('<', "\\u003c");
        Ok(Self { directory, block })
    }
}

fn names<'a>(features: impl Iterator<Item = &'a Feature>) -> Vec<&'a str> {
    features.map(|feature| feature.outline.name.as_str()).collect()
}

/// A share as hundredths of a percent.
fn hundredths(share: f64) -> u16 {
    (share * 10_000.0).round().clamp(0.0, 10_000.0) as u16
}

fn index16(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

/// Adds what is said of each session as a whole. Returns the versions.
fn add_sessions(block: &mut Block, material: Material<'_>) -> Vec<String> {
    let n = material.cohort.sessions.len();
    let keys: Vec<String> = (0..n).map(|session| material.naming.key(session)).collect();
    block.add_lines("keys", keys.iter().map(String::as_str));
    let mut versions: Vec<String> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let of = (0..n).map(|session| {
        let version = material.cohort.provenance.version_of(session);
        let index = *known.entry(version.clone()).or_insert(versions.len());
        if index == versions.len() {
            versions.push(version);
        }
        index16(index)
    });
    let of: Vec<u16> = of.collect();
    block.add("version", of);
    let facts = &material.standing.facts;
    block.add("share", facts.iter().map(|facts| hundredths(facts.share())));
    block.add("worst", facts.iter().map(|facts| facts.worst.map_or(0, |(_, share)| hundredths(share))));
    block.add(
        "worstFeature",
        facts.iter().map(|facts| facts.worst.map_or(u16::MAX, |(feature, _)| index16(feature))),
    );
    block.add("level", facts.iter().map(|facts| ((facts.level * 100.0).round() / 100.0) as f32));
    block.add("flagged", facts.iter().map(|facts| u8::from(facts.is_flagged())));
    versions
}

/// Adds statuses and reasons, one kind of units after the other.
fn add_units(block: &mut Block, material: Material<'_>) {
    let units = &material.cohort.units;
    let n = material.cohort.sessions.len();
    let is_told = material.naming.ids && n <= ALL_REASONED;
    let reasons = if is_told { &units.reasons } else { &units.kinds };
    let shown = |reason: &String| if material.naming.ids { reason.clone() } else { without_files(reason) };
    let shown: Vec<String> = reasons.iter().map(shown).collect();
    block.add_lines("reasons", shown.iter().map(String::as_str));
    for (index, of_kind) in units.by_kind.values().enumerate() {
        let status = of_kind.iter().map(|facts| facts.map_or(u8::MAX, |facts| severity(facts.status)));
        block.add(format!("status{index}"), status);
        let reason = of_kind.iter().map(|facts| {
            let reason = facts.map_or(0, |facts| if is_told { facts.reason } else { facts.kind });
            u32::try_from(reason).unwrap_or(0)
        });
        block.add(format!("reason{index}"), reason);
    }
}

/// Adds the deviations of sessions: the largest, and how many regions are unusual by feature.
fn add_details(block: &mut Block, material: Material<'_>, regions: &Regions) {
    let detailed = material.detailed();
    block.add("detailed", detailed.iter().map(|session| u32::try_from(*session).unwrap_or(u32::MAX)));
    let analysis = material.analysis;
    // The regions of each headline feature, as the page numbers them.
    let numbers: Vec<&[usize]> = analysis
        .headline
        .iter()
        .map(|index| {
            let of_feature = regions.of_features.iter().find(|(feature, _)| feature == index);
            of_feature.map_or(&[][..], |(_, regions)| regions)
        })
        .collect();
    let (mut z, mut region, mut feature) = (Vec::new(), Vec::new(), Vec::new());
    for k in 0..LARGEST {
        for session in &detailed {
            let deviation = analysis
                .largest
                .get(*session)
                .and_then(|largest| largest.get(k))
                .copied()
                .unwrap_or_default();
            z.push((deviation.z * 10.0).round() / 10.0);
            let in_feature = numbers.get(usize::from(deviation.feature));
            let number = in_feature.and_then(|numbers| numbers.get(deviation.region as usize));
            region.push(index16(number.copied().unwrap_or(0)));
            feature.push(deviation.feature);
        }
    }
    block.add("topZ", z);
    block.add("topRegion", region);
    block.add("topFeature", feature);
    let counts = |of: fn(&HeadlineScores) -> &Vec<u32>| {
        let of_feature = |scores| {
            detailed.iter().filter_map(move |session| of(scores).get(*session)).map(|n| index16(*n as usize))
        };
        analysis.of_headline.iter().flat_map(of_feature).collect::<Vec<u16>>()
    };
    block.add("nUnusual", counts(|scores| &scores.n_unusual));
    block.add("nScored", counts(|scores| &scores.n_scored));
    let of_feature = |scores: &HeadlineScores| {
        let levels = detailed.iter().filter_map(|session| scores.levels.get(*session));
        levels.map(|level| (level * 10.0).round() / 10.0).collect::<Vec<f32>>()
    };
    block.add("levels", analysis.of_headline.iter().flat_map(of_feature).collect::<Vec<f32>>());
}

/// Adds what is said of each region of each feature, in the order of the page's features and regions. Nothing where a feature lacks a
/// region.
fn add_regions(block: &mut Block, material: Material<'_>, regions: &Regions) {
    let n_regions = regions.names.len();
    let n = n_regions * regions.of_features.len();
    let (mut unusual, mut empty) = (vec![0_u32; n], vec![0_u32; n]);
    let (mut quantiles, mut scale) = (vec![f32::NAN; 3 * n], vec![f32::NAN; n]);
    let mut histogram = vec![[0_u8; BARS]; n];
    for Cell { row, region, statistics: of, .. } in regions.cells(&material.analysis.features) {
        let cell = row * n_regions + region;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let set = |counts: &mut Vec<u32>, n| counts.get_mut(cell).into_iter().for_each(|count| *count = n);
        set(&mut unusual, count(of.n_unusual));
        set(&mut empty, count(of.n_empty));
        let three = of.tails.zip(of.spread).map(|((low, high), spread)| [low, spread.median, high]);
        if let (Some(three), Some(cells)) = (three, quantiles.get_mut(3 * cell..3 * cell + 3)) {
            cells.iter_mut().zip(three).for_each(|(cell, value)| *cell = value as f32);
        }
        let of_scale = of.spread.map_or(f32::NAN, |spread| spread.scale as f32);
        scale.get_mut(cell).into_iter().for_each(|scale| *scale = of_scale);
        histogram.get_mut(cell).into_iter().for_each(|bars| *bars = of.histogram.scaled());
    }
    block.add("regionUnusual", unusual);
    block.add("regionEmpty", empty);
    block.add("quantiles", quantiles);
    block.add("scale", scale);
    block.add("histogram", histogram.into_iter().flatten());
}

/// Adds the lists, each number as its distance from the one before.
fn add_lists(block: &mut Block, lists: &Lists) -> Vec<serde_json::Value> {
    let (mut steps, mut told) = (Vec::new(), Vec::new());
    for list in &lists.0 {
        told.push(json!({ "title": list.title, "from": steps.len(), "length": list.sessions.len() }));
        let mut last = 0;
        for session in &list.sessions {
            steps.push(u32::try_from(session - last).unwrap_or(u32::MAX));
            last = *session;
        }
    }
    block.add("lists", steps);
    told
}

/// The feature and region that are unusual most often among the headline features, as the page numbers them.
fn first_cell(material: Material<'_>, regions: &Regions) -> [usize; 2] {
    let is_headline = |cell: &Cell<'_>| material.analysis.headline.binary_search(&cell.index).is_ok();
    let mut first = ([0, 0], -1.0);
    for cell in regions.cells(&material.analysis.features).filter(is_headline) {
        let share = cell.statistics.share_unusual();
        if share > first.1 {
            first = ([cell.row, cell.region], share);
        }
    }
    first.0
}
