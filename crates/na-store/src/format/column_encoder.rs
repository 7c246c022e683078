//! Encodes the columns of a file.

use std::io;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, FieldRef, Schema, SchemaRef};
use na_model::Compression;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::basic::{Compression as ParquetCompression, Encoding};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::{ColumnDescPtr, ColumnPath, SchemaDescPtr, SchemaDescriptor, Type};

use crate::format::byte_stream_split::encode_doubles;
use crate::format::column_chunk::ColumnChunk;
use crate::format::page_compression::codec;

/// Bytes of text in a row group at most, each row counted with all of its own: a reader that knows no dictionaries has so much
/// in memory. A session is never split: one with more has a row group of its own.
pub const LARGEST_TEXT: usize = 64 << 20;

/// Encodes the columns of one schema. Many threads encode at once.
pub(crate) struct ColumnEncoder {
    schema: SchemaRef,
    descriptor: SchemaDescPtr,
    row_groups: ArrowRowGroupWriterFactory,
    properties: WriterPropertiesPtr,
    /// Properties of columns whose pages are compressed here. `None` unless the compression is zstd.
    uncompressed: Option<WriterPropertiesPtr>,
}

impl ColumnEncoder {
    pub(crate) fn new(schema: &SchemaRef, compression: Compression) -> Result<Self> {
        let uncompressed = match compression {
            Compression::Zstd => Some(Arc::new(properties(schema, Compression::None)?)),
            _ => None,
        };
        let properties = Arc::new(properties(schema, compression)?);
        let root = ArrowSchemaConverter::new().convert(schema)?.root_schema_ptr();
        // It writes nothing but makes the writers of columns.
        let nowhere = SerializedFileWriter::new(io::sink(), root, Arc::clone(&properties))?;
        let row_groups = ArrowRowGroupWriterFactory::new(&nowhere, Arc::clone(schema));
        let descriptor = Arc::new(nowhere.schema_descr().clone());
        Ok(Self { schema: Arc::clone(schema), descriptor, row_groups, properties, uncompressed })
    }

    /// The columns as Parquet has them.
    pub(crate) fn descriptor(&self) -> &SchemaDescPtr {
        &self.descriptor
    }

    /// What encodes the columns of one row group, in order.
    pub(crate) fn columns(&self) -> Result<Vec<OneColumn<'_>>> {
        let writers = self.row_groups.create_column_writers(0)?.into_iter();
        let fields = self.schema.fields().iter().zip(self.descriptor.columns());
        Ok(writers
            .zip(fields)
            .map(|(writer, (field, column))| OneColumn { encoder: self, writer, field, column })
            .collect())
    }

    /// Properties for [`column_chunk_writer`](crate::format::column_chunk_writer). `None` unless the compression is zstd.
    pub(crate) fn of_short_columns(&self) -> Option<&WriterPropertiesPtr> {
        self.uncompressed.as_ref()
    }
}

/// Encodes one column of one row group.
pub(crate) struct OneColumn<'e> {
    encoder: &'e ColumnEncoder,
    writer: ArrowColumnWriter,
    field: &'e FieldRef,
    column: &'e ColumnDescPtr,
}

impl OneColumn<'_> {
    /// Encodes the column, given in parts. Text may come as dictionaries, which are not expanded.
    pub(crate) fn encode(mut self, parts: &[ArrayRef]) -> Result<ColumnChunk> {
        if self.encoder.uncompressed.is_some() && *self.field.data_type() == DataType::Float64 {
            return encode_doubles(Arc::clone(self.column), parts);
        }
        for part in parts.iter().filter(|part| !part.is_empty()) {
            for leaf in compute_leaves(self.field, part)? {
                self.writer.write(&leaf)?;
            }
        }
        let properties = Arc::clone(&self.encoder.properties);
        in_memory(self.writer.close()?, self.column, properties)
    }
}

/// A column chunk of Parquet's own writer, which gives its bytes to a row group alone.
fn in_memory(
    chunk: ArrowColumnChunk,
    column: &ColumnDescPtr,
    properties: WriterPropertiesPtr,
) -> Result<ColumnChunk> {
    let root = Type::group_type_builder("schema").with_fields(vec![column.self_type_ptr()]).build()?;
    let descriptor = Arc::new(SchemaDescriptor::new(Arc::new(root)));
    let size = usize::try_from(chunk.close().bytes_written)?;
    let mut bytes = TrackedWrite::new(Vec::with_capacity(size));
    let mut group = SerializedRowGroupWriter::new(descriptor, properties, &mut bytes, 0, None);
    chunk.append_to_row_group(&mut group)?;
    let group = group.close()?;
    let metadata = group.columns().first().cloned();
    let metadata = metadata.ok_or_else(|| ParquetError::General("a column is missing".to_owned()))?;
    Ok(ColumnChunk { bytes: bytes.into_inner()?.into(), metadata })
}

/// How columns are encoded. Of doubles no two are alike: a dictionary would only cost, and their bytes compress better in
/// streams. Statistics are kept for columns that readers filter by, not for measured values.
fn properties(schema: &Schema, compression: Compression) -> Result<WriterProperties> {
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
        .set_offset_index_disabled(true);
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
