//! What many sessions of a run have alike, told once.

use std::collections::{BTreeMap, BTreeSet};

use na_model::Session;

use crate::parse::parsed_table::Remark;

/// The remarks on a run's sessions.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    /// By what they have, and what follows from it.
    of: BTreeMap<(&'static str, &'static str), Remarked>,
}

/// The sessions of one remark, with the example of the first.
#[derive(Debug, Default)]
struct Remarked {
    sessions: BTreeSet<Session>,
    example: String,
}

impl Remarks {
    /// Counts a session once for each remark.
    pub(crate) fn add(&mut self, session: &Session, remarks: Vec<Remark>) {
        for Remark { what, example, advice } in remarks {
            let remarked = self.of.entry((what, advice)).or_default();
            // The first in the sessions' order, however many threads load them.
            if remarked.sessions.first().is_none_or(|first| session < first) {
                remarked.example = example;
            }
            remarked.sessions.insert(session.clone());
        }
    }

    /// One note for each remark.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        self.of.iter().map(|((what, advice), Remarked { sessions, example })| {
            let have = match sessions.len() {
                1 => "1 session has".to_owned(),
                n => format!("{n} sessions have"),
            };
            format!("{have} {what}, e.g. {example}: {advice}")
        })
    }
}

#[cfg(test)]
mod tests {
    use na_model::SubjectCode;

    use super::*;

    #[test]
    fn sessions_are_counted_once_and_the_first_is_the_example() {
        let session = |code: &str| Session::new(SubjectCode::clean(code).unwrap(), None);
        let mut remarks = Remarks::default();
        assert_eq!(remarks.notes().count(), 0);
        for (code, says) in [("2", Some("b")), ("1", Some("a")), ("2", Some("c")), ("3", None)] {
            let remark =
                says.map(|says| Remark { what: "a thing", example: says.to_owned(), advice: "look at it" });
            remarks.add(&session(code), remark.into_iter().collect());
        }
        let other = Remark { what: "another", example: "x".to_owned(), advice: "leave it" };
        remarks.add(&session("9"), vec![other]);
        let notes: Vec<String> = remarks.notes().collect();
        assert_eq!(
            notes,
            ["2 sessions have a thing, e.g. a: look at it", "1 session has another, e.g. x: leave it"]
        );
    }
}
