//! A line of the list of withdrawals.

use na_model::{SessionId, SubjectCode, visible};

use crate::identifiers::name_match::IdKind;
use crate::identifiers::spreadsheet_numbers::without_decimal_zeros;

/// A line of the list: a subject, or one session of a subject, as it is written.
#[expect(missing_docs, reason = "a field without a note is what its name says")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// The line, from 1.
    pub line: usize,
    /// The subject; empty where the line has none.
    pub subject: String,
    pub beside: Beside,
}

/// What stands beside a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beside {
    /// One session; `None` means all of the subject's.
    Session(Option<String>),
    /// Cells that no header names: a session, or a remark.
    Unnamed(Vec<String>),
}

impl Participant {
    /// A subject, or one session of a subject.
    #[must_use]
    pub fn new(line: usize, subject: String, session: Option<String>) -> Self {
        Self { line, subject, beside: Beside::Session(session) }
    }

    /// The cell that names a session, or may name one.
    pub(crate) fn session(&self) -> Option<&str> {
        keyed(&self.subject).1.or(match &self.beside {
            Beside::Session(session) => session.as_deref(),
            Beside::Unnamed(cells) => cells.first().map(String::as_str).filter(|cell| !cell.is_empty()),
        })
    }

    pub(crate) fn session_id(&self) -> Option<SessionId> {
        SessionId::clean(&bare(self.session()?, IdKind::Session)).ok().flatten()
    }

    /// The codes of a line, by which repeated lines are one; `None` without a subject.
    pub(crate) fn cleaned(&self) -> Option<(SubjectCode, Option<SessionId>)> {
        let subject = SubjectCode::clean(&bare(keyed(&self.subject).0, IdKind::Subject)).ok()?;
        Some((subject, self.session_id()))
    }

    /// The subjects that a line may mean if none is known: the whole cell, and the first of two words.
    pub(crate) fn possible_subjects(&self) -> impl Iterator<Item = SubjectCode> {
        let whole = keyed(&self.subject).0;
        let mut words = whole.split_whitespace();
        let first = words.next().filter(|_| words.next().is_some() && words.next().is_none());
        [Some(whole), first]
            .into_iter()
            .flatten()
            .filter_map(|code| SubjectCode::clean(&bare(code, IdKind::Subject)).ok())
    }
}

/// An identifier without its prefix and a spreadsheet's `.0`.
fn bare(written: &str, kind: IdKind) -> String {
    let visible = visible(written, kind.prefix());
    without_decimal_zeros(&visible).map(str::to_owned).unwrap_or(visible)
}

/// Subject and session of `sub-X_ses-Y` or `sub-X/ses-Y`; anything else is a subject as a whole.
pub(crate) fn keyed(written: &str) -> (&str, Option<&str>) {
    let ways = ["_ses-", "/ses-"].into_iter().filter_map(|key| written.split_once(key));
    ways.map(|(subject, session)| (subject, Some(session))).next().unwrap_or((written, None))
}
