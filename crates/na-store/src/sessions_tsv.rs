//! What became of each session: `sessions.tsv`, a row a session and modality, for people and for other programs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use na_model::{Modality, Session, TableName, Unit, UnitOutcome, UnitStatus};

use crate::durable::{Folders, write_durably};
use crate::error::StoreError;
use crate::layout::SESSIONS_FILE;

/// The reason of a listed unit of which nothing is known: the run ended before it came to it.
pub(crate) const INTERRUPTED: &str = "not loaded: the run was interrupted before it";

/// The first line, by which a file is known as the store's.
pub(crate) const HEADER: &str = "subject_code\tsession_id\tmodality\tstatus\ttables\treason";

/// What stands in a cell that has nothing to say, as BIDS writes it.
pub(crate) const NONE: &str = "n/a";

/// A row of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Which unit.
    pub unit: Unit,
    /// Where it stands.
    pub status: UnitStatus,
    /// The tables that hold rows of it.
    pub tables: Vec<TableName>,
    /// Why, where it is not simply loaded.
    pub reason: String,
}

/// The rows of all units: those of `listed` sessions and `modalities` first, then whatever else the store has.
pub(crate) fn rows(
    listed: &[Session],
    modalities: &[Modality],
    stored: &[(Unit, UnitStatus, String)],
    outcomes: &[UnitOutcome],
    tables: &BTreeMap<TableName, HashSet<Session>>,
) -> Vec<SessionRow> {
    let outcomes: HashMap<&Unit, &UnitOutcome> =
        outcomes.iter().map(|outcome| (&outcome.unit, outcome)).collect();
    let stored_units: HashMap<&Unit, (UnitStatus, &str)> =
        stored.iter().map(|(unit, status, reason)| (unit, (*status, reason.as_str()))).collect();
    let asked = listed.iter().flat_map(|session| modalities.iter().map(|m| Unit::new(session.clone(), *m)));
    let mut seen: HashSet<Unit> = HashSet::new();
    let mut rows = Vec::new();
    for unit in asked.chain(stored.iter().map(|(unit, _, _)| unit.clone())) {
        if !seen.insert(unit.clone()) {
            continue;
        }
        let tables = tables
            .iter()
            .filter(|(table, sessions)| table.modality() == unit.modality && sessions.contains(&unit.session))
            .map(|(table, _)| table.clone())
            .collect();
        let (status, reason) = match (outcomes.get(&unit), stored_units.get(&unit)) {
            (Some(outcome), _) if outcome.status != UnitStatus::Partial => {
                (outcome.status, outcome.reason.clone())
            }
            // What is not chosen, and what it lacks otherwise.
            (Some(outcome), Some((_, lacks))) => {
                let reasons = [outcome.reason.as_str(), *lacks].into_iter().filter(|text| !text.is_empty());
                (UnitStatus::Partial, reasons.collect::<Vec<_>>().join("; "))
            }
            (None, Some((status, reason))) => (*status, (*reason).to_owned()),
            (_, None) => (UnitStatus::Missing, INTERRUPTED.to_owned()),
        };
        rows.push(SessionRow { unit, status, tables, reason });
    }
    rows
}

pub(crate) fn write(output: &Path, folders: &Folders, rows: &[SessionRow]) -> Result<(), StoreError> {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        let session = &row.unit.session;
        let tables: Vec<String> = row.tables.iter().map(|table| cell(&table.to_string())).collect();
        let tables = tables.join(",");
        let cells = [
            session.subject.as_str(),
            session.id_str().unwrap_or(NONE),
            row.unit.modality.as_str(),
            row.status.as_str(),
            or_none(&tables),
            &cell(or_none(&row.reason)),
        ];
        text.push_str(&cells.join("\t"));
        text.push('\n');
    }
    write_durably(&output.join(SESSIONS_FILE), folders, text.as_bytes())
}

pub(crate) fn or_none(text: &str) -> &str {
    if text.is_empty() { NONE } else { text }
}

/// A reason may repeat what a file holds: tabs and newlines would make more cells of it.
pub(crate) fn cell(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}
