//! Row groups of a long table: of bounded rows and text, sessions whole.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::StoreError;
use crate::format::parquet_writer::LARGEST_TEXT;
use crate::format::parquet_writer::ParquetWriter;
use crate::tables::long_schema::LongColumns;
use crate::tables::session_rows::{Piece, column_parts, loses_digits};

/// Rows of a row group, about: large enough to compress, small enough that one in memory is nothing.
pub(crate) const ROW_GROUP: usize = 32 * 1024;

/// Sessions that wait until they fill a row group.
pub(crate) struct RowGroups<'a, 'f> {
    pub(crate) writer: ParquetWriter<'f>,
    columns: &'a LongColumns,
    place: &'a Path,
    waiting: Vec<Piece>,
    n_waiting: usize,
    text: usize,
    rounded: BTreeSet<usize>,
}

impl<'a, 'f> RowGroups<'a, 'f> {
    pub(crate) fn new(writer: ParquetWriter<'f>, columns: &'a LongColumns, place: &'a Path) -> Self {
        let (waiting, rounded) = (Vec::new(), BTreeSet::new());
        Self { writer, columns, place, waiting, n_waiting: 0, text: 0, rounded }
    }

    /// Adds a session, whole.
    pub(crate) fn add_session(&mut self, pieces: Vec<Piece>) -> Result<(), StoreError> {
        let rows: usize = pieces.iter().map(|piece| piece.rows).sum();
        let text: usize = pieces.iter().map(Piece::text_bytes).sum();
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

/// Things in lists of about a row group each; `size` is the rows of a thing and its text, bytes.
pub(crate) fn row_groups_of<T>(things: &[T], size: impl Fn(&T) -> (usize, usize)) -> Vec<&[T]> {
    let (mut lists, mut start, mut n_rows, mut n_text) = (Vec::new(), 0, 0, 0);
    for (place, thing) in things.iter().enumerate() {
        let (rows, text) = size(thing);
        if place > start && (n_rows + rows > ROW_GROUP || n_text + text > LARGEST_TEXT) {
            lists.extend(things.get(start..place));
            (start, n_rows, n_text) = (place, 0, 0);
        }
        (n_rows, n_text) = (n_rows + rows, n_text + text);
    }
    lists.extend(things.get(start..).filter(|rest| !rest.is_empty()));
    lists
}
