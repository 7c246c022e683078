//! The outcome of each session: `sessions.tsv`, a row a session and modality, for people and for other programs.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use foldhash::{HashMap, HashSet, HashSetExt};
use na_model::{
    CHOOSE_OTHERS, KEPT, Listing, Modality, NOT_READ_YET, Session, SubjectCode, TableName, Unit, UnitOutcome,
    UnitStatus,
};

use crate::error::StoreError;
use crate::format::atomic_file::write_atomically;
use crate::format::file_changes::FileChanges;
use crate::tables::paths::SESSIONS_FILE;

/// The first line, which marks a file as the store's.
pub(crate) const HEADER: &str = "subject_code\tsession_id\tmodality\tstatus\ttables\treason";

/// The text of an empty cell, as BIDS writes it.
const NONE: &str = "n/a";

/// A row of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct SessionRow {
    pub unit: Unit,
    pub status: UnitStatus,
    /// Those with rows of the unit, in the store's order.
    pub tables: Vec<TableName>,
    /// Empty for a unit that is simply loaded.
    pub reason: String,
}

/// What the rows are made from.
pub(crate) struct Told<'a> {
    pub(crate) listing: &'a Listing,
    pub(crate) modalities: &'a [Modality],
    /// Of each unit of the store.
    pub(crate) stored: &'a [UnitOutcome],
    /// Of the run, and of earlier ones.
    pub(crate) outcomes: &'a [UnitOutcome],
    pub(crate) tables: &'a BTreeMap<TableName, HashSet<Session>>,
    /// The sessions that a list named, today or earlier.
    pub(crate) named: &'a HashSet<Session>,
}

/// The rows of all units in the file's order: units of listed sessions in the list's order, then the store's others, then
/// others with an outcome. Each unit has one row.
pub(crate) fn rows(told: &Told<'_>) -> Vec<SessionRow> {
    let Told { listing, modalities, stored, outcomes, tables, named } = *told;
    let listed: HashSet<&Session> = listing.rows.iter().map(|row| &row.session).collect();
    let stored_units: HashMap<&Unit, (UnitStatus, &str)> =
        stored.iter().map(|stored| (&stored.unit, (stored.status, stored.reason.as_str()))).collect();
    let asked =
        listing.rows.iter().flat_map(|row| modalities.iter().map(|m| Unit::new(row.session.clone(), *m)));
    let in_store: HashSet<&Session> = stored.iter().map(|stored| &stored.unit.session).collect();
    let is_told =
        |session: &Session| listed.contains(session) || in_store.contains(session) || named.contains(session);
    let others = outcomes.iter().filter(|outcome| !is_in_store(outcome.status));
    // Of a subject without a session nothing was found: by now there is.
    let known = listed.iter().chain(&in_store).filter(|session| session.id.is_some());
    let with_sessions: HashSet<&SubjectCode> = known.map(|session| &session.subject).collect();
    let is_found = |session: &Session| session.id.is_none() && with_sessions.contains(&session.subject);
    let others =
        others.map(|outcome| &outcome.unit).filter(|unit| is_told(&unit.session) && !is_found(&unit.session));
    let others = others.cloned();
    let by_unit: HashMap<&Unit, &UnitOutcome> =
        outcomes.iter().map(|outcome| (&outcome.unit, outcome)).collect();
    let mut seen: HashSet<Unit> = HashSet::new();
    let mut rows = Vec::new();
    for unit in asked.chain(stored.iter().map(|stored| stored.unit.clone())).chain(others) {
        if !seen.insert(unit.clone()) {
            continue;
        }
        let tables = tables
            .iter()
            .filter(|(table, sessions)| table.modality() == unit.modality && sessions.contains(&unit.session))
            .map(|(table, _)| table.clone())
            .collect();
        let outcome = by_unit.get(&unit).map(|outcome| (outcome.status, outcome.reason.as_str()));
        let (status, reason) = status_and_reason(outcome, stored_units.get(&unit).copied());
        rows.push(SessionRow { unit, status, tables, reason });
    }
    rows
}

/// The status and reason of a unit, from its outcome and from what the store has of it.
fn status_and_reason(
    outcome: Option<(UnitStatus, &str)>,
    stored: Option<(UnitStatus, &str)>,
) -> (UnitStatus, String) {
    match (outcome, stored) {
        // The outcome of a unit that the store has, and what else it lacks.
        (Some((outcome, reason)), Some((status, lacks))) if is_in_store(outcome) => {
            let reasons = [reason, lacks].into_iter().filter(|reason| !reason.is_empty());
            let status = if outcome == UnitStatus::Partial { UnitStatus::Partial } else { status };
            (status, reasons.collect::<Vec<_>>().join(NEXT))
        }
        (Some((outcome, reason)), None) if !is_in_store(outcome) => (outcome, reason.to_owned()),
        (Some((UnitStatus::Failed, reason)), Some(_)) => (UnitStatus::Failed, reason.to_owned()),
        // A unit that the store has is not missing, whatever an earlier outcome says.
        (_, Some((status, reason))) => (status, reason.to_owned()),
        (_, None) => (UnitStatus::Missing, NOT_READ_YET.to_owned()),
    }
}

fn is_in_store(status: UnitStatus) -> bool {
    matches!(status, UnitStatus::Loaded | UnitStatus::Partial)
}

/// Separates two reasons.
const NEXT: &str = "; ";

/// The outcomes that the file tells of (see [`read`]). For a unit that an interrupted load had come to, `cached` counts.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn earlier_outcomes(
    output: &Path,
    cached: Vec<UnitOutcome>,
) -> Result<Vec<UnitOutcome>, StoreError> {
    let known: HashSet<Unit> = cached.iter().map(|outcome| outcome.unit.clone()).collect();
    let told = read(output)?.into_iter().filter(|outcome| !known.contains(&outcome.unit));
    Ok(cached.into_iter().chain(told).collect())
}

/// The units that the file has rows of. Lines that do not name one are left out: anybody may have edited the file.
pub(crate) fn units(output: &Path) -> Result<Vec<Unit>, StoreError> {
    Ok(text(output)?.lines().skip(1).filter_map(unit_of).collect())
}

fn text(output: &Path) -> Result<String, StoreError> {
    let path = output.join(SESSIONS_FILE);
    match std::fs::read_to_string(&path) {
        // A file that is no longer text tells of nothing.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
            Ok(String::new())
        }
        text => text.map_err(StoreError::io("read", &path)),
    }
}

/// The unit that a row begins with.
pub(crate) fn unit_of(line: &str) -> Option<Unit> {
    let mut cells = line.split('\t');
    let (subject, id, modality) = (cells.next()?, cells.next()?, cells.next()?);
    let session = Session::from_store(subject, (id != NONE).then_some(id)).ok()?;
    Some(Unit::new(session, modality.parse().ok()?))
}

/// What the file says became of each unit. Lines that say it of none are left out.
pub(crate) fn statuses(output: &Path) -> Result<Vec<(Unit, UnitStatus)>, StoreError> {
    let status = |line: &str| Some((unit_of(line)?, line.split('\t').nth(3)?.parse().ok()?));
    Ok(text(output)?.lines().skip(1).filter_map(status).collect())
}

/// The rows of the file. Lines that say of no unit what became of it are left out.
pub(crate) fn session_rows(output: &Path) -> Result<Vec<SessionRow>, StoreError> {
    Ok(text(output)?.lines().skip(1).filter_map(row_of).collect())
}

fn row_of(line: &str) -> Option<SessionRow> {
    let unit = unit_of(line)?;
    let mut cells = line.split('\t').skip(3);
    let (status, tables, reason) = (cells.next()?, cells.next()?, cells.next()?);
    let tables = tables.split(',').filter_map(|name| TableName::parse(name).ok());
    Some(SessionRow {
        unit,
        status: status.parse().ok()?,
        tables: tables.collect(),
        reason: if reason == NONE { String::new() } else { reason.to_owned() },
    })
}

/// The outcomes that the file tells of: of missing and failed units, of units that stay though files of theirs are gone (as
/// loaded), and of units with tables that are not chosen (as partial). Lines that tell of none are left out.
pub(crate) fn read(output: &Path) -> Result<Vec<UnitOutcome>, StoreError> {
    Ok(text(output)?.lines().skip(1).filter_map(outcome_of).collect())
}

fn outcome_of(line: &str) -> Option<UnitOutcome> {
    let unit = unit_of(line)?;
    let mut cells = line.split('\t').skip(3);
    let (status, _tables, reason) = (cells.next()?, cells.next()?, cells.next()?);
    match status.parse().ok()? {
        status @ (UnitStatus::Missing | UnitStatus::Failed) => {
            let reason = if reason == NONE { String::new() } else { reason.to_owned() };
            Some(UnitOutcome { unit, status, reason })
        }
        UnitStatus::Loaded | UnitStatus::Partial => {
            let told = reason.split(NEXT).filter(|one| one.starts_with(KEPT) || one.ends_with(CHOOSE_OTHERS));
            let reason = told.collect::<Vec<_>>().join(NEXT);
            let is_partial = reason.ends_with(CHOOSE_OTHERS);
            let status = if is_partial { UnitStatus::Partial } else { UnitStatus::Loaded };
            (!reason.is_empty()).then_some(UnitOutcome { unit, status, reason })
        }
    }
}

pub(crate) fn write(output: &Path, changes: &FileChanges, rows: &[SessionRow]) -> Result<(), StoreError> {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        let tables: Vec<String> = row.tables.iter().map(|table| cell(&table.to_string())).collect();
        let tables = tables.join(",");
        let [subject, id, modality] = unit_cells(&row.unit);
        let cells =
            [subject, id, modality, row.status.as_str(), or_none(&tables), &cell(or_none(&row.reason))];
        text.push_str(&cells.join("\t"));
        text.push('\n');
    }
    write_atomically(&output.join(SESSIONS_FILE), changes, text.as_bytes())
}

/// What a row begins with.
pub(crate) fn unit_cells(unit: &Unit) -> [&str; 3] {
    [unit.session.subject.as_str(), unit.session.id_str().unwrap_or(NONE), unit.modality.as_str()]
}

pub(crate) fn or_none(text: &str) -> &str {
    if text.is_empty() { NONE } else { text }
}

/// The text of a cell. A reason may repeat a file's content, and tabs or newlines would split the cell.
pub(crate) fn cell(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}
