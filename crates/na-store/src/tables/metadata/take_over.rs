//! Takes over the metadata of the pandas package: its long tables have columns of the session list that `metadata.parquet` may
//! lack.

use foldhash::HashSet;
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
    /// Takes over the metadata of the pandas package. It also lists sessions that it only means to load: such a session leaves the
    /// list, and its values stay known in case it comes.
    pub(crate) fn take_over<'a>(
        &mut self,
        tables: impl Iterator<Item = &'a LongFile>,
        volumes: &TivTable,
    ) -> Result<(), StoreError> {
        let mut with_data: HashSet<&Session> = volumes.0.keys().collect();
        let n_of_file = self.columns.len();
        for table in tables {
            self.add_from_rows(table, n_of_file)?;
            with_data.extend(&table.index.sessions);
        }
        self.sessions.retain(|session| with_data.contains(session));
        Ok(())
    }

    /// Adds columns of a session list from a long table: those that are not among the first `n_of_file`, which
    /// `metadata.parquet` has. A value that is known already stays.
    fn add_from_rows(&mut self, long: &LongFile, n_of_file: usize) -> Result<(), StoreError> {
        let taken = self.take_columns(long, n_of_file);
        let width = self.columns.len();
        self.values.values_mut().for_each(|values| values.resize(width, Scalar::Null));
        let indices: Vec<usize> = taken.iter().map(|(column, _)| column.index).collect();
        let n_groups = if taken.is_empty() { 0 } else { long.file.row_groups().len() };
        for group in 0..n_groups {
            let batch = long.file.read_dictionaries_at(group, &indices)?;
            let columns = batch.columns().iter().zip(&taken);
            let columns = columns.map(|(array, (column, _))| as_type(array, &known_type(&column.data_type)));
            let columns =
                columns.collect::<Result<Vec<_>, _>>().map_err(StoreError::arrow(long.file.path()))?;
            for range in long.index.row_ranges_of(group) {
                let Some(session) = long.index.sessions.get(range.session) else {
                    return Err(StoreError::damaged(long.file.path(), "rows without a session"));
                };
                let values = self.values.entry(session.clone()).or_insert_with(|| vec![Scalar::Null; width]);
                for (column, (_, index)) in columns.iter().zip(&taken) {
                    if let Some(value) = values.get_mut(*index).filter(|value| **value == Scalar::Null) {
                        *value = scalar_at(column, range.rows.start);
                    }
                }
            }
        }
        Ok(())
    }

    /// The columns that a long table gives, each with its index here. New ones are added.
    fn take_columns<'a>(&mut self, long: &'a LongFile, n_of_file: usize) -> Vec<(WrittenColumn<'a>, usize)> {
        let mut taken: Vec<(WrittenColumn<'_>, usize)> = Vec::new();
        for (column, name) in columns_of_list(long.file.schema()) {
            let known = self.columns.iter().position(|known| known.own_name == name);
            let is_taken = |index| taken.iter().any(|(_, other)| *other == index);
            if known.is_some_and(|index| index < n_of_file || is_taken(index)) {
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
        taken
    }
}
