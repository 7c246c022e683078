//! The rows of a long table, streaming.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchReader};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use na_cache::{Cache, CachedUnit};
use na_model::columns::TIV;
use na_model::{MapSource, MeasurementUnit, RegionKey, Session, TableKind, TableName};
use rayon::prelude::*;

use crate::error::StoreError;
use crate::format::column_origin::{ColumnOrigin, written_columns};
use crate::format::fields::double_field;
use crate::format::parquet_reader::ParquetReader;
use crate::format::parquet_writer::LARGEST_TEXT;
use crate::merge::long_merge::{KeptSession, LongMerge, MapRows, in_map_order, without_maps};
use crate::read::options::ReadOptions;
use crate::read::snapshot::Snapshot;
use crate::read::suggest::unknown;
use crate::tables::long_index::{key_indices, sessions_of_rows};
use crate::tables::long_schema::{LongSchema, SessionFact};
use crate::tables::scalar::Scalar;
use crate::tables::session_rows::{Column, SessionRows, column, row_groups_of};
use crate::tables::tiv::TivTable;

/// Text of a batch, bytes, at which a session is split after all: no array holds twice as much.
const MOST_TEXT_OF_A_SESSION: usize = 1 << 30;

/// Batches of a long table, of about 32,000 rows each, fewer where they hold much text. A session is never split over
/// batches, unless its text alone is over a gigabyte.
///
/// It reads the state that the store had when the scan was asked for, whatever is exported meanwhile.
pub struct LongScan {
    rows: RowReader,
    schema: SchemaRef,
    parts: VecDeque<ScanPart>,
    ready: VecDeque<RecordBatch>,
}

/// What is read at once.
enum ScanPart {
    RowGroup(usize),
    Units(Vec<Arc<CachedUnit>>),
}

/// Where a column comes from.
#[derive(Debug, Clone, Copy)]
enum CellSource {
    /// The table: a place among all its columns.
    Table(usize),
    /// What is known of the session now.
    Fact(SessionFact),
    /// The session's volume, beside a table that has none.
    Volume,
}

/// A table with what the cache has of it.
struct Merged {
    merge: LongMerge,
    columns: LongSchema,
    cache: Cache,
    /// Units of sessions of which rows of other maps stay: they are read together.
    beside: HashMap<Session, Arc<CachedUnit>>,
}

struct RowReader {
    file: Option<ParquetReader>,
    /// None where all is in the file as it should be.
    merged: Option<Merged>,
    volumes: Option<Arc<TivTable>>,
    options: ReadOptions,
    /// The columns to make, and those of them to give.
    columns: Vec<(Field, CellSource)>,
    given: Vec<usize>,
    /// Those that tell the region.
    regions: Vec<usize>,
    region_key: RegionKey,
}

impl LongScan {
    pub(crate) fn new(
        snapshot: &Snapshot,
        table: &TableName,
        options: &ReadOptions,
    ) -> Result<Self, StoreError> {
        let file = snapshot.file(table)?;
        let mut parts: VecDeque<ScanPart> = VecDeque::new();
        parts.extend((0..file.as_ref().map_or(0, |file| file.row_groups().len())).map(ScanPart::RowGroup));
        let merged = match &snapshot.cached {
            None => None,
            Some(cached) => {
                let merge = snapshot.merge(table)?;
                // How much text there is, is known when the units are read.
                let size = |unit: &&Arc<CachedUnit>| {
                    let of_table = unit.tables.iter().filter(|info| info.table == *table);
                    (of_table.map(|info| info.n_rows).sum(), 0)
                };
                let (beside, apart) = merge.units_apart();
                let lists = row_groups_of(&apart, size).into_iter();
                parts.extend(
                    lists.map(|units| ScanPart::Units(units.iter().map(|unit| Arc::clone(unit)).collect())),
                );
                let beside =
                    beside.into_iter().map(|(session, unit)| (session.clone(), Arc::clone(unit))).collect();
                Some(Merged { columns: merge.columns(), merge, cache: cached.cache.clone(), beside })
            }
        };
        let all = match (&merged, &file) {
            (Some(merged), _) => Arc::clone(&merged.columns.schema),
            (None, Some(file)) => Arc::clone(file.schema()),
            (None, None) => Arc::new(Schema::empty()),
        };
        let kinds = snapshot.kinds();
        let kind = kinds.get(table).map_or_else(|| Arc::new(TableKind::of_parcellate(table)), Arc::clone);
        let has_volumes = table.added_columns().contains(&TIV);
        let volumes = (options.tiv && !has_volumes).then(|| snapshot.volumes()).transpose()?;
        let mut rows = RowReader {
            file,
            merged,
            volumes,
            options: options.clone(),
            columns: Vec::new(),
            given: Vec::new(),
            regions: Vec::new(),
            region_key: kind.region_key.clone(),
        };
        rows.choose(snapshot, &all, &kind)?;
        let given = rows.given.iter().filter_map(|place| rows.columns.get(*place));
        let schema = Arc::new(Schema::new(given.map(|(field, _)| field.clone()).collect::<Vec<_>>()));
        Ok(Self { rows, schema, parts, ready: VecDeque::new() })
    }

    /// All of it, read in parallel: the columns and their batches.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn read_all(mut self) -> Result<(SchemaRef, Vec<RecordBatch>), StoreError> {
        let parts: Vec<ScanPart> = self.parts.drain(..).collect();
        let batches = parts.par_iter().map(|part| self.rows.read(part, &self.schema));
        let batches = batches.collect::<Result<Vec<_>, StoreError>>()?;
        Ok((self.schema, batches.into_iter().flatten().collect()))
    }

    /// Reads on, as much at once as there are threads.
    fn fill(&mut self) -> Result<(), StoreError> {
        let at_once = rayon::current_num_threads().clamp(1, self.parts.len().max(1));
        while self.ready.is_empty() && !self.parts.is_empty() {
            let parts: Vec<ScanPart> = self.parts.drain(..at_once.min(self.parts.len())).collect();
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

impl RowReader {
    /// Decides which columns are read and which are given.
    fn choose(&mut self, snapshot: &Snapshot, all: &Schema, kind: &TableKind) -> Result<(), StoreError> {
        let written = written_columns(all);
        if let Some(metrics) = &self.options.metrics {
            let of_table = written.iter().filter(|column| column.origin == ColumnOrigin::Table);
            let known: Vec<&str> = of_table
                .map(|column| column.written)
                .filter(|name| kind.metric_kind(name).is_some())
                .collect();
            if let Some(wrong) = metrics.iter().find(|metric| !known.contains(&metric.as_str())) {
                return Err(unknown("metric", wrong, snapshot.output(), known));
            }
        }
        let metrics: Option<HashSet<&str>> =
            self.options.metrics.as_ref().map(|metrics| metrics.iter().map(String::as_str).collect());
        let facts = self.merged.as_ref().map(|merged| merged.columns.facts()).unwrap_or_default();
        for (column, field) in written.iter().zip(all.fields()) {
            let is_wanted = match column.origin {
                // The volume that is asked for has its name.
                ColumnOrigin::Metadata => {
                    self.options.metadata && (self.volumes.is_none() || column.written != TIV)
                }
                ColumnOrigin::Store => true,
                ColumnOrigin::Table => metrics.as_ref().is_none_or(|metrics| {
                    kind.metric_kind(column.written).is_none() || metrics.contains(column.written)
                }),
            };
            let names_regions = self.options.regions.is_some()
                && column.origin == ColumnOrigin::Table
                && kind.region_key.labels.iter().any(|label| label == column.written);
            if !is_wanted && !names_regions {
                continue;
            }
            if names_regions {
                self.regions.push(self.columns.len());
            }
            if is_wanted {
                self.given.push(self.columns.len());
            }
            let fact = facts.iter().find(|(place, _)| *place == column.index);
            let from = fact.map_or(CellSource::Table(column.index), |(_, fact)| CellSource::Fact(*fact));
            self.columns.push((Field::clone(field), from));
        }
        if self.volumes.is_some() {
            self.given.push(self.columns.len());
            self.columns
                .push((double_field(TIV, Some(MeasurementUnit::Millilitre.as_str())), CellSource::Volume));
        }
        Ok(())
    }

    fn read(&self, part: &ScanPart, schema: &SchemaRef) -> Result<Vec<RecordBatch>, StoreError> {
        let sessions = match part {
            ScanPart::RowGroup(group) => self.of_row_group(*group)?,
            ScanPart::Units(units) => self.of_units(units)?,
        };
        let mut batches = Vec::new();
        let (mut waiting, mut text) = (Vec::new(), 0);
        for session in sessions {
            let size: usize = session.iter().map(SessionRows::text_bytes).sum();
            if text + size > LARGEST_TEXT {
                batches.extend(self.batch(&std::mem::take(&mut waiting), schema)?);
                text = 0;
            }
            for piece in session {
                let size = piece.text_bytes();
                if text + size > MOST_TEXT_OF_A_SESSION {
                    batches.extend(self.batch(&std::mem::take(&mut waiting), schema)?);
                    text = 0;
                }
                text += size;
                waiting.push(piece);
            }
        }
        batches.extend(self.batch(&waiting, schema)?);
        Ok(batches)
    }

    /// None where no row is left.
    fn batch(&self, pieces: &[SessionRows], schema: &SchemaRef) -> Result<Option<RecordBatch>, StoreError> {
        if pieces.is_empty() {
            return Ok(None);
        }
        let path = self.file.as_ref().map(|file| file.path().to_owned()).unwrap_or_default();
        let arrow = StoreError::arrow(&path);
        let columns = self
            .columns
            .iter()
            .enumerate()
            .map(|(place, (field, _))| column(pieces, place, field.data_type()).map_err(&arrow));
        let columns = columns.collect::<Result<Vec<ArrayRef>, StoreError>>()?;
        let fields = self.columns.iter().map(|(field, _)| field.clone());
        let made = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let mut batch = RecordBatch::try_new(made, columns).map_err(&arrow)?;
        if let Some(regions) = &self.options.regions {
            let of_regions = of_regions(&batch, &self.regions, regions);
            batch = filter_record_batch(&batch, &of_regions).map_err(&arrow)?;
        }
        let batch = batch.project(&self.given).and_then(|batch| batch.with_schema(Arc::clone(schema)));
        Ok(Some(batch.map_err(&arrow)?).filter(|batch| batch.num_rows() > 0))
    }

    /// The sessions of a row group that stay, with what the cache has of them beside.
    fn of_row_group(&self, group: usize) -> Result<Vec<Vec<SessionRows>>, StoreError> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let Some(merged) = &self.merged else { return self.of_exported(file, group) };
        let kept = merged.merge.kept_sessions(group);
        let kept: Vec<_> = kept.into_iter().filter(|kept| self.options.wants(kept.session)).collect();
        if kept.is_empty() {
            return Ok(Vec::new());
        }
        let arrays =
            self.arrays(file, group, |place| merged.columns.in_file.get(place).copied().flatten())?;
        let session = |kept: &KeptSession<'_>| {
            let map_rows = |(map, rows): &(&Option<MapSource>, Range<usize>)| MapRows {
                map: (*map).clone(),
                rows: self.kept(&arrays, Some(kept.session), rows),
            };
            let mut maps: Vec<MapRows> = kept.maps.iter().map(map_rows).collect();
            if let Some(unit) = merged.beside.get(kept.session) {
                maps.extend(self.of_unit(merged, unit)?);
                maps = in_map_order(maps);
            }
            Ok(without_maps(maps))
        };
        kept.iter().map(session).collect()
    }

    /// The sessions of a row group of a table that is all in its file.
    fn of_exported(&self, file: &ParquetReader, group: usize) -> Result<Vec<Vec<SessionRows>>, StoreError> {
        let mut kept: Vec<(Option<Session>, Range<usize>)> = Vec::new();
        let tells_sessions = self.volumes.is_some() || !self.options.wants_all_sessions();
        if tells_sessions {
            let keys = file.read_dictionaries_at(group, &key_indices(file.schema(), &self.region_key))?;
            let sessions = sessions_of_rows(&keys, file.path())?.into_iter();
            let sessions = sessions.filter(|(session, _)| self.options.wants(session));
            kept.extend(sessions.map(|(session, rows)| (Some(session), rows)));
            if kept.is_empty() {
                return Ok(Vec::new());
            }
        } else {
            let rows = file.row_groups().get(group).map_or(0, |group| group.num_rows());
            let rows = usize::try_from(rows).map_err(|error| StoreError::damaged(file.path(), error))?;
            kept.push((None, 0..rows));
        }
        let arrays = self.arrays(file, group, Some)?;
        Ok(kept.iter().map(|(session, rows)| vec![self.kept(&arrays, session.as_ref(), rows)]).collect())
    }

    /// For each column that is made its rows in a row group, for those that the file has.
    fn arrays(
        &self,
        file: &ParquetReader,
        group: usize,
        in_file: impl Fn(usize) -> Option<usize>,
    ) -> Result<Vec<Option<ArrayRef>>, StoreError> {
        let places = self.columns.iter().map(|(_, from)| match from {
            CellSource::Table(place) => in_file(*place),
            CellSource::Fact(_) | CellSource::Volume => None,
        });
        let places: Vec<Option<usize>> = places.collect();
        file.read_optional_columns(group, &places)
    }

    fn kept(
        &self,
        arrays: &[Option<ArrayRef>],
        session: Option<&Session>,
        rows: &Range<usize>,
    ) -> SessionRows {
        let cells = self.columns.iter().zip(arrays).map(|((_, from), array)| match (from, array) {
            (CellSource::Fact(fact), _) => self.fact(session, *fact),
            (CellSource::Volume, _) => self.volume(session),
            (CellSource::Table(_), Some(array)) => Column::Array(array.slice(rows.start, rows.len())),
            (CellSource::Table(_), None) => Column::Constant(Scalar::Null),
        });
        SessionRows { rows: rows.len(), columns: cells.collect() }
    }

    fn of_units(&self, units: &[Arc<CachedUnit>]) -> Result<Vec<Vec<SessionRows>>, StoreError> {
        let Some(merged) = &self.merged else { return Ok(Vec::new()) };
        let wanted = units.iter().filter(|unit| self.options.wants(&unit.unit.session));
        wanted.map(|unit| Ok(without_maps(self.of_unit(merged, unit)?))).collect()
    }

    fn of_unit(&self, merged: &Merged, unit: &CachedUnit) -> Result<Vec<MapRows>, StoreError> {
        let session = Some(&unit.unit.session);
        let maps = merged.merge.cached_rows(&merged.cache, unit, &merged.columns)?.into_iter();
        let chosen = |MapRows { map, rows }| {
            let columns = self.columns.iter().map(|(_, from)| match from {
                CellSource::Table(index) => {
                    rows.columns.get(*index).cloned().unwrap_or(Column::Constant(Scalar::Null))
                }
                CellSource::Fact(fact) => self.fact(session, *fact),
                CellSource::Volume => self.volume(session),
            });
            let columns = columns.collect();
            MapRows { map, rows: SessionRows { rows: rows.rows, columns } }
        };
        Ok(maps.map(chosen).collect())
    }

    fn fact(&self, session: Option<&Session>, fact: SessionFact) -> Column {
        let facts = session.zip(self.merged.as_ref());
        Column::Constant(
            facts.map_or(Scalar::Null, |(session, merged)| merged.merge.facts.value(session, fact)),
        )
    }

    fn volume(&self, session: Option<&Session>) -> Column {
        let volumes = session.zip(self.volumes.as_ref());
        let volume = volumes.and_then(|(session, volumes)| volumes.0.get(session));
        Column::Constant(volume.map_or(Scalar::Null, |volume| Scalar::Double(*volume)))
    }
}

/// Which rows are of these regions; some columns name them.
fn of_regions(batch: &RecordBatch, columns: &[usize], regions: &[String]) -> BooleanArray {
    let regions: HashSet<&str> = regions.iter().map(String::as_str).collect();
    let columns = columns.iter().filter_map(|place| batch.columns().get(*place)?.as_string_opt::<i32>());
    let columns: Vec<_> = columns.collect();
    let named = |row: usize| {
        let names = columns.iter().filter(|column| column.is_valid(row));
        names.map(|column| column.value(row)).next().is_some_and(|name| regions.contains(name))
    };
    (0..batch.num_rows()).map(|row| Some(named(row))).collect()
}
