//! The key columns of every table: subject and session.

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, cast::AsArray};
use arrow_schema::Field;
use na_model::Session;
use na_model::columns::{KEY_COLUMNS, SESSION, SUBJECT};

use crate::error::StoreError;
use crate::format::fields::text_field;
use crate::tables::scalar::Scalar;

pub(crate) fn key_fields() -> [Field; KEY_COLUMNS.len()] {
    KEY_COLUMNS.map(text_field)
}

/// The start of pandas' name for row numbers without one.
pub(crate) const PANDAS_INDEX: &str = "__index_level_";

/// Whether a column of a feature or of `metadata.parquet` is neither a key nor what pandas writes of its row numbers. Another program
/// may put them anywhere.
pub(crate) fn is_value(name: &str) -> bool {
    !KEY_COLUMNS.contains(&name) && !name.starts_with(PANDAS_INDEX)
}

pub(crate) fn key_scalars(session: &Session) -> [Scalar; KEY_COLUMNS.len()] {
    [Scalar::text(session.subject.as_str()), Scalar::optional_text(session.id_str())]
}

/// The order of sessions in every file for which no session list gives one: subject codes in byte order, then session ids, a
/// session without an id first. It is the derived order of [`Session`].
pub(crate) fn by_subject_and_session(first: &Session, second: &Session) -> Ordering {
    first.cmp(second)
}

/// The key columns of some sessions, a row each.
pub(crate) fn key_arrays<'a>(
    sessions: impl Iterator<Item = &'a Session> + Clone,
) -> [ArrayRef; KEY_COLUMNS.len()] {
    let subjects = StringArray::from_iter_values(sessions.clone().map(|session| session.subject.as_str()));
    let ids: StringArray = sessions.map(Session::id_str).collect();
    [Arc::new(subjects), Arc::new(ids)]
}

/// The session of each row of a batch.
pub(crate) fn sessions_of(batch: &RecordBatch, path: &Path) -> Result<Vec<Session>, StoreError> {
    let text = |name| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    let (Some(subjects), Some(ids)) = (text(SUBJECT), text(SESSION)) else {
        return Err(StoreError::damaged(path, "no columns subject_code and session_id of text"));
    };
    (0..batch.num_rows())
        .map(|row| {
            let subject = if subjects.is_valid(row) { subjects.value(row) } else { "" };
            let id = ids.is_valid(row).then(|| ids.value(row));
            Session::from_store(subject, id).map_err(|error| StoreError::damaged(path, error))
        })
        .collect()
}
