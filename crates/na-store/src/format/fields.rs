//! The fields of Parquet files: name, type, and unit of measurement.

use std::collections::BTreeMap;

use arrow_schema::{DataType, Field};

/// A text column that may hold nulls.
pub(crate) fn text_field(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

/// A column of doubles that may hold nulls. `None` for no unit, or for one that nobody knows.
pub(crate) fn double_field(name: &str, unit: Option<&str>) -> Field {
    with_unit(Field::new(name, DataType::Float64, true), unit)
}

/// The key of a field's unit in its metadata.
const UNIT: &str = "unit";

/// Records the unit of a column; other metadata of the field is dropped. `None` for no unit, or for one that nobody knows.
pub(crate) fn with_unit(field: Field, unit: Option<&str>) -> Field {
    let metadata: BTreeMap<String, String> =
        unit.map(|unit| (UNIT.to_owned(), unit.to_owned())).into_iter().collect();
    field.with_metadata(metadata)
}

/// The unit that a column records. `None` if it records none.
pub(crate) fn unit_of(field: &Field) -> Option<&str> {
    field.metadata().get(UNIT).map(String::as_str)
}
