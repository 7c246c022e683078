//! Parquet files, read and written by row groups.

use std::collections::HashMap;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchReader};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use na_model::Compression;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowRowGroupWriterFactory, ArrowWriter, ArrowWriterOptions, compute_leaves,
};
use parquet::arrow::{ArrowSchemaConverter, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::{Compression as Codec, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, KeyValue, ParquetMetaData, RowGroupMetaData};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::reader::ChunkReader;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;

use crate::chunk::{Chunk, closed, encode};
use crate::decoding::caught;
use crate::doubles::encode_doubles;
use crate::durable::{DurableFile, Folders};
use crate::error::StoreError;
use crate::file_state::Hashed;
use crate::long::pieces::LARGEST_TEXT;
use crate::notes;
use crate::pages::{OneGroup, fault, largest_page};
use crate::shared_file::SharedFile;
use crate::shown::{as_shown, shown_schema};
use crate::wide::decode::{Window, can_decode, decode};

/// Rows that are decoded at once, where a row group of somebody else's has more.
const ROWS_AT_ONCE: usize = 1 << 20;

/// An open Parquet file. What it shows does not change when another takes its place.
///
/// All decoding of the store's files is in here, below [`caught`]: a file that is damaged is an error that names it.
#[derive(Debug, Clone)]
pub(crate) struct TableFile {
    path: PathBuf,
    file: Arc<SharedFile>,
    metadata: Arc<ParquetMetaData>,
    schema: SchemaRef,
}

impl TableFile {
    /// Opens a file. None if there is none.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = match SharedFile::open(path) {
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

    /// The same file, open only while it is read: what is read of another that took its place is an error.
    pub(crate) fn closed(self) -> Self {
        Self { file: Arc::new(SharedFile::clone(&self.file).closed()), ..self }
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

    pub(crate) fn n_rows(&self) -> u64 {
        u64::try_from(self.metadata.file_metadata().num_rows()).unwrap_or_default()
    }

    pub(crate) fn row_groups(&self) -> &[RowGroupMetaData] {
        self.metadata.row_groups()
    }

    /// A value of the file's own metadata.
    pub(crate) fn note(&self, key: &str) -> Option<&str> {
        let notes = self.metadata.file_metadata().key_value_metadata()?;
        notes.iter().find(|note| note.key == key)?.value.as_deref()
    }

    /// How its pages are compressed; `None` of a file without columns or with a codec that is none of ours.
    pub(crate) fn compression(&self) -> Option<Compression> {
        match self.row_groups().first()?.columns().first()?.compression() {
            Codec::SNAPPY => Some(Compression::Snappy),
            Codec::ZSTD(_) => Some(Compression::Zstd),
            Codec::LZ4_RAW => Some(Compression::Lz4),
            Codec::GZIP(_) => Some(Compression::Gzip),
            Codec::BROTLI(_) => Some(Compression::Brotli),
            Codec::UNCOMPRESSED => Some(Compression::None),
            _ => None,
        }
    }

    /// Whether its bytes are what would be written for such columns, so that row groups can be copied.
    pub(crate) fn is_stored_as(&self, schema: &Schema) -> bool {
        let stored = self.metadata.file_metadata().schema_descr().columns();
        ArrowSchemaConverter::new().convert(schema).is_ok_and(|written| written.columns() == stored)
    }

    /// Some columns of a row group, in the file's order.
    pub(crate) fn read(&self, row_group: usize, columns: &[&str]) -> Result<RecordBatch, StoreError> {
        let fields = self.schema.fields();
        self.read_columns(fields, row_group, &places_of(fields, columns))
    }

    /// Some columns of a row group, text as dictionaries of `Int32` keys.
    pub(crate) fn read_keyed(&self, row_group: usize, columns: &[&str]) -> Result<RecordBatch, StoreError> {
        let fields = with_dictionaries(self.schema.fields());
        self.read_columns(&fields, row_group, &places_of(&fields, columns))
    }

    /// The columns of a row group at these places, in their order, text as dictionaries of `Int32` keys.
    pub(crate) fn read_keyed_at(
        &self,
        row_group: usize,
        places: &[usize],
    ) -> Result<RecordBatch, StoreError> {
        let mut in_file = places.to_vec();
        in_file.sort_unstable();
        in_file.dedup();
        let order: Vec<usize> = places.iter().filter_map(|place| in_file.binary_search(place).ok()).collect();
        let batch = self.read_columns(&with_dictionaries(self.schema.fields()), row_group, &in_file)?;
        batch.project(&order).map_err(|error| StoreError::damaged(&self.path, error))
    }

    /// The same, none for the columns that have no place.
    pub(crate) fn read_places(
        &self,
        row_group: usize,
        places: &[Option<usize>],
    ) -> Result<Vec<Option<ArrayRef>>, StoreError> {
        let there: Vec<usize> = places.iter().flatten().copied().collect();
        let batch = self.read_keyed_at(row_group, &there)?;
        let mut columns = batch.columns().iter();
        Ok(places.iter().map(|place| place.and_then(|_| columns.next().cloned())).collect())
    }

    /// A row group, all columns.
    pub(crate) fn read_all(&self, row_group: usize) -> Result<RecordBatch, StoreError> {
        let fields = self.schema.fields();
        self.read_columns(fields, row_group, &(0..fields.len()).collect::<Vec<_>>())
    }

    /// Many short columns of a row group by their places, in the file's order.
    pub(crate) fn read_small(&self, row_group: usize, places: &[usize]) -> Result<RecordBatch, StoreError> {
        let damaged = |error: &dyn std::fmt::Display| StoreError::damaged(&self.path, error);
        let schema = self.schema.project(places).map_err(|error| damaged(&error))?;
        let group = self.row_groups().get(row_group);
        let chunks = places.iter().map(|place| group.and_then(|group| group.columns().get(*place)));
        let chunks: Option<Vec<&ColumnChunkMetaData>> = chunks.collect();
        let chunks = chunks.filter(|chunks| {
            let mut columns = chunks.iter().zip(schema.fields());
            columns.all(|(chunk, field)| can_decode(chunk, field.data_type()))
        });
        let (Some(group), Some(chunks)) = (group, chunks) else {
            return self.read_columns(self.schema.fields(), row_group, places);
        };
        let ranges = chunks.iter().map(|chunk| chunk.byte_range());
        let start = ranges.clone().map(|(start, _)| start).min().unwrap_or_default();
        let end = ranges.map(|(start, length)| start + length).max().unwrap_or_default();
        let length = usize::try_from(end - start).map_err(|error| damaged(&error))?;
        let bytes = self.file.get_bytes(start, length).map_err(|error| damaged(&error))?;
        let largest_page = largest_page(chunks.iter().copied());
        let window = Arc::new(Window { bytes, start, largest_page });
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

    /// The columns at these places, as these fields of all columns say.
    fn read_columns(
        &self,
        fields: &Fields,
        row_group: usize,
        places: &[usize],
    ) -> Result<RecordBatch, StoreError> {
        let damaged = |error: &dyn std::fmt::Display| StoreError::damaged(&self.path, error);
        let no_group = || StoreError::damaged(&self.path, format!("no row group {row_group}"));
        let group = self.row_groups().get(row_group).ok_or_else(no_group)?;
        let rows = usize::try_from(group.num_rows()).map_err(|error| damaged(&error))?;
        caught(&self.path, || {
            let stored = self.metadata.file_metadata().schema_descr();
            let mask = ProjectionMask::roots(stored, places.iter().copied());
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
            let read: Fields = places.iter().filter_map(|place| fields.get(*place)).cloned().collect();
            as_shown(batch, &read).map_err(|error| damaged(&error))
        })
    }
}

fn places_of(fields: &Fields, names: &[&str]) -> Vec<usize> {
    let named = |(_, field): &(usize, &FieldRef)| names.contains(&field.name().as_str());
    fields.iter().enumerate().filter(named).map(|(place, _)| place).collect()
}

fn with_dictionaries(fields: &Fields) -> Fields {
    let text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let keyed = |field: &FieldRef| match field.data_type() {
        DataType::Utf8 => Arc::new(Field::clone(field).with_data_type(text.clone())),
        _ => Arc::clone(field),
    };
    fields.iter().map(keyed).collect()
}

/// A column chunk on its way into a file.
enum Encoded {
    Here(Chunk),
    ByParquet(ArrowColumnChunk),
}

/// A Parquet file that is being written.
pub(crate) struct TableWriter<'a> {
    durable: DurableFile<'a>,
    writer: SerializedFileWriter<BufWriter<Hashed>>,
    row_groups: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    /// For chunks that are compressed here: none where that is not with zstd.
    small: Option<WriterPropertiesPtr>,
    written: usize,
}

impl<'a> TableWriter<'a> {
    pub(crate) fn create(
        place: &Path,
        folders: &'a Folders,
        schema: &SchemaRef,
        compression: Compression,
        notes: &[(&str, String)],
    ) -> Result<Self, StoreError> {
        let (durable, file) = DurableFile::create(place, folders)?;
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let notes = &[notes, &[(notes::FILE, name)]].concat();
        let small = (compression == Compression::Zstd)
            .then(|| Arc::new(properties(schema, Compression::None, notes)));
        let properties = properties(schema, compression, notes);
        let options = ArrowWriterOptions::new().with_properties(properties);
        let (writer, row_groups) = ArrowWriter::try_new_with_options(file, Arc::clone(schema), options)
            .and_then(ArrowWriter::into_serialized_writer)
            .map_err(StoreError::parquet(place))?;
        Ok(Self { durable, writer, row_groups, schema: Arc::clone(schema), small, written: 0 })
    }

    /// Writes a row group; its columns are made, in parts, and encoded in parallel, by their place.
    pub(crate) fn write_group(
        &mut self,
        column: impl Fn(usize) -> Result<Vec<ArrayRef>, StoreError> + Sync,
    ) -> Result<(), StoreError> {
        let failed = StoreError::parquet(self.durable.place());
        let writers = self.row_groups.create_column_writers(self.written).map_err(&failed)?;
        let place = self.durable.place();
        let columns = self.schema.fields().par_iter().zip(self.writer.schema_descr().columns());
        let chunks = writers
            .into_par_iter()
            .zip(columns)
            .enumerate()
            .map(|(position, (mut writer, (field, descriptor)))| {
                let failed = StoreError::parquet(place);
                let parts = column(position)?;
                if self.small.is_some() && *field.data_type() == DataType::Float64 {
                    let chunk = encode_doubles(Arc::clone(descriptor), &parts).map_err(&failed)?;
                    return Ok(Encoded::Here(chunk));
                }
                // Text may come as dictionaries, which are not joined to what they stand for.
                for part in parts.iter().filter(|part| !part.is_empty()) {
                    for leaf in compute_leaves(field, part).map_err(&failed)? {
                        writer.write(&leaf).map_err(&failed)?;
                    }
                }
                writer.close().map(Encoded::ByParquet).map_err(&failed)
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut group = self.writer.next_row_group().map_err(&failed)?;
        for chunk in chunks {
            match chunk {
                Encoded::Here(chunk) => group.append_column(&chunk.bytes, chunk.close),
                Encoded::ByParquet(chunk) => chunk.append_to_row_group(&mut group),
            }
            .map_err(&failed)?;
        }
        group.close().map_err(&failed)?;
        self.written += 1;
        Ok(())
    }

    /// Writes a row group of many short columns.
    pub(crate) fn write_small_group(
        &mut self,
        column: impl Fn(usize) -> Result<ArrayRef, StoreError> + Sync,
    ) -> Result<(), StoreError> {
        let Some(properties) = self.small.clone() else {
            return self.write_group(|position| column(position).map(|array| vec![array]));
        };
        let failed = StoreError::parquet(self.durable.place());
        let place = self.durable.place();
        let columns = self.writer.schema_descr().columns();
        let chunks = columns
            .par_iter()
            .with_min_len(32)
            .enumerate()
            .map(|(position, descriptor)| {
                let array = column(position)?;
                encode(Arc::clone(descriptor), Arc::clone(&properties), &array)
                    .map_err(StoreError::parquet(place))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        let mut group = self.writer.next_row_group().map_err(&failed)?;
        for chunk in chunks {
            group.append_column(&chunk.bytes, chunk.close).map_err(&failed)?;
        }
        group.close().map_err(&failed)?;
        self.written += 1;
        Ok(())
    }

    /// Writes a row group of a batch's columns.
    pub(crate) fn write_batch(&mut self, batch: &RecordBatch) -> Result<(), StoreError> {
        let place = self.durable.place().to_owned();
        let missing = || StoreError::damaged(&place, "a column is missing");
        self.write_group(|position| {
            batch.columns().get(position).map(|column| vec![Arc::clone(column)]).ok_or_else(missing)
        })
    }

    /// Takes a row group over from another file of the same schema, without decoding it.
    pub(crate) fn copy_group(&mut self, from: &TableFile, row_group: usize) -> Result<(), StoreError> {
        let failed = StoreError::parquet(self.durable.place());
        let Some(metadata) = from.row_groups().get(row_group) else {
            return Err(StoreError::damaged(&from.path, format!("no row group {row_group}")));
        };
        let mut group = self.writer.next_row_group().map_err(&failed)?;
        for column in metadata.columns() {
            group.append_column(from.file.as_ref(), closed(column.clone())).map_err(&failed)?;
        }
        group.close().map_err(&failed)?;
        self.written += 1;
        Ok(())
    }

    /// Completes the file and puts it in its place.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        let file = self.writer.into_inner().map_err(StoreError::parquet(self.durable.place()))?;
        self.durable.commit(file)
    }
}

/// Doubles have no two values alike: a dictionary would only cost; their bytes in streams compress better. Statistics
/// are kept where a reader filters, not for measured values.
fn properties(schema: &Schema, compression: Compression, notes: &[(&str, String)]) -> WriterProperties {
    let notes = notes.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), Some(value.clone())));
    // What holds for most columns is the default: a feature has hundreds.
    let mut builder = WriterProperties::builder()
        .set_dictionary_enabled(false)
        // A text that repeats is written once, however long it is.
        .set_dictionary_page_size_limit(LARGEST_TEXT)
        .set_encoding(Encoding::BYTE_STREAM_SPLIT)
        .set_statistics_enabled(EnabledStatistics::None)
        // With zstd, doubles are compressed by [`encode_doubles`].
        .set_compression(if compression == Compression::Zstd {
            Codec::UNCOMPRESSED
        } else {
            codec(compression)
        })
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(None)
        .set_created_by(concat!("neuroalign ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(notes.collect()));
    for field in schema.fields().iter().filter(|field| *field.data_type() != DataType::Float64) {
        // Not `from`: a name may hold dots.
        let column = ColumnPath::new(vec![field.name().clone()]);
        builder = builder
            .set_column_dictionary_enabled(column.clone(), true)
            .set_column_encoding(column.clone(), Encoding::PLAIN)
            .set_column_statistics_enabled(column.clone(), EnabledStatistics::Chunk)
            .set_column_compression(column, codec(compression));
    }
    builder.build()
}

fn codec(compression: Compression) -> Codec {
    match compression {
        Compression::Snappy => Codec::SNAPPY,
        Compression::Zstd => Codec::ZSTD(ZstdLevel::try_new(1).unwrap_or_default()),
        Compression::Lz4 => Codec::LZ4_RAW,
        Compression::Gzip => Codec::GZIP(parquet::basic::GzipLevel::default()),
        Compression::Brotli => Codec::BROTLI(parquet::basic::BrotliLevel::default()),
        Compression::None => Codec::UNCOMPRESSED,
    }
}

/// A text column that may hold nulls.
pub(crate) fn text_field(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

/// A column of doubles with the unit it is measured in.
pub(crate) fn double_field(name: &str, unit: Option<&str>) -> Field {
    with_unit(Field::new(name, DataType::Float64, true), unit)
}

/// The key of a field's unit in its metadata.
const UNIT: &str = "unit";

/// A column that says in which unit it is measured, where that is known.
pub(crate) fn with_unit(field: Field, unit: Option<&str>) -> Field {
    let metadata: HashMap<String, String> =
        unit.map(|unit| (UNIT.to_owned(), unit.to_owned())).into_iter().collect();
    field.with_metadata(metadata)
}

/// The unit that a column says it is measured in.
pub(crate) fn unit_of(field: &Field) -> Option<&str> {
    field.metadata().get(UNIT).map(String::as_str)
}
