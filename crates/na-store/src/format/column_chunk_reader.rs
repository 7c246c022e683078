//! Reads column chunks of a few hundred values.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, Float64Array, Int64Array, PrimitiveArray,
    builder::StringBuilder,
};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::reader::{ColumnReader, get_column_reader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

use crate::format::checked_pages::checked_pages;
use crate::format::doubles_page::DoublesPage;
use crate::format::file_window::FileWindow;

/// Whether [`decode`] can read a column chunk as this type.
pub(crate) fn can_decode(chunk: &ColumnChunkMetaData, data_type: &DataType) -> bool {
    let is_stored_so = match data_type {
        DataType::Float64 => chunk.column_type() == Type::DOUBLE,
        DataType::Int64 => chunk.column_type() == Type::INT64 && !is_unsigned(chunk),
        DataType::Boolean => chunk.column_type() == Type::BOOLEAN,
        DataType::Utf8 => chunk.column_type() == Type::BYTE_ARRAY,
        _ => false,
    };
    is_stored_so && chunk.column_descr().max_def_level() == 1 && chunk.column_descr().max_rep_level() == 0
}

/// Whether a column's integers may be larger than an `i64`.
fn is_unsigned(chunk: &ColumnChunkMetaData) -> bool {
    let column = chunk.column_descr();
    let is_logically = matches!(column.logical_type_ref(), Some(LogicalType::Integer(of)) if !of.is_signed);
    is_logically || column.converted_type() == ConvertedType::UINT_64
}

/// Decodes a nullable column of `rows` values. `has_hash` says whether its file has a hash of it.
pub(crate) fn decode(
    window: &Arc<FileWindow>,
    chunk: &ColumnChunkMetaData,
    has_hash: bool,
    data_type: &DataType,
    rows: usize,
) -> Result<ArrayRef> {
    if *data_type == DataType::Float64
        && let Some(page) = DoublesPage::of(window, chunk, rows)?
    {
        return Ok(Arc::new(page.read()));
    }
    let pages = checked_pages(window, chunk, rows, has_hash)?;
    let mut levels: Vec<i16> = Vec::new();
    let reader = get_column_reader(chunk.column_descr_ptr(), pages);
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
