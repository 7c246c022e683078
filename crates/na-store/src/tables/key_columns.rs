//! The two columns that say whose a row is.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::Field;
use na_model::Session;

use crate::error::StoreError;
use crate::format::fields::text_field;
use crate::tables::session_rows::Value;

pub(crate) const SUBJECT: &str = "subject_code";
pub(crate) const SESSION: &str = "session_id";

pub(crate) fn session_fields() -> [Field; 2] {
    [text_field(SUBJECT), text_field(SESSION)]
}

pub(crate) fn session_cells(session: &Session) -> [Value; 2] {
    [Value::text(session.subject.as_str()), Value::optional_text(session.id_str())]
}

/// The columns of a list of sessions, a row each.
pub(crate) fn session_arrays<'a>(sessions: impl Iterator<Item = &'a Session> + Clone) -> [ArrayRef; 2] {
    let subjects = StringArray::from_iter_values(sessions.clone().map(|session| session.subject.as_str()));
    let ids: StringArray = sessions.map(Session::id_str).collect();
    [Arc::new(subjects), Arc::new(ids)]
}

/// The sessions of a batch's rows.
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
