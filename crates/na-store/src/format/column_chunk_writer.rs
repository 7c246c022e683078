//! Writes column chunks of a few hundred values.
//!
//! A feature has a column a region, so that a store has a hundred thousand of them. Parquet's own writer makes two zstd
//! contexts for each, which costs many times what the values do. Here Parquet's writer leaves pages without compression, and
//! one context a thread compresses them. [`super::byte_stream_split`] writes doubles.

use arrow_array::{Array, ArrayRef, cast::AsArray, types::Int64Type};
use arrow_schema::DataType;
use parquet::column::page::{CompressedPage, PageWriteSpec, PageWriter};
use parquet::column::writer::{ColumnWriter, get_column_writer};
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use crate::format::byte_stream_split::encode_doubles;
use crate::format::column_chunk::{ColumnChunk, with_bytes};
use crate::format::page_compression::{compress, zstd};

/// Encodes a nullable column and compresses its pages with zstd. Columns other than doubles follow the properties, which set
/// no compression.
pub(crate) fn encode(
    column: ColumnDescPtr,
    properties: WriterPropertiesPtr,
    array: &ArrayRef,
) -> Result<ColumnChunk> {
    if *array.data_type() == DataType::Float64 {
        return encode_doubles(column, std::slice::from_ref(array));
    }
    let mut sink = TrackedWrite::new(Vec::new());
    let pages = CompressingWriter(SerializedPageWriter::new(&mut sink));
    let mut writer = get_column_writer(column, properties, Box::new(pages));
    write(&mut writer, array)?;
    let metadata = writer.close()?.metadata.into_builder().set_compression(zstd()?).build()?;
    Ok(ColumnChunk { bytes: sink.into_inner()?.into(), metadata })
}

fn write(writer: &mut ColumnWriter<'_>, array: &ArrayRef) -> Result<()> {
    let levels: Vec<i16> = (0..array.len()).map(|row| i16::from(array.is_valid(row))).collect();
    let levels = Some(levels.as_slice());
    match (writer, array.data_type()) {
        (ColumnWriter::Int64ColumnWriter(writer), DataType::Int64) => {
            let values: Vec<i64> = array.as_primitive::<Int64Type>().iter().flatten().collect();
            writer.write_batch(&values, levels, None)?;
        }
        (ColumnWriter::BoolColumnWriter(writer), DataType::Boolean) => {
            let values: Vec<bool> = array.as_boolean().iter().flatten().collect();
            writer.write_batch(&values, levels, None)?;
        }
        (ColumnWriter::ByteArrayColumnWriter(writer), DataType::Utf8) => {
            let values: Vec<ByteArray> =
                array.as_string::<i32>().iter().flatten().map(ByteArray::from).collect();
            writer.write_batch(&values, levels, None)?;
        }
        (_, other) => return Err(ParquetError::General(format!("a feature has no columns of {other}"))),
    }
    Ok(())
}

/// Compresses pages with zstd before it writes them.
struct CompressingWriter<'a>(SerializedPageWriter<'a, Vec<u8>>);

impl PageWriter for CompressingWriter<'_> {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec> {
        let size = page.uncompressed_size();
        let page = with_bytes(page.compressed_page().clone(), compress)?;
        self.0.write_page(CompressedPage::new(page, size))
    }

    fn close(&mut self) -> Result<()> {
        self.0.close()
    }
}
