//! Rows of a session list become sessions of a run.

use foldhash::HashMap;
use na_model::{ListedSession, ModelError, Session};

use crate::sessions::list::ListedRow;
use crate::sessions::session_list::{SessionList, WrittenIds};

impl SessionList {
    pub(super) fn leave_out_row(&mut self, line: usize, why: &ModelError) {
        self.counts.unusable += 1;
        let left_out = format!("line {line} of the session list is left out: {why}");
        self.notes.push(left_out.clone());
        self.untold.push(left_out);
    }

    pub(super) fn push(&mut self, session: Session, written: WrittenIds, row: &ListedRow) {
        self.listing.rows.push(ListedSession { session, values: row.values.clone() });
        self.as_written.push(written);
    }

    /// Takes a row; two of one session fail it unless they are identical.
    pub(super) fn take(
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

pub(super) fn is_repetition(first: &ListedRow, second: &ListedRow) -> bool {
    first.subject == second.subject && first.session == second.session && first.values == second.values
}

pub(super) fn same_session(session: &str, first: &ListedRow, second: &ListedRow) -> String {
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
