//! A column of the session list in the store.

use arrow_schema::{DataType, Field};
use na_model::MeasurementUnit;
use na_model::columns::AGE;

use crate::format::column_origin::{own_name, with_own_name};
use crate::format::fields::{double_field, unit_of};

/// A column of the session list with the type of all its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetadataColumn {
    /// Its name in the store.
    pub(crate) name: String,
    /// Its name in the list.
    pub(crate) own_name: String,
    pub(crate) data_type: DataType,
    /// For ages: whether nobody knows the unit of at least one.
    pub(crate) has_unknown_unit: bool,
}

impl MetadataColumn {
    /// The column of a field of `metadata.parquet`.
    pub(crate) fn of(field: &Field) -> Self {
        Self {
            name: field.name().clone(),
            own_name: own_name(field).to_owned(),
            data_type: known_type(field.data_type()),
            has_unknown_unit: unit_of(field) == Some(MeasurementUnit::Unknown.as_str()),
        }
    }

    pub(crate) fn field(&self) -> Field {
        with_own_name(self.field_as(&self.name), &self.own_name)
    }

    /// Its field in a table in which it has this name.
    pub(crate) fn field_as(&self, name: &str) -> Field {
        match self.name.as_str() {
            AGE if self.has_unknown_unit => double_field(name, Some(MeasurementUnit::Unknown.as_str())),
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

/// The type of a column here. Dates and flags, which other programs make of text, are text again.
pub(crate) fn known_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Int64 | DataType::Float64 => data_type.clone(),
        _ => DataType::Utf8,
    }
}
