//! The file of a long table, with the index of its rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};

use na_model::{MapSource, Session, TableKind, TableName};

use crate::error::StoreError;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::long_index::file_index::index_of;
use crate::tables::long_index::index::{LongIndex, RowRange};
use crate::tables::long_schema::LongSchema;

/// The file of a long table on disk, with its index.
pub(crate) struct LongFile {
    pub(crate) file: ParquetReader,
    pub(crate) kind: Arc<TableKind>,
    pub(crate) index: LongIndex,
}

/// Reads a table's kind from its file. If that does not say it, `parcellate` wrote the TSVs.
///
/// # Errors
/// A file with a kind that cannot be understood.
pub(crate) fn kind_of(table: &TableName, file: &ParquetReader) -> Result<TableKind, StoreError> {
    match file.key_value(keys::TABLE_KIND) {
        None => Ok(TableKind::of_parcellate(table)),
        Some(text) => serde_json::from_str(text).map_err(|error| StoreError::damaged(file.path(), error)),
    }
}

/// The kinds of tables that `parcellate` does not write: their names do not tell them.
pub(crate) fn told_kinds<'a>(
    tables: impl IntoIterator<Item = (&'a TableName, &'a LongFile)>,
) -> BTreeMap<TableName, TableKind> {
    let told = tables.into_iter().filter(|(table, long)| *long.kind != TableKind::of_parcellate(table));
    told.map(|(table, long)| (table.clone(), TableKind::clone(&long.kind))).collect()
}

impl LongFile {
    /// Reads the index of an open file, and closes it.
    pub(crate) fn read(table: &TableName, file: ParquetReader) -> Result<Self, StoreError> {
        let kind = Arc::new(kind_of(table, &file)?);
        let index = index_of(&file, &kind.region_key)?;
        Ok(Self { file: file.closed(), kind, index })
    }

    /// The session and map of a row range.
    ///
    /// # Errors
    /// An index that contradicts itself.
    pub(crate) fn key_of(&self, range: &RowRange) -> Result<(&Session, &Option<MapSource>), StoreError> {
        let key = self.index.sessions.get(range.session).zip(self.index.maps.get(range.map));
        key.ok_or_else(|| self.contradicts_itself())
    }

    pub(crate) fn contradicts_itself(&self) -> StoreError {
        StoreError::damaged(self.file.path(), "the index of its rows contradicts itself")
    }

    /// Reads columns of the table's own files in a row group, by their names in the long table. They come under their own names;
    /// those that the file does not have are left out. `in_file` says where the file has each column ([`LongSchema::in_file`]).
    pub(crate) fn read_tsv(
        &self,
        group: usize,
        columns: &LongSchema,
        in_file: &[Option<usize>],
        written: &[&str],
    ) -> Result<RecordBatch, StoreError> {
        let known = written.iter().filter_map(|name| columns.of_tsv(name));
        let (names, indices): (Vec<&str>, Vec<usize>) =
            known.filter_map(|(own_name, index)| Some((own_name, (*in_file.get(index)?)?))).unzip();
        let batch = self.file.read_dictionaries_at(group, &indices)?;
        let fields = batch.schema_ref().fields().iter().zip(names);
        let fields = fields.map(|(field, name)| Field::clone(field).with_name(name)).collect::<Vec<_>>();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), batch.columns().to_vec(), &options)
            .map_err(StoreError::arrow(self.file.path()))
    }
}
