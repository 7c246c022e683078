//! Which of the listed sessions a run loads: `--participant-label` and `--session-label`.

use std::collections::BTreeSet;

use foldhash::HashSet;
use na_model::Session;

use crate::error::PipelineError;
use crate::identifiers::name_index::NameIndex;
use crate::identifiers::name_match::{IdKind, Match, MatchKeys};
use crate::sessions::session_list::SessionList;

/// Labels as they are given, with or without `sub-` and `ses-`. No labels choose everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Of subjects.
    pub participants: Vec<String>,
    /// Of visits.
    pub sessions: Vec<String>,
}

impl Labels {
    /// Whether there are none: then every session is chosen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.participants.is_empty() && self.sessions.is_empty()
    }

    /// The sessions of a list that the labels choose. A label means the code that it cleans to, or else the one code
    /// that it equals as a number.
    pub(crate) fn chosen(&self, list: &SessionList) -> Result<HashSet<Session>, PipelineError> {
        let rows = || list.listing.rows.iter().zip(&list.as_written);
        let subjects = rows().map(|(row, written)| {
            let code = row.session.subject.as_str();
            (code.to_owned(), MatchKeys::of_code(code, Some(&written.subject)))
        });
        let subjects = answering(IdKind::Subject, "--participant-label", &self.participants, subjects)?;
        let visits = rows().filter_map(|(row, written)| {
            let id = row.session.id_str()?;
            Some((id.to_owned(), MatchKeys::of_code(id, written.session.as_deref())))
        });
        let visits = answering(IdKind::Session, "--session-label", &self.sessions, visits)?;
        let is_chosen = |session: &&Session| {
            (self.participants.is_empty() || subjects.contains(session.subject.as_str()))
                && (self.sessions.is_empty() || session.id_str().is_some_and(|id| visits.contains(id)))
        };
        Ok(list.listing.rows.iter().map(|row| &row.session).filter(is_chosen).cloned().collect())
    }
}

/// The codes that labels mean.
fn answering(
    kind: IdKind,
    option: &'static str,
    labels: &[String],
    codes: impl Iterator<Item = (String, MatchKeys)>,
) -> Result<BTreeSet<String>, PipelineError> {
    let mut answering = BTreeSet::new();
    if labels.is_empty() {
        return Ok(answering);
    }
    let index = NameIndex::new(codes);
    for label in labels {
        let keys = MatchKeys::of_folder(kind, label);
        let by_code: BTreeSet<&str> = index.by(Match::Code, &keys).into_iter().collect();
        let by_number: BTreeSet<&str> = index.by(Match::Number, &keys).into_iter().collect();
        let found = match (by_code.is_empty(), by_number.len()) {
            (false, _) => by_code,
            (true, 1) => by_number,
            (true, _) => {
                let near = index.by(Match::Letters, &keys).first().map(|code| (*code).to_owned());
                return Err(PipelineError::UnknownLabel { option, label: label.clone(), near });
            }
        };
        answering.extend(found.into_iter().map(str::to_owned));
    }
    Ok(answering)
}

#[cfg(test)]
mod tests {
    use na_model::{ListedSession, SessionId, SubjectCode};

    use super::*;
    use crate::sessions::session_list::WrittenIds;

    fn list(rows: &[(&str, &str)]) -> SessionList {
        let mut list = SessionList::default();
        for (subject, id) in rows {
            let session = Session::new(SubjectCode::clean(subject).unwrap(), SessionId::clean(id).unwrap());
            list.listing.rows.push(ListedSession { session, values: Vec::new() });
            list.as_written
                .push(WrittenIds { subject: (*subject).to_owned(), session: Some((*id).to_owned()) });
        }
        list
    }

    fn chosen(participants: &[&str], sessions: &[&str]) -> Result<Vec<String>, String> {
        let list = list(&[("7", "1"), ("7", "2"), ("8", "1"), ("0050772", "a-b"), ("2-22", "1")]);
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let labels = Labels { participants: owned(participants), sessions: owned(sessions) };
        let chosen = labels.chosen(&list).map_err(|error| error.to_string())?;
        let mut chosen: Vec<String> = chosen.iter().map(Session::to_string).collect();
        chosen.sort_unstable();
        Ok(chosen)
    }

    #[test]
    fn a_label_means_its_code_or_the_one_equal_number() {
        let of_7 = ["sub-0007/ses-1".to_owned(), "sub-0007/ses-2".to_owned()];
        for label in ["7", "sub-7", "0007", "00007", "sub-0007"] {
            assert_eq!(chosen(&[label], &[]).unwrap(), of_7, "{label}");
        }
        assert_eq!(chosen(&["7", "8"], &["ses-1"]).unwrap(), ["sub-0007/ses-1", "sub-0008/ses-1"]);
        assert_eq!(chosen(&["50772"], &["a_b"]).unwrap(), ["sub-0050772/ses-a_b"]);
        assert_eq!(chosen(&[], &["2"]).unwrap(), ["sub-0007/ses-2"]);
    }

    #[test]
    fn a_label_that_nobody_answers_to_is_an_error_that_names_the_nearest() {
        let error = chosen(&["222"], &[]).unwrap_err();
        assert!(error.contains("--participant-label 222") && error.contains("2_22"), "{error}");
        assert!(chosen(&["7"], &["9"]).unwrap_err().contains("--session-label 9"));
    }
}
