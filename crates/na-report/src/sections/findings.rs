//! Needs a look: what somebody who trains on the store should know first, the worst first.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use askama::filters::HtmlSafe;
use na_model::{KEPT, UnitKind, UnitStatus};

use crate::cohort::provenance::UNKNOWN_VERSION;
use crate::drawing::number::{Count, Share, Signed, counted};
use crate::features::deviations::CUT_OFF;
use crate::features::feature::Feature;
use crate::features::regions::FEWEST_SCORED;
use crate::features::version_shift::{SMALLEST_GROUP, is_marked, largest};
use crate::naming::{Lists, SessionLink};
use crate::sections::standing::Material;

/// Sessions that a finding names without the page's script.
const NAMED: usize = 20;

/// Regions that lack a value in a larger share of sessions are told.
const OFTEN_EMPTY: f64 = 0.15;

/// All findings.
#[derive(Template)]
#[template(path = "findings.html")]
pub(crate) struct Findings {
    pub(crate) findings: Vec<Finding>,
}

impl HtmlSafe for Findings {}

/// How much a finding matters, the most first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Fix,
    Look,
    Know,
}

impl Severity {
    fn class(self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::Look => "look",
            Self::Know => "know",
        }
    }

    /// A symbol and a word: nobody has to see colours.
    fn label(self) -> &'static str {
        match self {
            Self::Fix => "■ Fix",
            Self::Look => "▲ Look",
            Self::Know => "● Know",
        }
    }
}

/// One line of the list.
pub(crate) struct Finding {
    severity: Severity,
    count: String,
    what: String,
    why: String,
    /// The section that shows more.
    section: &'static str,
    /// The sessions that it is about, as far as they are named, and how many more there are. Empty if it is about none.
    named: Vec<SessionLink>,
    n_more: Count,
    list: Option<usize>,
}

/// Findings while they are gathered.
struct Gathering<'m, 'l> {
    material: Material<'m>,
    lists: &'l mut Lists,
    findings: Vec<Finding>,
}

impl Findings {
    pub(crate) fn of(material: Material<'_>, lists: &mut Lists) -> Self {
        let mut gathering = Gathering { material, lists, findings: Vec::new() };
        gathering.lost_files();
        gathering.untold_outcomes();
        gathering.failed();
        gathering.versions_that_differ();
        gathering.identical_tables();
        gathering.unusual_sessions();
        gathering.unusual_levels();
        gathering.implausible_volumes();
        gathering.settings_that_differ();
        gathering.missing_and_partial();
        gathering.kept();
        gathering.without_age();
        gathering.empty_regions();
        gathering.coarse_features();
        gathering.too_few_to_score();
        let mut findings = gathering.findings;
        findings.sort_by_key(|finding| finding.severity);
        Self { findings }
    }
}

impl Gathering<'_, '_> {
    /// Adds a finding about sessions, if there are any.
    fn add(
        &mut self,
        severity: Severity,
        sessions: Vec<usize>,
        what: &str,
        why: impl Into<String>,
        section: &'static str,
    ) {
        if sessions.is_empty() {
            return;
        }
        let count = counted(sessions.len(), "session");
        let named = self.material.naming.links(sessions.iter().copied().take(NAMED));
        let n_more = Count(sessions.len() - named.len());
        let list = Some(self.lists.add(what.to_owned(), sessions));
        let (what, why) = (what.to_owned(), why.into());
        self.findings.push(Finding { severity, count, what, why, section, named, n_more, list });
    }

    /// Adds a finding that is about no sessions.
    fn tell(
        &mut self,
        severity: Severity,
        count: String,
        what: impl Into<String>,
        why: String,
        section: &'static str,
    ) {
        let (what, named, n_more) = (what.into(), Vec::new(), Count(0));
        self.findings.push(Finding { severity, count, what, why, section, named, n_more, list: None });
    }

    fn lost_files(&mut self) {
        let lost = &self.material.cohort.lost_files;
        if !lost.is_empty() {
            let why = format!(
                "{}: what they told is not on this page; put a copy in their place, or load again",
                first_of(lost)
            );
            self.tell(
                Severity::Fix,
                counted(lost.len(), "file"),
                "of the store that are gone",
                why,
                "method",
            );
        }
    }

    fn untold_outcomes(&mut self) {
        let sessions = &self.material.cohort.sessions;
        if !self.material.cohort.tells_outcomes && sessions.len() > 0 {
            let why = "sessions.tsv is gone, or cannot be understood: what is in the store counts as loaded. The next load writes it again";
            let what = "of which nothing tells what failed or is missing";
            self.tell(
                Severity::Fix,
                counted(sessions.len(), "session"),
                what,
                why.to_owned(),
                "completeness",
            );
            return;
        }
        let untold: Vec<usize> = sessions.stored().filter(|session| sessions.line(*session) == 0).collect();
        let why = "they are in the store; the next load writes the file again";
        self.add(Severity::Fix, untold, "without a row in sessions.tsv", why, "completeness");
    }

    fn failed(&mut self) {
        let why = "a file is not what it should be; the next run tries them again";
        self.add(
            Severity::Fix,
            self.material.with_status(UnitStatus::Failed),
            "failed to load",
            why,
            "completeness",
        );
    }

    /// Of each program: whether its versions differ in what they measure, or are several at all.
    fn versions_that_differ(&mut self) {
        for (producer, versions) in self.material.cohort.provenance.by_producer() {
            if !self.shifted_version(producer) {
                self.several_versions(producer, &versions);
            }
        }
    }

    /// The feature whose sessions differ most by version, if that is much.
    fn shifted_version(&mut self, producer: &str) -> bool {
        let provenance = &self.material.cohort.provenance;
        let marked = |feature: &&Feature| {
            provenance.producer_of(&feature.outline.table) == producer
                && feature.largest_shift().is_some_and(is_marked)
        };
        let features: Vec<&Feature> = self.material.analysis.headline().filter(marked).collect();
        let size = |feature: &Feature| feature.largest_shift().map_or(0.0, f64::abs);
        // Of equal shifts the first feature is told.
        let worst = features.iter().rev().max_by(|one, other| size(one).total_cmp(&size(other)));
        let Some((worst, shifted)) = worst.and_then(|worst| Some((worst, largest(&worst.version_shifts)?)))
        else {
            return false;
        };
        let versions = provenance.versions.get(&worst.outline.table);
        let sessions = versions.into_iter().flat_map(|versions| {
            let label = versions.labels.iter().position(|label| *label == shifted.version);
            let of = versions.of.iter().enumerate();
            of.filter(move |(_, of)| of.is_some() && **of == label).map(|(session, _)| session)
        });
        let newest = worst.version_shifts.iter().find(|of| of.shift == Some(0.0));
        let newest = newest.map_or("the newest", |of| &of.version);
        let what = format!("made with {producer} {}, unlike those of {newest}", shifted.version);
        let others = match features.len() {
            1 => String::new(),
            2 => ", and 1 feature more is shifted".to_owned(),
            n => format!(", and {} more are shifted", counted(n - 1, "feature")),
        };
        let why = format!(
            "{} is shifted by {} robust SD{others}: a model could learn the version. Versions come with times, sites and ages",
            worst.outline.name,
            Signed::<1>(shifted.shift)
        );
        self.add(Severity::Fix, sessions.collect(), &what, why, "provenance");
        true
    }

    /// The sessions that another version than the newest made.
    fn several_versions(&mut self, producer: &str, versions: &[(String, Vec<usize>)]) {
        let known = versions.iter().filter(|(version, _)| version != UNKNOWN_VERSION);
        let mut older =
            known.clone().skip(1).flat_map(|(_, sessions)| sessions.iter().copied()).collect::<Vec<_>>();
        older.sort_unstable();
        older.dedup();
        let told =
            known.map(|(version, sessions)| format!("{version} ({})", counted(sessions.len(), "session")));
        let why = format!(
            "{}: no shift of a headline feature was found between groups of at least {SMALLEST_GROUP}, and smaller ones are not compared",
            told.collect::<Vec<_>>().join(", ")
        );
        let what = format!("made with another version of {producer} than the newest");
        self.add(Severity::Know, older, &what, why, "provenance");
    }

    fn identical_tables(&mut self) {
        let identical = &self.material.cohort.provenance.identical;
        let sessions: BTreeSet<usize> =
            identical.iter().flat_map(|same| same.sessions.iter().copied()).collect();
        let why = "the same image twice, or a copy under a wrong name";
        self.add(
            Severity::Fix,
            sessions.into_iter().collect(),
            "with tables that are byte for byte those of another session",
            why,
            "repeated",
        );
    }

    fn unusual_sessions(&mut self) {
        let why = format!(
            "robust z beyond {CUT_OFF} in some feature, once the session's own level is taken out: look at the images, this is no reason \
             to exclude"
        );
        self.add(
            Severity::Look,
            self.material.standing.flagged(),
            "with more than 5 % unusual regions",
            why,
            "sessions",
        );
    }

    fn unusual_levels(&mut self) {
        let facts = self.material.standing.facts.iter().enumerate();
        let far: Vec<usize> =
            facts.filter(|(_, facts)| facts.level.abs() > CUT_OFF).map(|(session, _)| session).collect();
        let why = format!(
            "the median of all regions lies beyond {CUT_OFF} robust SD in some feature: another unit, another scale, or a segmentation that \
             failed as a whole"
        );
        self.add(Severity::Look, far, "high or low in the whole brain", why, "sessions");
    }

    fn implausible_volumes(&mut self) {
        let sessions = self.material.cohort.covariates.implausible_volumes().collect();
        let why = "kept as they are; divide by TIV with care";
        self.add(Severity::Look, sessions, "with a TIV outside 500–3,000 mL", why, "cohort");
    }

    fn settings_that_differ(&mut self) {
        let (mut sessions, mut names) = (BTreeSet::new(), Vec::new());
        for ((table, setting), values) in &self.material.cohort.provenance.settings {
            // Of equally frequent values the first is the usual one.
            let usual =
                values.iter().rev().max_by_key(|(_, sessions)| sessions.len()).map(|(value, _)| value);
            let others =
                values.iter().filter(|(value, _)| Some(*value) != usual).flat_map(|(_, sessions)| sessions);
            sessions.extend(others.filter_map(|session| usize::try_from(*session).ok()));
            if values.len() > 1 {
                names.push(format!("{setting} of {table}"));
            }
        }
        let why = format!("{}: a difference may be one of settings", names.join(", "));
        self.add(
            Severity::Look,
            sessions.into_iter().collect(),
            "with tables made with other settings than most",
            why,
            "provenance",
        );
    }

    fn missing_and_partial(&mut self) {
        let missing = self.material.with_status(UnitStatus::Missing);
        self.add(
            Severity::Know,
            missing,
            if self.material.kinds().all(UnitKind::is_of_parcellate) {
                "without a whole modality"
            } else {
                "of which one input has nothing"
            },
            "nothing of it is in the store: Completeness says why",
            "completeness",
        );
        let partial = self.material.with_status(UnitStatus::Partial);
        self.add(
            Severity::Know,
            partial,
            "partial",
            "they lack a table, a map or regions that others have",
            "completeness",
        );
    }

    fn kept(&mut self) {
        let units = &self.material.cohort.units;
        let is_kept =
            |reason: usize| units.reasons.get(reason).is_some_and(|reason| reason.starts_with(KEPT));
        let is_kept = |session: &usize| units.of_session(*session).any(|facts| is_kept(facts.reason));
        let sessions = (0..self.material.cohort.sessions.len()).filter(is_kept).collect();
        let why = "their files are gone and the store keeps what it has; --prune lets it go";
        self.add(Severity::Know, sessions, "with values of files that are gone", why, "completeness");
    }

    fn without_age(&mut self) {
        let covariates = &self.material.cohort.covariates;
        // Who loads without a list of columns misses no age.
        if !covariates.has_ages && self.material.cohort.metadata.is_empty() {
            return;
        }
        let sessions = covariates.without_age().collect();
        let why = if covariates.has_ages {
            "the session list has none for them, or none that a person can have"
        } else {
            "the session list has no column of it"
        };
        self.add(Severity::Know, sessions, "without an age", why, "cohort");
    }

    fn empty_regions(&mut self) {
        let regions = &self.material.often_empty(OFTEN_EMPTY);
        if !regions.is_empty() {
            let named: Vec<String> =
                regions.iter().map(|(region, share)| format!("{region} ({share})")).collect();
            let why = first_of(&named);
            let what = "empty in more than 15 % of sessions";
            self.tell(Severity::Know, counted(regions.len(), "region"), what, why, "regions");
        }
    }

    fn coarse_features(&mut self) {
        let is_coarse = |feature: &&Feature| {
            let analysis = feature.analysis.as_ref();
            analysis.is_some_and(|analysis| 2 * analysis.n_coarse() > analysis.regions.len())
        };
        let features: Vec<String> = self
            .material
            .analysis
            .features
            .iter()
            .filter(is_coarse)
            .map(|feature| feature.outline.name.clone())
            .collect();
        if !features.is_empty() {
            let what = "constant or rounded";
            let why = format!(
                "{}: the tables were written with too few digits, or hold nothing that varies",
                first_of(&features)
            );
            self.tell(Severity::Know, counted(features.len(), "feature"), what, why, "features");
        }
    }

    fn too_few_to_score(&mut self) {
        let few: Vec<&Feature> =
            self.material.analysis.headline().filter(|feature| feature.n_sessions < FEWEST_SCORED).collect();
        // Where nothing is scored, the tile and the sections say so.
        if !few.is_empty() && self.material.analysis.is_scored() {
            let names: Vec<String> = few.iter().map(|feature| feature.outline.name.clone()).collect();
            let what = "of fewer than 30 sessions";
            let why = format!("{}: their values are shown, and none is called unusual", first_of(&names));
            self.tell(Severity::Know, counted(few.len(), "feature"), what, why, "features");
        }
    }
}

impl Material<'_> {
    /// The regions that lack a value in more than this share of the sessions that have a headline feature, over all of these.
    fn often_empty(&self, share: f64) -> Vec<(String, Share)> {
        let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for feature in self.analysis.headline() {
            let statistics = feature.analysis.iter().flat_map(|analysis| &analysis.regions);
            for (region, of) in feature.regions.iter().zip(statistics) {
                let (empty, all) = counts.entry(region).or_default();
                *empty += of.n_empty;
                *all += of.n_empty + of.n;
            }
        }
        let is_often = |(_, (empty, all)): &(&str, (usize, usize))| *empty as f64 > share * *all as f64;
        let told =
            |(region, (empty, all)): (&str, (usize, usize))| (region.to_owned(), Share::of(empty, all));
        counts.into_iter().filter(is_often).map(told).collect()
    }
}

/// The first three of some names, and how many more there are.
fn first_of(names: &[String]) -> String {
    let first = names.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(3) {
        0 => first,
        more => format!("{first} and {} more", Count(more)),
    }
}
