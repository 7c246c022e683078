//! Writes `sources.parquet`: the units of the old file that stay, in its order, then the cache's new units.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use na_cache::{Cache, CachedUnit};
use na_model::{Names, SourceFile, TableName, Unit, UnitOutcome};

use crate::error::StoreError;
use crate::export::destination::Destination;
use crate::export::provenance::Provenance;
use crate::export::request::ExportRequest;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_writer::ParquetWriter;
use crate::merge::merged_sources::MergedSources;
use crate::merge::unit_status::UnitStatuses;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::manifest::count;
use crate::tables::paths::SOURCES_FILE;
use crate::tables::sources::batch::{batch_of, schema};
use crate::tables::sources::stored_unit::StoredUnit;

/// Rows of a row group. Each has half a kilobyte of text, and is in memory twice before it is written.
const ROW_GROUP: usize = 8 * 1024;

/// The input of the file.
pub(crate) struct SourcesWriter<'a> {
    pub(crate) to: Destination<'a>,
    pub(crate) store: &'a ExistingStore,
    pub(crate) cache: &'a Cache,
    pub(crate) units: &'a [Arc<CachedUnit>],
    pub(crate) statuses: &'a UnitStatuses<'a>,
    pub(crate) request: &'a ExportRequest,
}

/// What was written, and what it shows of the store.
#[derive(Default)]
pub(crate) struct WrittenSources {
    /// Every unit of the store, loaded or partial.
    pub(crate) units: Vec<UnitOutcome>,
    pub(crate) n_rows: u64,
    /// Whether the store has rows with unknown files.
    pub(crate) rows_without_files: bool,
    pub(crate) provenance: Provenance,
    /// How many files of each table were read of which it has no rows any more, with a unit that has one.
    lost: BTreeMap<TableName, (usize, Unit)>,
}

impl WrittenSources {
    /// What the user should know of rows that are gone.
    pub(crate) fn notes_of_lost(&self) -> impl Iterator<Item = String> {
        self.lost.iter().map(|(table, (n, unit))| {
            format!(
                "{table}: it has no rows any more of {n} files that were read before, such as of {unit}: what is listed and on disk \
                 is read again by the next run, all else is gone"
            )
        })
    }
}

impl SourcesWriter<'_> {
    /// Writes and commits the file, with these keys besides those of every file.
    pub(crate) fn write(
        &self,
        key_values: Vec<(&'static str, String)>,
    ) -> Result<WrittenSources, StoreError> {
        let key_values: Vec<_> = keys::of_writing().into_iter().chain(key_values).collect();
        let compression = self.to.settings.compression;
        let path = self.to.output.join(SOURCES_FILE);
        let writer = ParquetWriter::create(&path, self.to.changes, &schema(), compression, &key_values)?;
        let mut rows = RowsOfUnits::new(writer, self);
        let sources = MergedSources {
            store: Some(self.store).filter(|_| !self.request.record.fresh),
            cache: self.cache,
            units: self.units,
            removals: &self.request.removals,
        };
        sources.for_each(|unit, sources| rows.add(unit, sources))?;
        rows.finish()
    }
}

/// Collects units until they fill a row group.
struct RowsOfUnits<'a> {
    writer: ParquetWriter<'a>,
    statuses: &'a UnitStatuses<'a>,
    names: &'a Names,
    /// Units with rows that had no file so far. Sorted: `sessions.tsv` has what is left of them in this order.
    without_files: BTreeSet<&'a Unit>,
    waiting: Vec<StoredUnit>,
    n_waiting: usize,
    written: WrittenSources,
}

impl<'a> RowsOfUnits<'a> {
    fn new(writer: ParquetWriter<'a>, of: &SourcesWriter<'a>) -> Self {
        Self {
            writer,
            statuses: of.statuses,
            names: &of.request.names,
            without_files: of.statuses.units().collect(),
            waiting: Vec::new(),
            n_waiting: 0,
            written: WrittenSources::default(),
        }
    }

    fn add(&mut self, unit: &Unit, mut sources: Vec<SourceFile>) -> Result<(), StoreError> {
        self.names.take_out_of_all(&mut sources);
        for (table, n) in self.statuses.take_out_lost(unit, &mut sources) {
            self.written.lost.entry(table).or_insert_with(|| (0, unit.clone())).0 += n;
        }
        if sources.is_empty() {
            return Ok(());
        }
        self.without_files.remove(unit);
        self.written.rows_without_files |= self.statuses.has_rows_beside(unit, &sources);
        self.written.provenance.add(&unit.kind, &sources);
        self.n_waiting += sources.len();
        let outcome = self.statuses.of_unit(unit);
        self.written.units.push(outcome.clone());
        let UnitOutcome { unit, status, reason } = outcome;
        self.waiting.push(StoredUnit { unit, status, reason, sources });
        if self.n_waiting < ROW_GROUP { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let units = std::mem::take(&mut self.waiting);
        let n_rows = std::mem::take(&mut self.n_waiting);
        if n_rows == 0 {
            return Ok(());
        }
        self.written.n_rows += count(n_rows);
        self.writer.write_batch(&batch_of(&units)?)
    }

    /// Writes what waits, and commits the file.
    fn finish(mut self) -> Result<WrittenSources, StoreError> {
        self.flush()?;
        self.written.rows_without_files |= !self.without_files.is_empty();
        self.written.units.extend(self.without_files.iter().map(|unit| self.statuses.of_unit(unit)));
        self.writer.commit()?;
        Ok(self.written)
    }
}
