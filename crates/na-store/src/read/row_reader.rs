//! Reads the rows of a long table, part by part, from its file and from the cache.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, cast::AsArray};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use foldhash::{HashMap, HashSet};
use na_cache::{Cache, CachedUnit};
use na_model::{MapSource, Session};

use crate::error::StoreError;
use crate::format::column_encoder::LARGEST_TEXT;
use crate::format::parquet_reader::ParquetReader;
use crate::merge::long_merge::LongMerge;
use crate::merge::merged_file::KeptSession;
use crate::read::options::ReadOptions;
use crate::read::scan_columns::{CellSource, ScanColumns};
use crate::tables::long_file::LongFile;
use crate::tables::long_schema::{LongSchema, SessionFact};
use crate::tables::scalar::Scalar;
use crate::tables::session_rows::{Column, MapRows, SessionRows, column, in_map_order, without_maps};
use crate::tables::tiv::TivTable;

/// Bytes of text in a batch above which even a session is split: no array holds twice as much.
const MOST_TEXT_OF_A_SESSION: usize = 1 << 30;

/// Of so many rows, one is few.
const FEW_OF: usize = 2;

/// What is read at once.
pub(crate) enum ScanPart {
    /// A row group of one of the files.
    RowGroup {
        file: usize,
        group: usize,
    },
    Units(Vec<Arc<CachedUnit>>),
}

/// A table with what the cache has of it.
pub(crate) struct MergedTable {
    pub(crate) merge: Arc<LongMerge>,
    pub(crate) columns: LongSchema,
    pub(crate) cache: Cache,
    /// Where the columns are in each of the merge's files.
    in_files: Vec<Vec<Option<usize>>>,
    /// Units of sessions that keep other maps in a file: they are read with them.
    beside: HashMap<Session, Arc<CachedUnit>>,
}

impl MergedTable {
    /// The second value has the units that are read by themselves.
    pub(crate) fn of(merge: Arc<LongMerge>, cache: Cache) -> (Self, Vec<Arc<CachedUnit>>) {
        let columns = merge.columns();
        let in_files = merge.files.iter().map(|file| columns.in_file(file.long.file.schema())).collect();
        let (beside, apart) = merge.units_apart();
        let beside = beside.into_iter().map(|(session, unit)| (session.clone(), Arc::clone(unit))).collect();
        let apart = apart.into_iter().map(Arc::clone).collect();
        (Self { merge, columns, cache, in_files, beside }, apart)
    }

    /// Opens the merge's files.
    pub(crate) fn open_files(&self) -> Result<Vec<ParquetReader>, StoreError> {
        self.merge.files.iter().map(|file| file.long.file.opened()).collect()
    }
}

/// Reads the rows of a long table.
pub(crate) struct RowReader {
    /// Where the table's file is, or would be.
    pub(crate) path: PathBuf,
    /// The table's file, or all that are merged.
    pub(crate) files: Vec<ParquetReader>,
    /// The table's file with the index of its rows. `None` if all of its rows are wanted as they are.
    pub(crate) indexed: Option<Arc<LongFile>>,
    /// `None` if the file has everything as it should be.
    pub(crate) merged: Option<MergedTable>,
    /// `None` unless a column of volumes is added.
    pub(crate) volumes: Option<Arc<TivTable>>,
    pub(crate) options: ReadOptions,
    pub(crate) columns: ScanColumns,
}

impl RowReader {
    /// Reads a part into batches of bounded text.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub(crate) fn read(&self, part: &ScanPart, schema: &SchemaRef) -> Result<Vec<RecordBatch>, StoreError> {
        let sessions = match part {
            ScanPart::RowGroup { file, group } => self.of_row_group(*file, *group)?,
            ScanPart::Units(units) => self.of_units(units)?,
        };
        let most: usize = sessions.iter().flatten().map(SessionRows::most_text_bytes).sum();
        if most <= LARGEST_TEXT {
            let all: Vec<SessionRows> = sessions.into_iter().flatten().collect();
            return Ok(self.batch(&all, schema)?.into_iter().collect());
        }
        let mut batches = Vec::new();
        let (mut waiting, mut text) = (Vec::new(), 0);
        for session in sessions {
            let size: usize = session.iter().map(SessionRows::text_bytes).sum();
            if text + size > LARGEST_TEXT {
                batches.extend(self.batch(&std::mem::take(&mut waiting), schema)?);
                text = 0;
            }
            for rows in session {
                let size = rows.text_bytes();
                if text + size > MOST_TEXT_OF_A_SESSION {
                    batches.extend(self.batch(&std::mem::take(&mut waiting), schema)?);
                    text = 0;
                }
                text += size;
                waiting.push(rows);
            }
        }
        batches.extend(self.batch(&waiting, schema)?);
        Ok(batches)
    }

    /// Makes a batch of the rows with wanted regions. `None` if there are none.
    fn batch(&self, rows: &[SessionRows], schema: &SchemaRef) -> Result<Option<RecordBatch>, StoreError> {
        if rows.is_empty() {
            return Ok(None);
        }
        let arrow = StoreError::arrow(&self.path);
        let made = self.columns.made.iter().enumerate();
        let columns = made.map(|(index, made)| column(rows, index, made.field.data_type()).map_err(&arrow));
        let columns = columns.collect::<Result<Vec<ArrayRef>, StoreError>>()?;
        let mut batch = RecordBatch::try_new(self.columns.made_schema(), columns).map_err(&arrow)?;
        if let Some(regions) = &self.options.regions {
            let is_wanted = rows_of_regions(&batch, &self.columns.regions, regions);
            batch = filter_record_batch(&batch, &is_wanted).map_err(&arrow)?;
        }
        let batch = batch.project(&self.columns.given);
        let batch = batch.and_then(|batch| batch.with_schema(Arc::clone(schema)));
        Ok(Some(batch.map_err(&arrow)?).filter(|batch| batch.num_rows() > 0))
    }

    /// The sessions of a row group that stay, with the maps that the cache adds to them.
    fn of_row_group(&self, file: usize, group: usize) -> Result<Vec<Vec<SessionRows>>, StoreError> {
        let Some(reader) = self.files.get(file) else { return Ok(Vec::new()) };
        let Some(merged) = &self.merged else { return self.of_exported(reader, group) };
        let (Some(of), Some(in_file)) = (merged.merge.files.get(file), merged.in_files.get(file)) else {
            return Ok(Vec::new());
        };
        let kept = of.kept_sessions(group)?;
        let mut kept: Vec<_> = kept.into_iter().filter(|kept| self.options.wants(kept.session)).collect();
        if kept.is_empty() {
            return Ok(Vec::new());
        }
        let in_file = |column: usize| in_file.get(column).copied().flatten();
        let mut ranges: Vec<&mut Range<usize>> = Vec::new();
        ranges.extend(kept.iter_mut().flat_map(|kept| kept.maps.iter_mut().map(|(_, rows)| rows)));
        let arrays = self.arrays(reader, group, in_file, ranges)?;
        kept.iter().map(|kept| self.of_kept(merged, kept, &arrays)).collect()
    }

    /// A session of a row group, with the maps that the cache adds to it.
    fn of_kept(
        &self,
        merged: &MergedTable,
        kept: &KeptSession<'_>,
        arrays: &[Option<ArrayRef>],
    ) -> Result<Vec<SessionRows>, StoreError> {
        let of_map = |(map, rows): &(&Option<MapSource>, Range<usize>)| MapRows {
            map: (*map).clone(),
            rows: self.rows_in(arrays, Some(kept.session), rows),
        };
        let mut maps: Vec<MapRows> = kept.maps.iter().map(of_map).collect();
        if let Some(unit) = merged.beside.get(kept.session) {
            maps.extend(self.of_unit(merged, unit)?);
            maps = in_map_order(maps);
        }
        Ok(without_maps(maps))
    }

    /// The sessions of a row group of a table that is wholly in its file.
    fn of_exported(&self, file: &ParquetReader, group: usize) -> Result<Vec<Vec<SessionRows>>, StoreError> {
        let Some(indexed) = &self.indexed else {
            let rows = file.row_groups().get(group).map_or(0, |group| group.num_rows());
            let mut rows =
                0..usize::try_from(rows).map_err(|error| StoreError::damaged(file.path(), error))?;
            let arrays = self.arrays(file, group, Some, vec![&mut rows])?;
            return Ok(vec![vec![self.rows_in(&arrays, None, &rows)]]);
        };
        let mut kept: Vec<(&Session, Range<usize>)> = Vec::new();
        for of_session in indexed.index.row_ranges_of(group).chunk_by(|one, next| one.session == next.session)
        {
            let (Some(first), Some(last)) = (of_session.first(), of_session.last()) else { continue };
            let (session, _) = indexed.key_of(first)?;
            if self.options.wants(session) {
                kept.push((session, first.rows.start..last.rows.end));
            }
        }
        if kept.is_empty() {
            return Ok(Vec::new());
        }
        let ranges = kept.iter_mut().map(|(_, rows)| rows).collect();
        let arrays = self.arrays(file, group, Some, ranges)?;
        Ok(kept.iter().map(|(session, rows)| vec![self.rows_in(&arrays, Some(session), rows)]).collect())
    }

    /// Reads the columns to make from a row group. `None` for columns that the file does not have or that differ by
    /// session. If few rows are wanted, the others are not decoded, and `rows` are then places in what was.
    fn arrays(
        &self,
        file: &ParquetReader,
        group: usize,
        in_file: impl Fn(usize) -> Option<usize>,
        rows: Vec<&mut Range<usize>>,
    ) -> Result<Vec<Option<ArrayRef>>, StoreError> {
        let indices = self.columns.made.iter().map(|column| match column.source {
            CellSource::Table(index) => in_file(index),
            CellSource::Fact(_) | CellSource::Volume => None,
        });
        let indices: Vec<Option<usize>> = indices.collect();
        let n_wanted: usize = rows.iter().map(|rows| rows.len()).sum();
        let n_rows = file.row_groups().get(group).map_or(0, |group| group.num_rows());
        if usize::try_from(n_rows).is_ok_and(|n_rows| n_rows <= FEW_OF * n_wanted) {
            return file.read_optional_columns(group, &indices);
        }
        let wanted: Vec<Range<usize>> = rows.iter().map(|rows| Range::clone(rows)).collect();
        let mut start = 0;
        for rows in rows {
            *rows = start..start + rows.len();
            start = rows.end;
        }
        file.read_rows(group, &indices, &wanted)
    }

    /// Some rows of a row group that was read, all of one session. `None` for the session if no column differs by it.
    fn rows_in(
        &self,
        arrays: &[Option<ArrayRef>],
        session: Option<&Session>,
        rows: &Range<usize>,
    ) -> SessionRows {
        let columns = self.columns.made.iter().zip(arrays);
        let columns = columns.map(|(column, array)| match (column.source, array) {
            (CellSource::Fact(fact), _) => self.fact(session, fact),
            (CellSource::Volume, _) => self.volume(session),
            (CellSource::Table(_), Some(array)) => Column::Array(array.slice(rows.start, rows.len())),
            (CellSource::Table(_), None) => Column::Constant(Scalar::Null),
        });
        SessionRows { rows: rows.len(), columns: columns.collect() }
    }

    fn of_units(&self, units: &[Arc<CachedUnit>]) -> Result<Vec<Vec<SessionRows>>, StoreError> {
        let Some(merged) = &self.merged else { return Ok(Vec::new()) };
        let wanted = units.iter().filter(|unit| self.options.wants(&unit.unit.session));
        wanted.map(|unit| Ok(without_maps(self.of_unit(merged, unit)?))).collect()
    }

    fn of_unit(&self, merged: &MergedTable, unit: &CachedUnit) -> Result<Vec<MapRows>, StoreError> {
        let session = &unit.unit.session;
        let maps = merged.merge.cached_rows(&merged.cache, unit, &merged.columns)?.into_iter();
        Ok(maps.map(|MapRows { map, rows }| MapRows { map, rows: self.made_of(session, &rows) }).collect())
    }

    /// The columns to make, out of all columns of a session's rows.
    fn made_of(&self, session: &Session, rows: &SessionRows) -> SessionRows {
        let columns = self.columns.made.iter().map(|column| match column.source {
            CellSource::Table(index) => {
                rows.columns.get(index).cloned().unwrap_or(Column::Constant(Scalar::Null))
            }
            CellSource::Fact(fact) => self.fact(Some(session), fact),
            CellSource::Volume => self.volume(Some(session)),
        });
        SessionRows { rows: rows.rows, columns: columns.collect() }
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

/// Whether each row is of one of these regions. The first of some columns with a value names the region.
fn rows_of_regions(batch: &RecordBatch, columns: &[usize], regions: &[String]) -> BooleanArray {
    let regions: HashSet<&str> = regions.iter().map(String::as_str).collect();
    let columns: Vec<&ArrayRef> = columns.iter().filter_map(|index| batch.columns().get(*index)).collect();
    let is_wanted = |row: usize| {
        let named = columns.iter().find_map(|column| word(column, row));
        named.is_some_and(|word| regions.contains(word))
    };
    (0..batch.num_rows()).map(|row| Some(is_wanted(row))).collect()
}

/// A cell of text. `None` if it is null.
fn word(column: &ArrayRef, row: usize) -> Option<&str> {
    if column.is_null(row) {
        return None;
    }
    let plain = column.as_string_opt::<i32>().map(|column| column.value(row));
    plain.or_else(|| Some(column.as_string_view_opt()?.value(row)))
}
