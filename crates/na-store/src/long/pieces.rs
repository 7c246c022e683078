//! Rows of one session on their way into a long table: arrays for what a file says of each region, single values for
//! what is the same in all of them.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, new_null_array,
};
use arrow::compute::{cast, concat};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

/// A value that is the same in all rows of a piece.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Text(Arc<str>),
    Double(f64),
    Integer(i64),
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }

    pub(crate) fn optional_text(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Cells {
    Each(ArrayRef),
    Same(Value),
}

/// Some rows, all columns of the long table.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) rows: usize,
    pub(crate) columns: Vec<Cells>,
}

/// One column of many pieces as one array.
pub(crate) fn column(pieces: &[Piece], place: usize, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    match column_parts(pieces, place, data_type)?.as_slice() {
        [] => Ok(new_null_array(data_type, 0)),
        parts => joined(parts),
    }
}

/// One column of many pieces, a part a piece.
pub(crate) fn column_parts(
    pieces: &[Piece],
    place: usize,
    data_type: &DataType,
) -> Result<Vec<ArrayRef>, ArrowError> {
    pieces
        .iter()
        .map(|piece| match piece.columns.get(place) {
            Some(Cells::Each(array)) => as_type(array, data_type),
            Some(Cells::Same(value)) => Ok(repeat(value, piece.rows, data_type)),
            None => Ok(new_null_array(data_type, piece.rows)),
        })
        .collect()
}

/// Parts of a column as one array.
pub(crate) fn joined(parts: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
    match parts {
        [one] => Ok(Arc::clone(one)),
        many => concat(&many.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>()),
    }
}

fn repeat(value: &Value, rows: usize, data_type: &DataType) -> ArrayRef {
    match (value, data_type) {
        (Value::Text(text), DataType::Utf8) => {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows)))
        }
        (Value::Double(value), DataType::Float64) => Arc::new(Float64Array::from_value(*value, rows)),
        (Value::Integer(value), DataType::Int64) => Arc::new(Int64Array::from_value(*value, rows)),
        _ => new_null_array(data_type, rows),
    }
}

/// A column in the type that its table has. Text for all is the text a reader would write.
pub(crate) fn as_type(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    match (array.data_type(), data_type) {
        (same, wanted) if same == wanted => Ok(Arc::clone(array)),
        (DataType::Boolean, DataType::Utf8) => {
            let flags: &BooleanArray = array.as_boolean();
            let words = flags.iter().map(|flag| flag.map(|flag| if flag { "True" } else { "False" }));
            Ok(Arc::new(words.collect::<StringArray>()))
        }
        (_, wanted) => cast(array, wanted),
    }
}
