//! A Parquet file, read by row groups.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchReader};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use na_model::Compression;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::arrow::{ArrowSchemaConverter, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::checked_pages::{OneGroup, fault};
use crate::format::column_chunk_reader::{Window, can_decode, decode};
use crate::format::decoder_panic::caught;
use crate::format::page_compression::compression_of;
use crate::format::page_size::largest_page;
use crate::format::positioned_file::PositionedFile;
use crate::format::shown_types::{as_shown, shown_schema};

/// Rows that are decoded at once, where a row group of somebody else's has more.
const ROWS_AT_ONCE: usize = 1 << 20;

/// An open Parquet file. What it shows does not change when another file replaces it.
///
/// All decoding of the store's files happens in here, below [`caught`]: a damaged file is an error that names it.
#[derive(Debug, Clone)]
pub(crate) struct ParquetReader {
    path: PathBuf,
    file: Arc<PositionedFile>,
    metadata: Arc<ParquetMetaData>,
    schema: SchemaRef,
}

impl ParquetReader {
    /// Opens a file. `None` if it does not exist.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = match PositionedFile::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(StoreError::io("open", path))?,
        };
        caught(path, || {
            let damaged = |error: ParquetError| StoreError::damaged(path, error);
            let read = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(damaged)?;
            let metadata = Arc::clone(read.metadata());
            if let Some(fault) = fault(&metadata, &file) {
                return Err(StoreError::damaged(path, fault));
            }
            let chunks = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
            let file = Arc::new(file.with_pages(largest_page(chunks)));
            let schema = Arc::new(shown_schema(read.schema()));
            Ok(Some(Self { path: path.to_owned(), file, metadata, schema }))
        })
    }

    /// The same file, open only while it is read. Once another file has replaced it, reading is an error.
    pub(crate) fn closed(self) -> Self {
        Self { file: Arc::new(PositionedFile::clone(&self.file).closed()), ..self }
    }

    /// The same file, open for as long as this lives.
    pub(crate) fn opened(&self) -> Result<Self, StoreError> {
        let file = self.file.opened().map_err(StoreError::io("open", &self.path))?;
        Ok(Self { file: Arc::new(file), ..self.clone() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its columns as they are shown: text is `Utf8`, whichever layout it has in the file, numbers have 64 bits.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Its bytes, for a row group that is copied.
    pub(crate) fn bytes(&self) -> &PositionedFile {
        &self.file
    }

    pub(crate) fn n_rows(&self) -> u64 {
        u64::try_from(self.metadata.file_metadata().num_rows()).unwrap_or_default()
    }

    pub(crate) fn row_groups(&self) -> &[RowGroupMetaData] {
        self.metadata.row_groups()
    }

    /// The value of a key of the file's key-value metadata.
    pub(crate) fn key_value(&self, key: &str) -> Option<&str> {
        let key_values = self.metadata.file_metadata().key_value_metadata()?;
        key_values.iter().find(|entry| entry.key == key)?.value.as_deref()
    }

    /// How its pages are compressed. `None` if it has no columns, or a codec that is not one of ours.
    pub(crate) fn compression(&self) -> Option<Compression> {
        compression_of(self.row_groups().first()?.columns().first()?.compression())
    }

    /// Whether its bytes are what would be written for such columns, so that row groups can be copied.
    pub(crate) fn is_stored_as(&self, schema: &Schema) -> bool {
        let stored = self.metadata.file_metadata().schema_descr().columns();
        ArrowSchemaConverter::new().convert(schema).is_ok_and(|written| written.columns() == stored)
    }

    /// Some columns of a row group by name, in the file's order.
    pub(crate) fn read(&self, row_group: usize, columns: &[&str]) -> Result<RecordBatch, StoreError> {
        let fields = self.schema.fields();
        self.read_columns(fields, row_group, &indices_of(fields, columns))
    }

    /// Some columns of a row group by name, text as dictionaries of `Int32` keys.
    pub(crate) fn read_dictionaries(
        &self,
        row_group: usize,
        columns: &[&str],
    ) -> Result<RecordBatch, StoreError> {
        let fields = with_dictionaries(self.schema.fields());
        self.read_columns(&fields, row_group, &indices_of(&fields, columns))
    }

    /// The columns of a row group with these indices, in their order, text as dictionaries of `Int32` keys.
    pub(crate) fn read_dictionaries_at(
        &self,
        row_group: usize,
        indices: &[usize],
    ) -> Result<RecordBatch, StoreError> {
        let mut in_file = indices.to_vec();
        in_file.sort_unstable();
        in_file.dedup();
        let order: Vec<usize> =
            indices.iter().filter_map(|index| in_file.binary_search(index).ok()).collect();
        let batch = self.read_columns(&with_dictionaries(self.schema.fields()), row_group, &in_file)?;
        batch.project(&order).map_err(|error| StoreError::damaged(&self.path, error))
    }

    /// The same, `None` for columns without an index.
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

    /// A row group, all columns.
    pub(crate) fn read_all(&self, row_group: usize) -> Result<RecordBatch, StoreError> {
        let fields = self.schema.fields();
        self.read_columns(fields, row_group, &(0..fields.len()).collect::<Vec<_>>())
    }

    /// Many short columns of a row group by their indices, in the file's order.
    pub(crate) fn read_short_columns(
        &self,
        row_group: usize,
        indices: &[usize],
    ) -> Result<RecordBatch, StoreError> {
        let damaged = |error: &dyn std::fmt::Display| StoreError::damaged(&self.path, error);
        let schema = self.schema.project(indices).map_err(|error| damaged(&error))?;
        let group = self.row_groups().get(row_group);
        let chunks = indices.iter().map(|index| group.and_then(|group| group.columns().get(*index)));
        let chunks: Option<Vec<&ColumnChunkMetaData>> = chunks.collect();
        let chunks = chunks.filter(|chunks| {
            let mut columns = chunks.iter().zip(schema.fields());
            columns.all(|(chunk, field)| can_decode(chunk, field.data_type()))
        });
        let (Some(group), Some(chunks)) = (group, chunks) else {
            return self.read_columns(self.schema.fields(), row_group, indices);
        };
        let window = Arc::new(self.window(&chunks)?);
        let rows = usize::try_from(group.num_rows()).map_err(|error| damaged(&error))?;
        let columns = chunks
            .par_iter()
            .zip(schema.fields().par_iter())
            .with_min_len(32)
            .map(|(chunk, field)| {
                caught(&self.path, || {
                    decode(&window, chunk, field.data_type(), rows).map_err(|error| damaged(&error))
                })
            })
            .collect::<Result<Vec<ArrayRef>, StoreError>>()?;
        RecordBatch::try_new(Arc::new(schema), columns).map_err(|error| damaged(&error))
    }

    /// The bytes from the first of these column chunks to the last, read at once.
    fn window(&self, chunks: &[&ColumnChunkMetaData]) -> Result<Window, StoreError> {
        let damaged = |error: &dyn std::fmt::Display| StoreError::damaged(&self.path, error);
        let (mut start, mut end) = (u64::MAX, 0);
        for (first, length) in chunks.iter().map(|chunk| chunk.byte_range()) {
            start = start.min(first);
            end = end.max(first + length);
        }
        let length = usize::try_from(end.saturating_sub(start)).map_err(|error| damaged(&error))?;
        let bytes = self.file.get_bytes(start.min(end), length).map_err(|error| damaged(&error))?;
        Ok(Window { bytes, start: start.min(end), largest_page: largest_page(chunks.iter().copied()) })
    }

    /// The columns with these indices, as these fields of all columns say.
    fn read_columns(
        &self,
        fields: &Fields,
        row_group: usize,
        indices: &[usize],
    ) -> Result<RecordBatch, StoreError> {
        let damaged = |error: &dyn std::fmt::Display| StoreError::damaged(&self.path, error);
        let no_group = || StoreError::damaged(&self.path, format!("no row group {row_group}"));
        let group = self.row_groups().get(row_group).ok_or_else(no_group)?;
        let rows = usize::try_from(group.num_rows()).map_err(|error| damaged(&error))?;
        caught(&self.path, || {
            let stored = self.metadata.file_metadata().schema_descr();
            let mask = ProjectionMask::roots(stored, indices.iter().copied());
            let levels =
                parquet_to_arrow_field_levels(stored, mask, Some(fields)).map_err(|error| damaged(&error))?;
            let group = OneGroup { file: &self.file, metadata: &self.metadata, group };
            let at_once = rows.clamp(1, ROWS_AT_ONCE);
            let reader = ParquetRecordBatchReader::try_new_with_row_groups(&levels, &group, at_once, None)
                .map_err(|error| damaged(&error))?;
            let schema = reader.schema();
            let batches = reader.collect::<Result<Vec<_>, _>>().map_err(|error| damaged(&error))?;
            let batch = match <[RecordBatch; 1]>::try_from(batches) {
                Ok([batch]) => batch,
                Err(batches) => concat_batches(&schema, &batches).map_err(|error| damaged(&error))?,
            };
            if batch.num_rows() != rows {
                return Err(damaged(&"a row group has fewer rows than it says"));
            }
            let read: Fields = indices.iter().filter_map(|index| fields.get(*index)).cloned().collect();
            as_shown(batch, &read).map_err(|error| damaged(&error))
        })
    }
}

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
