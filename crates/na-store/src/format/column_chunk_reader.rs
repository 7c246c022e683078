//! Reads column chunks of a few hundred values.
//!
//! Parquet's own reader makes two zstd contexts for each chunk, as its writer does (see [`super::column_chunk_writer`]). Here
//! one context a thread decompresses the pages.

use std::io::Read;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, PrimitiveArray, StringBuilder};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowPrimitiveType, DataType};
use bytes::{Buf, Bytes};
use parquet::basic::{Compression as Codec, Type};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::column::reader::{ColumnReader, get_column_reader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use crate::format::checked_pages::CheckedPages;
use crate::format::column_chunk::with_bytes;
use crate::format::page_compression::decompress;
use crate::format::page_size::check_size;

/// A part of a file, in memory.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) bytes: Bytes,
    /// The offset in the file of its first byte.
    pub(crate) start: u64,
    /// Bytes that a page of it decompresses to at most.
    pub(crate) largest_page: u64,
}

impl Window {
    fn slice(&self, start: u64, length: Option<usize>) -> Result<Bytes> {
        let outside = || ParquetError::General("a column is not where the file says".to_owned());
        let from = start.checked_sub(self.start).and_then(|from| usize::try_from(from).ok());
        let from = from.filter(|from| *from <= self.bytes.len()).ok_or_else(outside)?;
        let end = length.map_or(Some(self.bytes.len()), |length| from.checked_add(length));
        let end = end.filter(|end| *end <= self.bytes.len()).ok_or_else(outside)?;
        Ok(self.bytes.slice(from..end))
    }
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for Window {
    type T = Box<dyn Read + Send>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let bytes = self.slice(start, None)?;
        check_size(&bytes, self.largest_page)?;
        Ok(Box::new(bytes.reader()))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.slice(start, Some(length))
    }
}

/// Whether [`decode`] can read a column chunk as this type.
pub(crate) fn can_decode(chunk: &ColumnChunkMetaData, data_type: &DataType) -> bool {
    let is_stored_so = match data_type {
        DataType::Float64 => chunk.column_type() == Type::DOUBLE,
        DataType::Int64 => chunk.column_type() == Type::INT64,
        DataType::Boolean => chunk.column_type() == Type::BOOLEAN,
        DataType::Utf8 => chunk.column_type() == Type::BYTE_ARRAY,
        _ => false,
    };
    is_stored_so
        && matches!(chunk.compression(), Codec::ZSTD(_))
        && chunk.column_descr().max_def_level() == 1
        && chunk.column_descr().max_rep_level() == 0
}

/// Decodes a nullable column of `rows` values.
pub(crate) fn decode(
    window: &Arc<Window>,
    chunk: &ColumnChunkMetaData,
    data_type: &DataType,
    rows: usize,
) -> Result<ArrayRef> {
    let bare = chunk.clone().into_builder().set_compression(Codec::UNCOMPRESSED).build()?;
    let pages = DecompressedPages(SerializedPageReader::new(Arc::clone(window), &bare, rows, None)?);
    let pages = CheckedPages::new(chunk, pages)?;
    let mut levels: Vec<i16> = Vec::new();
    let reader = get_column_reader(chunk.column_descr_ptr(), Box::new(pages));
    let short = || ParquetError::General("a column has fewer rows than its file says".to_owned());
    let array: ArrayRef = match (reader, data_type) {
        (ColumnReader::DoubleColumnReader(mut reader), DataType::Float64) => {
            let mut values = Vec::new();
            reader.read_records(rows, Some(&mut levels), None, &mut values)?;
            Arc::new(spread(&levels, values).ok_or_else(short)? as Float64Array)
        }
        (ColumnReader::Int64ColumnReader(mut reader), DataType::Int64) => {
            let mut values = Vec::new();
            reader.read_records(rows, Some(&mut levels), None, &mut values)?;
            Arc::new(spread(&levels, values).ok_or_else(short)? as Int64Array)
        }
        (ColumnReader::BoolColumnReader(mut reader), DataType::Boolean) => {
            let mut values = Vec::new();
            reader.read_records(rows, Some(&mut levels), None, &mut values)?;
            Arc::new(spread_flags(&levels, values).ok_or_else(short)?)
        }
        (ColumnReader::ByteArrayColumnReader(mut reader), DataType::Utf8) => {
            let mut values = Vec::new();
            reader.read_records(rows, Some(&mut levels), None, &mut values)?;
            let mut values = values.into_iter();
            let mut builder = StringBuilder::new();
            for level in &levels {
                match *level == 1 {
                    true => builder.append_value(values.next().ok_or_else(short)?.as_utf8()?),
                    false => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        (_, other) => return Err(ParquetError::General(format!("a feature has no columns of {other}"))),
    };
    if array.len() == rows { Ok(array) } else { Err(short()) }
}

/// Puts the values into the rows that are not null. `None` if there are too few.
fn spread<T: ArrowPrimitiveType>(levels: &[i16], values: Vec<T::Native>) -> Option<PrimitiveArray<T>> {
    if values.len() == levels.len() {
        return Some(PrimitiveArray::new(values.into(), None));
    }
    let mut next = values.into_iter();
    let spread: Vec<T::Native> = levels
        .iter()
        .map(|level| if *level == 1 { next.next() } else { Some(T::Native::default()) })
        .collect::<Option<_>>()?;
    let nulls: NullBuffer = levels.iter().map(|level| *level == 1).collect();
    Some(PrimitiveArray::new(spread.into(), Some(nulls)))
}

/// The same for flags, which Arrow keeps as bits.
fn spread_flags(levels: &[i16], values: Vec<bool>) -> Option<BooleanArray> {
    let mut next = values.into_iter();
    levels.iter().map(|level| if *level == 1 { next.next().map(Some) } else { Some(None) }).collect()
}

/// Pages of zstd, decompressed.
struct DecompressedPages(SerializedPageReader<Window>);

impl Iterator for DecompressedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for DecompressedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        self.0.get_next_page()?.map(|page| with_bytes(page, decompress)).transpose()
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.0.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.0.skip_next_page()
    }
}
