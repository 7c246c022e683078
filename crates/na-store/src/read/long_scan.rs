//! The rows of a long table, streaming.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use na_cache::CachedUnit;
use na_model::columns::TIV;
use na_model::{TableKind, TableName};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::read::options::ReadOptions;
use crate::read::row_reader::{MergedTable, RowReader, ScanPart};
use crate::read::scan_columns::{ScanColumns, check_metrics};
use crate::read::sidecar_columns::SidecarColumns;
use crate::read::snapshot::Snapshot;
use crate::tables::session_rows::row_groups_of;

/// Batches of a long table, of about 32,000 rows each, or fewer if they hold much text. A session is never split over
/// batches, unless its text alone exceeds a gigabyte.
///
/// A scan reads the state that the store had when it was asked for, whatever is exported meanwhile.
pub struct LongScan {
    rows: RowReader,
    /// Of the rows alone.
    own_schema: SchemaRef,
    schema: SchemaRef,
    sidecars: Option<SidecarColumns>,
    parts: VecDeque<ScanPart>,
    ready: VecDeque<RecordBatch>,
}

impl LongScan {
    pub(crate) fn new(
        snapshot: &Snapshot,
        table: &TableName,
        options: &ReadOptions,
    ) -> Result<Self, StoreError> {
        let file = snapshot.file(table)?;
        let has_volumes = table.added_columns().contains(&TIV);
        let adds_volumes = options.tiv && !has_volumes;
        let needs_sessions = adds_volumes || !options.wants_all_sessions();
        let indexed = if needs_sessions { snapshot.old(table)? } else { None };
        let (merged, apart) = match &snapshot.cached {
            None => (None, Vec::new()),
            Some(cached) => {
                let (merged, apart) = MergedTable::of(snapshot.merge(table)?, cached.cache.clone());
                (Some(merged), apart)
            }
        };
        let all = match (&merged, &file) {
            (Some(merged), _) => Arc::clone(&merged.columns.schema),
            (None, Some(file)) => Arc::clone(file.schema()),
            (None, None) => Arc::new(Schema::empty()),
        };
        // They stay open: what is scanned does not change.
        let files = match &merged {
            None => file.into_iter().collect(),
            Some(merged) => merged.open_files()?,
        };
        let groups = files.iter().enumerate();
        let groups = groups.flat_map(|(file, of)| (0..of.row_groups().len()).map(move |group| (file, group)));
        let mut parts: VecDeque<ScanPart> =
            groups.map(|(file, group)| ScanPart::RowGroup { file, group }).collect();
        parts.extend(parts_of_units(table, &apart));
        let kind = snapshot.kinds().get(table).cloned();
        let kind = kind.unwrap_or_else(|| Arc::new(TableKind::of_parcellate(table)));
        let volumes = adds_volumes.then(|| snapshot.volumes()).transpose()?;
        check_metrics(&all, &kind, options, snapshot.output())?;
        let facts = merged.as_ref().map(|merged| merged.columns.facts()).unwrap_or_default();
        let columns = ScanColumns::choose(&all, &kind, &facts, options, volumes.is_some());
        let own_schema = columns.given_schema();
        let sidecars = options
            .sidecars
            .then(|| SidecarColumns::of(snapshot, table, options.text_as_views))
            .transpose()?;
        let schema = sidecars
            .as_ref()
            .map_or_else(|| Arc::clone(&own_schema), |sidecars| sidecars.schema(&own_schema));
        let path = snapshot.output().join(table.file_path());
        let rows = RowReader { path, files, indexed, merged, volumes, options: options.clone(), columns };
        Ok(Self { rows, own_schema, schema, sidecars, parts, ready: VecDeque::new() })
    }

    fn read_part(&self, part: &ScanPart) -> Result<Vec<RecordBatch>, StoreError> {
        let batches = self.rows.read(part, &self.own_schema)?;
        match &self.sidecars {
            None => Ok(batches),
            Some(sidecars) => {
                batches.iter().map(|rows| sidecars.beside(rows, &self.schema, &self.rows.path)).collect()
            }
        }
    }

    /// Reads everything in parallel: the columns and their batches.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn read_all(mut self) -> Result<(SchemaRef, Vec<RecordBatch>), StoreError> {
        let parts: Vec<ScanPart> = self.parts.drain(..).collect();
        let batches = parts.par_iter().map(|part| self.read_part(part));
        let batches = batches.collect::<Result<Vec<_>, StoreError>>()?;
        Ok((self.schema, batches.into_iter().flatten().collect()))
    }

    /// Reads the next parts, one for each thread.
    fn fill(&mut self) -> Result<(), StoreError> {
        let at_once = rayon::current_num_threads().clamp(1, self.parts.len().max(1));
        while self.ready.is_empty() && !self.parts.is_empty() {
            let parts: Vec<ScanPart> = self.parts.drain(..at_once.min(self.parts.len())).collect();
            let batches = parts.par_iter().map(|part| self.read_part(part));
            let batches = batches.collect::<Result<Vec<_>, StoreError>>()?;
            self.ready.extend(batches.into_iter().flatten());
        }
        Ok(())
    }
}

impl Iterator for LongScan {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.fill() {
            Ok(()) => self.ready.pop_front().map(Ok),
            Err(error) => {
                self.parts.clear();
                Some(Err(ArrowError::ExternalError(Box::new(error))))
            }
        }
    }
}

impl RecordBatchReader for LongScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Divides the cache's units into parts of about a row group each.
fn parts_of_units(table: &TableName, units: &[Arc<CachedUnit>]) -> Vec<ScanPart> {
    // The amount of text is only known when the units are read.
    let size = |unit: &Arc<CachedUnit>| {
        let of_table = unit.tables.iter().filter(|info| info.table == *table);
        (of_table.map(|info| info.n_rows).sum(), 0)
    };
    let groups = row_groups_of(units, size).into_iter();
    groups.map(|units| ScanPart::Units(units.to_vec())).collect()
}
