//! The index of a table's file.

use na_model::RegionKey;

use crate::error::StoreError;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::long_index::builder::IndexBuilder;
use crate::tables::long_index::index::LongIndex;
use crate::tables::long_index::note;

/// The index of a table's file: the one in its footer, or else that of its keys. `regions` are the columns that tell its regions
/// apart.
pub(crate) fn index_of(file: &ParquetReader, regions: &RegionKey) -> Result<LongIndex, StoreError> {
    match note::of_file(file) {
        Some(index) => Ok(index),
        None => decoded(file, regions, 0..file.row_groups().len()),
    }
}

/// The index of some row groups, read from the keys of their rows.
pub(crate) fn decoded(
    file: &ParquetReader,
    regions: &RegionKey,
    row_groups: impl IntoIterator<Item = usize>,
) -> Result<LongIndex, StoreError> {
    let mut builder = IndexBuilder::default();
    row_groups.into_iter().try_for_each(|row_group| builder.add_group(file, row_group, regions))?;
    Ok(builder.index)
}
