//! The long tables of an export: what they must hold, their files, and what is read back of them.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt};
use na_cache::SealedPart;
use na_model::TableName;
use rayon::prelude::*;

use crate::error::StoreError;
use crate::export::background_commit::BackgroundCommit;
use crate::export::long_writer::{LongWriter, WrittenTable};
use crate::export::observer::ExportStep;
use crate::export::plan::PlannedTable;
use crate::export::steps::ExportSteps;
use crate::export::verify::{Expected, verify_long};
use crate::format::open_file_limit::each_file;
use crate::format::parquet_file::ParquetFile;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::long_file::LongFile;
use crate::tables::long_index::file_index::decoded;

/// Long tables written at once: one is encoded while another is copied.
const TABLES_AT_ONCE: usize = 2;

/// Long tables that wait for the disk at most.
pub(super) const TABLES_WAITING: usize = 4;

/// A long table that is written and not in its place yet.
pub(super) struct UnsyncedTable {
    file: ParquetFile,
    /// The row groups with other keys than in the existing file.
    written: Vec<usize>,
}

impl<'a> ExportSteps<'a> {
    /// What each long table must hold, for the tables that have rows.
    pub(super) fn expected_tables(&self) -> Result<BTreeMap<TableName, Expected<'_>>, StoreError> {
        let mut expected = BTreeMap::new();
        for PlannedTable { merge, features, .. } in &self.plan.tables {
            let rows = merge.rows()?;
            if !rows.is_empty() {
                let features = features.iter().map(|feature| (feature.name.file_path(), feature.map.clone()));
                expected.insert(merge.table.clone(), Expected { rows, features: features.collect() });
            }
        }
        Ok(expected)
    }

    pub(super) fn delete_empty_tables(&self, expected: &BTreeMap<TableName, Expected<'_>>) {
        let tables = self.plan.tables.iter().map(|planned| &planned.merge.table);
        for table in tables.filter(|table| !expected.contains_key(table)) {
            self.to.changes.delete_later(&self.to.output.join(table.file_path()));
        }
    }

    /// Writes the long tables that are not up to date, and adds what the user should know.
    pub(super) fn write_long_tables(
        &'a self,
        expected: &BTreeMap<TableName, Expected<'_>>,
        commits: &mut BackgroundCommit<'_, 'a>,
        notes: &mut Vec<String>,
    ) -> Result<HashMap<TableName, UnsyncedTable>, StoreError> {
        let mut to_write = Vec::new();
        for planned in self.plan.tables.iter().filter(|planned| expected.contains_key(&planned.merge.table)) {
            let writer = LongWriter::new(&planned.merge, &planned.schema)?;
            if !writer.is_up_to_date() {
                to_write.push(writer);
            }
        }
        let (total, mut unsynced) = (to_write.len(), HashMap::new());
        for (first, writers) in (1..).step_by(TABLES_AT_ONCE).zip(to_write.chunks(TABLES_AT_ONCE)) {
            for (index, writer) in (first..).zip(writers) {
                self.to.observer.step(&ExportStep::LongTable {
                    table: writer.merge().table.clone(),
                    index,
                    total,
                });
            }
            // Where the cache stays, and where others see the store change at once, parts stay where they are.
            let stay = self.request.keep_cache || self.request.takes_away();
            let parts = Some(&self.holdings.parts).filter(|_| !stay);
            let written = writers.par_iter().map(|writer| {
                let open = writer.merge().files.iter().map(|file| file.long.file.opened());
                let _open = open.collect::<Result<Vec<_>, StoreError>>()?;
                writer.write(self.to, self.cache, parts)
            });
            let written = written.collect::<Result<Vec<WrittenTable<'a>>, StoreError>>()?;
            for (writer, table) in writers.iter().zip(written) {
                let WrittenTable { file, written, state, renamed, notes: of_table } = table;
                notes.extend(of_table);
                let table = writer.merge().table.clone();
                let unsynced_file = UnsyncedTable { file: file.opened()?.closed(), written };
                unsynced.insert(table.clone(), unsynced_file);
                let record = move || self.record_export(&table, &state, renamed.as_ref());
                commits.add(|| file.commit_after(record))?;
            }
        }
        Ok(unsynced)
    }

    /// Records which file has the rows of the cache's parts, before it gets its name.
    fn record_export(
        &self,
        table: &TableName,
        state: &str,
        renamed: Option<&SealedPart>,
    ) -> Result<(), StoreError> {
        if self.holdings.parts.has_table(table) {
            self.cache.record_export(table, state, renamed)?;
        }
        Ok(())
    }

    /// Opens and verifies the long tables: features are made from what was read back and found complete.
    pub(super) fn open_tables(
        &self,
        expected: &BTreeMap<TableName, Expected<'_>>,
        unsynced: HashMap<TableName, UnsyncedTable>,
    ) -> Result<BTreeMap<TableName, LongFile>, StoreError> {
        self.to.observer.step(&ExportStep::ReadBack);
        let expected: Vec<(&TableName, &Expected)> = expected.iter().collect();
        let opened =
            each_file(&expected, |(table, expected)| self.open_table(table, expected, unsynced.get(table)))?;
        Ok(opened.into_iter().collect())
    }

    fn open_table(
        &self,
        table: &TableName,
        expected: &Expected,
        unsynced: Option<&UnsyncedTable>,
    ) -> Result<(TableName, LongFile), StoreError> {
        let path = self.to.current_path(table.file_path());
        let file = match unsynced {
            Some(unsynced) => ParquetReader::of(unsynced.file.opened()?)?,
            None => ParquetReader::open(&path)?.ok_or_else(|| StoreError::damaged(&path, "it is gone"))?,
        };
        let written = unsynced.map(|unsynced| unsynced.written.as_slice()).unwrap_or_default();
        let long = LongFile::read(table, file.clone())?;
        let decoded = decoded(&file, &long.kind.region_key, written.iter().copied())?;
        verify_long(&path, expected, &long.index, &decoded, written)?;
        Ok((table.clone(), long))
    }
}
