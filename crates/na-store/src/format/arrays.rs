//! Joins the arrays of a column, and casts them to its type.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, StringArray, cast::AsArray};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat;

/// Joins the parts of a column into one array.
pub(crate) fn joined(parts: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
    match parts {
        [one] => Ok(Arc::clone(one)),
        many => concat(&many.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>()),
    }
}

/// Casts a column to the type that its table has. As text, flags are `True` and `False`, as TSVs have them.
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

/// The type that holds the values of both: text if no number does.
pub(crate) fn widest(first: &DataType, second: &DataType) -> DataType {
    use DataType::{Float64, Int64, Null, Utf8};
    match (first, second) {
        (first, second) if first == second => first.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (Int64, Float64) | (Float64, Int64) => Float64,
        _ => Utf8,
    }
}
