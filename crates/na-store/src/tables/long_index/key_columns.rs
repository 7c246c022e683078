//! The columns with a row's session, map and region.

use std::ops::Range;
use std::path::Path;

use arrow_array::{Array, ArrayRef, DictionaryArray, RecordBatch, cast::AsArray, types::Int32Type};
use arrow_schema::Schema;
use na_model::columns::{DESC, MODEL, PARAM, SESSION, SUBJECT};
use na_model::{MapSource, ModelError, RegionKey, Session, UNKNOWN};

use crate::error::StoreError;
use crate::format::column_origin::{ColumnOrigin, WrittenColumn, written_columns};

const KEYS: [&str; 5] = [SUBJECT, SESSION, MODEL, PARAM, DESC];

/// The indices of the columns with a row's region.
pub(crate) fn region_indices(schema: &Schema, regions: &RegionKey) -> Vec<usize> {
    let columns = written_columns(schema).into_iter();
    let is_key =
        |column: &WrittenColumn<'_>| column.origin == ColumnOrigin::Table && regions.has(column.written);
    columns.filter(is_key).map(|column| column.index).collect()
}

/// The indices of the columns with a row's session, map and region. A session list may have columns with the same names.
pub(crate) fn key_indices(schema: &Schema, regions: &RegionKey) -> Vec<usize> {
    let is_key = |column: &WrittenColumn<'_>| match column.origin {
        ColumnOrigin::Table => regions.has(column.written),
        ColumnOrigin::Store => KEYS.contains(&column.written),
        _ => false,
    };
    written_columns(schema).into_iter().filter(is_key).map(|column| column.index).collect()
}

/// A column of text, dictionary-encoded.
#[derive(Clone, Copy)]
struct DictionaryText<'a>(&'a DictionaryArray<Int32Type>);

impl<'a> DictionaryText<'a> {
    fn of(column: Option<&'a ArrayRef>) -> Option<Self> {
        column.and_then(|column| column.as_dictionary_opt::<Int32Type>()).map(Self)
    }

    fn value(self, row: usize) -> Option<&'a str> {
        let values = self.0.values().as_string_opt::<i32>()?;
        let key = self.0.key(row)?;
        (key < values.len() && values.is_valid(key)).then(|| values.value(key))
    }

    /// Whether two rows have the same value. Equal keys say so at once; a dictionary may hold a value twice.
    fn same(self, first: usize, second: usize) -> bool {
        self.0.key(first) == self.0.key(second) || self.value(first) == self.value(second)
    }
}

/// The sessions of a batch with dictionary-encoded keys, each with its successive rows. A session whose rows are apart comes
/// more than once.
pub(crate) fn sessions_of_rows(
    batch: &RecordBatch,
    path: &Path,
) -> Result<Vec<(Session, Range<usize>)>, StoreError> {
    let columns = KeyColumns::of(batch).ok_or_else(|| StoreError::damaged(path, "no session columns"))?;
    let mut sessions = Vec::new();
    let mut start = 0;
    while start < batch.num_rows() {
        let end = (start + 1..batch.num_rows()).find(|row| !columns.same_session(start, *row));
        let rows = start..end.unwrap_or(batch.num_rows());
        let session = columns.session(start).map_err(|error| StoreError::damaged(path, error))?;
        start = rows.end;
        sessions.push((session, rows));
    }
    Ok(sessions)
}

/// The columns with a row's session and map. `None` for those that the table does not have.
pub(super) struct KeyColumns<'a> {
    subject: DictionaryText<'a>,
    session: Option<DictionaryText<'a>>,
    model: Option<DictionaryText<'a>>,
    param: Option<DictionaryText<'a>>,
    desc: Option<DictionaryText<'a>>,
}

impl<'a> KeyColumns<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Option<Self> {
        let text = |name| DictionaryText::of(batch.column_by_name(name));
        Some(Self {
            subject: text(SUBJECT)?,
            session: text(SESSION),
            model: text(MODEL),
            param: text(PARAM),
            desc: text(DESC),
        })
    }

    /// # Errors
    /// A row without a subject.
    pub(super) fn session(&self, row: usize) -> Result<Session, ModelError> {
        let subject = self.subject.value(row).ok_or(ModelError::EmptySubject)?;
        Session::from_store(subject, self.session.and_then(|column| column.value(row)))
    }

    /// `None` for a row of a tissue.
    pub(super) fn map(&self, row: usize) -> Option<MapSource> {
        let word = |column: Option<DictionaryText<'a>>| column.and_then(|column| column.value(row));
        let word_or_unknown = |column| word(column).unwrap_or(UNKNOWN).to_owned();
        Some(MapSource {
            param: word(self.param)?.to_owned(),
            model: word_or_unknown(self.model),
            desc: word_or_unknown(self.desc),
        })
    }

    fn same_session(&self, first: usize, second: usize) -> bool {
        self.subject.same(first, second) && self.session.is_none_or(|column| column.same(first, second))
    }

    pub(super) fn same_map(&self, first: usize, second: usize) -> bool {
        self.same_session(first, second)
            && [self.model, self.param, self.desc]
                .into_iter()
                .flatten()
                .all(|column| column.same(first, second))
    }
}
