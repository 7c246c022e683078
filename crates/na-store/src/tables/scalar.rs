//! The value of one cell: a text, a number, or null.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, StringArray,
    cast::AsArray,
    types::{Float64Type, Int32Type, Int64Type},
};
use arrow_schema::DataType;

/// The value of a cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Text(Arc<str>),
    Double(f64),
    Integer(i64),
}

impl Scalar {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(Arc::from(text))
    }

    pub(crate) fn optional_text(text: Option<&str>) -> Self {
        text.map_or(Self::Null, Self::text)
    }
}

/// The value of a row. `Null` if it is null, or has a type that no session list has.
pub(crate) fn scalar_at(column: &ArrayRef, row: usize) -> Scalar {
    if column.is_null(row) {
        return Scalar::Null;
    }
    match column.data_type() {
        DataType::Float64 => Scalar::Double(column.as_primitive::<Float64Type>().value(row)),
        DataType::Int64 => Scalar::Integer(column.as_primitive::<Int64Type>().value(row)),
        DataType::Utf8 => {
            let text: &StringArray = column.as_string();
            Scalar::text(text.value(row))
        }
        DataType::Dictionary(_, _) => {
            let words = column.as_dictionary_opt::<Int32Type>();
            words.and_then(|words| Some(scalar_at(words.values(), words.key(row)?))).unwrap_or(Scalar::Null)
        }
        _ => Scalar::Null,
    }
}
