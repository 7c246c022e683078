//! A column of the session list, as the store has it.

use arrow::datatypes::{DataType, Field};
use na_model::columns::AGE;

use crate::format::column_origin::with_own_name;
use crate::format::fields::double_field;

/// What stands in a field's unit where nobody knows it.
pub(crate) const UNKNOWN_UNIT: &str = "unknown";

/// A column of the session list with the type that all its values have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetadataColumn {
    /// What the store calls it.
    pub(crate) name: String,
    /// What the list calls it.
    pub(crate) own_name: String,
    pub(crate) data_type: DataType,
    /// Whether nobody knows the unit of an age that it holds.
    pub(crate) has_unknown_unit: bool,
}

impl MetadataColumn {
    pub(crate) fn field(&self) -> Field {
        with_own_name(self.field_as(&self.name), &self.own_name)
    }

    /// Its field in a table that calls it by this name.
    pub(crate) fn field_as(&self, name: &str) -> Field {
        match self.name.as_str() {
            AGE if self.has_unknown_unit => double_field(name, Some(UNKNOWN_UNIT)),
            AGE => double_field(name, Some("years")),
            _ => Field::new(name, self.data_type.clone(), true),
        }
    }

    #[cfg(test)]
    pub(crate) fn for_test(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            own_name: name.to_owned(),
            data_type: DataType::Float64,
            has_unknown_unit: false,
        }
    }
}

/// The type that a column has here. What somebody else made of text, a date or a boolean, is text again.
pub(crate) fn known_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Int64 | DataType::Float64 => data_type.clone(),
        _ => DataType::Utf8,
    }
}
