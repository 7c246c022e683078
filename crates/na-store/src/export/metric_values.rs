//! The values of a metric in some row groups of a long table.

use std::collections::BTreeSet;

use arrow_array::{Array, ArrayRef, new_empty_array};
use arrow_select::concat::concat;
use foldhash::{HashMap, HashMapExt};
use na_model::Session;
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::long_index::index::LongIndex;

/// Some row groups of a long table, whose values are read as one array.
pub(super) struct JoinedGroups {
    groups: Vec<usize>,
    pub(super) n_rows: usize,
    /// At which of the values each row group begins.
    pub(super) starts: HashMap<usize, usize>,
}

impl JoinedGroups {
    /// The row groups with rows of these sessions.
    ///
    /// # Errors
    /// A row group with an impossible number of rows.
    pub(super) fn of(
        file: &ParquetReader,
        index: &LongIndex,
        is_wanted: impl Fn(&Session) -> bool,
    ) -> Result<Self, StoreError> {
        let wanted: Vec<bool> = index.sessions.iter().map(is_wanted).collect();
        let ranges = index.row_ranges.iter().filter(|range| wanted.get(range.session) == Some(&true));
        let groups: BTreeSet<usize> = ranges.map(|range| range.row_group).collect();
        let (mut starts, mut start) = (HashMap::new(), 0);
        for group in &groups {
            starts.insert(*group, start);
            let rows = file.row_groups().get(*group).map_or(0, |group| group.num_rows());
            start += usize::try_from(rows).map_err(|error| StoreError::damaged(file.path(), error))?;
        }
        Ok(Self { groups: groups.into_iter().collect(), n_rows: start, starts })
    }

    /// Reads a metric's values in all of them.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn read(&self, file: &ParquetReader, metric: &str) -> Result<ArrayRef, StoreError> {
        let field = file.schema().field_with_name(metric).map_err(StoreError::arrow(file.path()))?;
        if self.groups.is_empty() {
            return Ok(new_empty_array(field.data_type()));
        }
        let batches = self.groups.par_iter().map(|group| file.read(*group, &[metric]));
        let batches = batches.collect::<Result<Vec<_>, StoreError>>()?;
        let missing = || StoreError::damaged(file.path(), "a column is missing");
        let arrays = batches.iter().map(|batch| batch.columns().first().map(AsRef::as_ref));
        let arrays = arrays.collect::<Option<Vec<&dyn Array>>>().ok_or_else(missing)?;
        concat(&arrays).map_err(StoreError::arrow(file.path()))
    }
}
