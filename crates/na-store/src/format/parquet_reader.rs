//! Reads a Parquet file by row groups.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchReader};
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowSelection,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::checked_pages::OneGroup;
use crate::format::column_chunk_reader::{can_decode, decode};
use crate::format::decoder_panic::caught;
use crate::format::parquet_file::ParquetFile;
use crate::format::shown_types::{as_shown, shown_schema};

/// Columns that a thread decodes at least, of a row group of which few rows are wanted.
const COLUMNS_AT_ONCE: usize = 4;

/// Rows decoded at once, of a row group with more: the store writes none.
const ROWS_AT_ONCE: usize = 1 << 20;

/// Decodes the column chunks of an open file.
///
/// All decoding of the store's files happens here and in [`ParquetFile`], within [`caught`]: a damaged file is an error that names it.
#[derive(Debug, Clone)]
pub(crate) struct ParquetReader {
    file: ParquetFile,
    schema: SchemaRef,
}

impl ParquetReader {
    /// Opens a file. `None` if it does not exist.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        ParquetFile::open(path)?.map(Self::of).transpose()
    }

    /// Reads the types of a file's columns.
    pub(crate) fn of(file: ParquetFile) -> Result<Self, StoreError> {
        Self::told(file, Schema::clone)
    }

    /// The same of a file whose fields another program may have written without what they said: `tell` says it again.
    pub(crate) fn told(file: ParquetFile, tell: impl Fn(&Schema) -> Schema) -> Result<Self, StoreError> {
        let schema = caught(file.path(), || {
            let metadata = Arc::clone(file.metadata());
            let read = ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new());
            let read = read.map_err(|error| file.damaged(error))?;
            Ok(Arc::new(shown_schema(&tell(read.schema()))))
        })?;
        Ok(Self { file, schema })
    }

    /// The same file, open only while it is read. Once another file has replaced it, reading is an error.
    pub(crate) fn closed(self) -> Self {
        Self { file: self.file.closed(), ..self }
    }

    /// The same file, open as long as the returned value lives.
    pub(crate) fn opened(&self) -> Result<Self, StoreError> {
        Ok(Self { file: self.file.opened()?, schema: Arc::clone(&self.schema) })
    }

    /// The file, without its types.
    pub(crate) fn file(&self) -> &ParquetFile {
        &self.file
    }

    pub(crate) fn n_rows(&self) -> u64 {
        self.file.n_rows()
    }

    pub(crate) fn row_groups(&self) -> &[RowGroupMetaData] {
        self.file.row_groups()
    }

    /// See [`ParquetFile::key_value`].
    pub(crate) fn key_value(&self, key: &str) -> Option<&str> {
        self.file.key_value(key)
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// The columns as they are shown: text is `Utf8` in whichever layout the file has it, and numbers have 64 bits.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Reads some columns of a row group by name, in the file's order. Names that the file does not have are left out.
    pub(crate) fn read(&self, row_group: usize, columns: &[&str]) -> Result<RecordBatch, StoreError> {
        let fields = self.schema.fields();
        self.read_columns(fields, row_group, &indices_of(fields, columns))
    }

    /// The same, text as dictionaries with `Int32` keys.
    pub(crate) fn read_dictionaries(
        &self,
        row_group: usize,
        columns: &[&str],
    ) -> Result<RecordBatch, StoreError> {
        let fields = with_dictionaries(self.schema.fields());
        self.read_columns(&fields, row_group, &indices_of(&fields, columns))
    }

    /// Reads the columns of a row group with these indices, in their order, text as dictionaries with `Int32` keys.
    pub(crate) fn read_dictionaries_at(
        &self,
        row_group: usize,
        indices: &[usize],
    ) -> Result<RecordBatch, StoreError> {
        let mut in_file = indices.to_vec();
        in_file.sort_unstable();
        in_file.dedup();
        let order = indices.iter().map(|index| in_file.partition_point(|before| before < index));
        let order: Vec<usize> = order.collect();
        let batch = self.read_columns(&with_dictionaries(self.schema.fields()), row_group, &in_file)?;
        batch.project(&order).map_err(|error| self.damaged(error))
    }

    /// The same, with `None` for a column without an index.
    pub(crate) fn read_optional_columns(
        &self,
        row_group: usize,
        indices: &[Option<usize>],
    ) -> Result<Vec<Option<ArrayRef>>, StoreError> {
        let present: Vec<usize> = indices.iter().flatten().copied().collect();
        let batch = self.read_dictionaries_at(row_group, &present)?;
        let mut columns = batch.columns().iter();
        Ok(indices.iter().map(|index| index.and_then(|_| columns.next().cloned())).collect())
    }

    /// The same for some rows, one behind the other.
    pub(crate) fn read_rows(
        &self,
        row_group: usize,
        indices: &[Option<usize>],
        rows: &[Range<usize>],
    ) -> Result<Vec<Option<ArrayRef>>, StoreError> {
        let mut in_file: Vec<usize> = indices.iter().flatten().copied().collect();
        in_file.sort_unstable();
        in_file.dedup();
        let fields = with_dictionaries(self.schema.fields());
        // Of few rows each column costs the decompression of its page.
        let share = in_file.len().div_ceil(rayon::current_num_threads()).max(COLUMNS_AT_ONCE);
        let shares = in_file.par_chunks(share);
        let read = shares.map(|share| self.read_some(&fields, row_group, share, Some(rows)));
        let read = read.collect::<Result<Vec<_>, StoreError>>()?;
        let columns: Vec<&ArrayRef> = read.iter().flat_map(RecordBatch::columns).collect();
        let column = |index: &usize| columns.get(in_file.partition_point(|before| before < index));
        Ok(indices
            .iter()
            .map(|index| index.as_ref().and_then(column).map(|column| Arc::clone(column)))
            .collect())
    }

    /// Reads all columns of a row group.
    pub(crate) fn read_all(&self, row_group: usize) -> Result<RecordBatch, StoreError> {
        let fields = self.schema.fields();
        self.read_columns(fields, row_group, &(0..fields.len()).collect::<Vec<_>>())
    }

    /// Reads many short columns of a row group by their indices, in the file's order.
    pub(crate) fn read_short_columns(
        &self,
        row_group: usize,
        indices: &[usize],
    ) -> Result<RecordBatch, StoreError> {
        let schema = self.schema.project(indices).map_err(|error| self.damaged(error))?;
        let group = self.row_groups().get(row_group);
        let chunks = indices.iter().map(|index| group.and_then(|group| group.columns().get(*index)));
        let chunks: Option<Vec<&ColumnChunkMetaData>> = chunks.collect();
        let chunks = chunks.filter(|chunks| {
            let mut columns = chunks.iter().zip(schema.fields());
            self.file.has_flat_columns() && columns.all(|(chunk, field)| can_decode(chunk, field.data_type()))
        });
        let (Some(group), Some(chunks)) = (group, chunks) else {
            return self.read_columns(self.schema.fields(), row_group, indices);
        };
        let window = Arc::new(self.file.window(&chunks)?);
        let rows = usize::try_from(group.num_rows()).map_err(|error| self.damaged(error))?;
        let decoded = |column: usize, chunk: &ColumnChunkMetaData, data_type: &DataType| {
            let hash = self.file.hash(row_group, column);
            let checked = window.check(chunk, hash);
            checked
                .and_then(|()| decode(&window, chunk, hash.is_some(), data_type, rows))
                .map_err(|error| self.damaged(error))
        };
        let columns = indices
            .par_iter()
            .zip(chunks.par_iter().zip(schema.fields().par_iter()))
            .with_min_len(32)
            .map(|(column, (chunk, field))| {
                caught(self.path(), || decoded(*column, chunk, field.data_type()))
            })
            .collect::<Result<Vec<ArrayRef>, StoreError>>()?;
        RecordBatch::try_new(Arc::new(schema), columns).map_err(|error| self.damaged(error))
    }

    /// Reads the columns with these indices, in the file's order. `fields` has a field for each column of the file.
    fn read_columns(
        &self,
        fields: &Fields,
        row_group: usize,
        indices: &[usize],
    ) -> Result<RecordBatch, StoreError> {
        self.read_some(fields, row_group, indices, None)
    }

    /// The same for some rows, one behind the other. `None` for all.
    fn read_some(
        &self,
        fields: &Fields,
        row_group: usize,
        indices: &[usize],
        rows: Option<&[Range<usize>]>,
    ) -> Result<RecordBatch, StoreError> {
        let no_group = || self.damaged(format!("no row group {row_group}"));
        let group = self.row_groups().get(row_group).ok_or_else(no_group)?;
        let n_rows = usize::try_from(group.num_rows()).map_err(|error| self.damaged(error))?;
        let field = |index: &usize| fields.get(*index).cloned();
        let shown: Option<Fields> = indices.iter().map(field).collect();
        let shown = shown.ok_or_else(|| self.damaged("a column is missing"))?;
        let n_wanted = rows.map_or(n_rows, |rows| rows.iter().map(Range::len).sum());
        let doubles = self.doubles(fields, row_group, indices, rows)?;
        let others: Vec<usize> = indices
            .iter()
            .zip(&doubles)
            .filter(|(_, doubles)| doubles.is_none())
            .map(|(index, _)| *index)
            .collect();
        let group = self.file.one_group(row_group, group, n_rows);
        caught(self.path(), || {
            let others = decode_group(&group, fields, &others, rows).map_err(|error| self.damaged(error))?;
            let mut others = others.into_iter();
            let columns = doubles.into_iter().map(|doubles| doubles.or_else(|| others.next()));
            let columns: Option<Vec<ArrayRef>> = columns.collect();
            let columns = columns.ok_or_else(|| self.damaged("a column is missing"))?;
            if columns.iter().any(|column| column.len() != n_wanted) {
                return Err(self.damaged("a row group has fewer rows than it says"));
            }
            as_shown(columns, &shown, n_wanted).map_err(|error| self.damaged(error))
        })
    }

    /// The columns of doubles among those with these indices. `None` for one that Parquet's reader reads.
    fn doubles(
        &self,
        fields: &Fields,
        row_group: usize,
        indices: &[usize],
        rows: Option<&[Range<usize>]>,
    ) -> Result<Vec<Option<ArrayRef>>, StoreError> {
        let of_column = |index: &usize| {
            if fields.get(*index).is_none_or(|field| *field.data_type() != DataType::Float64) {
                return Ok(None);
            }
            let Some(page) = self.file.doubles(row_group, *index)? else { return Ok(None) };
            let Some(rows) = rows else { return Ok(Some(Arc::new(page.read()) as ArrayRef)) };
            let read = page
                .read_rows(rows)
                .ok_or_else(|| self.damaged("a row group has fewer rows than it says"))?;
            Ok(Some(Arc::new(read) as ArrayRef))
        };
        indices.iter().map(of_column).collect()
    }

    fn damaged(&self, problem: impl ToString) -> StoreError {
        self.file.damaged(problem)
    }
}

/// Decodes some rows of the columns with these indices by Parquet's reader. `None` for all.
fn decode_group(
    group: &OneGroup<'_>,
    fields: &Fields,
    indices: &[usize],
    rows: Option<&[Range<usize>]>,
) -> ParquetResult<Vec<ArrayRef>> {
    if indices.is_empty() {
        return Ok(Vec::new());
    }
    let stored = group.metadata.file_metadata().schema_descr();
    let mask = ProjectionMask::roots(stored, indices.iter().copied());
    let levels = parquet_to_arrow_field_levels(stored, mask, Some(fields))?;
    let at_once = group.n_rows.clamp(1, ROWS_AT_ONCE);
    let selection =
        rows.map(|rows| RowSelection::from_consecutive_ranges(rows.iter().cloned(), group.n_rows));
    let reader = ParquetRecordBatchReader::try_new_with_row_groups(&levels, group, at_once, selection)?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    let batch = match <[RecordBatch; 1]>::try_from(batches) {
        Ok([batch]) => batch,
        Err(batches) => concat_batches(&schema, &batches)?,
    };
    Ok(batch.columns().to_vec())
}

/// The indices of the fields with these names, in the order of the fields.
fn indices_of(fields: &Fields, names: &[&str]) -> Vec<usize> {
    let named = |(_, field): &(usize, &FieldRef)| names.contains(&field.name().as_str());
    fields.iter().enumerate().filter(named).map(|(index, _)| index).collect()
}

fn with_dictionaries(fields: &Fields) -> Fields {
    let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let encoded = |field: &FieldRef| match field.data_type() {
        DataType::Utf8 => Arc::new(Field::clone(field).with_data_type(text.clone())),
        _ => Arc::clone(field),
    };
    fields.iter().map(encoded).collect()
}
