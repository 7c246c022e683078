//! Gathers sessions into row groups of a long table, with bounded rows and text.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use na_cache::RegionColumns;
use na_model::{MapSource, RegionKey, Session};

use crate::error::StoreError;
use crate::format::arrays::joined;
use crate::format::parquet_writer::{KeptColumn, ParquetWriter};
use crate::tables::long_file::LongFile;
use crate::tables::long_index::builder::IndexBuilder;
use crate::tables::long_index::index::LongIndex;
use crate::tables::long_index::key_columns::region_indices;
use crate::tables::session_rows::{
    MapRows, SessionRows, column, column_parts, is_over_a_row_group, loses_digits,
};

/// Sessions that wait until they fill a row group. A session is never split.
pub(crate) struct RowGroups<'a, 'f> {
    pub(crate) writer: ParquetWriter<'f>,
    schema: &'a SchemaRef,
    path: &'a Path,
    /// The columns that tell regions apart, and their indices.
    region_key: &'a RegionKey,
    region_columns: Vec<usize>,
    waiting: Vec<SessionRows>,
    /// The session and map of each of them.
    keys: Vec<(Session, Option<MapSource>)>,
    n_waiting: usize,
    /// Bytes.
    text: usize,
    /// The columns with integers that lost digits, as indices.
    pub(crate) rounded: BTreeSet<usize>,
    index: IndexBuilder,
    /// The row groups with other keys than in the existing file.
    written: Vec<usize>,
}

/// A table's file without its footer.
pub(crate) struct WrittenGroups<'a, 'f> {
    pub(crate) writer: ParquetWriter<'f>,
    pub(crate) index: LongIndex,
    /// The row groups with other keys than in the existing file.
    pub(crate) written: Vec<usize>,
    /// The columns with integers that lost digits.
    pub(crate) rounded: Vec<&'a str>,
}

impl<'a, 'f> RowGroups<'a, 'f> {
    pub(crate) fn new(
        writer: ParquetWriter<'f>,
        schema: &'a SchemaRef,
        region_key: &'a RegionKey,
        path: &'a Path,
    ) -> Self {
        Self {
            writer,
            schema,
            path,
            region_key,
            region_columns: region_indices(schema, region_key),
            waiting: Vec::new(),
            keys: Vec::new(),
            n_waiting: 0,
            text: 0,
            rounded: BTreeSet::new(),
            index: IndexBuilder::default(),
            written: Vec::new(),
        }
    }

    /// Adds a session, map by map.
    pub(crate) fn add_session(&mut self, session: &Session, maps: Vec<MapRows>) -> Result<(), StoreError> {
        let n_rows: usize = maps.iter().map(|map| map.rows.rows).sum();
        let text: usize = maps.iter().map(|map| map.rows.text_bytes()).sum();
        let is_full = is_over_a_row_group(self.n_waiting + n_rows, self.text + text);
        if self.n_waiting > 0 && is_full {
            self.flush()?;
        }
        self.n_waiting += n_rows;
        self.text += text;
        for MapRows { map, rows } in maps.into_iter().filter(|map| map.rows.rows > 0) {
            self.keys.push((session.clone(), map));
            self.waiting.push(rows);
        }
        Ok(())
    }

    /// Turns to another file, of which row groups follow.
    pub(crate) fn turn_to_file(&mut self) {
        self.index.turn_to_index();
    }

    /// Adds a row group of another file, with some columns new, and returns which it is here.
    pub(crate) fn keep(
        &mut self,
        old: &LongFile,
        row_group: usize,
        columns: &[KeptColumn],
    ) -> Result<usize, StoreError> {
        self.flush()?;
        let here = self.writer.n_groups();
        let has_same_regions = self
            .region_columns
            .iter()
            .all(|column| matches!(columns.get(*column), Some(KeptColumn::Same(_))));
        let ranges = old.index.row_ranges_of(row_group);
        if has_same_regions {
            for range in ranges {
                self.index.add_row_range(&old.index, range, here, old.file.path())?;
            }
        } else {
            let batch = self.kept_regions(old, row_group, columns)?;
            let regions = RegionColumns::of(&batch, self.region_key);
            for range in ranges {
                let (session, map) = old.key_of(range)?;
                let key = (session.clone(), map.clone());
                self.index.add_rows_of(here, range.rows.clone(), key, &regions, range.rows.clone());
            }
            self.written.push(here);
        }
        self.writer.keep_group(old.file.file(), row_group, columns)?;
        Ok(here)
    }

    /// The columns that tell the regions of a row group apart, of which some are new.
    fn kept_regions(
        &self,
        old: &LongFile,
        row_group: usize,
        columns: &[KeptColumn],
    ) -> Result<RecordBatch, StoreError> {
        let arrow = StoreError::arrow(self.path);
        let fields = self.schema.fields();
        let mut named = Vec::new();
        for index in &self.region_columns {
            let column = match columns.get(*index) {
                Some(KeptColumn::Same(in_file)) => {
                    old.file.read_dictionaries_at(row_group, &[*in_file])?.columns().first().cloned()
                }
                Some(KeptColumn::New(parts)) => Some(joined(parts).map_err(&arrow)?),
                None => None,
            };
            named.extend(fields.get(*index).map(|field| field.name().as_str()).zip(column));
        }
        region_batch(named, old.index.n_rows_of(row_group)).map_err(arrow)
    }

    /// Writes the sessions that wait as a row group.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        let (rows, keys) = (std::mem::take(&mut self.waiting), std::mem::take(&mut self.keys));
        self.text = 0;
        if std::mem::take(&mut self.n_waiting) == 0 {
            return Ok(());
        }
        let fields = self.schema.fields();
        for (index, field) in fields.iter().enumerate() {
            if loses_digits(&rows, index, field.data_type()) {
                self.rounded.insert(index);
            }
        }
        self.written.push(self.writer.n_groups());
        self.add_to_index(&rows, keys)?;
        let arrow = StoreError::arrow(self.path);
        self.writer.write_group(|index| match fields.get(index) {
            Some(field) => column_parts(&rows, index, field.data_type()).map_err(&arrow),
            None => Err(StoreError::damaged(self.path, "a column is missing")),
        })
    }

    /// Adds the rows of the next row group to the index, with their regions as they are going to be written.
    fn add_to_index(
        &mut self,
        rows: &[SessionRows],
        keys: Vec<(Session, Option<MapSource>)>,
    ) -> Result<(), StoreError> {
        let arrow = StoreError::arrow(self.path);
        let row_group = self.writer.n_groups();
        let mut rest = rows;
        let mut start = 0;
        // Successive rows of one map are one range.
        for of_map in keys.chunk_by(PartialEq::eq) {
            let Some((first, (now, later))) = of_map.first().zip(rest.split_at_checked(of_map.len())) else {
                return Err(StoreError::damaged(self.path, "rows without a session"));
            };
            rest = later;
            let batch = self.regions_of(now).map_err(&arrow)?;
            let n_rows: usize = now.iter().map(|rows| rows.rows).sum();
            let regions = RegionColumns::of(&batch, self.region_key);
            self.index.add_rows_of(row_group, start..start + n_rows, first.clone(), &regions, 0..n_rows);
            start += n_rows;
        }
        Ok(())
    }

    /// The columns that tell the regions of some rows apart.
    fn regions_of(&self, rows: &[SessionRows]) -> Result<RecordBatch, ArrowError> {
        let fields = self.schema.fields();
        let fields = self.region_columns.iter().filter_map(|index| Some((*index, fields.get(*index)?)));
        let columns = fields.map(|(index, field)| {
            let column = match column_parts(rows, index, field.data_type())?.as_slice() {
                [one] => Arc::clone(one),
                _ => column(rows, index, field.data_type())?,
            };
            Ok((field.name().as_str(), column))
        });
        let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
        region_batch(columns, rows.iter().map(|rows| rows.rows).sum())
    }

    /// Writes the last row group.
    pub(crate) fn finish(mut self) -> Result<WrittenGroups<'a, 'f>, StoreError> {
        self.flush()?;
        let fields = self.schema.fields();
        let rounded = self.rounded.iter().filter_map(|index| fields.get(*index));
        let rounded = rounded.map(|field| field.name().as_str()).collect();
        Ok(WrittenGroups { writer: self.writer, index: self.index.index, written: self.written, rounded })
    }
}

/// The columns that tell regions apart, as a batch of so many rows.
fn region_batch(columns: Vec<(&str, ArrayRef)>, n_rows: usize) -> Result<RecordBatch, ArrowError> {
    let named = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    let schema = Arc::new(Schema::new(named.collect::<Vec<_>>()));
    let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new_with_options(schema, columns, &options)
}
