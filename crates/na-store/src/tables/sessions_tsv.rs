//! The outcome of each session: `sessions.tsv`, a row a session and modality, for people and for other programs.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use na_model::{
    CHOOSE_OTHERS, InputName, KEPT, Listing, Modality, NOT_READ_YET, Session, SubjectCode, TableName, Unit,
    UnitKind, UnitOutcome, UnitStatus,
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
    pub session: Session,
    pub modality: Modality,
    /// Of all its units together.
    pub status: UnitStatus,
    /// Those with rows of the session, in the store's order.
    pub tables: Vec<TableName>,
    /// Empty for a session that is simply loaded.
    pub reason: String,
}

/// What the rows are made from.
pub(crate) struct Told<'a> {
    pub(crate) listing: &'a Listing,
    /// The kinds of units that the run asks for.
    pub(crate) kinds: &'a [UnitKind],
    /// Of each unit of the store.
    pub(crate) stored: &'a [UnitOutcome],
    /// Of the run, and of earlier ones.
    pub(crate) outcomes: &'a [UnitOutcome],
    pub(crate) tables: &'a BTreeMap<TableName, HashSet<Session>>,
    /// The sessions that a list named, today or earlier.
    pub(crate) named: &'a HashSet<Session>,
}

/// The rows of all sessions in the file's order: listed ones in the list's order, then the store's others, then others with an
/// outcome. Each modality of a session has one row.
pub(crate) fn rows(told: &Told<'_>) -> Vec<SessionRow> {
    let mut places: HashMap<(Session, Modality), usize> = HashMap::new();
    let mut rows: Vec<(Session, Modality, Vec<UnitOutcome>)> = Vec::new();
    for outcome in outcomes_of_units(told) {
        let Unit { session, kind } = &outcome.unit;
        let place = *places.entry((session.clone(), kind.modality)).or_insert_with(|| {
            rows.push((session.clone(), kind.modality, Vec::new()));
            rows.len() - 1
        });
        if let Some((.., units)) = rows.get_mut(place) {
            units.push(outcome);
        }
    }
    let of_tables = |session: &Session, modality| {
        let has_it = |(table, sessions): &(&TableName, &HashSet<Session>)| {
            table.modality() == modality && sessions.contains(session)
        };
        told.tables.iter().filter(has_it).map(|(table, _)| table.clone()).collect()
    };
    let row = |(session, modality, units)| {
        let (status, reason) = joined(units);
        let tables = of_tables(&session, modality);
        SessionRow { session, modality, status, tables, reason }
    };
    rows.into_iter().map(row).collect()
}

/// What became of each unit, once, in the order of the file's rows.
fn outcomes_of_units(told: &Told<'_>) -> Vec<UnitOutcome> {
    let Told { listing, kinds, stored, outcomes, named, .. } = *told;
    let listed: HashSet<&Session> = listing.rows.iter().map(|row| &row.session).collect();
    let stored_units: HashMap<&Unit, (UnitStatus, &str)> =
        stored.iter().map(|stored| (&stored.unit, (stored.status, stored.reason.as_str()))).collect();
    let asked = listing
        .rows
        .iter()
        .flat_map(|row| kinds.iter().map(|kind| Unit::new(row.session.clone(), kind.clone())));
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
    let mut all = Vec::new();
    for unit in asked.chain(stored.iter().map(|stored| stored.unit.clone())).chain(others) {
        if !seen.insert(unit.clone()) {
            continue;
        }
        let outcome = by_unit.get(&unit).map(|outcome| (outcome.status, outcome.reason.as_str()));
        let (status, reason) = status_and_reason(outcome, stored_units.get(&unit).copied());
        all.push(UnitOutcome { unit, status, reason });
    }
    all
}

/// The status and reason of a session's units of one modality together. It is partial if only some of them are in the store.
/// What is of another input than `parcellate`, or of another status than the whole, says so: [`told_of`] reads it back.
fn joined(mut units: Vec<UnitOutcome>) -> (UnitStatus, String) {
    units.sort_by(|one, other| one.unit.cmp(&other.unit));
    let has = |status| units.iter().any(|unit| unit.status == status);
    let status = if units.iter().all(|unit| unit.status == UnitStatus::Loaded) {
        UnitStatus::Loaded
    } else if has(UnitStatus::Loaded) || has(UnitStatus::Partial) {
        UnitStatus::Partial
    } else if has(UnitStatus::Failed) {
        UnitStatus::Failed
    } else {
        UnitStatus::Missing
    };
    let reason = |UnitOutcome { unit, status: of_unit, reason }: UnitOutcome| {
        let goes_without_saying = is_in_store(of_unit) && is_in_store(status) || of_unit == status;
        if reason.is_empty() && is_in_store(of_unit) || goes_without_saying && unit.kind.is_of_parcellate() {
            return reason;
        }
        format!("{} {of_unit}: {reason}", unit.kind.input)
    };
    let reasons = units.into_iter().map(reason).filter(|reason| !reason.is_empty());
    (status, reasons.collect::<Vec<_>>().join(NEXT))
}

/// The inverse of [`joined`], as far as reasons tell: each input that has one, with its status and reason.
fn told_of(status: UnitStatus, reason: &str) -> Vec<(InputName, UnitStatus, String)> {
    let mut all = vec![(InputName::PARCELLATE, status, Vec::new())];
    for one in reason.split(NEXT) {
        match named_input(one) {
            Some((input, status, rest)) => all.push((input, status, vec![rest])),
            None => all.iter_mut().next_back().into_iter().for_each(|(.., reasons)| reasons.push(one)),
        }
    }
    // Where the others alone are told of, `parcellate` has nothing to say.
    all.retain(|(.., reasons)| !reasons.is_empty());
    let joined = |(input, status, reasons): (_, _, Vec<&str>)| (input, status, reasons.join(NEXT));
    all.into_iter().map(joined).collect()
}

/// What a reason begins with that is of another input or status than its row: `freesurfer failed: …`.
fn named_input(reason: &str) -> Option<(InputName, UnitStatus, &str)> {
    let (named, rest) = reason.split_once(": ")?;
    let (input, status) = named.split_once(' ')?;
    Some((input.parse().ok()?, status.parse().ok()?, rest))
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

/// The sessions that the file has rows of. Lines that do not name one are left out: anybody may have edited the file.
pub(crate) fn sessions(output: &Path) -> Result<Vec<Session>, StoreError> {
    let session = |line| session_of(line).map(|(session, _)| session);
    Ok(text(output)?.lines().skip(1).filter_map(session).collect())
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

/// The session and modality that a row begins with.
fn session_of(line: &str) -> Option<(Session, Modality)> {
    let mut cells = line.split('\t');
    let (subject, id, modality) = (cells.next()?, cells.next()?, cells.next()?);
    let session = Session::from_store(subject, (id != NONE).then_some(id)).ok()?;
    Some((session, modality.parse().ok()?))
}

/// What the file says became of each modality of a session. Lines that say it of none are left out.
pub(crate) fn statuses(output: &Path) -> Result<Vec<(Modality, UnitStatus)>, StoreError> {
    let status = |line: &str| Some((session_of(line)?.1, line.split('\t').nth(3)?.parse().ok()?));
    Ok(text(output)?.lines().skip(1).filter_map(status).collect())
}

/// The rows of the file. Lines that say of no session what became of it are left out.
pub(crate) fn session_rows(output: &Path) -> Result<Vec<SessionRow>, StoreError> {
    Ok(text(output)?.lines().skip(1).filter_map(row_of).collect())
}

fn row_of(line: &str) -> Option<SessionRow> {
    let (session, modality) = session_of(line)?;
    let mut cells = line.split('\t').skip(3);
    let (status, tables, reason) = (cells.next()?, cells.next()?, cells.next()?);
    let tables = tables.split(',').filter_map(|name| TableName::parse(name).ok());
    Some(SessionRow {
        session,
        modality,
        status: status.parse().ok()?,
        tables: tables.collect(),
        reason: if reason == NONE { String::new() } else { reason.to_owned() },
    })
}

/// The outcomes that the file tells of ([`SessionRow::outcomes`]). Lines that tell of none are left out.
pub(crate) fn read(output: &Path) -> Result<Vec<UnitOutcome>, StoreError> {
    Ok(session_rows(output)?.iter().flat_map(SessionRow::outcomes).collect())
}

impl SessionRow {
    /// What became of each of its units, by kind: of those that have a reason here, and of those that have tables, which are loaded.
    #[must_use]
    pub fn units(&self, kind_of: impl Fn(&TableName) -> UnitKind) -> Vec<UnitOutcome> {
        let mut units: BTreeMap<UnitKind, (UnitStatus, String)> = BTreeMap::new();
        for table in &self.tables {
            units.insert(kind_of(table), (UnitStatus::Loaded, String::new()));
        }
        for (input, status, reason) in told_of(self.status, &self.reason) {
            // The row is partial for another unit where nothing is said of this one but that it stays.
            let stays = is_in_store(status) && reason.split(NEXT).all(|one| one.starts_with(KEPT));
            let status = if stays { UnitStatus::Loaded } else { status };
            units.insert(UnitKind::new(self.modality, input), (status, reason));
        }
        if units.is_empty() {
            let kind = UnitKind::of_parcellate(self.modality);
            units.insert(kind, (self.status, self.reason.clone()));
        }
        let outcome = |(kind, (status, reason))| UnitOutcome {
            unit: Unit::new(self.session.clone(), kind),
            status,
            reason,
        };
        units.into_iter().map(outcome).collect()
    }

    /// What it tells of units: of those that are missing or failed, of those that stay though files of theirs are gone (as
    /// loaded), and of those with tables that are not chosen (as partial).
    pub fn outcomes(&self) -> impl Iterator<Item = UnitOutcome> {
        told_of(self.status, &self.reason).into_iter().filter_map(|(input, status, reason)| {
            let unit = Unit::new(self.session.clone(), UnitKind::new(self.modality, input));
            if !is_in_store(status) {
                return Some(UnitOutcome { unit, status, reason });
            }
            let told = reason.split(NEXT).filter(|one| one.starts_with(KEPT) || one.ends_with(CHOOSE_OTHERS));
            let reason = told.collect::<Vec<_>>().join(NEXT);
            let is_partial = reason.ends_with(CHOOSE_OTHERS);
            let status = if is_partial { UnitStatus::Partial } else { UnitStatus::Loaded };
            (!reason.is_empty()).then_some(UnitOutcome { unit, status, reason })
        })
    }
}

pub(crate) fn write(output: &Path, changes: &FileChanges, rows: &[SessionRow]) -> Result<(), StoreError> {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        let tables: Vec<String> = row.tables.iter().map(|table| cell(&table.to_string())).collect();
        let tables = tables.join(",");
        let [subject, id, modality] = first_cells(&row.session, row.modality);
        let cells =
            [subject, id, modality, row.status.as_str(), or_none(&tables), &cell(or_none(&row.reason))];
        text.push_str(&cells.join("\t"));
        text.push('\n');
    }
    write_atomically(&output.join(SESSIONS_FILE), changes, text.as_bytes())
}

/// What a row begins with.
fn first_cells(session: &Session, modality: Modality) -> [&str; 3] {
    [session.subject.as_str(), session.id_str().unwrap_or(NONE), modality.as_str()]
}

/// A unit as a row of the file begins, with tabs, and behind it the input if that is not `parcellate`.
pub(crate) fn unit_to_text(unit: &Unit) -> String {
    let row = first_cells(&unit.session, unit.modality()).join("\t");
    if unit.kind.is_of_parcellate() { row } else { format!("{row}\t{}", unit.kind.input) }
}

/// The inverse of [`unit_to_text`].
pub(crate) fn unit_of_text(text: &str) -> Option<Unit> {
    let (session, modality) = session_of(text)?;
    let input = text.split('\t').nth(3).map_or(Some(InputName::PARCELLATE), |input| input.parse().ok())?;
    Some(Unit::new(session, UnitKind::new(modality, input)))
}

pub(crate) fn or_none(text: &str) -> &str {
    if text.is_empty() { NONE } else { text }
}

/// The text of a cell. A reason may repeat a file's content, and tabs or newlines would split the cell.
pub(crate) fn cell(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session::from_store("0007", None).unwrap()
    }

    fn outcome(input: &str, status: UnitStatus, reason: &str) -> UnitOutcome {
        let unit = Unit::new(session(), UnitKind::new(Modality::Anatomical, input.parse().unwrap()));
        UnitOutcome { unit, status, reason: reason.to_owned() }
    }

    #[test]
    fn what_became_of_several_inputs_is_one_row_and_is_read_back() {
        use UnitStatus::{Failed, Loaded, Missing, Partial};
        let kept = "kept: anatomical_gm: its file is gone";
        let chosen = format!("anatomical_gm has run-2 only: {CHOOSE_OTHERS}");
        for (units, status, reason) in [
            (vec![outcome("parcellate", Loaded, "")], Loaded, ""),
            (vec![outcome("parcellate", Failed, "a: b; c")], Failed, "a: b; c"),
            (vec![outcome("zebra", Missing, "no tables")], Missing, "zebra missing: no tables"),
            (vec![outcome("zebra", Loaded, "")], Loaded, ""),
            (
                vec![outcome("zebra", Failed, "x: y; z"), outcome("parcellate", Loaded, "")],
                Partial,
                "zebra failed: x: y; z",
            ),
            (
                vec![outcome("parcellate", Failed, "x; y"), outcome("apple", Loaded, "")],
                Partial,
                "parcellate failed: x; y",
            ),
            (
                vec![
                    outcome("zebra", Missing, "m"),
                    outcome("apple", Failed, "f"),
                    outcome("parcellate", Failed, "p"),
                ],
                Failed,
                "p; apple failed: f; zebra missing: m",
            ),
            (
                vec![outcome("parcellate", Loaded, kept), outcome("zebra", Loaded, kept)],
                Loaded,
                "kept: anatomical_gm: its file is gone; zebra loaded: kept: anatomical_gm: its file is gone",
            ),
            (
                vec![outcome("parcellate", Partial, &chosen), outcome("zebra", Failed, "f")],
                Partial,
                &format!("{chosen}; zebra failed: f"),
            ),
        ] {
            let told = joined(units.clone());
            assert_eq!((told.0, told.1.as_str()), (status, reason));
            let row = SessionRow {
                session: session(),
                modality: Modality::Anatomical,
                status,
                tables: Vec::new(),
                reason: told.1,
            };
            let is_told = |unit: &UnitOutcome| !(is_in_store(unit.status) && unit.reason.is_empty());
            let mut expected: Vec<UnitOutcome> = units.into_iter().filter(is_told).collect();
            expected.sort_by(|one, other| one.unit.cmp(&other.unit));
            assert_eq!(row.outcomes().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn a_row_tells_what_became_of_each_of_its_units() {
        use UnitStatus::{Failed, Loaded, Missing, Partial};
        let kind_of = |table: &TableName| {
            let input = if table.name() == "z" { "zebra" } else { "parcellate" };
            UnitKind::new(Modality::Anatomical, input.parse().unwrap())
        };
        let row = |status, tables: &[&str], reason: &str| {
            let tables = tables.iter().map(|table| TableName::parse(table).unwrap()).collect();
            let (session, modality) = (session(), Modality::Anatomical);
            let row = SessionRow { session, modality, status, tables, reason: reason.to_owned() };
            let units = row.units(kind_of).into_iter();
            units.map(|of| (of.unit.kind.input.to_string(), of.status)).collect::<Vec<_>>()
        };
        let of = |parcellate, zebra| vec![("parcellate".to_owned(), parcellate), ("zebra".to_owned(), zebra)];
        let (gm, z) = ("anatomical_gm", "anatomical_z");
        assert_eq!(row(Loaded, &[gm, z], ""), of(Loaded, Loaded));
        assert_eq!(row(Partial, &[gm], "zebra failed: x"), of(Loaded, Failed));
        assert_eq!(row(Partial, &[z], "parcellate missing: x"), of(Missing, Loaded));
        assert_eq!(row(Partial, &[gm], "kept: a is gone; zebra failed: x"), of(Loaded, Failed));
        assert_eq!(
            row(Partial, &[gm, z], "no anatomical_wm, which other sessions have"),
            of(Partial, Loaded)
        );
        assert_eq!(row(Failed, &[], "x"), [("parcellate".to_owned(), Failed)]);
        assert_eq!(row(Missing, &[], "zebra missing: m"), [("zebra".to_owned(), Missing)]);
        assert_eq!(row(Loaded, &[], ""), [("parcellate".to_owned(), Loaded)]);
    }

    #[test]
    fn what_a_unit_lacks_beside_others_is_found_anew_and_not_read_back() {
        let lacks = "no anatomical_wm, which other sessions have";
        let (status, reason) = joined(vec![outcome("zebra", UnitStatus::Partial, lacks)]);
        assert_eq!(
            (status, reason.as_str()),
            (UnitStatus::Partial, format!("zebra partial: {lacks}").as_str())
        );
        assert_eq!(told_of(status, &reason), [("zebra".parse().unwrap(), status, lacks.to_owned())]);
        let row = SessionRow {
            session: session(),
            modality: Modality::Anatomical,
            status,
            tables: Vec::new(),
            reason,
        };
        assert_eq!(row.outcomes().count(), 0);
    }

    #[test]
    fn a_unit_is_written_as_text_and_read_back() {
        for input in ["parcellate", "zebra"] {
            let unit = outcome(input, UnitStatus::Loaded, "").unit;
            assert_eq!(unit_of_text(&unit_to_text(&unit)), Some(unit));
        }
        assert_eq!(
            unit_to_text(&outcome("parcellate", UnitStatus::Loaded, "").unit),
            "0007\tn/a\tanatomical"
        );
    }
}
