//! The visit of each row of a session list.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::{HashMap, HashMapExt, HashSet};
use na_model::columns::AGE;
use na_model::{Session, SessionId, SubjectCode, is_missing_in_list, visible};

use crate::identifiers::name_match::{IdKind, Match, MatchKeys, number};
use crate::identifiers::spreadsheet_numbers::{SpreadsheetColumn, is_scientific, without_decimal_zeros};
use crate::sessions::identity::rows::{is_repetition, same_session};
use crate::sessions::identity::subjects::{DIGITS_LOST, Identities, Person, one_spelling};
use crate::sessions::list::ListedRow;
use crate::sessions::session_list::{SessionList, WrittenIds};
use crate::sessions::visits::{Visits, has_visitless_files};

/// A person's row with the visit's id as it is written; `None` without one.
struct Visit {
    person: Person,
    id: Option<String>,
}

impl Identities<'_> {
    /// Rows that name their visits.
    pub(super) fn visits(&self, people: Vec<Person>, list: &mut SessionList, should_stop: &dyn Fn() -> bool) {
        let Some(rows) = self.with_ids(people, list, should_stop) else { return };
        let named = rows.iter().filter(|row| row.id.is_some());
        let with_visits: HashSet<SubjectCode> = named.map(|row| row.person.subject.clone()).collect();
        let listed = listed_ids(&rows);
        let mut respelled: Vec<String> = Vec::new();
        let mut seen: HashMap<Session, ListedRow> = HashMap::new();
        for Visit { person, id } in rows {
            if should_stop() {
                return;
            }
            match id {
                Some(written) => {
                    let id = match SessionId::clean(&written) {
                        Ok(id) => id,
                        Err(error) => {
                            list.leave_out_row(person.row.line, &error);
                            continue;
                        }
                    };
                    let ids = listed.get(&person.subject);
                    let other = id.as_ref().and_then(|id| self.other_spelling(&person, id, &written, ids));
                    if let (Some(id), Some(other)) = (&id, &other) {
                        respelled.push(format!("sub-{}/ses-{id} as ses-{other}", person.subject));
                    }
                    list.take_person(person, other.or(id), Some(written), &mut seen);
                }
                None if self.has_visitless_files(&person) => list.take_person(person, None, None, &mut seen),
                None if with_visits.contains(&person.subject) => list.counts.visits_without_scan += 1,
                None => self.take_all_visits(&person, list, &mut seen),
            }
        }
        if let Some(first) = respelled.first() {
            list.notes.push(format!(
                "{} session ids of the list equal an id of the store or a folder as numbers and are written as there, such \
                 as {first}",
                respelled.len()
            ));
        }
    }

    /// The rows with their ids, without a spreadsheet's `.0`; `None` if the run is to stop.
    fn with_ids(
        &self,
        people: Vec<Person>,
        list: &mut SessionList,
        should_stop: &dyn Fn() -> bool,
    ) -> Option<Vec<Visit>> {
        let bare = |person: &Person| visible(&person.row.session, IdKind::Session.prefix());
        let column = SpreadsheetColumn::of(people.iter().map(bare).filter(|id| !is_missing_in_list(id)));
        let mut rows: Vec<Visit> = Vec::with_capacity(people.len());
        for mut person in people {
            if should_stop() {
                return None;
            }
            let id = bare(&person);
            let may_differ =
                is_missing_in_list(&id) || without_decimal_zeros(&id).is_some() || is_scientific(&id);
            let is_name = !may_differ || (!id.is_empty() && self.has_visit(&person, &id));
            if is_name {
                rows.push(Visit { person, id: Some(id) });
                continue;
            }
            if is_missing_in_list(&id) {
                rows.push(Visit { person, id: None });
                continue;
            }
            let id = column.stripped(&id).unwrap_or(id);
            if is_scientific(&id) {
                let reason = format!("line {}: the session id {id:?}: {DIGITS_LOST}", person.row.line);
                list.untold.push(reason.clone());
                person.refused.get_or_insert(reason);
            }
            rows.push(Visit { person, id: Some(id) });
        }
        list.notes.extend(column.note("session ids"));
        Some(rows)
    }

    /// Takes a row without a visit, of a subject who has no row with one, for all visits: no other row has them.
    fn take_all_visits(
        &self,
        person: &Person,
        list: &mut SessionList,
        seen: &mut HashMap<Session, ListedRow>,
    ) {
        let visits = self.all_visits(person, list);
        for (id, written) in visits.ids {
            let refused = person.refused.clone().or_else(|| visits.refused.get(&id).cloned());
            let session = Session::new(person.subject.clone(), id);
            let written = WrittenIds { subject: person.written.clone(), session: written };
            list.take(session, written, &person.row, refused, seen);
        }
    }

    /// Whether a visit is on disk, or in the store, under its id as it is written.
    fn has_visit(&self, person: &Person, written: &str) -> bool {
        let Ok(Some(id)) = SessionId::clean(written) else { return false };
        let keys = MatchKeys::of_code(id.as_str(), Some(written));
        self.stored.visits(&person.subject).any(|stored| stored.as_ref() == Some(&id))
            || self.folders(person).iter().any(|(root, subject)| {
                root.visits(subject).is_ok_and(|listed| !listed.index.by(Match::Code, &keys).is_empty())
            })
    }

    /// Whether a subject has files that are in no visit's folder, on disk or in the store.
    fn has_visitless_files(&self, person: &Person) -> bool {
        self.stored.visits(&person.subject).any(Option::is_none)
            || self.folders(person).iter().any(|(root, subject)| has_visitless_files(root, subject))
    }

    /// The store's id, or else a folder's, that equals this one as a number; `None` if either has it as it is.
    fn other_spelling(
        &self,
        person: &Person,
        id: &SessionId,
        written: &str,
        listed: Option<&BTreeSet<SessionId>>,
    ) -> Option<SessionId> {
        let n = number(id.as_str())?;
        if self.stored.visits(&person.subject).any(|stored| stored.as_ref() == Some(id)) {
            return None;
        }
        let is_alone = listed
            .is_none_or(|all| all.iter().filter(|id| number(id.as_str()).as_ref() == Some(&n)).count() == 1);
        let other = self.stored.visit_of_number(&person.subject, id).cloned();
        let other = other.or_else(|| self.visit_of_folder(person, id, written).filter(|_| is_alone));
        other.filter(|other| listed.is_none_or(|all| !all.contains(other)))
    }

    fn visit_of_folder(&self, person: &Person, id: &SessionId, written: &str) -> Option<SessionId> {
        let keys = MatchKeys::of_code(id.as_str(), Some(written));
        let mut found: Vec<(Match, Vec<String>)> = Vec::new();
        for (root, subject) in self.folders(person) {
            let Ok(listed) = root.visits(subject) else { continue };
            let Some((rule, names)) = listed.index.find(&keys) else { continue };
            found.push((rule, names.into_iter().map(str::to_owned).collect()));
            if rule < Match::Number {
                return None;
            }
        }
        let found = found.iter().map(|(rule, names)| (*rule, names.iter().map(String::as_str).collect()));
        one_spelling(IdKind::Session, found).and_then(|id| SessionId::clean(&id).ok().flatten())
    }

    /// The visits of a subject, on disk and in the store; one without an id if there are none.
    fn all_visits(&self, person: &Person, list: &mut SessionList) -> Visits {
        let mut visits = Visits::of(self.folders(person), self.has_files);
        list.notes.append(&mut visits.notes);
        for id in self.stored.visits(&person.subject) {
            visits.ids.entry(id.clone()).or_default();
        }
        if visits.ids.is_empty() {
            visits.ids.insert(None, None);
        }
        visits
    }

    /// Takes rows of a list without visits: each means all visits of its subject, on disk and in the store.
    pub(super) fn expand(&self, people: Vec<Person>, list: &mut SessionList, should_stop: &dyn Fn() -> bool) {
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
        let has_age = list.listing.columns.iter().any(|column| column == AGE);
        if has_age && several_visits > 0 {
            list.notes.push(format!(
                "the session list has a row a subject: {several_visits} subjects have several visits, and one age in all of \
                 them"
            ));
        }
    }
}

impl SessionList {
    fn take_person(
        &mut self,
        person: Person,
        id: Option<SessionId>,
        written: Option<String>,
        seen: &mut HashMap<Session, ListedRow>,
    ) {
        let session = Session::new(person.subject, id);
        let written = WrittenIds { subject: person.written, session: written };
        self.take(session, written, &person.row, person.refused, seen);
    }
}

/// The ids that rows name, by subject.
fn listed_ids(rows: &[Visit]) -> BTreeMap<SubjectCode, BTreeSet<SessionId>> {
    let mut listed: BTreeMap<SubjectCode, BTreeSet<SessionId>> = BTreeMap::new();
    for Visit { person, id } in rows {
        let id = id.as_ref().and_then(|id| SessionId::clean(id).ok().flatten());
        listed.entry(person.subject.clone()).or_default().extend(id);
    }
    listed
}
