//! The list of participants who withdrew, and which sessions of a store or a session list it means.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use na_model::{Names, Session, SubjectCode};
use na_store::WithdrawalsTold;

use crate::error::PipelineError;
use crate::parse::text::{text_of, without_bom};
use crate::withdrawals::delimited::participants;
use crate::withdrawals::participant::Participant;
use crate::withdrawals::subjects::{Doubt, Meaning, Subjects};

/// The path that stands for an empty list.
pub const NOBODY: &str = "none";

/// What a run is told about withdrawals.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Withdrawn {
    /// Nothing.
    #[default]
    NotTold,
    /// Nobody is kept out, even if somebody was before.
    Nobody,
    /// Who withdrew, a line each.
    List(Vec<Participant>),
}

/// A line that names a known subject but not clearly.
#[expect(missing_docs, reason = "a field without a note is what its name says")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear {
    /// The line, from 1.
    pub line: usize,
    pub doubt: Doubt,
    pub(crate) subject: Option<SubjectCode>,
}

impl Withdrawn {
    /// Reads a list: a subject a line, or a subject and a session, between commas, tabs, semicolons or blanks, with a
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

    /// The same as the store counts it. With `yes`, a list may be shorter than the one before.
    #[must_use]
    pub fn told(&self, yes: bool) -> WithdrawalsTold {
        match self {
            Self::NotTold => WithdrawalsTold::Nothing,
            Self::Nobody => WithdrawalsTold::Corrected(0),
            Self::List(_) if yes => WithdrawalsTold::Corrected(self.n_lines()),
            Self::List(_) => WithdrawalsTold::Listed(self.n_lines()),
        }
    }

    /// The lines of the list that have a subject, each once.
    fn n_lines(&self) -> u64 {
        let Self::List(participants) = self else { return 0 };
        let lines: BTreeSet<_> = participants.iter().filter_map(Participant::cleaned).collect();
        u64::try_from(lines.len()).unwrap_or(u64::MAX)
    }

    /// Which of these sessions withdrew. A code means itself, or the one code that it equals as a number. A code with
    /// the same letters and digits only is counted and takes nobody out, as does a line that is not clear.
    #[must_use]
    pub fn among(&self, sessions: &BTreeSet<Session>) -> Meant {
        let Self::List(participants) = self else { return Meant::default() };
        let known = Subjects::of(sessions);
        let mut meant = Meant { n_lines: participants.len(), ..Meant::default() };
        let mut of_nobody = BTreeSet::new();
        for participant in participants {
            match known.meaning(participant) {
                Meaning::Sessions(visits) => meant.sessions.extend(visits.into_iter().cloned()),
                Meaning::Unclear(doubt, subject) => {
                    let session = subject.zip(participant.session_id());
                    of_nobody.extend(session.map(|(subject, id)| Session::new(subject.clone(), Some(id))));
                    let line = participant.line;
                    meant.unclear.push(Unclear { line, doubt, subject: subject.cloned() });
                }
                Meaning::Nobody => {
                    meant.of_nobody += 1;
                    if known.is_near(&participant.subject) {
                        meant.near_misses += 1;
                    } else {
                        of_nobody
                            .extend(participant.possible_subjects().map(|code| Session::new(code, None)));
                    }
                }
            }
        }
        let staying = sessions.iter().filter(|session| !meant.sessions.contains(session));
        meant.names = Names::of(meant.sessions.iter().chain(&of_nobody), staying);
        meant.n_subjects_known = known.n_subjects();
        meant
    }
}

/// The sessions that a list means.
#[expect(missing_docs, reason = "a field without a note is what its name says")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meant {
    pub sessions: BTreeSet<Session>,
    /// The names by which texts may mention them, and listed people who are not known.
    pub names: Names,
    /// Lines of the list.
    pub n_lines: usize,
    /// Lines that mean nobody.
    pub of_nobody: usize,
    /// Those of them that have the same letters and digits as a code.
    pub near_misses: usize,
    /// Lines that name a known subject but not clearly: they take nobody out.
    pub unclear: Vec<Unclear>,
    /// How many subjects were compared with the list.
    pub n_subjects_known: usize,
}

impl Meant {
    /// The subjects of the sessions.
    pub(crate) fn subjects(&self) -> BTreeSet<&SubjectCode> {
        self.sessions.iter().map(|session| &session.subject).collect()
    }
}

#[cfg(test)]
mod tests {
    use na_model::SessionId;

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
            "Participant ID\n7\n",
            "Study ID\n7\n",
            "Withdrawn sub\n7\n",
            "Participant ID,Date\n7,2025-01-03\n",
            "Subject ID\tDate\n7\t2025-01-03\n",
            "participant_id,remark\n7,moved; ill\tand away\n8,\"a, b\"\n",
            "7,moved abroad\n",
            "7,moved; ill\n",
            "'0007'\n",
            "\"7\",\"moved, ill\"\n",
        ] {
            assert_eq!(meant(list), (both.to_owned(), 0), "{list:?}");
        }
        for list in [
            "7,2",
            "7\t2\n",
            "subject_code,session_id\n7,2\n",
            "session_id,subject\nses-02,7\n",
            "7 2",
            "Participant ID,Visit\n7,2\n",
            "sub-0007_ses-2\n",
            "sub-0007/ses-2\n",
            "'7','2'\n",
        ] {
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

    #[test]
    fn every_line_counts_whether_it_means_somebody_or_not() {
        let known = sessions(&[("7", "1")]);
        for (list, lines) in [
            ("Withdrawn sub\n7\n9\n", (3, 2)),
            (",9\n7\n", (2, 1)),
            ("participant_id,date\n,9\n7,x\n,\n", (3, 2)),
            ("n/a\n", (1, 1)),
        ] {
            let meant = Withdrawn::List(participants(list)).among(&known);
            assert_eq!((meant.n_lines, meant.of_nobody), lines, "{list:?}");
        }
    }

    #[test]
    fn a_known_subject_in_a_line_that_is_not_clear_is_told_by_its_line_and_stays() {
        use Doubt::{DigitsLost, MoreThanACode, NoSuchSession};
        let known = sessions(&[("7", "1"), ("8", "1"), ("3", "1"), ("WXQ77Z", "1")]);
        for (list, doubt) in [
            ("1.02E+02\n", DigitsLost),
            ("subject\nsub-7e+10\n", DigitsLost),
            ("Dear all, 0007 has withdrawn\n", MoreThanACode),
            ("WXQ77Z,moved\n", NoSuchSession),
            ("7,9\n", NoSuchSession),
            ("subject,session\n7,moved abroad\n", NoSuchSession),
            ("sub-7_ses-9\n", NoSuchSession),
            ("7 9\n", NoSuchSession),
            ("0007 withdrew consent\n", MoreThanACode),
            ("0007, 0008, 0003\n", MoreThanACode),
            ("\"0007, 0008\"\n", MoreThanACode),
            ("subject\n0007, 0008\n", MoreThanACode),
            ("0007 0008\n", MoreThanACode),
            ("0007,1,0008\n", MoreThanACode),
            (",WXQ77Z\n", MoreThanACode),
            ("subject,x\n,WXQ77Z\n", MoreThanACode),
            ("gone,WXQ77Z\n", MoreThanACode),
            ("\"0007,moved\n", MoreThanACode),
            ("sub-0007/anat\n", MoreThanACode),
        ] {
            let meant = Withdrawn::List(participants(list)).among(&known);
            let line = list.lines().count();
            let unclear: Vec<_> = meant.unclear.iter().map(|one| (one.line, one.doubt)).collect();
            assert_eq!((unclear, meant.sessions), (vec![(line, doubt)], BTreeSet::new()), "{list:?}");
        }
    }

    #[test]
    fn a_visit_is_meant_exactly_before_it_is_meant_as_a_number() {
        let known = sessions(&[("7", "1"), ("7", "01"), ("7", "2")]);
        let meant = |list: &str| {
            let meant = Withdrawn::List(participants(list)).among(&known);
            (meant.sessions.iter().map(Session::to_string).collect::<Vec<_>>(), meant.unclear.len())
        };
        assert_eq!(meant("7,01\n"), (vec!["sub-0007/ses-01".to_owned()], 0));
        assert_eq!(meant("7,1\n"), (vec!["sub-0007/ses-1".to_owned()], 0));
        assert_eq!(meant("7,02\n"), (vec!["sub-0007/ses-2".to_owned()], 0));
        assert_eq!(meant("7,001\n"), (Vec::new(), 1));
    }
}
