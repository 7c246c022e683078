//! The head of the page and its tiles: the cohort in six numbers.

use askama::Template;
use askama::filters::HtmlSafe;
use na_model::UnitStatus;

use crate::cohort::provenance::UNKNOWN_VERSION;
use crate::drawing::number::{Count, Share, counted};
use crate::sections::standing::Material;

/// The first lines of the page.
#[derive(Template)]
#[template(path = "glance.html")]
pub(crate) struct Glance {
    title: String,
    atlas: Option<String>,
    n_regions: Count,
    n_features: Count,
    n_tables: Count,
    has_tiv: bool,
    exported: Option<Exported>,
    version: &'static str,
    tiles: Vec<Tile>,
}

impl HtmlSafe for Glance {}

/// When the store was written, ISO 8601, and as people read it.
struct Exported {
    at: String,
    shown: String,
}

/// A number with what it counts.
struct Tile {
    number: String,
    label: String,
    /// The class of its colour.
    class: &'static str,
}

impl Tile {
    fn new(number: impl ToString, label: impl Into<String>, class: &'static str) -> Self {
        Self { number: number.to_string(), label: label.into(), class }
    }
}

impl Glance {
    pub(crate) fn of(material: &Material<'_>, n_regions: usize, title: String) -> Self {
        let (cohort, analysis) = (material.cohort, material.analysis);
        let n = cohort.sessions.len();
        let [loaded, partial, missing, failed] =
            [UnitStatus::Loaded, UnitStatus::Partial, UnitStatus::Missing, UnitStatus::Failed]
                .map(|status| material.at_worst(status));
        let flagged = material.standing.flagged().len();
        let unusual = if analysis.is_scored() {
            Tile::new(
                Count(flagged),
                "flagged: over 5 % of the regions unusual in a feature",
                if flagged > 0 { "look" } else { "" },
            )
        } else {
            Tile::new("–", "flagged: nothing is scored, fewer than 30 sessions have values", "")
        };
        let sessions = if n == 1 { "session" } else { "sessions" };
        let tiles = vec![
            Tile::new(
                Count(n),
                format!("{sessions} of {}", counted(cohort.sessions.n_subjects(), "subject")),
                "",
            ),
            Tile::new(Share::of(loaded, n), format!("complete: {}", counted(loaded, "session")), ""),
            Tile::new(Count(missing + partial), "missing or partial", ""),
            Tile::new(Count(failed), "failed", if failed > 0 { "fix" } else { "" }),
            unusual,
            versions(material),
        ];
        Self {
            title,
            atlas: Some(cohort.atlases.join(", ")).filter(|atlases| !atlases.is_empty()),
            n_regions: Count(n_regions),
            n_features: Count(analysis.features.len()),
            n_tables: Count(cohort.units.tables.len()),
            has_tiv: cohort.covariates.volumes.iter().any(|volume| !volume.is_nan()),
            exported: cohort.summary.updated_at.clone().map(|at| Exported { shown: shown_time(&at), at }),
            version: env!("CARGO_PKG_VERSION"),
            tiles,
        }
    }
}

/// The versions of the programs that made the tables. Several of one program are worth a look, several programs are not.
fn versions(material: &Material<'_>) -> Tile {
    let all = material.cohort.provenance.by_producer().into_iter().map(|(producer, versions)| {
        (producer, versions.iter().filter(|(version, _)| version != UNKNOWN_VERSION).count())
    });
    let known: Vec<(&str, usize)> = all.filter(|(_, n)| *n > 0).collect();
    let n: usize = known.iter().map(|(_, n)| n).sum();
    let producers = known.iter().map(|(producer, _)| *producer).collect::<Vec<_>>().join(", ");
    if n == 0 {
        return Tile::new("–", "versions: no file says which made it", "");
    }
    let are_several = known.iter().any(|(_, n)| *n > 1);
    let label = format!("{} of {producers}", if n == 1 { "version" } else { "versions" });
    Tile::new(Count(n), label, if are_several { "look" } else { "" })
}

/// A time of the manifest as people read it, to the minute: `2026-11-24 19:33 UTC`.
fn shown_time(written: &str) -> String {
    match written.get(..16).filter(|_| written.ends_with('Z')) {
        Some(minute) => format!("{} UTC", minute.replace('T', " ")),
        None => written.to_owned(),
    }
}
