//! Writes row groups of one long table to a part.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::Builder;

use arrow_schema::SchemaRef;
use na_cache::{OwnedCache, SealedPart};
use na_model::{Compression, RegionKey, TableKind, TableName};

use crate::error::StoreError;
use crate::format::file_changes::FileChanges;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_writer::{ParquetWriter, UnsyncedGroups};
use crate::tables::long_index::note::to_text;
use crate::tables::row_groups::{RowGroups, WrittenGroups};

/// A part to which row groups are added. All of them have the same columns. Its file is open only meanwhile, as there may be
/// hundreds.
pub(crate) struct PartWriter {
    pub(crate) part: SealedPart,
    path: PathBuf,
    schema: SchemaRef,
    compression: Compression,
    /// What the table is, as a note says it.
    kind: String,
    /// Bytes so far.
    length: u64,
}

impl PartWriter {
    /// Begins a part of a long table with these columns. The cache names it before its file is there.
    ///
    /// # Errors
    /// A cache that cannot be written; a folder or file that cannot be created.
    pub(crate) fn begin(
        cache: &OwnedCache<'_>,
        changes: &FileChanges,
        (table, kind): (&TableName, &TableKind),
        schema: &SchemaRef,
        compression: Compression,
    ) -> Result<Self, StoreError> {
        let part = cache.begin_part(table)?;
        let path = part.path_in(cache.output());
        if let Some(folder) = path.parent() {
            changes.create_folder(folder)?;
        }
        let kind = serde_json::to_string(kind).map_err(|error| StoreError::damaged(&path, error))?;
        let length = ParquetWriter::create_part(&path)?;
        changes.sync_folder_of(&path)?;
        Ok(Self { part, path, schema: Arc::clone(schema), compression, kind, length })
    }

    /// Whether rows of a table with these columns can be added: names and types, whether or not a column has a value.
    pub(crate) fn takes(&self, table: &TableName, schema: &SchemaRef) -> bool {
        let mut fields = self.schema.fields().iter().zip(schema.fields());
        self.part.table == *table
            && self.schema.fields().len() == schema.fields().len()
            && fields.all(|(own, field)| own.name() == field.name() && own.data_type() == field.data_type())
    }

    /// Adds row groups. They do not count before they are synced and the cache says that they are there. After an error, nothing
    /// more is to be added.
    ///
    /// # Errors
    /// What `add` fails with; a part that cannot be written.
    pub(crate) fn add(
        &mut self,
        cache: &OwnedCache<'_>,
        regions: &RegionKey,
        add: impl FnOnce(&mut RowGroups<'_, 'static>) -> Result<(), StoreError>,
    ) -> Result<UnsyncedGroups, StoreError> {
        cache.lock().ownership().check()?;
        let path = &self.path;
        let kind = [(keys::TABLE_KIND, self.kind.clone())];
        let writer = ParquetWriter::add_to_part((path, self.length), &self.schema, self.compression, &kind)?;
        let mut rows = RowGroups::new(writer, &self.schema, regions, path);
        add(&mut rows)?;
        let WrittenGroups { writer, index, .. } = rows.finish()?;
        let index = to_text(&index, writer.layout()).map_err(|error| StoreError::damaged(path, error))?;
        self.length = writer.position();
        writer.seal(index)
    }
}

/// Syncs the row groups of many parts at once: a journal makes the sizes of many files durable in the time that it takes for one.
///
/// # Errors
/// A part that cannot be synced. What was added to it may be lost.
pub(crate) fn sync_all(groups: &[UnsyncedGroups]) -> Result<(), StoreError> {
    std::thread::scope(|scope| {
        let sync = |groups| match Builder::new().spawn_scoped(scope, move || UnsyncedGroups::sync(groups)) {
            Ok(thread) => Ok(thread),
            // Where no thread can be had, one is synced after the other.
            Err(_) => Err(groups.sync()),
        };
        let syncs: Vec<_> = groups.iter().map(sync).collect();
        syncs.into_iter().try_for_each(|sync| match sync {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(synced) => synced,
        })
    })
}
