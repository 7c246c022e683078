//! Row groups of a long table: of bounded rows and text, sessions whole.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::StoreError;
use crate::format::parquet_writer::{LARGEST_TEXT, ParquetWriter};
use crate::tables::long_schema::LongSchema;
use crate::tables::session_rows::{ROW_GROUP, SessionRows, column_parts, loses_digits};

/// Sessions that wait until they fill a row group.
pub(crate) struct RowGroups<'a, 'f> {
    pub(crate) writer: ParquetWriter<'f>,
    columns: &'a LongSchema,
    place: &'a Path,
    waiting: Vec<SessionRows>,
    n_waiting: usize,
    text: usize,
    rounded: BTreeSet<usize>,
}

impl<'a, 'f> RowGroups<'a, 'f> {
    pub(crate) fn new(writer: ParquetWriter<'f>, columns: &'a LongSchema, place: &'a Path) -> Self {
        let (waiting, rounded) = (Vec::new(), BTreeSet::new());
        Self { writer, columns, place, waiting, n_waiting: 0, text: 0, rounded }
    }

    /// Adds a session, whole.
    pub(crate) fn add_session(&mut self, pieces: Vec<SessionRows>) -> Result<(), StoreError> {
        let rows: usize = pieces.iter().map(|piece| piece.rows).sum();
        let text: usize = pieces.iter().map(SessionRows::text_bytes).sum();
        let is_full = self.n_waiting + rows > ROW_GROUP || self.text + text > LARGEST_TEXT;
        if self.n_waiting > 0 && is_full {
            self.flush()?;
        }
        self.n_waiting += rows;
        self.text += text;
        self.waiting.extend(pieces);
        Ok(())
    }

    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        let pieces = std::mem::take(&mut self.waiting);
        self.text = 0;
        if std::mem::take(&mut self.n_waiting) == 0 {
            return Ok(());
        }
        let fields = self.columns.schema.fields();
        let is_rounded = |(place, field): &(usize, &_)| {
            let field: &arrow::datatypes::FieldRef = field;
            loses_digits(&pieces, *place, field.data_type())
        };
        self.rounded.extend(fields.iter().enumerate().filter(is_rounded).map(|(place, _)| place));
        let arrow = StoreError::arrow(self.place);
        self.writer.write_group(|place| match fields.get(place) {
            Some(field) => column_parts(&pieces, place, field.data_type()).map_err(&arrow),
            None => Err(StoreError::damaged(self.place, "a column is missing")),
        })
    }

    /// The file, and the columns whose integers lost digits.
    pub(crate) fn finish(mut self) -> Result<(ParquetWriter<'f>, Vec<&'a str>), StoreError> {
        self.flush()?;
        let fields = self.columns.schema.fields();
        let rounded = self.rounded.iter().filter_map(|place| fields.get(*place));
        Ok((self.writer, rounded.map(|field| field.name().as_str()).collect()))
    }
}
