//! The sessions and columns of `metadata.parquet`, without its values.

use na_model::Session;
use na_model::columns::KEY_COLUMNS;

use crate::error::StoreError;
use crate::format::column_origin::own_name;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::key_columns::sessions_of;
use crate::tables::metadata::pandas_columns::{columns_of_list, metadata_indices};
use crate::tables::paths::METADATA_FILE;

/// The sessions and columns of `metadata.parquet`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredMetadata {
    /// In the file's order.
    pub sessions: Vec<Session>,
    /// Under the names that the session lists gave them.
    pub columns: Vec<String>,
}

impl ExistingStore {
    /// The sessions and columns of `metadata.parquet`, and the columns that the pandas package put only into long tables. Both are
    /// empty if nothing was exported.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn metadata(&self) -> Result<StoredMetadata, StoreError> {
        let file = ParquetReader::open(&self.output().join(METADATA_FILE))?;
        let is_ours = file.as_ref().is_some_and(|file| file.key_value(keys::VERSION).is_some());
        let mut stored = StoredMetadata::default();
        if let Some(file) = file {
            for row_group in 0..file.row_groups().len() {
                stored.sessions.extend(sessions_of(&file.read(row_group, &KEY_COLUMNS)?, file.path())?);
            }
            let indices = metadata_indices(&file).into_iter();
            let fields = indices.filter_map(|index| file.schema().fields().get(index));
            stored.columns = fields.map(|field| own_name(field).to_owned()).collect();
        }
        if !is_ours {
            for table in self.long_tables()? {
                let Some(file) = self.long_reader(table)? else { continue };
                let of_list = columns_of_list(file.schema()).into_iter().map(|(_, name)| name.to_owned());
                let new: Vec<String> = of_list.filter(|name| !stored.columns.contains(name)).collect();
                stored.columns.extend(new);
            }
        }
        Ok(stored)
    }
}
