//! Taking over what the pandas package says of sessions: its `metadata.parquet` has columns that say nothing of them, and
//! its long tables have columns of the session list that `metadata.parquet` may lack.

use arrow::datatypes::Schema;
use na_model::columns::AGE;

use super::{MetadataColumn, MetadataTable, known_type};
use crate::error::StoreError;
use crate::list_values::value_at;
use crate::long::merge::OldTable;
use crate::long::origin::{ColumnOrigin, WrittenColumn, written_columns};
use crate::long::pieces::{Value, as_type};
use crate::notes;
use crate::table_file::TableFile;

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

/// The places of the metadata columns, behind those of the session.
pub(super) fn places_of_metadata(file: &TableFile) -> Vec<usize> {
    let names = || file.schema().fields().iter().map(|field| field.name().as_str());
    // In a file of this program one of these names alone is the session list's; all of them came with such a store.
    let is_of_package = file.note(notes::VERSION).is_none()
        || LOADED.iter().all(|loaded| names().any(|name| name == *loaded));
    let is_left_out = |name: &str| says_nothing(name) && (is_of_package || !LOADED.contains(&name));
    names().enumerate().skip(2).filter(|(_, name)| !is_left_out(name)).map(|(place, _)| place).collect()
}

/// The columns of a session list in a long table, each by the name that the metadata have it under.
pub(super) fn columns_of_list(schema: &Schema) -> Vec<(WrittenColumn<'_>, &str)> {
    let of_list = written_columns(schema).into_iter();
    let of_list =
        of_list.filter(|column| column.origin == ColumnOrigin::Metadata && !says_nothing(column.name));
    let name = |name| if OTHER_AGES.contains(&name) { AGE } else { name };
    of_list.map(|column| (column.clone(), name(column.name))).collect()
}

impl MetadataTable {
    /// Adds what the rows of a long table say of their sessions, in columns that `metadata.parquet` does not have: those
    /// behind the first `of_file`.
    pub(super) fn add_from_rows(&mut self, old: &OldTable, of_file: usize) -> Result<(), StoreError> {
        let mut taken: Vec<(WrittenColumn<'_>, usize)> = Vec::new();
        for (column, name) in columns_of_list(old.file.schema()) {
            let known = self.columns.iter().position(|known| known.own_name == name);
            if known.is_some_and(|place| place < of_file || taken.iter().any(|(_, other)| *other == place)) {
                continue;
            }
            taken.push((column.clone(), known.unwrap_or(self.columns.len())));
            if known.is_none() {
                self.columns.push(MetadataColumn {
                    name: name.to_owned(),
                    own_name: name.to_owned(),
                    data_type: known_type(&column.data_type),
                    has_unknown_unit: false,
                });
            }
        }
        let width = self.columns.len();
        self.values.values_mut().for_each(|values| values.resize(width, Value::Null));
        let places: Vec<usize> = taken.iter().map(|(column, _)| column.place).collect();
        let n_groups = if taken.is_empty() { 0 } else { old.file.row_groups().len() };
        for group in 0..n_groups {
            let batch = old.file.read_keyed_at(group, &places)?;
            let columns = batch.columns().iter().zip(&taken);
            let columns = columns.map(|(array, (column, _))| as_type(array, &known_type(&column.data_type)));
            let columns =
                columns.collect::<Result<Vec<_>, _>>().map_err(StoreError::arrow(old.file.path()))?;
            for run in old.index.runs.iter().filter(|run| run.row_group == group) {
                let Some(session) = old.index.sessions.get(run.session) else { continue };
                let values = self.values.entry(session.clone()).or_insert_with(|| vec![Value::Null; width]);
                for (column, (_, place)) in columns.iter().zip(&taken) {
                    if let Some(value) = values.get_mut(*place).filter(|value| **value == Value::Null) {
                        *value = value_at(column, run.rows.start);
                    }
                }
            }
        }
        Ok(())
    }
}
