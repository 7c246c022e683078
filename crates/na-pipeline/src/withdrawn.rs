//! The list of participants who withdrew, and whom of a store or a session list it means.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use na_model::{Names, Session, SessionId, SubjectCode, code_letters, is_missing_in_list, visible};
use na_store::WithdrawalsTold;

use crate::clothing::undressed;
use crate::delimited::{text_of, without_bom};
use crate::error::PipelineError;
use crate::session_list::{SESSION_COLUMNS, SUBJECT_COLUMNS};
use crate::way::{Kind, number};

/// How a list is called that has nobody in it.
pub const NOBODY: &str = "none";

/// What a run is told of withdrawals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Withdrawn {
    /// Nothing.
    #[default]
    NotTold,
    /// That nobody is to be kept out, whoever was before.
    Nobody,
    /// Who withdrew, a line each.
    List(Vec<Participant>),
}

/// A line of the list: a subject, or one session of a subject, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Participant {
    /// The subject.
    pub subject: String,
    /// The session; all of the subject's without one.
    pub session: Option<String>,
}

impl Withdrawn {
    /// Reads a list: a subject a line, or a subject and a session, between commas, semicolons, tabs or blanks, with a
    /// header or without. `none` means nobody.
    ///
    /// # Errors
    /// A file that cannot be read, or is no text.
    pub fn read(path: &Path) -> Result<Self, PipelineError> {
        if path == Path::new(NOBODY) {
            return Ok(Self::Nobody);
        }
        let problem = |problem: String| PipelineError::Withdrawals { path: path.to_owned(), problem };
        let bytes = fs::read(path).map_err(|error| problem(error.to_string()))?;
        let text = text_of(without_bom(&bytes))
            .map_err(|(line, what)| problem(format!("line {line} holds {what}: write it as UTF-8 text")))?;
        Ok(Self::List(participants(text)))
    }

    /// Whether a run was told.
    #[must_use]
    pub fn is_told(&self) -> bool {
        *self != Self::NotTold
    }

    /// The same, as the store counts it; with `yes`, a list may be shorter than the one before.
    #[must_use]
    pub fn told(&self, yes: bool) -> WithdrawalsTold {
        match self {
            Self::NotTold => WithdrawalsTold::Nothing,
            Self::Nobody => WithdrawalsTold::Corrected(0),
            Self::List(_) if yes => WithdrawalsTold::Corrected(self.n_lines()),
            Self::List(_) => WithdrawalsTold::Listed(self.n_lines()),
        }
    }

    /// The lines of the list, each once.
    fn n_lines(&self) -> u64 {
        let Self::List(participants) = self else { return 0 };
        let lines: BTreeSet<_> = participants.iter().map(Participant::cleaned).collect();
        u64::try_from(lines.len()).unwrap_or(u64::MAX)
    }

    /// Which of these sessions withdrew. A code means itself, or the one subject that it equals as a number; what has the
    /// same letters and digits only is told, and stays.
    #[must_use]
    pub fn among(&self, sessions: &BTreeSet<Session>) -> Meant {
        let Self::List(participants) = self else { return Meant::default() };
        let known = Subjects::of(sessions);
        let mut meant = Meant { n_lines: participants.len(), ..Meant::default() };
        let mut of_nobody = BTreeSet::new();
        for participant in participants {
            let subject = known.meant_by(&participant.subject);
            let visits = subject.and_then(|subject| known.visits.get(subject)).into_iter().flatten();
            let mut visits = visits.filter(|session| is_visit(session, participant)).peekable();
            if visits.peek().is_some() {
                meant.sessions.extend(visits.copied().cloned());
                continue;
            }
            meant.of_nobody += 1;
            if subject.is_none() && known.is_near(&participant.subject) {
                meant.near_misses += 1;
            } else if let (Some(of_subject), id) = participant.cleaned() {
                of_nobody.insert(Session::new(subject.cloned().unwrap_or(of_subject), id));
            }
        }
        let staying = sessions.iter().filter(|session| !meant.sessions.contains(session));
        meant.names = Names::of(meant.sessions.iter().chain(&of_nobody), staying);
        meant.n_subjects_known = known.visits.len();
        meant
    }
}

impl Participant {
    /// The codes that it means where nobody answers to it.
    fn cleaned(&self) -> (Option<SubjectCode>, Option<SessionId>) {
        let subject = visible(&self.subject, Kind::Subject.prefix());
        let session = self.session.as_ref().map(|session| visible(session, Kind::Session.prefix()));
        let bare = |text: &str| undressed(text).unwrap_or(text).to_owned();
        let id = session.and_then(|session| SessionId::clean(&bare(&session)).ok().flatten());
        (SubjectCode::clean(&bare(&subject)).ok(), id)
    }
}

/// Whom a list means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meant {
    /// The sessions.
    pub sessions: BTreeSet<Session>,
    /// The names that texts have for them, and for those of the list of whom nothing is known.
    pub names: Names,
    /// Lines of the list.
    pub n_lines: usize,
    /// Lines that mean nobody.
    pub of_nobody: usize,
    /// Those of them that have the same letters and digits as a code.
    pub near_misses: usize,
    /// The subjects among whom they were looked for.
    pub n_subjects_known: usize,
}

impl Meant {
    /// The subjects of the sessions.
    pub(crate) fn subjects(&self) -> BTreeSet<&SubjectCode> {
        self.sessions.iter().map(|session| &session.subject).collect()
    }
}

/// Subjects, as lines of a list find them.
struct Subjects<'s> {
    visits: BTreeMap<&'s SubjectCode, Vec<&'s Session>>,
    by_number: BTreeMap<String, Vec<&'s SubjectCode>>,
    letters: BTreeSet<String>,
}

impl<'s> Subjects<'s> {
    fn of(sessions: &'s BTreeSet<Session>) -> Self {
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

    /// The one subject that a code means.
    fn meant_by(&self, written: &str) -> Option<&'s SubjectCode> {
        let bare = visible(written, Kind::Subject.prefix());
        let by_code = |code: &str| {
            let code = SubjectCode::clean(code).ok()?;
            self.visits.get_key_value(&code).map(|(subject, _)| *subject)
        };
        let by_number = |code: &str| match self.by_number.get(&number(code)?)?.as_slice() {
            [one] => Some(*one),
            _ => None,
        };
        let forms = [Some(bare.as_str()), undressed(&bare)];
        forms.into_iter().flatten().find_map(|form| by_code(form).or_else(|| by_number(form)))
    }

    /// Whether a code has the letters and digits of a subject.
    fn is_near(&self, written: &str) -> bool {
        let letters = code_letters(&visible(written, Kind::Subject.prefix()));
        !letters.is_empty() && self.letters.contains(&letters)
    }
}

fn is_visit(session: &Session, participant: &Participant) -> bool {
    let Some(written) = &participant.session else { return true };
    let Some(id) = session.id_str() else { return false };
    let bare = visible(written, Kind::Session.prefix());
    let forms = [Some(bare.as_str()), undressed(&bare)];
    forms.into_iter().flatten().any(|form| {
        let is_code = matches!(SessionId::clean(form), Ok(Some(clean)) if clean.as_str() == id);
        is_code || (number(form).is_some() && number(form) == number(id))
    })
}

fn participants(text: &str) -> Vec<Participant> {
    let lines = || text.split(['\n', '\r']).filter(|line| !line.trim().is_empty());
    let delimiter =
        ['\t', ';', ','].into_iter().find(|delimiter| lines().any(|line| line.contains(*delimiter)));
    let cells = |line: &str| -> Vec<String> {
        let cells: Vec<&str> = match delimiter {
            Some(delimiter) => line.split(delimiter).collect(),
            None => line.split_whitespace().collect(),
        };
        cells.into_iter().map(|cell| cell.trim().trim_matches('"').trim().to_owned()).collect()
    };
    let mut rows: Vec<Vec<String>> = lines().map(cells).collect();
    let place = |names: &[&str], header: &[String]| {
        names.iter().find_map(|name| header.iter().position(|cell| cell.eq_ignore_ascii_case(name)))
    };
    // UK Biobank's name, which no session list has.
    let names: Vec<&str> = SUBJECT_COLUMNS.iter().copied().chain(["eid"]).collect();
    let header = rows.first().and_then(|first| Some((place(&names, first)?, place(SESSION_COLUMNS, first))));
    let (subject, session) = header.unwrap_or((0, Some(1)));
    if header.is_some() {
        rows.remove(0);
    }
    let cell = |row: &Vec<String>, place: usize| {
        row.get(place).filter(|cell| !cell.is_empty() && !is_missing_in_list(cell)).cloned()
    };
    rows.iter()
        .filter_map(|row| {
            let session = session.and_then(|place| cell(row, place));
            Some(Participant { subject: cell(row, subject)?, session })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(of: &[(&str, &str)]) -> BTreeSet<Session> {
        of.iter()
            .map(|(subject, id)| {
                Session::new(SubjectCode::clean(subject).unwrap(), SessionId::clean(id).unwrap())
            })
            .collect()
    }

    fn meant(list: &str) -> (String, usize) {
        let known = sessions(&[("7", "1"), ("7", "2"), ("0050772", "a"), ("2-22", "1"), ("4", "")]);
        let meant = Withdrawn::List(participants(list)).among(&known);
        let names: Vec<String> = meant.sessions.iter().map(Session::to_string).collect();
        (names.join(" "), meant.near_misses)
    }

    #[test]
    fn lists_are_read_as_people_write_them() {
        let both = "sub-0007/ses-1 sub-0007/ses-2";
        for list in [
            "7",
            "0007\r\n",
            "sub-0007\n",
            "7.0\n",
            "eid\n7\n",
            "participant_id\nsub-0007\n",
            "\"7\"\n",
            "name;id\nx;7\n",
            "7\n\n999\n",
        ] {
            assert_eq!(meant(list), (both.to_owned(), 0), "{list:?}");
        }
        for list in
            ["7,2", "7\t2\n", "subject_code,session_id\n7,2\n", "session_id,subject\nses-02,7\n", "7 2"]
        {
            assert_eq!(meant(list).0, "sub-0007/ses-2", "{list:?}");
        }
        assert_eq!(meant("50772\n").0, "sub-0050772/ses-a");
        assert_eq!(meant("7,\n").0, both);
        assert_eq!(meant("4\n").0, "sub-0004");
        assert_eq!(meant("").0, "");
    }

    #[test]
    fn the_same_letters_mean_nobody_and_are_counted() {
        assert_eq!(meant("222\n2222\n"), (String::new(), 1));
    }
}
