//! The subject of each row of a session list.

use std::collections::BTreeSet;

use foldhash::{HashMap, HashMapExt, HashSet};
use na_model::{SubjectCode, is_missing_in_list, visible};

use crate::files::roots::{Root, Roots};
use crate::identifiers::name_match::{IdKind, Match, MatchKeys, number};
use crate::identifiers::spreadsheet_numbers::{SpreadsheetColumn, is_scientific};
use crate::sessions::list::ListedRow;
use crate::sessions::session_list::SessionList;
use crate::sessions::stored_sessions::StoredSessions;
use crate::sessions::visits::HasFiles;

pub(super) const DIGITS_LOST: &str = "it is a number in scientific notation: digits were lost; write the session list again with this column as text";

/// A row whose subject is known.
pub(super) struct Person {
    pub(super) row: ListedRow,
    pub(super) subject: SubjectCode,
    /// The code as written, without a spreadsheet's `.0`.
    pub(super) written: String,
    /// Why its sessions fail.
    pub(super) refused: Option<String>,
}

/// What identifiers are compared with.
pub(super) struct Identities<'a> {
    pub(super) roots: &'a Roots,
    pub(super) has_files: HasFiles<'a>,
    pub(super) stored: &'a StoredSessions,
}

impl Identities<'_> {
    /// The rows with their subjects; those without a usable code are left out.
    pub(super) fn people(&self, rows: Vec<ListedRow>, list: &mut SessionList) -> Vec<Person> {
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
        self.stored.has_subject(&subject)
            || self.roots.all.iter().any(|root| !root.subjects.index.by(Match::Code, &keys).is_empty())
    }

    /// Gives codes of digits the spelling of the store, or of a folder, which may have other leading zeros.
    fn respell_subjects(&self, people: &mut [Person], list: &mut SessionList) {
        let listed: HashSet<SubjectCode> = people.iter().map(|person| person.subject.clone()).collect();
        let mut by_number: HashMap<String, usize> = HashMap::new();
        for subject in &listed {
            number(subject.as_str()).into_iter().for_each(|n| *by_number.entry(n).or_default() += 1);
        }
        let mut spelled: HashMap<SubjectCode, Option<SubjectCode>> = HashMap::new();
        for person in people.iter_mut() {
            let other = spelled.entry(person.subject.clone()).or_insert_with(|| {
                self.spelling_elsewhere(person, &by_number).filter(|other| !listed.contains(other))
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

    /// The spelling that the store has of a person's number, or, if nobody else listed has that number, the folders.
    fn spelling_elsewhere(&self, person: &Person, by_number: &HashMap<String, usize>) -> Option<SubjectCode> {
        let n = number(person.subject.as_str())?;
        if self.stored.has_subject(&person.subject) {
            return None;
        }
        let stored = self.stored.subject_of_number(&person.subject).cloned();
        let is_alone = by_number.get(&n) == Some(&1);
        let of_folder = || self.subject_of_folder(&person.subject, &person.written).filter(|_| is_alone);
        stored.or_else(of_folder)
    }

    /// The one spelling that all roots' folders have of a number; `None` if a root has the code as it is.
    fn subject_of_folder(&self, subject: &SubjectCode, written: &str) -> Option<SubjectCode> {
        let keys = MatchKeys::of_code(subject.as_str(), Some(written));
        one_spelling(
            IdKind::Subject,
            self.roots.all.iter().filter_map(|root| root.subjects.index.find(&keys)),
        )
        .and_then(|code| SubjectCode::clean(&code).ok())
    }

    /// The names of a subject's folders, each with its root. The claims refuse several in one root; here the first counts.
    pub(super) fn folders(&self, person: &Person) -> Vec<(&Root, &str)> {
        let keys = MatchKeys::of_code(person.subject.as_str(), Some(&person.written));
        let all = self.roots.all.iter();
        all.filter_map(|root| Some((root, *root.subjects.index.find(&keys)?.1.first()?))).collect()
    }
}

/// The one clean spelling of folders that are all found by their numbers.
pub(super) fn one_spelling<'n>(
    kind: IdKind,
    found: impl Iterator<Item = (Match, Vec<&'n str>)>,
) -> Option<String> {
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
