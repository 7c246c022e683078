//! Which known subject or session a line of the list of withdrawals means.

use std::collections::{BTreeMap, BTreeSet};

use na_model::{Session, SessionId, SubjectCode, code_letters, visible};

use crate::identifiers::name_match::{IdKind, number};
use crate::identifiers::spreadsheet_numbers::{is_scientific, without_decimal_zeros};
use crate::withdrawals::participant::{Beside, Participant, keyed};

/// What separates codes that were written into one cell.
const BETWEEN_CODES: &str = ",;/\\|:\"'()";

/// Why a line is not clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The subject is known, and has no such session.
    NoSuchSession,
    /// The line has a known subject among other words or codes.
    MoreThanACode,
    /// The code is a number in scientific notation: a spreadsheet took its digits.
    DigitsLost,
}

/// Known subjects, looked up by what lines of a list say.
pub(crate) struct Subjects<'s> {
    visits: BTreeMap<&'s SubjectCode, Vec<&'s Session>>,
    by_number: BTreeMap<String, Vec<&'s SubjectCode>>,
    letters: BTreeSet<String>,
}

/// What a line means.
pub(crate) enum Meaning<'s> {
    Sessions(Vec<&'s Session>),
    Unclear(Doubt, Option<&'s SubjectCode>),
    Nobody,
}

impl<'s> Subjects<'s> {
    pub(crate) fn of(sessions: &'s BTreeSet<Session>) -> Self {
        let mut visits: BTreeMap<&SubjectCode, Vec<&Session>> = BTreeMap::new();
        for session in sessions {
            visits.entry(&session.subject).or_default().push(session);
        }
        let mut by_number: BTreeMap<String, Vec<&SubjectCode>> = BTreeMap::new();
        for subject in visits.keys() {
            let number = number(subject.as_str()).into_iter();
            number.for_each(|number| by_number.entry(number).or_default().push(subject));
        }
        let letters = visits.keys().map(|code| code_letters(code.as_str())).collect();
        Self { visits, by_number, letters }
    }

    pub(crate) fn n_subjects(&self) -> usize {
        self.visits.len()
    }

    /// What a line means. A known subject in a line that is not clear is never passed over.
    pub(crate) fn meaning(&self, participant: &Participant) -> Meaning<'s> {
        let unnamed = match &participant.beside {
            Beside::Session(_) => &[][..],
            Beside::Unnamed(cells) => cells,
        };
        let written = keyed(&participant.subject).0;
        let Some(subject) = self.meant_by(written) else {
            return match is_scientific(&visible(written, IdKind::Subject.prefix())) {
                true => Meaning::Unclear(Doubt::DigitsLost, None),
                false => self.meaning_of_words(&participant.subject, unnamed),
            };
        };
        let is_of_others = |cell: &String| self.code(cell).is_some_and(|code| code != subject);
        let Some(written) = participant.session() else {
            return match unnamed.iter().any(is_of_others) {
                true => Meaning::Unclear(Doubt::MoreThanACode, None),
                false => Meaning::Sessions(self.visits_of(subject).to_vec()),
            };
        };
        let visit = self.visit(subject, written);
        let others = if visit.is_some() { unnamed.get(1..).unwrap_or_default() } else { unnamed };
        if others.iter().any(is_of_others) {
            return Meaning::Unclear(Doubt::MoreThanACode, None);
        }
        match visit {
            Some(visit) => Meaning::Sessions(vec![visit]),
            // No session is called by several words.
            None if unnamed.first().is_some_and(|cell| cell == written && cell.contains(' ')) => {
                Meaning::Sessions(self.visits_of(subject).to_vec())
            }
            None => Meaning::Unclear(Doubt::NoSuchSession, Some(subject)),
        }
    }

    /// What a cell of several words means, if it is nobody's code as a whole.
    fn meaning_of_words(&self, cell: &str, unnamed: &[String]) -> Meaning<'s> {
        let words: Vec<&str> = cell.split_whitespace().collect();
        if let [subject, session] = words.as_slice()
            && let Some(subject) = self.meant_by(subject)
            && self.code(session).is_none_or(|code| code == subject)
        {
            return match self.visit(subject, session) {
                Some(visit) => Meaning::Sessions(vec![visit]),
                None => Meaning::Unclear(Doubt::NoSuchSession, Some(subject)),
            };
        }
        let words: Vec<&str> = words_of(cell).collect();
        let begins_with_one = match words.as_slice() {
            [first, _, ..] => self.meant_by(first).is_some(),
            _ => false,
        };
        let mut others = unnamed.iter().flat_map(|cell| words_of(cell).chain([cell.as_str()]));
        let has_one = words.iter().any(|word| self.code(word).is_some());
        match begins_with_one || has_one || others.any(|word| self.code(word).is_some()) {
            true => Meaning::Unclear(Doubt::MoreThanACode, None),
            false => Meaning::Nobody,
        }
    }

    /// The one subject that a code means.
    fn meant_by(&self, written: &str) -> Option<&'s SubjectCode> {
        let bare = visible(written, IdKind::Subject.prefix());
        let by_code = |code: &str| {
            let code = SubjectCode::clean(code).ok()?;
            self.visits.get_key_value(&code).map(|(subject, _)| *subject)
        };
        let by_number = |code: &str| match self.by_number.get(&number(code)?)?.as_slice() {
            [one] => Some(*one),
            _ => None,
        };
        let forms = [Some(bare.as_str()), without_decimal_zeros(&bare)];
        forms.into_iter().flatten().find_map(|form| by_code(form).or_else(|| by_number(form)))
    }

    /// The subject with exactly this code. A number that only equals a code is none: it may count anything.
    fn code(&self, written: &str) -> Option<&'s SubjectCode> {
        if written.starts_with(IdKind::Subject.prefix()) {
            return self.meant_by(keyed(written).0);
        }
        let subject = self.meant_by(written)?;
        let letters = visible(written, IdKind::Subject.prefix()).chars().count();
        (letters == subject.as_str().chars().count()).then_some(subject)
    }

    fn visits_of(&self, subject: &SubjectCode) -> &[&'s Session] {
        self.visits.get(subject).map(Vec::as_slice).unwrap_or_default()
    }

    /// The session of a subject with an id, or else the only one that equals it as a number.
    fn visit(&self, subject: &SubjectCode, written: &str) -> Option<&'s Session> {
        let bare = visible(written, IdKind::Session.prefix());
        let visits = self.visits_of(subject);
        let by_id = |form: &str| {
            let id = SessionId::clean(form).ok().flatten()?;
            visits.iter().find(|session| session.id.as_ref() == Some(&id)).copied()
        };
        let forms = || [Some(bare.as_str()), without_decimal_zeros(&bare)].into_iter().flatten();
        forms().find_map(by_id).or_else(|| forms().find_map(|form| only_with_number(visits, form)))
    }

    /// Whether a code has the letters and digits of a known subject.
    pub(crate) fn is_near(&self, written: &str) -> bool {
        let letters = code_letters(&visible(written, IdKind::Subject.prefix()));
        !letters.is_empty() && self.letters.contains(&letters)
    }
}

/// The words of a cell, in which several codes may have been written.
fn words_of(cell: &str) -> impl Iterator<Item = &str> {
    let words = cell.split(|c: char| c.is_whitespace() || BETWEEN_CODES.contains(c));
    words.filter(|word| !word.is_empty())
}

/// The one visit that equals a form as a number. `None` if none or several do.
fn only_with_number<'s>(visits: &[&'s Session], form: &str) -> Option<&'s Session> {
    let wanted = number(form)?;
    let mut equal =
        visits.iter().filter(|session| session.id_str().and_then(number).as_ref() == Some(&wanted));
    equal.next().copied().filter(|_| equal.next().is_none())
}
