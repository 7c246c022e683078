//! Sessions: which stick out, on a map and as a table.

use askama::Template;
use askama::filters::HtmlSafe;
use foldhash::HashSet;
use na_model::UnitStatus;

use crate::drawing::colour::{MANY, STEPS, ramp};
use crate::drawing::number::{Count, Digits, Length, Share, Signed};
use crate::drawing::picture::{Cells, Picture};
use crate::error::ReportError;
use crate::features::analysis::SessionFacts;
use crate::features::deviations::Deviation;
use crate::features::feature::{FLAGGED, Feature};
use crate::naming::SessionLink;
use crate::sections::standing::Material;
use crate::statistics::sorted::Sorted;

/// Sessions of the table that needs no script.
const SHOWN: usize = 100;

/// Sessions that stand beside the map.
const FIRSTS: usize = 8;

/// Flagged sessions that are circles of the map.
const CIRCLES: usize = 200;

/// The size of the map, and of its grid.
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 330.0;
const COLUMNS: usize = 80;
const ROWS: usize = 48;

/// The largest level that the map's axis has.
const FARTHEST: f64 = 12.0;

/// The least and the most of unusual regions that the map's axis has, percent.
const LEAST: f64 = 0.05;
const MOST: f64 = 100.0;

#[derive(Template)]
#[template(path = "sessions.html")]
pub(crate) struct SessionsSection {
    kinds: Vec<String>,
    /// `None` if nothing is scored.
    map: Option<SessionMap>,
    firsts: Vec<First>,
    rows: Vec<SessionTableRow>,
    n_sessions: Count,
    /// The names of the features whose means are shown instead of scores.
    means: Vec<String>,
    details_flagged_only: bool,
}

impl HtmlSafe for SessionsSection {}

/// One of the most unusual sessions.
struct First {
    session: SessionLink,
    /// Of the regions of its worst feature.
    share: Share,
    largest: Vec<NamedDeviation>,
}

struct NamedDeviation {
    region: String,
    feature: String,
    z: Signed<1>,
}

/// Sessions by level and share of unusual regions.
struct SessionMap {
    density: Picture,
    shares: Vec<Tick>,
    levels: Vec<Tick>,
    /// Where sessions begin to be flagged.
    flagged: Length,
    circles: Vec<Circle>,
    n_clipped: Count,
}

struct Tick {
    at: Length,
    label: String,
}

struct Circle {
    session: SessionLink,
    x: Length,
    y: Length,
    share: Share,
    level: Signed<1>,
}

struct SessionTableRow {
    session: SessionLink,
    /// What the page's address calls it, as a row's id has it.
    key: String,
    statuses: Vec<Option<UnitStatus>>,
    /// `None` if nothing of it is scored.
    share: Option<Share>,
    worst: Option<(Share, String)>,
    level: Signed<2>,
    version: String,
    means: Vec<Digits>,
}

impl SessionsSection {
    pub(crate) fn of(material: Material<'_>) -> Result<Self, ReportError> {
        let (analysis, order) = (material.analysis, &material.standing.order);
        let (features, means): (Vec<&Feature>, Vec<&Vec<f64>>) = analysis.means_for_scores().unzip();
        Ok(Self {
            kinds: material.kinds().map(ToString::to_string).collect(),
            map: if analysis.is_scored() { Some(SessionMap::of(material)?) } else { None },
            firsts: order.iter().take(FIRSTS).map(|session| first(material, *session)).collect(),
            rows: order.iter().take(SHOWN).map(|session| row(material, *session, &means)).collect(),
            n_sessions: Count(material.cohort.sessions.len()),
            means: features.iter().map(|feature| feature.outline.name.clone()).collect(),
            details_flagged_only: material.details_flagged_only(),
        })
    }
}

fn first(material: Material<'_>, session: usize) -> First {
    let largest = material.analysis.largest.get(session).into_iter().flatten();
    let named = |deviation: &Deviation| {
        let feature = material.analysis.headline().nth(usize::from(deviation.feature))?;
        Some(NamedDeviation {
            region: feature.regions.get(usize::try_from(deviation.region).ok()?)?.clone(),
            feature: feature.outline.name.clone(),
            z: Signed(Some(f64::from(deviation.z))),
        })
    };
    First {
        session: material.naming.link(session),
        share: Share(material.standing.facts.get(session).map_or(0.0, SessionFacts::worst_share)),
        largest: largest.filter(|deviation| deviation.z != 0.0).take(2).filter_map(named).collect(),
    }
}

fn row(material: Material<'_>, session: usize, means: &[&Vec<f64>]) -> SessionTableRow {
    let facts = material.standing.facts.get(session);
    let name = |feature: usize| {
        material.analysis.headline().nth(feature).map(|feature| feature.outline.name.clone())
    };
    let worst = facts.and_then(|facts| facts.worst);
    SessionTableRow {
        session: material.naming.link(session),
        key: material.naming.key(session),
        statuses: material.statuses(session),
        share: facts.filter(|facts| facts.n_scored > 0).map(|facts| Share(facts.share())),
        worst: worst.and_then(|(feature, share)| Some((Share(share), name(feature)?))),
        level: Signed(facts.map(|facts| facts.level)),
        version: material.cohort.provenance.version_of(session),
        means: means.iter().map(|means| Digits(means.get(session).copied())).collect(),
    }
}

/// How levels and shares lie on the map.
struct Axes {
    /// The largest level that the axis has, either side.
    reach: f64,
}

impl Axes {
    fn of(levels: impl Iterator<Item = f64>) -> Self {
        let sorted = Sorted::of(levels.map(f64::abs));
        // A few sessions far away would push all others into the middle: they are drawn at the end.
        let reach = sorted.quantile(0.9995).unwrap_or(1.0) * 1.25;
        Self { reach: reach.clamp(1.0, FARTHEST) }
    }

    fn x(&self, level: f64) -> f64 {
        (level.clamp(-self.reach, self.reach) + self.reach) / (2.0 * self.reach) * WIDTH
    }

    /// A session is as high as its worst feature has unusual regions.
    fn y(facts: &SessionFacts) -> f64 {
        Self::y_of(100.0 * facts.worst_share())
    }

    fn y_of(percent: f64) -> f64 {
        HEIGHT - (percent.clamp(LEAST, MOST) / LEAST).log10() / (MOST / LEAST).log10() * HEIGHT
    }

    /// Levels to be labelled: about five either side.
    fn ticks(&self) -> Vec<Tick> {
        let steps = [0.25, 0.5, 1.0, 2.0];
        let step = steps.into_iter().find(|step| self.reach / step <= 5.0).unwrap_or(5.0);
        let n = (self.reach / step).floor() as i32;
        let tick = |k: i32| {
            let level = f64::from(k) * step;
            Tick {
                at: Length(self.x(level)),
                label: if k == 0 { "0".to_owned() } else { format!("{level:+}") },
            }
        };
        (-n..=n).map(tick).collect()
    }
}

impl SessionMap {
    fn of(material: Material<'_>) -> Result<Self, ReportError> {
        let facts = &material.standing.facts;
        let scored = || facts.iter().filter(|facts| facts.level.is_finite());
        let axes = Axes::of(scored().map(|facts| facts.level));
        let mut cells = vec![0_u32; COLUMNS * ROWS];
        let is_flagged = |session: &usize| facts.get(*session).is_some_and(SessionFacts::is_flagged);
        let flagged = material.standing.order.iter().copied().filter(is_flagged);
        let circled: Vec<usize> = flagged.take(CIRCLES).collect();
        // From behind a circle, its own square would look like another session.
        let apart: HashSet<usize> = circled.iter().copied().collect();
        let others = facts.iter().enumerate().filter(|(session, _)| !apart.contains(session));
        for (_, facts) in others.filter(|(_, facts)| facts.level.is_finite()) {
            let column = (axes.x(facts.level) / WIDTH * COLUMNS as f64) as usize;
            let row = (Axes::y(facts) / HEIGHT * ROWS as f64) as usize;
            let cell = cells.get_mut(row.min(ROWS - 1) * COLUMNS + column.min(COLUMNS - 1));
            cell.into_iter().for_each(|cell| *cell += 1);
        }
        let most = f64::from(cells.iter().copied().max().unwrap_or(0)).ln_1p();
        let step = |n: &u32| match n {
            0 => 0,
            n => 1 + (f64::from(*n).ln_1p() / most * (STEPS - 1) as f64).round() as u8,
        };
        let density =
            Cells { width: COLUMNS, cells: cells.iter().map(step).collect() }.picture(&ramp(&MANY))?;
        let circle = |session: usize| {
            let facts = facts.get(session)?;
            Some(Circle {
                session: material.naming.link(session),
                x: Length(axes.x(facts.level)),
                y: Length(Axes::y(facts)),
                share: Share(facts.worst_share()),
                level: Signed(Some(facts.level)),
            })
        };
        let shares = [0.1, 0.5, 1.0, 10.0, 50.0]
            .map(|percent| Tick { at: Length(Axes::y_of(percent)), label: format!("{percent}\u{2009}%") });
        let n_clipped = scored().filter(|facts| facts.level.abs() > axes.reach).count();
        Ok(Self {
            density,
            shares: shares.into(),
            levels: axes.ticks(),
            flagged: Length(Axes::y_of(100.0 * FLAGGED)),
            circles: circled.into_iter().filter_map(circle).collect(),
            n_clipped: Count(n_clipped),
        })
    }
}
