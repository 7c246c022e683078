//! Writes `sources.parquet`: what stays of the old file, then the cache's units.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use na_cache::{Cache, CachedUnit};
use na_model::{SourceFile, Unit, UnitOutcome};

use crate::error::StoreError;
use crate::export::destination::Destination;
use crate::export::provenance::Provenance;
use crate::export::request::ExportRequest;
use crate::export::unit_status::UnitStatuses;
use crate::format::key_value_metadata as keys;
use crate::format::parquet_writer::ParquetWriter;
use crate::merge::removals::sources_that_stay;
use crate::merge::unit_sources::together;
use crate::tables::existing_store::store::ExistingStore;
use crate::tables::manifest::count;
use crate::tables::paths::SOURCES_FILE;
use crate::tables::sources::batch::{batch_of, schema};
use crate::tables::sources::stored_unit::{SourceDetail, StoredUnit};

/// Rows of a row group.
const ROW_GROUP: usize = 32 * 1024;

/// What the file is made of.
pub(crate) struct SourcesWriter<'a> {
    pub(crate) to: Destination<'a>,
    pub(crate) store: &'a ExistingStore,
    pub(crate) cache: &'a Cache,
    pub(crate) units: &'a [Arc<CachedUnit>],
    pub(crate) statuses: &'a UnitStatuses<'a>,
    pub(crate) request: &'a ExportRequest,
}

/// What was written, and what was met on the way.
pub(crate) struct WrittenSources {
    /// Each unit of the store, loaded or partial.
    pub(crate) units: Vec<UnitOutcome>,
    pub(crate) n_rows: u64,
    /// Whether the store has rows of which it knows no file.
    pub(crate) rows_without_files: bool,
    pub(crate) provenance: Provenance,
}

impl SourcesWriter<'_> {
    /// Writes and commits the file with these keys beside those of every file.
    pub(crate) fn write(
        &self,
        key_values: Vec<(&'static str, String)>,
    ) -> Result<WrittenSources, StoreError> {
        let key_values: Vec<_> = keys::of_writing().into_iter().chain(key_values).collect();
        let compression = self.to.settings.compression;
        let path = self.to.output.join(SOURCES_FILE);
        let mut rows = RowsOfUnits {
            writer: ParquetWriter::create(&path, self.to.changes, &schema(), compression, &key_values)?,
            waiting: Vec::new(),
            n_waiting: 0,
            written: WrittenSources {
                units: Vec::new(),
                n_rows: 0,
                rows_without_files: false,
                provenance: Provenance::default(),
            },
        };
        let mut cached: HashMap<&Unit, &Arc<CachedUnit>> =
            self.units.iter().map(|unit| (&unit.unit, unit)).collect();
        let mut without_files: BTreeSet<&Unit> = self.statuses.units().collect();
        let mut is_known_whole = true;
        let mut add = |unit: &Unit, mut sources: Vec<SourceFile>| {
            self.request.names.take_out_of_all(&mut sources);
            without_files.remove(unit);
            is_known_whole &= !self.statuses.has_rows_beside(unit, &sources);
            rows.add(self.statuses.of_unit(unit), sources)
        };
        if !self.request.record.fresh {
            self.store.for_each_unit(SourceDetail::Sidecars, |stored| {
                let sources = sources_that_stay(&stored.unit, stored.sources, &self.request.removals);
                match cached.remove(&stored.unit) {
                    None if sources.is_empty() => Ok(()),
                    None => add(&stored.unit, sources),
                    Some(unit) => add(&unit.unit, together(sources, self.of_cache(unit)?, unit)),
                }
            })?;
        }
        for unit in self.units.iter().filter(|unit| cached.contains_key(&unit.unit)) {
            add(&unit.unit, self.of_cache(unit)?)?;
        }
        rows.flush()?;
        rows.written.rows_without_files = !is_known_whole || !without_files.is_empty();
        rows.written.units.extend(without_files.into_iter().map(|unit| self.statuses.of_unit(unit)));
        rows.writer.commit()?;
        Ok(rows.written)
    }

    fn of_cache(&self, unit: &CachedUnit) -> Result<Vec<SourceFile>, StoreError> {
        Ok(sources_that_stay(&unit.unit, self.cache.sources(unit)?, &self.request.removals))
    }
}

/// Units that wait until they fill a row group.
struct RowsOfUnits<'a> {
    writer: ParquetWriter<'a>,
    waiting: Vec<StoredUnit>,
    n_waiting: usize,
    written: WrittenSources,
}

impl RowsOfUnits<'_> {
    fn add(&mut self, of_unit: UnitOutcome, sources: Vec<SourceFile>) -> Result<(), StoreError> {
        self.written.provenance.add(&sources);
        self.n_waiting += sources.len();
        let UnitOutcome { unit, status, reason } = of_unit.clone();
        self.written.units.push(of_unit);
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
}
