//! Rows of one session on their way into a table: an array for what differs by region, a constant for what does not.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
    StringBuilder, new_null_array,
};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::error::ArrowError;

use crate::format::arrays::{as_type, joined};
use crate::format::parquet_writer::LARGEST_TEXT;
use crate::tables::scalar::Scalar;

/// Rows of a row group, about: large enough to compress, small enough that one in memory is nothing.
pub(crate) const ROW_GROUP: usize = 32 * 1024;

/// A column of some rows.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    Array(ArrayRef),
    /// The same in all rows.
    Constant(Scalar),
}

/// Rows of one session, all columns of the table.
#[derive(Debug, Clone)]
pub(crate) struct SessionRows {
    pub(crate) rows: usize,
    pub(crate) columns: Vec<Column>,
}

impl Column {
    /// Bytes of text, each row with all of its own.
    fn text_bytes(&self, rows: usize) -> usize {
        match self {
            Self::Constant(Scalar::Text(text)) => text.len().saturating_mul(rows),
            Self::Constant(_) => 0,
            Self::Array(array) => match array.as_string_opt::<i32>().map(StringArray::value_offsets) {
                Some([first, .., last]) => usize::try_from(last - first).unwrap_or_default(),
                Some(_) => 0,
                None => texts(array).map_or(0, |texts| texts.flatten().map(str::len).sum()),
            },
        }
    }
}

impl SessionRows {
    /// Bytes of text in all columns, each row with all of its own.
    pub(crate) fn text_bytes(&self) -> usize {
        self.columns.iter().map(|cells| cells.text_bytes(self.rows)).sum()
    }
}

/// The texts of an array that holds text, also as a dictionary.
fn texts(array: &ArrayRef) -> Option<Box<dyn Iterator<Item = Option<&str>> + '_>> {
    if let Some(plain) = array.as_string_opt::<i32>() {
        return Some(Box::new(plain.iter()));
    }
    let words = array.as_dictionary_opt::<Int32Type>()?.downcast_dict::<StringArray>()?;
    Some(Box::new(words.into_iter()))
}

/// One column of many pieces as one array, text row by row.
pub(crate) fn column(
    pieces: &[SessionRows],
    place: usize,
    data_type: &DataType,
) -> Result<ArrayRef, ArrowError> {
    let parts = column_parts(pieces, place, data_type)?;
    match (parts.as_slice(), data_type) {
        ([], _) => Ok(new_null_array(data_type, 0)),
        (parts, DataType::Utf8) => joined_text(parts),
        (parts, _) => joined(parts),
    }
}

/// One column of many pieces, a part a piece. Text may come as dictionaries: what repeats is there once.
pub(crate) fn column_parts(
    pieces: &[SessionRows],
    place: usize,
    data_type: &DataType,
) -> Result<Vec<ArrayRef>, ArrowError> {
    pieces
        .iter()
        .map(|piece| match piece.columns.get(place) {
            Some(Column::Array(array)) if *data_type == DataType::Utf8 && texts(array).is_some() => {
                Ok(Arc::clone(array))
            }
            Some(Column::Array(array)) => as_type(array, data_type),
            Some(Column::Constant(value)) => repeat(value, piece.rows, data_type),
            None => Ok(new_null_array(data_type, piece.rows)),
        })
        .collect()
}

/// Things in lists of about a row group each; `size` is the rows of a thing and its text, bytes.
pub(crate) fn row_groups_of<T>(things: &[T], size: impl Fn(&T) -> (usize, usize)) -> Vec<&[T]> {
    let (mut lists, mut start, mut n_rows, mut n_text) = (Vec::new(), 0, 0, 0);
    for (place, thing) in things.iter().enumerate() {
        let (rows, text) = size(thing);
        if place > start && (n_rows + rows > ROW_GROUP || n_text + text > LARGEST_TEXT) {
            lists.extend(things.get(start..place));
            (start, n_rows, n_text) = (place, 0, 0);
        }
        (n_rows, n_text) = (n_rows + rows, n_text + text);
    }
    lists.extend(things.get(start..).filter(|rest| !rest.is_empty()));
    lists
}
/// Whether a column has integers that a double does not hold, and is of doubles.
pub(crate) fn loses_digits(pieces: &[SessionRows], place: usize, data_type: &DataType) -> bool {
    *data_type == DataType::Float64
        && pieces.iter().any(|piece| match piece.columns.get(place) {
            Some(Column::Array(array)) => array
                .as_primitive_opt::<Int64Type>()
                .is_some_and(|integers| integers.iter().flatten().any(is_no_double)),
            _ => false,
        })
}

/// Whether no double has this value.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "whether it does is the question"
)]
pub(crate) fn is_no_double(value: i64) -> bool {
    value as f64 as i128 != i128::from(value)
}

/// The same for text, plain or as dictionaries.
fn joined_text(parts: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
    if let [one] = parts
        && *one.data_type() == DataType::Utf8
    {
        return Ok(Arc::clone(one));
    }
    let rows = parts.iter().map(|part| part.len()).sum();
    let bytes = parts.iter().filter_map(texts).flatten().flatten().map(str::len).sum();
    if i32::try_from(bytes).is_err() {
        return Err(ArrowError::OffsetOverflowError(bytes));
    }
    let mut text = StringBuilder::with_capacity(rows, bytes);
    for part in parts {
        match texts(part) {
            Some(words) => words.for_each(|word| text.append_option(word)),
            None => text.append_nulls(part.len()),
        }
    }
    Ok(Arc::new(text.finish()))
}

fn repeat(value: &Scalar, rows: usize, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    Ok(match (value, data_type) {
        (Scalar::Text(text), DataType::Utf8) if rows == 1 => Arc::new(StringArray::from_iter_values([text])),
        (Scalar::Text(text), DataType::Utf8) => {
            let keys = Int32Array::from_value(0, rows);
            let words = StringArray::from_iter_values([text]);
            Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(words))?)
        }
        (Scalar::Double(value), DataType::Float64) => Arc::new(Float64Array::from_value(*value, rows)),
        (Scalar::Integer(value), DataType::Int64) => Arc::new(Int64Array::from_value(*value, rows)),
        _ => new_null_array(data_type, rows),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_repeats_is_there_once_until_a_reader_wants_it_row_by_row() {
        let same =
            SessionRows { rows: 400, columns: vec![Column::Constant(Scalar::text(&"x".repeat(50_000)))] };
        let each: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
        let pieces = [same, SessionRows { rows: 2, columns: vec![Column::Array(each)] }];
        let parts = column_parts(&pieces, 0, &DataType::Utf8).unwrap();
        let held: usize = parts.iter().map(|part| part.get_array_memory_size()).sum();
        assert!(held < 60_000, "{held}");
        assert_eq!(pieces[0].text_bytes(), 400 * 50_000);
        assert_eq!(pieces[1].text_bytes(), 1);
        let read = column(&pieces, 0, &DataType::Utf8).unwrap();
        let read: &StringArray = read.as_string();
        assert_eq!((read.len(), read.value(399).len(), read.value(400)), (402, 50_000, "a"));
        assert!(read.is_null(401));
    }

    #[test]
    fn text_that_no_array_holds_is_an_error() {
        let piece = SessionRows {
            rows: 1 << 16,
            columns: vec![Column::Constant(Scalar::text(&"x".repeat(1 << 16)))],
        };
        assert!(column(&[piece], 0, &DataType::Utf8).is_err());
    }

    #[test]
    fn integers_that_no_double_holds_are_told_from_others() {
        assert!(!is_no_double(1 << 53) && !is_no_double(-5) && !is_no_double(i64::MIN));
        assert!(
            is_no_double((1 << 53) + 1) && is_no_double(i64::MAX) && is_no_double(202_507_271_541_123_457)
        );
    }
}
