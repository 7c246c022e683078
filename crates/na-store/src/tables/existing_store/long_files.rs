//! The files of a store's long tables, of which each footer and each index is read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use na_model::TableName;

use crate::error::StoreError;
use crate::format::locked::locked;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::long_file::LongFile;
use crate::tables::own_files::OwnFiles;

/// The footers and indexes read so far. Files are closed while nobody reads them.
#[derive(Default)]
pub(crate) struct LongFiles {
    output: PathBuf,
    tables: OnceLock<Vec<TableName>>,
    footers: Mutex<BTreeMap<TableName, ParquetReader>>,
    indexed: Mutex<BTreeMap<TableName, Arc<LongFile>>>,
}

impl LongFiles {
    pub(crate) fn of(output: &Path) -> Self {
        Self { output: output.to_owned(), ..Self::default() }
    }

    /// The long tables, in the store's order.
    pub(crate) fn tables(&self, own_files: &OwnFiles) -> Result<&[TableName], StoreError> {
        if let Some(tables) = self.tables.get() {
            return Ok(tables);
        }
        let tables = own_files.long_tables()?;
        Ok(self.tables.get_or_init(|| tables))
    }

    /// The open file of a table. `None` if it does not exist.
    pub(crate) fn reader(&self, table: &TableName) -> Result<Option<ParquetReader>, StoreError> {
        if let Some(known) = locked(&self.footers).get(table) {
            return known.opened().map(Some);
        }
        let file = ParquetReader::open(&self.output.join(table.file_path()))?;
        if let Some(file) = &file {
            locked(&self.footers).insert(table.clone(), file.clone().closed());
        }
        Ok(file)
    }

    /// The file of a table with its index. `None` if it does not exist.
    pub(crate) fn indexed(&self, table: &TableName) -> Result<Option<Arc<LongFile>>, StoreError> {
        if let Some(known) = locked(&self.indexed).get(table) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(file) = self.reader(table)? else { return Ok(None) };
        let indexed = Arc::new(LongFile::read(table, file)?);
        locked(&self.indexed).insert(table.clone(), Arc::clone(&indexed));
        Ok(Some(indexed))
    }
}
