//! Takes over what the pandas package says of sessions: its long tables have columns of the session list that
//! `metadata.parquet` may lack.

use std::collections::HashSet;

use na_model::Session;

use crate::error::StoreError;
use crate::format::arrays::as_type;
use crate::format::column_origin::WrittenColumn;
use crate::tables::long_file::LongFile;
use crate::tables::metadata::column::{MetadataColumn, known_type};
use crate::tables::metadata::pandas_columns::columns_of_list;
use crate::tables::metadata::table::MetadataTable;
use crate::tables::scalar::{Scalar, scalar_at};
use crate::tables::tiv::TivTable;

impl MetadataTable {
    /// Takes over what the pandas package says of sessions. It lists whom it means to load, too: whom the store has nothing
    /// of is forgotten, and what is said of them stays known, for those who come.
    pub(crate) fn take_over<'a>(
        &mut self,
        tables: impl Iterator<Item = &'a LongFile>,
        volumes: &TivTable,
    ) -> Result<(), StoreError> {
        let mut with_data: HashSet<&Session> = volumes.0.keys().collect();
        let of_file = self.columns.len();
        for table in tables {
            self.add_from_rows(table, of_file)?;
            with_data.extend(&table.index.sessions);
        }
        self.sessions.retain(|session| with_data.contains(session));
        Ok(())
    }

    /// Adds what the rows of a long table say of their sessions, in columns that `metadata.parquet` does not have: those
    /// behind the first `of_file`.
    pub(super) fn add_from_rows(&mut self, old: &LongFile, of_file: usize) -> Result<(), StoreError> {
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
        self.values.values_mut().for_each(|values| values.resize(width, Scalar::Null));
        let places: Vec<usize> = taken.iter().map(|(column, _)| column.index).collect();
        let n_groups = if taken.is_empty() { 0 } else { old.file.row_groups().len() };
        for group in 0..n_groups {
            let batch = old.file.read_dictionaries_at(group, &places)?;
            let columns = batch.columns().iter().zip(&taken);
            let columns = columns.map(|(array, (column, _))| as_type(array, &known_type(&column.data_type)));
            let columns =
                columns.collect::<Result<Vec<_>, _>>().map_err(StoreError::arrow(old.file.path()))?;
            for range in old.index.row_ranges.iter().filter(|range| range.row_group == group) {
                let Some(session) = old.index.sessions.get(range.session) else { continue };
                let values = self.values.entry(session.clone()).or_insert_with(|| vec![Scalar::Null; width]);
                for (column, (_, place)) in columns.iter().zip(&taken) {
                    if let Some(value) = values.get_mut(*place).filter(|value| **value == Scalar::Null) {
                        *value = scalar_at(column, range.rows.start);
                    }
                }
            }
        }
        Ok(())
    }
}
