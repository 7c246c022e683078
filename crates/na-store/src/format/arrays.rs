//! Arrays put together, and cast to the type of their column.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::compute::{cast, concat};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

/// The parts of a column as one array.
pub(crate) fn joined(parts: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
    match parts {
        [one] => Ok(Arc::clone(one)),
        many => concat(&many.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>()),
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

/// The type that holds the values of both.
pub(crate) fn widest(first: &DataType, second: &DataType) -> DataType {
    use DataType::{Float64, Int64, Null, Utf8};
    match (first, second) {
        (first, second) if first == second => first.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (Int64, Float64) | (Float64, Int64) => Float64,
        _ => Utf8,
    }
}
