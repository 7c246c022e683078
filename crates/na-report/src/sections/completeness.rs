//! Completeness: which tables sessions have, in which combinations, and why not.

use std::collections::BTreeMap;

use askama::Template;
use askama::filters::HtmlSafe;
use na_model::{UnitKind, UnitStatus};

use crate::cohort::reason::without_files;
use crate::cohort::units::severity;
use crate::drawing::number::{Count, Length};
use crate::naming::{Lists, SessionLink};
use crate::sections::standing::Material;

/// Combinations that have a row of their own.
const COMBINATIONS: usize = 10;

/// Sessions that each reason names.
const EXAMPLES: usize = 3;

/// The width of a full bar.
const FULL: f64 = 330.0;

#[derive(Template)]
#[template(path = "completeness.html")]
pub(crate) struct Completeness {
    tables: Vec<TableBar>,
    tables_height: usize,
    combinations: Vec<CombinationRow>,
    combinations_height: usize,
    combinations_width: usize,
    n_other: Count,
    reasons: Vec<ReasonRow>,
}

impl HtmlSafe for Completeness {}

/// Who has a table.
struct TableBar {
    name: String,
    /// Without its modality.
    short_name: String,
    y: usize,
    has: Count,
    parts: Vec<BarPart>,
}

struct BarPart {
    class: &'static str,
    word: &'static str,
    n: Count,
    x: Length,
    width: Length,
}

/// A combination of tables.
struct CombinationRow {
    y: usize,
    has: Vec<bool>,
    n: Count,
    width: Length,
    list: usize,
    words: String,
}

/// Units with a reason of one kind.
struct ReasonRow {
    status: UnitStatus,
    kind: String,
    reason: String,
    n: Count,
    examples: Vec<SessionLink>,
    has_more: bool,
    list: usize,
}

impl Completeness {
    pub(crate) fn of(material: Material<'_>, lists: &mut Lists) -> Self {
        let tables = table_bars(material);
        let combinations = combination_rows(material, lists);
        let n_other = material.cohort.units.combinations.len().saturating_sub(combinations.len());
        Self {
            tables_height: 21 * tables.len() + 4,
            combinations_height: 104 + 19 * combinations.len(),
            combinations_width: 22 * tables.len() + 340,
            tables,
            combinations,
            n_other: Count(n_other),
            reasons: reason_rows(material, lists),
        }
    }
}

fn table_bars(material: Material<'_>) -> Vec<TableBar> {
    let units = &material.cohort.units;
    let n_sessions = material.cohort.sessions.len().max(1);
    let bars = units.tables.iter().enumerate().map(|(index, table)| {
        let of_kind = units.kinds_of_tables.get(index).and_then(|kind| units.by_kind.get(kind));
        let (mut counts, mut n_have) = ([0_usize; 4], 0);
        for session in 0..material.cohort.sessions.len() {
            let status = of_kind.and_then(|units| units.get(session)?.as_ref()).map(|facts| facts.status);
            let has_table = units.has_table(session, index);
            n_have += usize::from(has_table);
            let part = match (has_table, status) {
                (_, Some(UnitStatus::Failed)) => 3,
                (false, _) => 2,
                (true, Some(UnitStatus::Partial)) => 1,
                (true, _) => 0,
            };
            counts.get_mut(part).into_iter().for_each(|count| *count += 1);
        }
        let words =
            [("all", "complete"), ("part", "of a partial session"), ("none", "absent"), ("bad", "failed")];
        let mut x = 0.0;
        let parts = words.into_iter().zip(counts).filter(|(_, n)| *n > 0).map(|((class, word), n)| {
            let width = n as f64 / n_sessions as f64 * FULL;
            let part = BarPart { class, word, n: Count(n), x: Length(x), width: Length(width.max(0.8)) };
            x += width;
            part
        });
        let parts = parts.collect();
        TableBar {
            name: table.to_string(),
            short_name: table.name().to_owned(),
            y: 21 * index,
            has: Count(n_have),
            parts,
        }
    });
    bars.collect()
}

fn combination_rows(material: Material<'_>, lists: &mut Lists) -> Vec<CombinationRow> {
    let units = &material.cohort.units;
    let mut of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (session, combination) in units.combination.iter().enumerate() {
        of.entry(*combination).or_default().push(session);
    }
    let n_sessions = material.cohort.sessions.len().max(1);
    let rows = units.combinations.iter().take(COMBINATIONS).enumerate().map(|(index, has)| {
        let sessions = of.remove(&index).unwrap_or_default();
        let names = units.tables.iter().zip(has).filter(|(_, has)| **has).map(|(table, _)| table.to_string());
        let names = names.collect::<Vec<_>>().join(", ");
        let words = if names.is_empty() { "no table".to_owned() } else { names };
        let n = sessions.len();
        CombinationRow {
            y: 100 + 19 * index,
            has: has.clone(),
            n: Count(n),
            width: Length((n as f64 / n_sessions as f64 * 240.0).max(1.0)),
            list: lists.add(format!("with {words}"), sessions),
            words,
        }
    });
    rows.collect()
}

/// Reasons by kind, failures first, then by how many there are.
fn reason_rows(material: Material<'_>, lists: &mut Lists) -> Vec<ReasonRow> {
    let units = &material.cohort.units;
    let mut groups: BTreeMap<(&UnitKind, u8, String), (UnitStatus, Vec<usize>)> = BTreeMap::new();
    for (of, of_kind) in &units.by_kind {
        let told = of_kind.iter().enumerate().filter_map(|(session, facts)| Some((session, (*facts)?)));
        for (session, facts) in told.filter(|(_, facts)| facts.status != UnitStatus::Loaded) {
            let Some(kind) = units.kinds.get(facts.kind).filter(|_| facts.kind > 0) else { continue };
            let kind = if material.naming.ids { kind.clone() } else { without_files(kind) };
            let group = groups.entry((of, severity(facts.status), kind));
            group.or_insert_with(|| (facts.status, Vec::new())).1.push(session);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups
        .sort_by_key(|((_, severity, _), (_, sessions))| (*severity != 3, std::cmp::Reverse(sessions.len())));
    let rows = groups.into_iter().map(|((kind, _, reason), (status, sessions))| ReasonRow {
        status,
        kind: kind.to_string(),
        n: Count(sessions.len()),
        examples: material.naming.links(sessions.iter().copied().take(EXAMPLES)),
        has_more: sessions.len() > EXAMPLES,
        list: lists.add(format!("{kind} {status}: {reason}"), sessions),
        reason,
    });
    rows.collect()
}
