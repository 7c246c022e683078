//! What became of each session: `sessions.tsv`, a row a session and modality, for people and for other programs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;

use na_model::{CHOOSE_OTHERS, KEPT, Listing, Modality, Session, TableName, Unit, UnitOutcome, UnitStatus};

use crate::error::StoreError;
use crate::format::atomic_file::write_atomically;
use crate::format::file_changes::FileChanges;
use crate::tables::paths::SESSIONS_FILE;

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

/// What the rows are made of.
pub(crate) struct Told<'a> {
    pub(crate) listing: &'a Listing,
    pub(crate) modalities: &'a [Modality],
    pub(crate) stored: &'a [UnitOutcome],
    pub(crate) outcomes: &'a [UnitOutcome],
    pub(crate) tables: &'a BTreeMap<TableName, HashSet<Session>>,
    /// The sessions that a list named.
    pub(crate) named: &'a HashSet<Session>,
}

/// The rows of all units: those of listed sessions first, then whatever else the store has, then what was told of others.
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
    let told = outcomes.iter().filter(|outcome| !is_in_store(outcome.status));
    let told = told.filter(|outcome| is_told(&outcome.unit.session));
    let told: Vec<Unit> = told.map(|outcome| outcome.unit.clone()).collect();
    let by_unit: HashMap<&Unit, &UnitOutcome> =
        outcomes.iter().map(|outcome| (&outcome.unit, outcome)).collect();
    let mut seen: HashSet<Unit> = HashSet::new();
    let mut rows = Vec::new();
    for unit in asked.chain(stored.iter().map(|stored| stored.unit.clone())).chain(told) {
        if !seen.insert(unit.clone()) {
            continue;
        }
        let tables = tables
            .iter()
            .filter(|(table, sessions)| table.modality() == unit.modality && sessions.contains(&unit.session))
            .map(|(table, _)| table.clone())
            .collect();
        let (status, reason) = match (by_unit.get(&unit), stored_units.get(&unit)) {
            // What is told of a unit that the store has, and what it lacks otherwise.
            (Some(told), Some((status, lacks))) if is_in_store(told.status) => {
                let reasons = [told.reason.as_str(), *lacks].into_iter().filter(|reason| !reason.is_empty());
                let is_partial = told.status == UnitStatus::Partial;
                let status = if is_partial { UnitStatus::Partial } else { *status };
                (status, reasons.collect::<Vec<_>>().join(NEXT))
            }
            (Some(told), None) if !is_in_store(told.status) => (told.status, told.reason.clone()),
            (Some(told), Some(_)) if told.status == UnitStatus::Failed => (told.status, told.reason.clone()),
            // Whatever was told before, what the store has is not missing.
            (_, Some((status, reason))) => (*status, (*reason).to_owned()),
            (_, None) => (UnitStatus::Missing, INTERRUPTED.to_owned()),
        };
        rows.push(SessionRow { unit, status, tables, reason });
    }
    rows
}

fn is_in_store(status: UnitStatus) -> bool {
    matches!(status, UnitStatus::Loaded | UnitStatus::Partial)
}

/// What stands between two reasons.
const NEXT: &str = "; ";

/// What the store tells of missing and failed units, of those that stay though files of them are gone (as loaded), and of
/// those of which some tables are not chosen (as partial); where a load was cut short after it came to its outcomes,
/// those.
///
/// # Errors
/// A file or cache that cannot be read.
pub(crate) fn earlier_outcomes(
    output: &Path,
    cached: Vec<UnitOutcome>,
) -> Result<Vec<UnitOutcome>, StoreError> {
    let known: HashSet<Unit> = cached.iter().map(|outcome| outcome.unit.clone()).collect();
    let told = read(output)?.into_iter().filter(|outcome| !known.contains(&outcome.unit));
    Ok(cached.into_iter().chain(told).collect())
}

/// All units that the file has a row of.
pub(crate) fn units(output: &Path) -> Result<Vec<Unit>, StoreError> {
    Ok(text(output)?.lines().skip(1).filter_map(unit_of).collect())
}

fn text(output: &Path) -> Result<String, StoreError> {
    let path = output.join(SESSIONS_FILE);
    match std::fs::read_to_string(&path) {
        // A file that is no text any more tells of nothing.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {
            Ok(String::new())
        }
        text => text.map_err(StoreError::io("read", &path)),
    }
}

fn unit_of(line: &str) -> Option<Unit> {
    let mut cells = line.split('\t');
    let (subject, id, modality) = (cells.next()?, cells.next()?, cells.next()?);
    let session = Session::from_store(subject, (id != NONE).then_some(id)).ok()?;
    Some(Unit::new(session, modality.parse().ok()?))
}

/// The outcomes that the file tells of. A line that somebody changed into none tells of nothing.
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
    write_atomically(&output.join(SESSIONS_FILE), changes, text.as_bytes())
}

pub(crate) fn or_none(text: &str) -> &str {
    if text.is_empty() { NONE } else { text }
}

/// A reason may repeat what a file holds: tabs and newlines would make more cells of it.
pub(crate) fn cell(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}
