//! Repeated measures: how many sessions subjects have, whose change is large, and which tables are the same.

use std::collections::BTreeMap;

use askama::Template;
use askama::filters::HtmlSafe;

use crate::cohort::provenance::IdenticalTables;
use crate::drawing::number::Count;
use crate::naming::SessionLink;
use crate::sections::standing::Material;
use crate::statistics::sorted::median_of;

/// Rows of each table.
const SHOWN: usize = 10;

/// Identical tables that are listed.
const IDENTICAL: usize = 50;

#[derive(Template)]
#[template(path = "repeated.html")]
pub(crate) struct Repeated {
    sessions_of_subjects: Vec<(usize, Count)>,
    changes: Vec<Change>,
    /// The median of all changes.
    typical: Option<String>,
    identical: Vec<IdenticalRow>,
    n_more: Count,
}

impl HtmlSafe for Repeated {}

/// Two sessions of a subject that follow each other.
struct Change {
    from: SessionLink,
    to: SessionLink,
    change: String,
}

struct IdenticalRow {
    sessions: Vec<SessionLink>,
    n_more: usize,
    tables: String,
}

impl Repeated {
    pub(crate) fn of(material: Material<'_>) -> Self {
        let subjects = material.cohort.sessions.subjects();
        let mut by_number: BTreeMap<usize, usize> = BTreeMap::new();
        for sessions in subjects.chunk_by(|one, other| one == other) {
            *by_number.entry(sessions.len()).or_default() += 1;
        }
        let identical = &material.cohort.provenance.identical;
        let row = |same: &IdenticalTables| IdenticalRow {
            sessions: material.naming.links(same.sessions.iter().copied().take(SHOWN)),
            n_more: same.sessions.len().saturating_sub(SHOWN),
            tables: same.tables.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let (changes, typical) = changes(material);
        Self {
            sessions_of_subjects: by_number.into_iter().map(|(sessions, n)| (sessions, Count(n))).collect(),
            changes,
            typical,
            identical: identical.iter().take(IDENTICAL).map(row).collect(),
            n_more: Count(identical.len().saturating_sub(IDENTICAL)),
        }
    }
}

/// The largest changes, and the median of all: of a pair of sessions the median over features of how far their means are apart. None where
/// nothing is scored.
fn changes(material: Material<'_>) -> (Vec<Change>, Option<String>) {
    if !material.analysis.is_scored() {
        return (Vec::new(), None);
    }
    let subjects = material.cohort.sessions.subjects();
    let of_features = &material.analysis.of_headline;
    let mut changes: Vec<(f64, usize)> = Vec::new();
    for (from, _) in
        subjects.windows(2).enumerate().filter(|(_, pair)| matches!(pair, [one, other] if one == other))
    {
        let apart = of_features.iter().filter_map(|scores| {
            let (one, other) = (scores.mean_z.get(from)?, scores.mean_z.get(from + 1)?);
            Some(f64::from((one - other).abs())).filter(|apart| apart.is_finite())
        });
        let mut apart: Vec<f64> = apart.collect();
        changes.extend(median_of(&mut apart).map(|change| (change, from)));
    }
    let typical = median_of(&mut changes.iter().map(|(change, _)| *change).collect::<Vec<_>>());
    changes.sort_by(|(one, from), (other, to)| other.total_cmp(one).then_with(|| from.cmp(to)));
    let rows = changes.into_iter().take(SHOWN).map(|(change, from)| Change {
        from: material.naming.link(from),
        to: material.naming.link(from + 1),
        change: format!("{change:.1}"),
    });
    (rows.collect(), typical.map(|typical| format!("{typical:.1}")))
}
