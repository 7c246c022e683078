//! The rows of a long table, streaming.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchReader};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use na_cache::{Cache, CachedUnit};
use na_model::{Measure, Session, TableName, statistic_kind};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::long::columns::{LongColumns, tsv_columns};
use crate::long::index::sessions_of_rows;
use crate::long::merge::{LongMerge, ROW_GROUP, row_groups_of};
use crate::long::pieces::{Cells, Piece, Value, column};
use crate::read::names::unknown;
use crate::read::options::ReadOptions;
use crate::read::snapshot::Snapshot;
use crate::session_columns::{SESSION, SUBJECT};
use crate::table_file::{TableFile, double_field};

const TIV: &str = "tiv";
const REGION_COLUMNS: [&str; 2] = ["label", "name"];

/// Batches of a long table, of about 32,000 rows each. A session is never split over batches.
///
/// It reads the state that the store had when the scan was asked for, whatever is exported meanwhile.
pub struct LongScan {
    rows: Rows,
    schema: SchemaRef,
    parts: VecDeque<Part>,
    ready: VecDeque<RecordBatch>,
}

/// What is read at once.
enum Part {
    RowGroup(usize),
    Units(Vec<Arc<CachedUnit>>),
}

/// Where a column comes from.
#[derive(Debug, Clone)]
enum From {
    /// The table: a place among all its columns.
    Table(usize),
    /// The metadata as it is now.
    Metadata(usize),
    /// The session's volume.
    Volume,
}

struct Rows {
    file: Option<TableFile>,
    /// None where all is in the file as it should be.
    merged: Option<(LongMerge, LongColumns, Cache)>,
    volumes: Option<HashMap<Session, f64>>,
    options: ReadOptions,
    all: SchemaRef,
    /// The columns to make, and those of them to give.
    columns: Vec<(Field, From)>,
    given: Vec<usize>,
}

impl LongScan {
    pub(crate) fn new(
        snapshot: &Snapshot,
        table: &TableName,
        options: &ReadOptions,
    ) -> Result<Self, StoreError> {
        let file = snapshot.file(table)?;
        let mut parts: VecDeque<Part> = VecDeque::new();
        parts.extend((0..file.as_ref().map_or(0, |file| file.row_groups().len())).map(Part::RowGroup));
        let merged = match &snapshot.cached {
            None => None,
            Some(cached) => {
                let merge = snapshot.merge(table)?;
                let size = |unit: &Arc<CachedUnit>| -> usize {
                    unit.tables.iter().filter(|info| info.table == *table).map(|info| info.n_rows).sum()
                };
                parts.extend(
                    row_groups_of(&merge.units, size, ROW_GROUP)
                        .into_iter()
                        .map(|units| Part::Units(units.to_vec())),
                );
                let columns = merge.columns();
                Some((merge, columns, cached.cache.clone()))
            }
        };
        let all = match (&merged, &file) {
            (Some((_, columns, _)), _) => Arc::clone(&columns.schema),
            (None, Some(file)) => Arc::clone(file.schema()),
            (None, None) => Arc::new(Schema::empty()),
        };
        let volumes = (options.tiv && all.column_with_name(TIV).is_none())
            .then(|| snapshot.volumes().map(|volumes| volumes.0))
            .transpose()?;
        let mut rows = Rows {
            file,
            merged,
            volumes,
            options: options.clone(),
            all,
            columns: Vec::new(),
            given: Vec::new(),
        };
        rows.choose(snapshot, table)?;
        let given = rows.given.iter().filter_map(|place| rows.columns.get(*place));
        let schema = Arc::new(Schema::new(given.map(|(field, _)| field.clone()).collect::<Vec<_>>()));
        Ok(Self { rows, schema, parts, ready: VecDeque::new() })
    }

    /// All of it, read in parallel: the columns and their batches.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn read_all(mut self) -> Result<(SchemaRef, Vec<RecordBatch>), StoreError> {
        let parts: Vec<Part> = self.parts.drain(..).collect();
        let batches = parts.par_iter().map(|part| self.rows.read(part, &self.schema));
        let batches = batches.collect::<Result<Vec<_>, StoreError>>()?;
        Ok((self.schema, batches.into_iter().flatten().collect()))
    }

    /// Reads on, as much at once as there are threads.
    fn fill(&mut self) -> Result<(), StoreError> {
        let at_once = rayon::current_num_threads().clamp(1, self.parts.len().max(1));
        while self.ready.is_empty() && !self.parts.is_empty() {
            let parts: Vec<Part> = self.parts.drain(..at_once.min(self.parts.len())).collect();
            let batches = parts.par_iter().map(|part| self.rows.read(part, &self.schema));
            self.ready.extend(batches.collect::<Result<Vec<_>, StoreError>>()?.into_iter().flatten());
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

impl Rows {
    /// Decides which columns are read and which are given.
    fn choose(&mut self, snapshot: &Snapshot, table: &TableName) -> Result<(), StoreError> {
        let n_tsv = tsv_columns(table, &self.all).fields().len();
        let first_metadata = n_tsv + table.added_columns().len();
        if let Some(metrics) = &self.options.metrics {
            let known = self.all.fields().iter().take(n_tsv).map(|field| field.name().as_str());
            let known: Vec<&str> = known.filter(|name| statistic_kind(name).is_some()).collect();
            if let Some(wrong) = metrics.iter().find(|metric| !known.contains(&metric.as_str())) {
                return Err(unknown("metric", wrong, &snapshot.output, known));
            }
        }
        let metrics: Option<HashSet<&str>> =
            self.options.metrics.as_ref().map(|metrics| metrics.iter().map(String::as_str).collect());
        let wanted = |place: usize, name: &str| {
            if place >= first_metadata {
                return self.options.metadata;
            }
            let is_statistic = place < n_tsv && statistic_kind(name).is_some();
            metrics.as_ref().is_none_or(|metrics| !is_statistic || metrics.contains(name))
        };
        let metadata = self.merged.as_ref().map(|(_, columns, _)| columns.metadata.clone());
        for (place, field) in self.all.fields().iter().enumerate() {
            let is_wanted = wanted(place, field.name());
            let names_regions =
                self.options.regions.is_some() && REGION_COLUMNS.contains(&field.name().as_str());
            if !is_wanted && !names_regions {
                continue;
            }
            let of_metadata = place.checked_sub(first_metadata);
            let from = match metadata.as_ref().zip(of_metadata).and_then(|(places, of)| places.get(of)) {
                Some(place) => From::Metadata(*place),
                None => From::Table(place),
            };
            if is_wanted {
                self.given.push(self.columns.len());
            }
            self.columns.push((Field::clone(field), from));
        }
        if self.volumes.is_some() {
            self.given.push(self.columns.len());
            self.columns.push((double_field(TIV, Some(Measure::Millilitre.as_str())), From::Volume));
        }
        Ok(())
    }

    fn read(&self, part: &Part, schema: &SchemaRef) -> Result<Option<RecordBatch>, StoreError> {
        let pieces = match part {
            Part::RowGroup(group) => self.of_row_group(*group)?,
            Part::Units(units) => self.of_units(units)?,
        };
        if pieces.is_empty() {
            return Ok(None);
        }
        let path = self.file.as_ref().map(|file| file.path().to_owned()).unwrap_or_default();
        let arrow = StoreError::arrow(&path);
        let columns = self
            .columns
            .iter()
            .enumerate()
            .map(|(place, (field, _))| column(&pieces, place, field.data_type()).map_err(&arrow));
        let columns = columns.collect::<Result<Vec<ArrayRef>, StoreError>>()?;
        let fields = self.columns.iter().map(|(field, _)| field.clone());
        let made = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let mut batch = RecordBatch::try_new(made, columns).map_err(&arrow)?;
        if let Some(regions) = &self.options.regions {
            batch = filter_record_batch(&batch, &of_regions(&batch, regions)).map_err(&arrow)?;
        }
        let batch = batch.project(&self.given).and_then(|batch| batch.with_schema(Arc::clone(schema)));
        Ok(Some(batch.map_err(&arrow)?).filter(|batch| batch.num_rows() > 0))
    }

    fn of_row_group(&self, group: usize) -> Result<Vec<Piece>, StoreError> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let tells_sessions =
            self.merged.is_some() || self.volumes.is_some() || !self.options.wants_all_sessions();
        let mut kept: Vec<(Option<Session>, Range<usize>)> = Vec::new();
        if tells_sessions {
            let keys = file.read_keyed(group, &[SUBJECT, SESSION])?;
            let is_replaced = |session: &Session| {
                self.merged.as_ref().is_some_and(|(merge, _, _)| merge.replaced.contains(session))
            };
            let sessions = sessions_of_rows(&keys, file.path())?.into_iter();
            let sessions =
                sessions.filter(|(session, _)| self.options.wants(session) && !is_replaced(session));
            kept.extend(sessions.map(|(session, rows)| (Some(session), rows)));
            if kept.is_empty() {
                return Ok(Vec::new());
            }
        }
        let names: Vec<&str> = self
            .columns
            .iter()
            .filter(|(_, from)| matches!(from, From::Table(_)))
            .map(|(field, _)| field.name().as_str())
            .collect();
        let batch = file.read(group, &names)?;
        if !tells_sessions {
            kept.push((None, 0..batch.num_rows()));
        }
        Ok(kept.into_iter().map(|(session, rows)| self.kept(&batch, session.as_ref(), rows)).collect())
    }

    fn kept(&self, batch: &RecordBatch, session: Option<&Session>, rows: Range<usize>) -> Piece {
        let metadata =
            session.zip(self.merged.as_ref()).map(|(session, (merge, _, _))| merge.metadata.values(session));
        let cells = self.columns.iter().map(|(field, from)| match from {
            From::Table(_) => match batch.column_by_name(field.name()) {
                Some(array) => Cells::Each(array.slice(rows.start, rows.len())),
                None => Cells::Same(Value::Null),
            },
            From::Metadata(place) => {
                let value = metadata.as_ref().and_then(|values| values.get(*place));
                Cells::Same(value.cloned().unwrap_or(Value::Null))
            }
            From::Volume => self.volume(session),
        });
        Piece { rows: rows.len(), columns: cells.collect() }
    }

    fn of_units(&self, units: &[Arc<CachedUnit>]) -> Result<Vec<Piece>, StoreError> {
        let Some((merge, columns, cache)) = &self.merged else { return Ok(Vec::new()) };
        let n_before_metadata = columns.tsv.len() + columns.added.len();
        let mut pieces = Vec::new();
        for unit in units.iter().filter(|unit| self.options.wants(&unit.unit.session)) {
            for piece in merge.cached_pieces(cache, unit, columns)? {
                let cells = self.columns.iter().map(|(_, from)| {
                    let place = match from {
                        From::Table(place) => Some(*place),
                        From::Metadata(place) => columns
                            .metadata
                            .iter()
                            .position(|of| of == place)
                            .map(|of| n_before_metadata + of),
                        From::Volume => return self.volume(Some(&unit.unit.session)),
                    };
                    let cells = place.and_then(|place| piece.columns.get(place));
                    cells.cloned().unwrap_or(Cells::Same(Value::Null))
                });
                pieces.push(Piece { rows: piece.rows, columns: cells.collect() });
            }
        }
        Ok(pieces)
    }

    fn volume(&self, session: Option<&Session>) -> Cells {
        let volume = session.zip(self.volumes.as_ref()).and_then(|(session, volumes)| volumes.get(session));
        Cells::Same(volume.map_or(Value::Null, |volume| Value::Double(*volume)))
    }
}

/// Which rows are of these regions.
fn of_regions(batch: &RecordBatch, regions: &[String]) -> BooleanArray {
    let regions: HashSet<&str> = regions.iter().map(String::as_str).collect();
    let columns = REGION_COLUMNS.iter().filter_map(|name| batch.column_by_name(name)?.as_string_opt::<i32>());
    let columns: Vec<_> = columns.collect();
    let named = |row: usize| {
        let names = columns.iter().filter(|column| arrow::array::Array::is_valid(**column, row));
        names.map(|column| column.value(row)).next().is_some_and(|name| regions.contains(name))
    };
    (0..batch.num_rows()).map(|row| Some(named(row))).collect()
}
