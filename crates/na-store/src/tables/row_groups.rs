//! Gathers sessions into row groups of a long table, with bounded rows and text.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::StoreError;
use crate::format::parquet_writer::ParquetWriter;
use crate::tables::long_schema::LongSchema;
use crate::tables::session_rows::{SessionRows, column_parts, is_over_a_row_group, loses_digits};

/// Sessions that wait until they fill a row group. A session is never split.
pub(crate) struct RowGroups<'a, 'f> {
    pub(crate) writer: ParquetWriter<'f>,
    columns: &'a LongSchema,
    path: &'a Path,
    waiting: Vec<SessionRows>,
    n_waiting: usize,
    /// Bytes.
    text: usize,
    /// Indices of columns, in the order of the columns.
    rounded: BTreeSet<usize>,
}

impl<'a, 'f> RowGroups<'a, 'f> {
    pub(crate) fn new(writer: ParquetWriter<'f>, columns: &'a LongSchema, path: &'a Path) -> Self {
        let (waiting, rounded) = (Vec::new(), BTreeSet::new());
        Self { writer, columns, path, waiting, n_waiting: 0, text: 0, rounded }
    }

    /// Adds a session, map by map.
    pub(crate) fn add_session(&mut self, session: Vec<SessionRows>) -> Result<(), StoreError> {
        let n_rows: usize = session.iter().map(|map| map.rows).sum();
        let text: usize = session.iter().map(SessionRows::text_bytes).sum();
        let is_full = is_over_a_row_group(self.n_waiting + n_rows, self.text + text);
        if self.n_waiting > 0 && is_full {
            self.flush()?;
        }
        self.n_waiting += n_rows;
        self.text += text;
        self.waiting.extend(session);
        Ok(())
    }

    /// Writes the sessions that wait as a row group.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.waiting);
        self.text = 0;
        if std::mem::take(&mut self.n_waiting) == 0 {
            return Ok(());
        }
        let fields = self.columns.schema.fields();
        for (index, field) in fields.iter().enumerate() {
            if loses_digits(&rows, index, field.data_type()) {
                self.rounded.insert(index);
            }
        }
        let arrow = StoreError::arrow(self.path);
        self.writer.write_group(|index| match fields.get(index) {
            Some(field) => column_parts(&rows, index, field.data_type()).map_err(&arrow),
            None => Err(StoreError::damaged(self.path, "a column is missing")),
        })
    }

    /// Writes the last row group. Returns the file, and the columns with integers that lost digits.
    pub(crate) fn finish(mut self) -> Result<(ParquetWriter<'f>, Vec<&'a str>), StoreError> {
        self.flush()?;
        let fields = self.columns.schema.fields();
        let rounded = self.rounded.iter().filter_map(|index| fields.get(*index));
        Ok((self.writer, rounded.map(|field| field.name().as_str()).collect()))
    }
}
