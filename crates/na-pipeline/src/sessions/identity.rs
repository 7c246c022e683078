//! From the rows of a session list to sessions: whose row it is, seen together with the folders on disk and what the
//! store holds.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

use na_model::{ListedSession, ModelError, Session, SessionId, SubjectCode, is_missing_in_list, visible};

use crate::files::roots::{Root, Roots};
use crate::files::session_folders::list_sessions;
use crate::identifiers::name_match::{IdKind, Match, MatchKeys, number};
use crate::identifiers::spreadsheet_numbers::{SpreadsheetColumn, is_scientific, without_decimal_zeros};
use crate::sessions::list::{ListedRow, ListedRows};
use crate::sessions::session_list::{SessionList, WrittenIds};
use crate::sessions::stored_sessions::StoredSessions;
use crate::sessions::visits::{Visits, has_scans};

const DIGITS_LOST: &str = "it is a number in scientific notation: digits were lost; write the session list again with this column as text";

/// The sessions of a list. No row stops the run: one that cannot be told from another fails its session.
pub(crate) fn identify(
    rows: ListedRows,
    roots: &Roots,
    known: &StoredSessions,
    should_stop: &dyn Fn() -> bool,
) -> SessionList {
    let mut list = SessionList { notes: rows.notes, ..SessionList::default() };
    list.listing.columns = rows.columns;
    list.listing.unknown_age_unit = rows.unknown_age_unit;
    list.counts.rows = rows.rows.len();
    let has_sessions = rows.has_sessions && rows.rows.iter().any(|row| !is_missing_in_list(&row.session));
    list.listing.found_by_folders = !has_sessions;
    let finder = Identities { roots, known };
    let people = finder.people(rows.rows, &mut list);
    if has_sessions {
        finder.visits(people, &mut list, should_stop)
    } else {
        finder.expand(people, &mut list, should_stop)
    }
    list
}

/// A row whose subject is known.
struct Person {
    row: ListedRow,
    subject: SubjectCode,
    /// The code without a spreadsheet's `.0`.
    written: String,
    refused: Option<String>,
}

struct Identities<'a> {
    roots: &'a Roots,
    known: &'a StoredSessions,
}

impl Identities<'_> {
    /// Whose each row is.
    fn people(&self, rows: Vec<ListedRow>, list: &mut SessionList) -> Vec<Person> {
        let bare = |row: &ListedRow| visible(&row.subject, IdKind::Subject.prefix());
        let column = SpreadsheetColumn::of(rows.iter().map(bare).filter(|code| !is_missing_in_list(code)));
        let mut people = Vec::with_capacity(rows.len());
        for row in rows {
            let code = bare(&row);
            let is_name = self.has_subject(&code);
            if !is_name && is_missing_in_list(&code) {
                list.counts.without_id += 1;
                list.untold.push(format!("line {} of the session list has no subject code", row.line));
                continue;
            }
            let stripped = if is_name { None } else { column.stripped(&code) };
            let written = stripped.unwrap_or(code);
            let refused = (!self.has_subject(&written) && is_scientific(&written))
                .then(|| format!("line {}: the subject code {written:?}: {DIGITS_LOST}", row.line));
            list.untold.extend(refused.clone());
            match SubjectCode::clean(&written) {
                Ok(subject) => people.push(Person { row, subject, written, refused }),
                Err(error) => list.leave_out_row(row.line, &error),
            }
        }
        list.notes.extend(column.note("subject codes"));
        self.respell_subjects(&mut people, list);
        people
    }

    /// Whether a root has a folder for a code as it is written, or the store has the subject.
    fn has_subject(&self, written: &str) -> bool {
        let Ok(subject) = SubjectCode::clean(written) else { return false };
        let keys = MatchKeys::of_code(subject.as_str(), Some(written));
        self.known.has_subject(&subject)
            || self.roots.all.iter().any(|root| !root.subjects.index.by(Match::Code, &keys).is_empty())
    }

    /// Codes of digits that the store, or a folder, writes with other zeros in front.
    fn respell_subjects(&self, people: &mut [Person], list: &mut SessionList) {
        let listed: HashSet<SubjectCode> = people.iter().map(|person| person.subject.clone()).collect();
        let mut by_number: HashMap<String, usize> = HashMap::new();
        for subject in &listed {
            number(subject.as_str()).into_iter().for_each(|n| *by_number.entry(n).or_default() += 1);
        }
        let mut spelled: HashMap<SubjectCode, Option<SubjectCode>> = HashMap::new();
        for person in people.iter_mut() {
            let other = spelled.entry(person.subject.clone()).or_insert_with(|| {
                let n = number(person.subject.as_str())?;
                if self.known.has_subject(&person.subject) {
                    return None;
                }
                let stored = self.known.subject_of_number(&person.subject).cloned();
                let is_alone = by_number.get(&n) == Some(&1);
                let other = stored.or_else(|| {
                    self.subject_of_folder(&person.subject, &person.written).filter(|_| is_alone)
                });
                other.filter(|other| !listed.contains(other))
            });
            if let Some(other) = other {
                person.subject = other.clone();
            }
        }
        let changed = spelled.iter().filter_map(|(listed, other)| Some((listed, other.as_ref()?)));
        let mut changed: Vec<(&SubjectCode, &SubjectCode)> = changed.collect();
        changed.sort_unstable();
        if let Some((listed, other)) = changed.first() {
            list.notes.push(format!(
                "{} subject codes of the list equal a code of the store or a folder as numbers and are written as there, \
                 such as {listed} as {other}",
                changed.len()
            ));
        }
    }

    /// The one spelling of a number among the folders, where no root has the code as it is.
    fn subject_of_folder(&self, subject: &SubjectCode, written: &str) -> Option<SubjectCode> {
        let keys = MatchKeys::of_code(subject.as_str(), Some(written));
        one_spelling(
            IdKind::Subject,
            self.roots.all.iter().filter_map(|root| root.subjects.index.find(&keys)),
        )
        .and_then(|code| SubjectCode::clean(&code).ok())
    }

    /// The folders of a subject, each with its root; of several that could be meant the finder tells.
    fn folders(&self, person: &Person) -> Vec<(&Root, PathBuf)> {
        let keys = MatchKeys::of_code(person.subject.as_str(), Some(&person.written));
        let of_root = |root: &'_ Root| match root.subjects.index.find(&keys) {
            Some((_, names)) => names.first().map(|name| root.subjects.path_of(name)),
            None => None,
        };
        self.roots.all.iter().filter_map(|root| Some((root, of_root(root)?))).collect()
    }

    /// Rows that name their visits.
    fn visits(&self, people: Vec<Person>, list: &mut SessionList, should_stop: &dyn Fn() -> bool) {
        let bare = |person: &Person| visible(&person.row.session, IdKind::Session.prefix());
        let column = SpreadsheetColumn::of(people.iter().map(bare).filter(|id| !is_missing_in_list(id)));
        let mut rows: Vec<(Person, Option<String>)> = Vec::with_capacity(people.len());
        for person in people {
            if should_stop() {
                return;
            }
            let id = bare(&person);
            let may_differ =
                is_missing_in_list(&id) || without_decimal_zeros(&id).is_some() || is_scientific(&id);
            if !may_differ {
                rows.push((person, Some(id)));
                continue;
            }
            let is_name = !id.is_empty() && self.has_visit(&person, &id);
            let id = match () {
                () if is_name => Some(id),
                () if is_missing_in_list(&id) => None,
                () => Some(column.stripped(&id).unwrap_or(id)),
            };
            let refused = id.as_ref().filter(|id| !is_name && is_scientific(id));
            let refused =
                refused.map(|id| format!("line {}: the session id {id:?}: {DIGITS_LOST}", person.row.line));
            list.untold.extend(refused.clone());
            let refused = person.refused.clone().or(refused);
            rows.push((Person { refused, ..person }, id));
        }
        list.notes.extend(column.note("session ids"));
        let with_visits: HashSet<SubjectCode> =
            rows.iter().filter(|(_, id)| id.is_some()).map(|(person, _)| person.subject.clone()).collect();
        let listed_ids = listed_ids(&rows);
        let mut respelled: Vec<String> = Vec::new();
        let mut seen: HashMap<Session, ListedRow> = HashMap::new();
        for (person, id) in rows {
            if should_stop() {
                return;
            }
            let (session, written) = match id {
                None if self.has_visitless_files(&person) => {
                    (Session::new(person.subject.clone(), None), None)
                }
                None if with_visits.contains(&person.subject) => {
                    list.counts.visits_without_scan += 1;
                    continue;
                }
                None => {
                    // Who has no row with a visit is all visits: nobody else has them.
                    let visits = self.all_visits(&person, list);
                    for (id, written) in visits.ids {
                        let refused = person.refused.clone().or_else(|| visits.refused.get(&id).cloned());
                        let session = Session::new(person.subject.clone(), id);
                        let written = WrittenIds { subject: person.written.clone(), session: written };
                        list.take(session, written, &person.row, refused, &mut seen);
                    }
                    continue;
                }
                Some(written) => match SessionId::clean(&written) {
                    Ok(id) => {
                        let listed = listed_ids.get(&person.subject);
                        let other =
                            id.as_ref().and_then(|id| self.other_spelling(&person, id, &written, listed));
                        if let (Some(id), Some(other)) = (&id, &other) {
                            respelled.push(format!("sub-{}/ses-{id} as ses-{other}", person.subject));
                        }
                        (Session::new(person.subject.clone(), other.or(id)), Some(written))
                    }
                    Err(error) => {
                        list.leave_out_row(person.row.line, &error);
                        continue;
                    }
                },
            };
            list.take(
                session,
                WrittenIds { subject: person.written, session: written },
                &person.row,
                person.refused,
                &mut seen,
            );
        }
        if let Some(first) = respelled.first() {
            list.notes.push(format!(
                "{} session ids of the list equal an id of the store or a folder as numbers and are written as there, such \
                 as {first}",
                respelled.len()
            ));
        }
    }

    /// Whether a visit is on disk, or in the store, under its id as it is written.
    fn has_visit(&self, person: &Person, written: &str) -> bool {
        let Ok(Some(id)) = SessionId::clean(written) else { return false };
        let keys = MatchKeys::of_code(id.as_str(), Some(written));
        self.known.visits(&person.subject).any(|known| known.as_ref() == Some(&id))
            || self.folders(person).iter().any(|(_, folder)| {
                list_sessions(folder).is_ok_and(|listed| !listed.index.by(Match::Code, &keys).is_empty())
            })
    }

    /// Whether a subject has files, on disk or in the store, that are of no visit.
    fn has_visitless_files(&self, person: &Person) -> bool {
        self.known.visits(&person.subject).any(Option::is_none)
            || self.folders(person).iter().any(|(_, folder)| has_scans(folder))
    }

    /// The id of the store, or else of a folder, that equals this one as a number, where neither has it as it is.
    fn other_spelling(
        &self,
        person: &Person,
        id: &SessionId,
        written: &str,
        listed: Option<&BTreeSet<SessionId>>,
    ) -> Option<SessionId> {
        let n = number(id.as_str())?;
        if self.known.visits(&person.subject).any(|known| known.as_ref() == Some(id)) {
            return None;
        }
        let is_alone = listed
            .is_none_or(|all| all.iter().filter(|id| number(id.as_str()).as_ref() == Some(&n)).count() == 1);
        let other = self.known.visit_of_number(&person.subject, id).cloned();
        let other = other.or_else(|| self.visit_of_folder(person, id, written).filter(|_| is_alone));
        other.filter(|other| listed.is_none_or(|all| !all.contains(other)))
    }

    fn visit_of_folder(&self, person: &Person, id: &SessionId, written: &str) -> Option<SessionId> {
        let keys = MatchKeys::of_code(id.as_str(), Some(written));
        let mut found: Vec<(Match, Vec<String>)> = Vec::new();
        for (_, folder) in self.folders(person) {
            let Ok(listed) = list_sessions(&folder) else { continue };
            let Some((rule, names)) = listed.index.find(&keys) else { continue };
            found.push((rule, names.into_iter().map(str::to_owned).collect()));
            if rule < Match::Number {
                return None;
            }
        }
        let found = found.iter().map(|(rule, names)| (*rule, names.iter().map(String::as_str).collect()));
        one_spelling(IdKind::Session, found).and_then(|id| SessionId::clean(&id).ok().flatten())
    }

    /// The visits of a subject, on disk and in the store; one without an id where there is none.
    fn all_visits(&self, person: &Person, list: &mut SessionList) -> Visits {
        let mut visits = Visits::of(self.folders(person));
        list.notes.append(&mut visits.notes);
        for id in self.known.visits(&person.subject) {
            visits.ids.entry(id.clone()).or_default();
        }
        if visits.ids.is_empty() {
            visits.ids.insert(None, None);
        }
        visits
    }

    /// Rows without visits, over folders that may have some: all visits of each subject, on disk and in the store.
    fn expand(&self, people: Vec<Person>, list: &mut SessionList, should_stop: &dyn Fn() -> bool) {
        let mut seen: HashMap<SubjectCode, ListedRow> = HashMap::new();
        let mut several_visits = 0_usize;
        for person in people {
            if should_stop() {
                return;
            }
            let visits = self.all_visits(&person, list);
            let sessions = visits.ids.keys().map(|id| Session::new(person.subject.clone(), id.clone()));
            let sessions: Vec<Session> = sessions.collect();
            match seen.get(&person.subject) {
                Some(first) if is_repetition(first, &person.row) => {
                    list.counts.repeated += 1;
                    continue;
                }
                Some(first) => {
                    let reason = same_session(&format!("sub-{}", person.subject), first, &person.row);
                    list.refused.extend(sessions.into_iter().map(|session| (session, reason.clone())));
                    continue;
                }
                None => seen.insert(person.subject.clone(), person.row.clone()),
            };
            several_visits += usize::from(sessions.len() > 1);
            for (session, written) in sessions.into_iter().zip(visits.ids.into_values()) {
                let reason = person.refused.clone().or_else(|| visits.refused.get(&session.id).cloned());
                list.refused.extend(reason.map(|reason| (session.clone(), reason)));
                let written = WrittenIds { subject: person.written.clone(), session: written };
                list.push(session, written, &person.row);
            }
        }
        let has_age = list.listing.columns.iter().any(|column| column == na_model::columns::AGE);
        if has_age && several_visits > 0 {
            list.notes.push(format!(
                "the session list has a row a subject: {several_visits} subjects have several visits, and one age in all of \
                 them"
            ));
        }
    }
}

impl SessionList {
    fn leave_out_row(&mut self, line: usize, why: &ModelError) {
        self.counts.unusable += 1;
        let left_out = format!("line {line} of the session list is left out: {why}");
        self.notes.push(left_out.clone());
        self.untold.push(left_out);
    }

    fn push(&mut self, session: Session, written: WrittenIds, row: &ListedRow) {
        self.listing.rows.push(ListedSession { session, values: row.values.clone() });
        self.as_written.push(written);
    }

    /// Takes a row; two of one session fail it unless they are identical.
    fn take(
        &mut self,
        session: Session,
        written: WrittenIds,
        row: &ListedRow,
        refused: Option<String>,
        seen: &mut HashMap<Session, ListedRow>,
    ) {
        match seen.get(&session) {
            Some(first) if is_repetition(first, row) => self.counts.repeated += 1,
            Some(first) => {
                let reason = same_session(&session.to_string(), first, row);
                self.refused.entry(session).or_insert(reason);
            }
            None => {
                self.refused.extend(refused.map(|reason| (session.clone(), reason)));
                self.push(session.clone(), written, row);
                seen.insert(session, row.clone());
            }
        }
    }
}

fn is_repetition(first: &ListedRow, second: &ListedRow) -> bool {
    first.subject == second.subject && first.session == second.session && first.values == second.values
}

fn same_session(session: &str, first: &ListedRow, second: &ListedRow) -> String {
    let written = |row: &ListedRow| {
        let session = if row.session.is_empty() { String::new() } else { format!(", {}", row.session) };
        format!("line {} (\"{}{session}\")", row.line, row.subject)
    };
    format!(
        "{} and {} of the session list both are {session} and are not identical: keep one of them",
        written(first),
        written(second)
    )
}

/// The ids that rows name, by subject.
fn listed_ids(rows: &[(Person, Option<String>)]) -> BTreeMap<SubjectCode, BTreeSet<SessionId>> {
    let mut listed: BTreeMap<SubjectCode, BTreeSet<SessionId>> = BTreeMap::new();
    for (person, id) in rows {
        let id = id.as_ref().and_then(|id| SessionId::clean(id).ok().flatten());
        listed.entry(person.subject.clone()).or_default().extend(id);
    }
    listed
}

/// The one clean form of folders that all are found as numbers.
fn one_spelling<'n>(kind: IdKind, found: impl Iterator<Item = (Match, Vec<&'n str>)>) -> Option<String> {
    let mut spellings = BTreeSet::new();
    for (rule, names) in found {
        if rule < Match::Number {
            return None;
        }
        spellings.extend(names.into_iter().filter_map(|name| kind.clean(name)));
    }
    let mut spellings = spellings.into_iter();
    spellings.next().filter(|_| spellings.next().is_none())
}
