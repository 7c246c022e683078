//! Reads a Parquet file by row groups.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchReader};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use bytes::Bytes;
use na_model::Compression;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::arrow::{ArrowSchemaConverter, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::checked_pages::{OneGroup, fault};
use crate::format::chunk_hashes::{ChunkHashes, layout_of};
use crate::format::column_chunk_reader::{can_decode, decode};
use crate::format::decoder_panic::caught;
use crate::format::file_window::FileWindow;
use crate::format::key_value_metadata as keys;
use crate::format::page_compression::compression_of;
use crate::format::positioned_file::PositionedFile;
use crate::format::shown_types::{as_shown, shown_schema};

/// Rows decoded at once, of a row group with more: the store writes none.
const ROWS_AT_ONCE: usize = 1 << 20;

/// An open Parquet file. What is read does not change when another file replaces it.
///
/// All decoding of the store's files happens here, within [`caught`]: a damaged file is an error that names it.
#[derive(Debug, Clone)]
pub(crate) struct ParquetReader {
    path: PathBuf,
    file: Arc<PositionedFile>,
    metadata: Arc<ParquetMetaData>,
    schema: SchemaRef,
    n_rows: u64,
    /// `None` for a file of an earlier version, and for one that somebody else wrote.
    hashes: Option<Arc<ChunkHashes>>,
}

impl ParquetReader {
    /// Opens a file. `None` if it does not exist.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = match PositionedFile::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(StoreError::io("open", path))?,
        };
        caught(path, || Self::with_footer_of(file, path)).map(Some)
    }

    /// Reads and checks the footer.
    fn with_footer_of(file: PositionedFile, path: &Path) -> Result<Self, StoreError> {
        let damaged = |error: ParquetError| StoreError::damaged(path, error);
        // As a mask they would not be written again: a copied row group would lose them, by which readers pick dictionaries.
        let options = ArrowReaderOptions::new().with_encoding_stats_as_mask(false);
        let read = ArrowReaderMetadata::load(&file, options).map_err(damaged)?;
        let metadata = Arc::clone(read.metadata());
        if let Some(fault) = fault(&metadata, &file) {
            return Err(StoreError::damaged(path, fault));
        }
        let n_rows = metadata.file_metadata().num_rows();
        let n_rows = u64::try_from(n_rows).map_err(|error| StoreError::damaged(path, error))?;
        let schema = Arc::new(shown_schema(read.schema()));
        let (path, file) = (path.to_owned(), Arc::new(file));
        let mut opened = Self { path, file, metadata, schema, n_rows, hashes: None };
        let hashes = opened.key_value(keys::CHUNKS);
        let hashes = hashes.and_then(|note| ChunkHashes::of_note(note, opened.row_groups()));
        opened.hashes = hashes.map(Arc::new);
        Ok(opened)
    }

    /// The same file, open only while it is read. Once another file has replaced it, reading is an error.
    pub(crate) fn closed(self) -> Self {
        Self { file: Arc::new(PositionedFile::clone(&self.file).closed()), ..self }
    }

    /// The same file, open as long as the returned value lives.
    pub(crate) fn opened(&self) -> Result<Self, StoreError> {
        let file = self.file.opened().map_err(StoreError::io("open", &self.path))?;
        Ok(Self { file: Arc::new(file), ..self.clone() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The columns as they are shown: text is `Utf8` in whichever layout the file has it, and numbers have 64 bits.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The footer's entry for a column chunk.
    pub(crate) fn chunk_entry(
        &self,
        row_group: usize,
        column: usize,
    ) -> Result<&ColumnChunkMetaData, StoreError> {
        let chunk = self.row_groups().get(row_group).and_then(|group| group.columns().get(column));
        chunk.ok_or_else(|| self.damaged(format!("no column {column} in row group {row_group}")))
    }

    /// The bytes of a column chunk, to be copied.
    pub(crate) fn chunk(&self, row_group: usize, column: usize) -> Result<Bytes, StoreError> {
        let chunk = self.chunk_entry(row_group, column)?;
        let window = FileWindow::read(&self.file, &[chunk]).map_err(|error| self.damaged(error))?;
        window.check(chunk, self.hash(row_group, column)).map_err(|error| self.damaged(error))?;
        Ok(window.into_bytes())
    }

    /// Copies the first bytes of the file into another, which is empty. Between plain files, the system copies.
    pub(crate) fn copy_start(&self, bytes: u64, to: &File) -> Result<(), StoreError> {
        let copied = self.file.copy_start(bytes, to).map_err(StoreError::io("copy", &self.path))?;
        if copied == bytes { Ok(()) } else { Err(self.damaged("it is shorter than it says")) }
    }

    /// Whether the file has the hashes of its column chunks.
    pub(crate) fn has_hashes(&self) -> bool {
        self.hashes.is_some()
    }

    /// The hash that the file has of a column chunk.
    pub(crate) fn hash(&self, row_group: usize, column: usize) -> Option<u32> {
        self.hashes.as_ref()?.get(row_group, column)
    }

    pub(crate) fn n_rows(&self) -> u64 {
        self.n_rows
    }

    pub(crate) fn row_groups(&self) -> &[RowGroupMetaData] {
        self.metadata.row_groups()
    }

    /// Tells the file's column chunks from those of any other. See [`layout_of`].
    pub(crate) fn layout(&self) -> u64 {
        layout_of(self.row_groups().iter())
    }

    /// The value of a key in the file's key-value metadata. `None` if it has none.
    pub(crate) fn key_value(&self, key: &str) -> Option<&str> {
        let key_values = self.metadata.file_metadata().key_value_metadata()?;
        key_values.iter().find(|entry| entry.key == key)?.value.as_deref()
    }

    /// The compression of the pages. `None` if the file has no columns, or a codec that the store never writes.
    pub(crate) fn compression(&self) -> Option<Compression> {
        compression_of(self.row_groups().first()?.columns().first()?.compression())
    }

    /// Whether a column of the file is stored as a writer would store this field, so that its chunks can be kept.
    pub(crate) fn stores_as(&self, column: usize, field: &FieldRef) -> Result<bool, StoreError> {
        let schema = Schema::new(vec![Arc::clone(field)]);
        let written = ArrowSchemaConverter::new().convert(&schema).map_err(|error| self.damaged(error))?;
        let stored = self.metadata.file_metadata().schema_descr().columns().get(column);
        Ok(written.columns().first().zip(stored).is_some_and(|(written, stored)| {
            written.physical_type() == stored.physical_type()
                && written.converted_type() == stored.converted_type()
                && written.logical_type_ref() == stored.logical_type_ref()
                && written.max_def_level() == stored.max_def_level()
                && written.max_rep_level() == stored.max_rep_level()
        }))
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
            columns.all(|(chunk, field)| can_decode(chunk, field.data_type()))
        });
        let (Some(group), Some(chunks)) = (group, chunks) else {
            return self.read_columns(self.schema.fields(), row_group, indices);
        };
        let window = Arc::new(FileWindow::read(&self.file, &chunks).map_err(|error| self.damaged(error))?);
        let rows = usize::try_from(group.num_rows()).map_err(|error| self.damaged(error))?;
        let decoded = |column: usize, chunk: &ColumnChunkMetaData, data_type: &DataType| {
            let checked = window.check(chunk, self.hash(row_group, column));
            checked
                .and_then(|()| decode(&window, chunk, data_type, rows))
                .map_err(|error| self.damaged(error))
        };
        let columns = indices
            .par_iter()
            .zip(chunks.par_iter().zip(schema.fields().par_iter()))
            .with_min_len(32)
            .map(|(column, (chunk, field))| caught(&self.path, || decoded(*column, chunk, field.data_type())))
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
        let no_group = || self.damaged(format!("no row group {row_group}"));
        let group = self.row_groups().get(row_group).ok_or_else(no_group)?;
        let n_rows = usize::try_from(group.num_rows()).map_err(|error| self.damaged(error))?;
        let field = |index: &usize| fields.get(*index).cloned();
        let shown: Option<Fields> = indices.iter().map(field).collect();
        let shown = shown.ok_or_else(|| self.damaged("a column is missing"))?;
        let (file, metadata, hashes) = (&self.file, &self.metadata, self.hashes.as_ref());
        let group = OneGroup { file, metadata, group, n_rows, index: row_group, hashes };
        caught(&self.path, || {
            let batch = decode_group(&group, fields, indices).map_err(|error| self.damaged(error))?;
            if batch.num_rows() != n_rows {
                return Err(self.damaged("a row group has fewer rows than it says"));
            }
            as_shown(batch, &shown).map_err(|error| self.damaged(error))
        })
    }

    fn damaged(&self, problem: impl ToString) -> StoreError {
        StoreError::damaged(&self.path, problem)
    }
}

/// Decodes the columns with these indices by Parquet's reader, as one batch.
fn decode_group(group: &OneGroup<'_>, fields: &Fields, indices: &[usize]) -> ParquetResult<RecordBatch> {
    let stored = group.metadata.file_metadata().schema_descr();
    let mask = ProjectionMask::roots(stored, indices.iter().copied());
    let levels = parquet_to_arrow_field_levels(stored, mask, Some(fields))?;
    let at_once = group.n_rows.clamp(1, ROWS_AT_ONCE);
    let reader = ParquetRecordBatchReader::try_new_with_row_groups(&levels, group, at_once, None)?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    Ok(match <[RecordBatch; 1]>::try_from(batches) {
        Ok([batch]) => batch,
        Err(batches) => concat_batches(&schema, &batches)?,
    })
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
