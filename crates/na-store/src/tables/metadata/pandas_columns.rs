//! The pandas package's columns: those that describe no session, and those of its session list in long tables.

use arrow_schema::Schema;
use na_model::columns::{AGE, PACKAGE_BOOKKEEPING, is_package_bookkeeping};

use crate::format::column_origin::{ColumnOrigin, WrittenColumn, written_columns};
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::key_columns::{PANDAS_INDEX, is_value};

/// The names that the package takes for age. In `metadata.parquet`, and only there, it calls the column [`AGE`].
const OTHER_AGES: [&str; 3] = ["Age@Scan", "age", "Age"];

fn is_no_metadata(name: &str) -> bool {
    name.starts_with(PANDAS_INDEX) || is_package_bookkeeping(name)
}

/// The indices of the columns of a session list, which stand behind the key columns.
pub(crate) fn metadata_indices(file: &ParquetReader) -> Vec<usize> {
    let names = || file.schema().fields().iter().map(|field| field.name().as_str());
    // In a file of this program, one of these names alone is the session list's. All four came from a store of the package.
    let is_of_package = file.key_value(keys::VERSION).is_none()
        || PACKAGE_BOOKKEEPING.iter().all(|loaded| names().any(|name| name == *loaded));
    let is_left_out = |name: &str| is_package_bookkeeping(name) && is_of_package;
    let is_metadata = |name: &str| is_value(name) && !is_left_out(name);
    names().enumerate().filter(|(_, name)| is_metadata(name)).map(|(index, _)| index).collect()
}

/// The columns of a session list in a long table, each with its name in `metadata.parquet`.
pub(crate) fn columns_of_list(schema: &Schema) -> Vec<(WrittenColumn<'_>, &str)> {
    let of_list = written_columns(schema).into_iter();
    let of_list =
        of_list.filter(|column| column.origin == ColumnOrigin::Metadata && !is_no_metadata(column.name));
    let name = |name| if OTHER_AGES.contains(&name) { AGE } else { name };
    of_list.map(|column| (column.clone(), name(column.name))).collect()
}
