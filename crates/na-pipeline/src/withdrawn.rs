//! The list of participants who withdrew, and whom of a store or a session list it means.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use na_cache::{Claim, HolderName, OwnerLock};
use na_model::{Session, SessionId, SubjectCode, is_missing_in_list, visible};
use na_store::{ExistingStore, ExportObserver, Withdrawal, mentioned_sessions};

use crate::clothing::undressed;
use crate::delimited::{text_of, without_bom};
use crate::error::PipelineError;
use crate::session_list::{SESSION_COLUMNS, SUBJECT_COLUMNS, SessionList, WrittenIds};
use crate::way::{Kind, number};

/// How a list is called that has nobody in it.
pub const NOBODY: &str = "none";

/// What a run is told of withdrawals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Withdrawn {
    /// Nothing.
    #[default]
    NotTold,
    /// Who withdrew; nobody of a list that is empty.
    List(Vec<Participant>),
}

/// A line of the list: a subject, or one session of a subject, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
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
            return Ok(Self::List(Vec::new()));
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

    /// Which of these sessions withdrew. A code means itself, or the one subject that it equals as a number; what has the
    /// same letters and digits only is told, and stays.
    #[must_use]
    pub fn among(&self, sessions: &BTreeSet<Session>) -> Meant {
        let Self::List(participants) = self else { return Meant::default() };
        let mut visits: BTreeMap<&SubjectCode, Vec<&Session>> = BTreeMap::new();
        for session in sessions {
            visits.entry(&session.subject).or_default().push(session);
        }
        let mut meant = Meant::default();
        for participant in participants {
            let subject = subject_of(&participant.subject, &visits);
            let Some(visits) = subject.and_then(|subject| visits.get(subject)) else {
                let letters =
                    |code: &str| -> String { code.chars().filter(|c| c.is_alphanumeric()).collect() };
                let wanted = letters(&visible(&participant.subject, Kind::Subject.prefix()));
                let near = visits.keys().any(|code| !wanted.is_empty() && letters(code.as_str()) == wanted);
                meant.near_misses += usize::from(near);
                continue;
            };
            meant
                .sessions
                .extend(visits.iter().filter(|session| is_visit(session, participant)).copied().cloned());
        }
        meant
    }
}

/// Whom a list means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meant {
    /// The sessions.
    pub sessions: BTreeSet<Session>,
    /// Lines that have the same letters and digits as a code, and mean nobody.
    pub near_misses: usize,
}

/// The one subject that a code means.
fn subject_of<'s>(
    written: &str,
    visits: &BTreeMap<&'s SubjectCode, Vec<&Session>>,
) -> Option<&'s SubjectCode> {
    let bare = visible(written, Kind::Subject.prefix());
    let by_code = |code: &str| {
        let code = SubjectCode::clean(code).ok()?;
        visits.get_key_value(&code).map(|(subject, _)| *subject)
    };
    let by_number = |code: &str| {
        let wanted = number(code)?;
        let mut same = visits.keys().filter(|code| number(code.as_str()).as_ref() == Some(&wanted));
        same.next().copied().filter(|_| same.next().is_none())
    };
    let forms = [Some(bare.as_str()), undressed(&bare)];
    forms.into_iter().flatten().find_map(|form| by_code(form).or_else(|| by_number(form)))
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

impl SessionList {
    /// Takes those who withdrew out of the rows. They keep their claims on folders: nobody else's are theirs.
    pub(crate) fn withdraw(&mut self, withdrawn: &Withdrawn) {
        let listed: BTreeSet<Session> = self.listing.rows.iter().map(|row| row.session.clone()).collect();
        let meant = withdrawn.among(&listed).sessions;
        if meant.is_empty() {
            return;
        }
        let rows = std::mem::take(&mut self.listing.rows).into_iter();
        for (row, written) in rows.zip(std::mem::take(&mut self.as_written)) {
            if meant.contains(&row.session) {
                self.refused.remove(&row.session);
                self.counts.withdrawn += 1;
                self.withdrawn.push((row.session, written));
            } else {
                self.listing.rows.push(row);
                self.as_written.push(written);
            }
        }
    }

    /// All who have a claim on folders.
    pub(crate) fn claimants(&self) -> impl Iterator<Item = (&Session, &WrittenIds)> {
        let listed = self.listing.rows.iter().map(|row| &row.session).zip(&self.as_written);
        listed.chain(self.withdrawn.iter().map(|(session, written)| (session, written)))
    }
}

/// What a withdrawal did to a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Withdrew {
    /// Who was taken out.
    pub taken_out: Withdrawal,
    /// Lines of the list that have the same letters and digits as a code of the store, and mean nobody.
    pub near_misses: usize,
}

/// Takes those who withdrew out of a store and its cache.
///
/// # Errors
/// A store that cannot be read or written; a load that is running; something of them that is left.
pub fn withdraw(
    output: &Path,
    withdrawn: &Withdrawn,
    take_over: Option<HolderName>,
    observer: &dyn ExportObserver,
) -> Result<Withdrew, PipelineError> {
    let Withdrawn::List(list) = withdrawn else { return Ok(Withdrew::default()) };
    if !output.is_dir() || list.is_empty() {
        return Ok(Withdrew::default());
    }
    // Under the lock, which clears what a killed withdrawal left, and also where nobody is found: the store is to know
    // that it has to be told.
    let lock = OwnerLock::claim(output, &Claim { take_over, cancel: observer.cancel() })?;
    let meant = withdrawn.among(&mentioned_sessions(output)?);
    let near_misses = meant.near_misses;
    if meant.sessions.is_empty() && ExistingStore::open(output)?.check_withdrawals().is_err() {
        return Ok(Withdrew { near_misses, ..Withdrew::default() });
    }
    let taken_out = na_store::withdraw(&lock, &meant.sessions, observer)?;
    Ok(Withdrew { taken_out, near_misses })
}

/// What [`withdraw`] would take out.
///
/// # Errors
/// A store that cannot be read.
pub fn would_withdraw(output: &Path, withdrawn: &Withdrawn) -> Result<Withdrew, PipelineError> {
    if !output.is_dir() || !withdrawn.is_told() {
        return Ok(Withdrew::default());
    }
    let Meant { sessions, near_misses } = withdrawn.among(&mentioned_sessions(output)?);
    let subjects: BTreeSet<&SubjectCode> = sessions.iter().map(|session| &session.subject).collect();
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let taken_out = Withdrawal { n_subjects: count(subjects.len()), n_sessions: count(sessions.len()) };
    Ok(Withdrew { taken_out, near_misses })
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
