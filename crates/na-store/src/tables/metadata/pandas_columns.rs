//! The columns of the pandas package that say nothing of a session, and those of its session list in long tables.

use arrow::datatypes::Schema;
use na_model::columns::{AGE, KEY_COLUMNS};

use crate::format::column_origin::{ColumnOrigin, WrittenColumn, written_columns};
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;

/// Whether the pandas package had loaded what. It writes all four, of whomever its list named.
const LOADED: [&str; 4] =
    ["anatomical_gm_loaded", "anatomical_wm_loaded", "anatomical_ct_loaded", "diffusion_loaded"];

/// What pandas calls row numbers that have no name, before their level.
const INDEX: &str = "__index_level_";

/// What the package takes for age, beside the name that it then gives it in `metadata.parquet` alone.
const OTHER_AGES: [&str; 3] = ["Age@Scan", "age", "Age"];

fn says_nothing(name: &str) -> bool {
    name.starts_with(INDEX) || LOADED.contains(&name)
}

/// The indices of the metadata columns, behind the key columns.
pub(crate) fn metadata_indices(file: &ParquetReader) -> Vec<usize> {
    let names = || file.schema().fields().iter().map(|field| field.name().as_str());
    // In a file of this program one of these names alone is the session list's; all of them came with such a store.
    let is_of_package = file.key_value(keys::VERSION).is_none()
        || LOADED.iter().all(|loaded| names().any(|name| name == *loaded));
    let is_left_out = |name: &str| says_nothing(name) && (is_of_package || !LOADED.contains(&name));
    names()
        .enumerate()
        .skip(KEY_COLUMNS.len())
        .filter(|(_, name)| !is_left_out(name))
        .map(|(index, _)| index)
        .collect()
}

/// The columns of a session list in a long table, each by the name that the metadata have it under.
pub(crate) fn columns_of_list(schema: &Schema) -> Vec<(WrittenColumn<'_>, &str)> {
    let of_list = written_columns(schema).into_iter();
    let of_list =
        of_list.filter(|column| column.origin == ColumnOrigin::Metadata && !says_nothing(column.name));
    let name = |name| if OTHER_AGES.contains(&name) { AGE } else { name };
    of_list.map(|column| (column.clone(), name(column.name))).collect()
}
