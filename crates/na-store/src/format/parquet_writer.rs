//! Writes a Parquet file by row groups.

use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use na_model::Compression;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, ArrowWriter, ArrowWriterOptions,
    compute_leaves,
};
use parquet::basic::{Compression as ParquetCompression, Encoding};
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::atomic_file::AtomicFile;
use crate::format::byte_stream_split::encode_doubles;
use crate::format::chunk_hashes::{ChunkHasher, HashedChunks, layout_of};
use crate::format::column_chunk::{ColumnChunk, closed};
use crate::format::column_chunk_writer::encode;
use crate::format::file_changes::FileChanges;
use crate::format::file_state::HashedFile;
use crate::format::key_value_metadata as keys;
use crate::format::page_compression::codec;
use crate::format::parquet_reader::ParquetReader;

/// Bytes of text in a row group at most, each row counted with all of its own: a reader that knows no dictionaries has so much
/// in memory. A session is never split: one with more has a row group of its own.
pub const LARGEST_TEXT: usize = 64 << 20;

/// A column chunk on its way into a file.
enum Encoded {
    Here(ColumnChunk),
    ByParquet(ArrowColumnChunk),
}

/// A Parquet file that is being written.
pub(crate) struct ParquetWriter<'a> {
    atomic: AtomicFile<'a>,
    writer: SerializedFileWriter<HashedChunks<BufWriter<HashedFile>>>,
    hasher: ChunkHasher,
    row_groups: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    /// Properties of columns whose pages are compressed here. `None` unless the compression is zstd.
    uncompressed: Option<WriterPropertiesPtr>,
    n_groups: usize,
}

impl<'a> ParquetWriter<'a> {
    /// Begins a file with these columns and this key-value metadata.
    pub(crate) fn create(
        path: &Path,
        changes: &'a FileChanges,
        schema: &SchemaRef,
        compression: Compression,
        key_values: &[(&str, String)],
    ) -> Result<Self, StoreError> {
        let failed = StoreError::parquet(path);
        let (atomic, file) = AtomicFile::create(path, changes)?;
        let hasher = ChunkHasher::new();
        let file = HashedChunks { file, hasher: hasher.clone() };
        let file_name = path.file_name().ok_or_else(|| StoreError::damaged(path, "it has no file name"))?;
        let name = file_name.to_string_lossy().into_owned();
        let key_values = &[key_values, &[(keys::FILE, name)]].concat();
        let uncompressed = match compression {
            Compression::Zstd => {
                Some(Arc::new(properties(schema, Compression::None, key_values).map_err(&failed)?))
            }
            _ => None,
        };
        let properties = properties(schema, compression, key_values).map_err(&failed)?;
        let options = ArrowWriterOptions::new().with_properties(properties);
        let (writer, row_groups) = ArrowWriter::try_new_with_options(file, Arc::clone(schema), options)
            .and_then(ArrowWriter::into_serialized_writer)
            .map_err(&failed)?;
        let schema = Arc::clone(schema);
        Ok(Self { atomic, writer, hasher, row_groups, schema, uncompressed, n_groups: 0 })
    }

    /// Writes a row group. `column` gives the parts of the column with an index. Columns are encoded in parallel.
    pub(crate) fn write_group(
        &mut self,
        column: impl Fn(usize) -> Result<Vec<ArrayRef>, StoreError> + Sync,
    ) -> Result<(), StoreError> {
        let path = self.atomic.path();
        let failed = StoreError::parquet(path);
        let writers = self.row_groups.create_column_writers(self.n_groups).map_err(&failed)?;
        let columns = self.schema.fields().par_iter().zip(self.writer.schema_descr().columns());
        let compresses_here = self.uncompressed.is_some();
        let chunks = writers
            .into_par_iter()
            .zip(columns)
            .enumerate()
            .map(|(index, (writer, (field, descriptor)))| {
                let parts = column(index)?;
                let is_here = compresses_here && *field.data_type() == DataType::Float64;
                let here = is_here.then(|| encode_doubles(Arc::clone(descriptor), &parts).map(Encoded::Here));
                let chunk = here.unwrap_or_else(|| encode_by_parquet(writer, field, &parts));
                chunk.map_err(StoreError::parquet(path))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        self.append_group(chunks).map_err(failed)
    }

    /// Writes a row group of many short columns. `column` gives the column with an index.
    pub(crate) fn write_short_columns(
        &mut self,
        column: impl Fn(usize) -> Result<ArrayRef, StoreError> + Sync,
    ) -> Result<(), StoreError> {
        let Some(properties) = self.uncompressed.clone() else {
            return self.write_group(|index| column(index).map(|array| vec![array]));
        };
        let path = self.atomic.path();
        let failed = StoreError::parquet(path);
        let columns = self.writer.schema_descr().columns();
        let chunks = columns
            .par_iter()
            .with_min_len(32)
            .enumerate()
            .map(|(index, descriptor)| {
                let chunk = encode(Arc::clone(descriptor), Arc::clone(&properties), &column(index)?);
                chunk.map(Encoded::Here).map_err(StoreError::parquet(path))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        self.append_group(chunks).map_err(failed)
    }

    fn append_group(&mut self, chunks: Vec<Encoded>) -> ParquetResult<()> {
        let mut group = self.writer.next_row_group()?;
        for chunk in chunks {
            match chunk {
                Encoded::Here(chunk) => {
                    self.hasher.expect(chunk.bytes.len());
                    group.append_column(&chunk.bytes, chunk.close)?;
                }
                Encoded::ByParquet(chunk) => {
                    self.hasher.expect(usize::try_from(chunk.close().bytes_written)?);
                    chunk.append_to_row_group(&mut group)?;
                }
            }
        }
        group.close()?;
        self.n_groups += 1;
        Ok(())
    }

    /// Writes a batch as a row group.
    pub(crate) fn write_batch(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        let path = self.atomic.path().to_owned();
        let missing = || StoreError::damaged(&path, "a column is missing");
        self.write_group(|index| {
            batch.columns().get(index).map(|column| vec![Arc::clone(column)]).ok_or_else(missing)
        })
    }

    /// Copies a row group from another file of the same schema, without decoding it.
    pub(crate) fn copy_group(&mut self, from: &ParquetReader, row_group: usize) -> Result<(), StoreError> {
        let failed = StoreError::parquet(self.atomic.path());
        let Some(metadata) = from.row_groups().get(row_group) else {
            return Err(StoreError::damaged(from.path(), format!("no row group {row_group}")));
        };
        let mut group = self.writer.next_row_group().map_err(&failed)?;
        for (index, column) in metadata.columns().iter().enumerate() {
            let close = closed(column.clone()).map_err(&failed)?;
            let bytes = from.chunk(row_group, index)?;
            self.hasher.expect(usize::try_from(close.bytes_written).map_err(|error| failed(error.into()))?);
            group.append_column(&bytes, close).map_err(&failed)?;
        }
        group.close().map_err(&failed)?;
        self.n_groups += 1;
        Ok(())
    }

    /// The number of row groups so far.
    pub(crate) fn n_groups(&self) -> usize {
        self.n_groups
    }

    /// Tells the column chunks so far from those of any other file. See [`layout_of`].
    pub(crate) fn layout(&self) -> u64 {
        layout_of(self.writer.flushed_row_groups().iter())
    }

    /// Adds an entry to the key-value metadata.
    pub(crate) fn add_key_value(&mut self, key: &str, value: String) {
        self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
    }

    /// Writes the footer and commits the file.
    pub(crate) fn commit(mut self) -> Result<(), StoreError> {
        let failed = StoreError::parquet(self.atomic.path());
        // The hasher has all chunks only now.
        self.writer.flush().map_err(|error| failed(error.into()))?;
        let note = self.hasher.note(self.writer.flushed_row_groups().iter());
        self.add_key_value(keys::CHUNKS, note);
        let file = self.writer.into_inner().map_err(&failed)?;
        self.atomic.commit(file.file)
    }
}

/// Encodes a column by Parquet's own writer. Text may come as dictionaries, which are not expanded.
fn encode_by_parquet(
    mut writer: ArrowColumnWriter,
    field: &FieldRef,
    parts: &[ArrayRef],
) -> ParquetResult<Encoded> {
    for part in parts.iter().filter(|part| !part.is_empty()) {
        for leaf in compute_leaves(field, part)? {
            writer.write(&leaf)?;
        }
    }
    writer.close().map(Encoded::ByParquet)
}

/// How columns are encoded. Of doubles no two are alike: a dictionary would only cost, and their bytes compress better in
/// streams. Statistics are kept for columns that readers filter by, not for measured values.
fn properties(
    schema: &Schema,
    compression: Compression,
    key_values: &[(&str, String)],
) -> ParquetResult<WriterProperties> {
    let key_values = key_values.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone()));
    // With zstd, doubles are compressed by [`encode_doubles`].
    let of_doubles =
        if compression == Compression::Zstd { ParquetCompression::UNCOMPRESSED } else { codec(compression)? };
    // Doubles are the default: a feature has hundreds of them.
    let mut builder = WriterProperties::builder()
        .set_dictionary_enabled(false)
        // A text that repeats is written once, however long it is.
        .set_dictionary_page_size_limit(LARGEST_TEXT)
        .set_encoding(Encoding::BYTE_STREAM_SPLIT)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_compression(of_doubles)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None)
        .set_created_by(format!("neuroalign {}", keys::PROGRAM_VERSION))
        .set_key_value_metadata(Some(key_values.collect()));
    for field in schema.fields().iter().filter(|field| *field.data_type() != DataType::Float64) {
        // Not `from`: a name may hold dots.
        let column = ColumnPath::new(vec![field.name().clone()]);
        builder = builder
            .set_column_dictionary_enabled(column.clone(), true)
            .set_column_encoding(column.clone(), Encoding::PLAIN)
            .set_column_statistics_enabled(column.clone(), EnabledStatistics::Chunk)
            .set_column_compression(column, codec(compression)?);
    }
    Ok(builder.build())
}
