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
