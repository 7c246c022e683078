//! The files of a store's long tables, of which each footer and each index is read once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use arrow_schema::DataType;
use na_model::columns::{DESC, KEY_COLUMNS, MODEL, PARAM, SESSION, SUBJECT};
use na_model::{Manifest, Modality, TableName};

use crate::error::StoreError;
use crate::format::column_origin::{
    ColumnOrigin, WrittenColumn, has_clear_origins, with_origins_of, written_columns,
};
use crate::format::locked::locked;
use crate::format::parquet_file::ParquetFile;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::long_file::LongFile;
use crate::tables::own_files::OwnFiles;

/// The footers and indexes read so far. Files are closed while nobody reads them.
#[derive(Default)]
pub(crate) struct LongFiles {
    output: PathBuf,
    manifest: Option<Arc<Manifest>>,
    tables: OnceLock<Vec<TableName>>,
    footers: Mutex<BTreeMap<TableName, ParquetReader>>,
    indexed: Mutex<BTreeMap<TableName, Arc<LongFile>>>,
}

/// Refuses a table in which another program wrote codes as numbers, or that lacks one of the columns that say whose a row is: its rows
/// would be other people's, and come again.
fn check_keys(table: &TableName, file: &ParquetReader) -> Result<(), StoreError> {
    let keys: &[&str] = match table.modality() {
        Modality::Anatomical => &KEY_COLUMNS,
        Modality::Diffusion => &[SUBJECT, SESSION, MODEL, PARAM, DESC],
    };
    let columns = written_columns(file.schema());
    let is_key = |column: &WrittenColumn<'_>, key: &str| {
        column.origin == ColumnOrigin::Store && column.name == key && column.data_type == DataType::Utf8
    };
    let is_text = |key: &str| columns.iter().any(|column| is_key(column, key));
    match keys.iter().find(|key| !is_text(key)) {
        None => Ok(()),
        Some(key) => {
            let problem = format!(
                "its column {key} is no text, or gone: another program rewrote it. Put a copy in its place, or move it away, and what is \
                 listed and on disk is loaded again"
            );
            Err(StoreError::damaged(file.path(), problem))
        }
    }
}

impl LongFiles {
    pub(crate) fn of(output: &Path, manifest: Option<Arc<Manifest>>) -> Self {
        Self { output: output.to_owned(), manifest, ..Self::default() }
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
        let file = ParquetFile::open(&self.output.join(table.file_path()))?;
        let file = file.map(|file| self.told(table, file)).transpose()?;
        if let Some(file) = &file {
            locked(&self.footers).insert(table.clone(), file.clone().closed());
        }
        Ok(file)
    }

    /// A table's file with the origins of its columns: the manifest has the order in which they were written.
    ///
    /// # Errors
    /// Columns in another order, and no manifest.
    fn told(&self, table: &TableName, file: ParquetFile) -> Result<ParquetReader, StoreError> {
        let entries = self.manifest.iter().flat_map(|manifest| manifest.long_formats.values());
        let entry = entries.into_iter().find(|entry| entry.name == table.to_string());
        let file = ParquetReader::told(file, |schema| {
            entry.map_or_else(|| schema.clone(), |entry| with_origins_of(schema, &entry.columns))
        })?;
        check_keys(table, &file)?;
        if has_clear_origins(file.schema()) {
            return Ok(file);
        }
        let problem = "another program wrote its columns in another order, and without a manifest it cannot be told which are the \
                       session list's: put the manifest or the file back from a copy, or write its columns in the old order";
        Err(StoreError::damaged(file.path(), problem))
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
