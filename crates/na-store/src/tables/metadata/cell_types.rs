//! Types the cells of a session list: text, number or missing.

use arrow_schema::DataType;
use na_model::{Number, is_missing_in_list, is_missing_text};

use crate::format::arrays::widest;
use crate::tables::scalar::Scalar;

/// The cell that a list would have for a value. `None` for null.
pub(crate) fn to_text(value: &Scalar) -> Option<String> {
    match value {
        Scalar::Null => None,
        Scalar::Text(text) => Some(text.to_string()),
        // The shortest text that reads as the same double, and not as an integer.
        Scalar::Double(value) => Some(format!("{value:?}")),
        Scalar::Integer(value) => Some(value.to_string()),
    }
}

/// The type of a column: a number if all cells but the missing ones are numbers, else text; `so_far` if all are missing. It is
/// never narrower than `so_far`.
pub(crate) fn type_of<'a>(so_far: &DataType, cells: impl Iterator<Item = &'a str>) -> DataType {
    let mut found = so_far.clone();
    for cell in cells.filter(|cell| !is_missing_in_list(cell)) {
        let this = match Number::parse(cell) {
            None => return DataType::Utf8,
            Some(Number::Integer(_)) => DataType::Int64,
            Some(Number::Double(_)) => DataType::Float64,
        };
        found = widest(&found, &this);
    }
    found
}

/// The value of a cell in a column of this type.
pub(crate) fn typed_value(cell: &str, data_type: &DataType) -> Scalar {
    match (data_type, Number::parse(cell)) {
        (DataType::Int64, Some(Number::Integer(value))) => Scalar::Integer(value),
        (DataType::Float64, Some(number)) => Scalar::Double(number.to_double()),
        (DataType::Utf8, _) if !is_missing_text(cell) => Scalar::text(cell),
        _ => Scalar::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(cells: &[&str]) -> DataType {
        type_of(&DataType::Null, cells.iter().copied())
    }

    #[test]
    fn a_column_is_a_number_where_all_its_values_are() {
        assert_eq!(types(&["1", "-2", "NA"]), DataType::Int64);
        assert_eq!(types(&["1", "2.5", "1e3"]), DataType::Float64);
        assert_eq!(types(&["21.5", "N/A", "None", "<NA>", "-", "."]), DataType::Float64);
        assert_eq!(types(&["1", "x"]), DataType::Utf8);
        assert_eq!(types(&["007", "1"]), DataType::Utf8);
        assert_eq!(types(&["20240101123045678"]), DataType::Int64);
        assert_eq!(types(&["12345678901234567890"]), DataType::Utf8);
        assert_eq!(types(&["+1.5", "Inf"]), DataType::Float64);
        assert_eq!(types(&["NA", "None"]), DataType::Null);
    }
}
