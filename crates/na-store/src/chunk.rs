//! Column chunks of a few hundred values.
//!
//! A feature has a column a region, so that a store has a hundred thousand of them. Parquet's own writer makes two zstd
//! contexts for each, which costs many times what the values do. Here pages are written without compression and
//! compressed on their way, with one context a thread. Doubles have a way of their own: [`crate::doubles`].

use std::cell::RefCell;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use bytes::Bytes;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use crate::doubles::encode_doubles;

pub(crate) const LEVEL: i32 = 1;

/// For pages of a few streams of bytes, most of which are noise: no entropy coding of literals. Features of 100 sessions
/// become 0.1% larger, and the whole job takes 0.93 of the time.
const LEVEL_OF_SMALL: i32 = -1;

/// From here on a page has blocks for different streams, bytes.
const SMALL: usize = 1 << 16;

thread_local! {
    static COMPRESSOR: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

/// A column chunk's bytes, and what its file has to know of it.
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    pub(crate) close: ColumnCloseResult,
}

/// Encodes a nullable column, doubles as [`encode_doubles`] does and others as properties without compression say, and
/// compresses its pages with zstd.
pub(crate) fn encode(
    column: ColumnDescPtr,
    properties: WriterPropertiesPtr,
    array: &ArrayRef,
) -> Result<Chunk> {
    if *array.data_type() == DataType::Float64 {
        return encode_doubles(column, std::slice::from_ref(array));
    }
    let mut sink = TrackedWrite::new(Vec::new());
    let pages = ZstdPages(SerializedPageWriter::new(&mut sink));
    let mut writer = get_column_writer(column, properties, Box::new(pages));
    write(&mut writer, array)?;
    let mut close = writer.close()?;
    let codec = Codec::ZSTD(ZstdLevel::try_new(LEVEL)?);
    close.metadata = close.metadata.into_builder().set_compression(codec).build()?;
    Ok(Chunk { bytes: sink.into_inner()?.into(), close })
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

struct ZstdPages<'a>(SerializedPageWriter<'a, Vec<u8>>);

impl PageWriter for ZstdPages<'_> {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec> {
        let size = page.uncompressed_size();
        let page = with_bytes(page.compressed_page().clone(), compress)?;
        self.0.write_page(CompressedPage::new(page, size))
    }

    fn close(&mut self) -> Result<()> {
        self.0.close()
    }
}

/// A page whose bytes are changed: compressed, or decompressed.
pub(crate) fn with_bytes(mut page: Page, change: impl FnOnce(&[u8]) -> Result<Bytes>) -> Result<Page> {
    match &mut page {
        Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = change(buf)?,
        Page::DataPageV2 { .. } => {
            return Err(ParquetError::General("pages of version 2 are not written".to_owned()));
        }
    }
    Ok(page)
}

/// What a file has to know of a column chunk. Columns are flat: a value a row.
pub(crate) fn closed(metadata: ColumnChunkMetaData) -> ColumnCloseResult {
    ColumnCloseResult {
        bytes_written: u64::try_from(metadata.compressed_size()).unwrap_or_default(),
        rows_written: u64::try_from(metadata.num_values()).unwrap_or_default(),
        metadata,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    }
}

pub(crate) fn compress(page: &[u8]) -> Result<Bytes> {
    let level = if page.len() < SMALL { LEVEL_OF_SMALL } else { LEVEL };
    let compressed = COMPRESSOR.with_borrow_mut(|slot| match slot {
        Some(compressor) => {
            compressor.set_compression_level(level)?;
            compressor.compress(page)
        }
        None => slot.insert(zstd::bulk::Compressor::new(level)?).compress(page),
    });
    Ok(compressed?.into())
}
