//! The sessions of a store, as numbers.

use arrow_array::{Array, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;
use foldhash::{HashMap, HashMapExt};
use na_model::columns::{SESSION, SUBJECT};
use na_model::{Session, SubjectCode};
use na_store::SessionRow;

use crate::error::ReportError;

/// All sessions, by subject and session id. A session is its index here.
#[derive(Debug)]
pub(crate) struct Sessions {
    sessions: Vec<Session>,
    /// Line of `sessions.tsv` with the session's first row, from 1; the header is line 1. 0 if it has none.
    lines: Vec<usize>,
    /// The number of each session's subject, from 0.
    subjects: Vec<usize>,
    /// Whether anything of the session is in the store.
    is_stored: Vec<bool>,
    indices: HashMap<Session, usize>,
}

impl Sessions {
    /// The sessions that rows of `sessions.tsv` or the metadata name.
    pub(crate) fn of(rows: &[SessionRow], metadata: &RecordBatch) -> Result<Self, ReportError> {
        let mut lines: HashMap<Session, usize> = HashMap::new();
        for (row, line) in rows.iter().zip(2..) {
            lines.entry(row.session.clone()).or_insert(line);
        }
        let stored = sessions_of(metadata)?;
        for session in &stored {
            lines.entry(session.clone()).or_insert(0);
        }
        let mut all: Vec<(Session, usize)> = lines.into_iter().collect();
        all.sort_unstable();
        let (sessions, lines): (Vec<Session>, Vec<usize>) = all.into_iter().unzip();
        let indices: HashMap<Session, usize> = sessions.iter().cloned().zip(0..).collect();
        let mut is_stored = vec![false; sessions.len()];
        // Metadata that another program wrote may lack sessions that tables have.
        let with_tables = rows.iter().filter(|row| !row.tables.is_empty()).map(|row| &row.session);
        for index in stored.iter().chain(with_tables).filter_map(|session| indices.get(session)) {
            is_stored.get_mut(*index).into_iter().for_each(|is_stored| *is_stored = true);
        }
        let mut subjects: Vec<usize> = Vec::with_capacity(sessions.len());
        let mut last: Option<&SubjectCode> = None;
        for session in &sessions {
            let before = subjects.last().copied();
            let is_same = last == Some(&session.subject);
            subjects.push(before.map_or(0, |before| if is_same { before } else { before + 1 }));
            last = Some(&session.subject);
        }
        Ok(Self { sessions, lines, subjects, is_stored, indices })
    }

    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn n_subjects(&self) -> usize {
        self.subjects.last().map_or(0, |last| last + 1)
    }

    /// The subject of each session, as numbers that rise.
    pub(crate) fn subjects(&self) -> &[usize] {
        &self.subjects
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Session> {
        self.sessions.get(index)
    }

    /// The sessions with anything in the store, as numbers.
    pub(crate) fn stored(&self) -> impl Iterator<Item = usize> {
        self.is_stored.iter().enumerate().filter(|(_, is_stored)| **is_stored).map(|(index, _)| index)
    }

    pub(crate) fn line(&self, index: usize) -> usize {
        self.lines.get(index).copied().unwrap_or(0)
    }

    pub(crate) fn index(&self, session: &Session) -> Option<usize> {
        self.indices.get(session).copied()
    }

    /// The session of each row of a table. `None` for one that the store does not name.
    pub(crate) fn rows_of(&self, batch: &RecordBatch) -> Result<Vec<Option<usize>>, ReportError> {
        Ok(sessions_of(batch)?.iter().map(|session| self.index(session)).collect())
    }
}

/// The sessions of a table's rows.
fn sessions_of(batch: &RecordBatch) -> Result<Vec<Session>, ReportError> {
    let (subjects, ids) = (text(batch, SUBJECT)?, text(batch, SESSION)?);
    let id = |row: usize| ids.is_valid(row).then(|| ids.value(row));
    let session = |row: usize| Session::from_store(subjects.value(row), id(row));
    (0..batch.num_rows()).map(session).collect::<Result<_, _>>().map_err(ReportError::Model)
}

/// A column of text.
pub(crate) fn text(batch: &RecordBatch, name: &str) -> Result<StringArray, ReportError> {
    let column =
        batch.column_by_name(name).ok_or_else(|| ReportError::NoColumn { column: name.to_owned() })?;
    let column = cast(column, &DataType::Utf8)?;
    Ok(StringArray::from(column.to_data()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use na_model::{Modality, UnitStatus};

    use super::*;

    fn session(subject: &str, id: Option<&str>) -> Session {
        Session::from_store(subject, id).unwrap()
    }

    fn row(session: Session) -> SessionRow {
        let (modality, status) = (Modality::Anatomical, UnitStatus::Loaded);
        SessionRow { session, modality, status, tables: Vec::new(), reason: String::new() }
    }

    #[test]
    fn sessions_are_numbers_whatever_the_order_of_rows() {
        let rows =
            [row(session("0002", Some("b"))), row(session("0001", None)), row(session("0002", Some("a")))];
        let metadata = RecordBatch::try_from_iter([
            (SUBJECT, Arc::new(StringArray::from(vec!["0002", "0009"])) as _),
            (SESSION, Arc::new(StringArray::from(vec![Some("a"), None])) as _),
        ])
        .unwrap();
        let sessions = Sessions::of(&rows, &metadata).unwrap();
        assert_eq!((sessions.len(), sessions.n_subjects()), (4, 3));
        assert_eq!(sessions.subjects(), [0, 1, 1, 2]);
        assert_eq!([0, 1, 2, 3].map(|index| sessions.line(index)), [3, 4, 2, 0]);
        assert_eq!(sessions.rows_of(&metadata).unwrap(), [Some(1), Some(3)]);
        assert_eq!(sessions.stored().collect::<Vec<_>>(), [1, 3]);
    }
}
