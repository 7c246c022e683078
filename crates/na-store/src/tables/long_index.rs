//! The row ranges of a long table, by session and map.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::ops::Range;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch};
use arrow::datatypes::{Int32Type, Schema};
use na_cache::RegionColumns;
use na_model::columns::{DESC, MODEL, PARAM, SESSION, SUBJECT};
use na_model::{MapSource, ModelError, Region, RegionKey, RegionSet, Session, UNKNOWN};

use crate::error::StoreError;
use crate::format::column_origin::{ColumnOrigin, WrittenColumn, written_columns};
use crate::format::parquet_reader::ParquetReader;

const KEYS: [&str; 5] = [SUBJECT, SESSION, MODEL, PARAM, DESC];

/// Successive rows of one map of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowRange {
    pub(crate) row_group: usize,
    /// Indices in the row group.
    pub(crate) rows: Range<usize>,
    /// Indices in [`LongIndex::sessions`], [`LongIndex::maps`] and [`LongIndex::region_lists`].
    pub(crate) session: usize,
    pub(crate) map: usize,
    pub(crate) region_list: usize,
}

/// The keys of a long table: a few numbers for each map of a session, instead of a row for each region.
#[derive(Debug, Default, Clone)]
pub(crate) struct LongIndex {
    /// Sessions, maps and regions are in the order in which the file first has them.
    pub(crate) sessions: Vec<Session>,
    pub(crate) maps: Vec<Option<MapSource>>,
    pub(crate) regions: Vec<Region>,
    /// The regions of row ranges, row by row, as indices in [`LongIndex::regions`].
    pub(crate) region_lists: Vec<Vec<usize>>,
    /// In the file's order.
    pub(crate) row_ranges: Vec<RowRange>,
}

impl LongIndex {
    /// Reads the keys of a table's file; `regions` are the columns that tell its regions apart.
    pub(crate) fn read(file: &ParquetReader, regions: &RegionKey) -> Result<Self, StoreError> {
        let mut builder = IndexBuilder::default();
        for row_group in 0..file.row_groups().len() {
            builder.add_group(file, row_group, regions)?;
        }
        Ok(builder.index)
    }

    /// The regions of a region list.
    pub(crate) fn regions_of_list(&self, region_list: usize) -> RegionSet {
        let regions = self.region_lists.get(region_list).into_iter().flatten();
        RegionSet::new(regions.filter_map(|region| self.regions.get(*region)).cloned())
    }

    /// The row ranges of a row group.
    pub(crate) fn row_ranges_of(&self, row_group: usize) -> &[RowRange] {
        let first = self.row_ranges.partition_point(|range| range.row_group < row_group);
        let ranges = self.row_ranges.get(first..).unwrap_or(&[]);
        ranges.get(..ranges.partition_point(|range| range.row_group == row_group)).unwrap_or(&[])
    }

    /// The number of rows of each map of each session.
    pub(crate) fn rows(&self) -> HashMap<(&Session, &Option<MapSource>), usize> {
        let mut rows = HashMap::new();
        for range in &self.row_ranges {
            if let (Some(session), Some(map)) = (self.sessions.get(range.session), self.maps.get(range.map)) {
                *rows.entry((session, map)).or_default() += range.rows.len();
            }
        }
        rows
    }
}

/// The indices of the columns with a row's session, map and region. A session list may have columns with the same names.
pub(crate) fn key_indices(schema: &Schema, regions: &RegionKey) -> Vec<usize> {
    let is_key = |column: &WrittenColumn<'_>| match column.origin {
        ColumnOrigin::Table => regions.has(column.written),
        ColumnOrigin::Store => KEYS.contains(&column.written),
        _ => false,
    };
    written_columns(schema).into_iter().filter(is_key).map(|column| column.index).collect()
}

/// Builds an index of row groups, and of tables that no file has yet.
#[derive(Default)]
pub(crate) struct IndexBuilder {
    pub(crate) index: LongIndex,
    sessions: HashMap<Session, usize>,
    maps: HashMap<Option<MapSource>, usize>,
    regions: HashMap<Region, usize>,
    region_lists: HashMap<Vec<usize>, usize>,
}

impl IndexBuilder {
    fn add_group(
        &mut self,
        file: &ParquetReader,
        row_group: usize,
        regions: &RegionKey,
    ) -> Result<(), StoreError> {
        let batch = file.read_dictionaries_at(row_group, &key_indices(file.schema(), regions))?;
        let columns =
            KeyColumns::of(&batch).ok_or_else(|| StoreError::damaged(file.path(), "no session columns"))?;
        let regions = RegionColumns::of(&batch, regions);
        let mut start = 0;
        while start < batch.num_rows() {
            let end = (start + 1..batch.num_rows()).find(|row| !columns.same_map(start, *row));
            let rows = start..end.unwrap_or(batch.num_rows());
            start = rows.end;
            self.add_map(&columns, &regions, row_group, rows)
                .map_err(|error| StoreError::damaged(file.path(), error))?;
        }
        Ok(())
    }

    /// Adds a row range of another index, which is of the file at `path`.
    pub(crate) fn add_row_range(
        &mut self,
        of: &LongIndex,
        range: &RowRange,
        path: &Path,
    ) -> Result<(), StoreError> {
        let (Some(session), Some(map), Some(region_list)) =
            (of.sessions.get(range.session), of.maps.get(range.map), of.region_lists.get(range.region_list))
        else {
            return Err(StoreError::damaged(path, "rows without a session, a map or regions"));
        };
        let regions = region_list.iter().map(|region| of.regions.get(*region).cloned());
        let regions: Option<Vec<Region>> = regions.collect();
        let regions = regions.ok_or_else(|| StoreError::damaged(path, "rows without a region"))?;
        let region_list = self.region_list(regions);
        self.add_rows(range.row_group, range.rows.clone(), session.clone(), map.clone(), region_list);
        Ok(())
    }

    /// Adds regions of the table, whichever rows have them.
    pub(crate) fn add_regions<'a>(&mut self, regions: impl IntoIterator<Item = &'a Region>) {
        for region in regions {
            index_in(&mut self.index.regions, &mut self.regions, region.clone());
        }
    }

    /// The index of a list of regions in [`LongIndex::region_lists`], to which a new one is added.
    pub(crate) fn region_list(&mut self, regions: impl IntoIterator<Item = Region>) -> usize {
        let index_of = |region| index_in(&mut self.index.regions, &mut self.regions, region);
        let region_list: Vec<usize> = regions.into_iter().map(index_of).collect();
        index_in(&mut self.index.region_lists, &mut self.region_lists, region_list)
    }

    /// Adds rows of one map of one session, with the regions of a region list.
    pub(crate) fn add_rows(
        &mut self,
        row_group: usize,
        rows: Range<usize>,
        session: Session,
        map: Option<MapSource>,
        region_list: usize,
    ) {
        let session = index_in(&mut self.index.sessions, &mut self.sessions, session);
        let map = index_in(&mut self.index.maps, &mut self.maps, map);
        self.index.row_ranges.push(RowRange { row_group, rows, session, map, region_list });
    }

    /// Adds the rows of one map of one session of a row group.
    fn add_map(
        &mut self,
        columns: &KeyColumns<'_>,
        regions: &RegionColumns<'_>,
        row_group: usize,
        rows: Range<usize>,
    ) -> Result<(), ModelError> {
        let (session, map) = (columns.session(rows.start)?, columns.map(rows.start));
        let region_list = match self.index.row_ranges.last() {
            // As a rule a range has the regions of the one before it.
            Some(last) if self.has_region_list(regions, &rows, last.region_list) => last.region_list,
            _ => self.region_list(rows.clone().map(|row| regions.region(row))),
        };
        self.add_rows(row_group, rows, session, map, region_list);
        Ok(())
    }

    fn has_region_list(&self, columns: &RegionColumns<'_>, rows: &Range<usize>, region_list: usize) -> bool {
        let regions: Option<Vec<&Region>> =
            self.index.region_lists.get(region_list).and_then(|region_list| {
                region_list.iter().map(|region| self.index.regions.get(*region)).collect()
            });
        regions.is_some_and(|regions| columns.are(rows.clone(), regions.into_iter()))
    }
}

/// The index of a value in a list, to which a new one is added. `indices` has the index of each value of the list.
fn index_in<T: Clone + Eq + Hash>(list: &mut Vec<T>, indices: &mut HashMap<T, usize>, value: T) -> usize {
    match indices.entry(value) {
        Entry::Occupied(known) => *known.get(),
        Entry::Vacant(new) => {
            list.push(new.key().clone());
            *new.insert(list.len() - 1)
        }
    }
}

/// A column of text, dictionary-encoded.
#[derive(Clone, Copy)]
struct DictionaryText<'a>(&'a DictionaryArray<Int32Type>);

impl<'a> DictionaryText<'a> {
    fn of(column: Option<&'a ArrayRef>) -> Option<Self> {
        column.and_then(|column| column.as_dictionary_opt::<Int32Type>()).map(Self)
    }

    fn value(self, row: usize) -> Option<&'a str> {
        let values = self.0.values().as_string_opt::<i32>()?;
        let key = self.0.key(row)?;
        (key < values.len() && values.is_valid(key)).then(|| values.value(key))
    }

    /// Whether two rows have the same value. Equal keys say so at once; a dictionary may hold a value twice.
    fn same(self, first: usize, second: usize) -> bool {
        self.0.key(first) == self.0.key(second) || self.value(first) == self.value(second)
    }
}

/// The sessions of a batch with dictionary-encoded keys, each with its successive rows. A session whose rows are apart comes
/// more than once.
pub(crate) fn sessions_of_rows(
    batch: &RecordBatch,
    path: &Path,
) -> Result<Vec<(Session, Range<usize>)>, StoreError> {
    let columns = KeyColumns::of(batch).ok_or_else(|| StoreError::damaged(path, "no session columns"))?;
    let mut sessions = Vec::new();
    let mut start = 0;
    while start < batch.num_rows() {
        let end = (start + 1..batch.num_rows()).find(|row| !columns.same_session(start, *row));
        let rows = start..end.unwrap_or(batch.num_rows());
        let session = columns.session(start).map_err(|error| StoreError::damaged(path, error))?;
        start = rows.end;
        sessions.push((session, rows));
    }
    Ok(sessions)
}

/// The columns with a row's session and map. `None` for those that the table does not have.
struct KeyColumns<'a> {
    subject: DictionaryText<'a>,
    session: Option<DictionaryText<'a>>,
    model: Option<DictionaryText<'a>>,
    param: Option<DictionaryText<'a>>,
    desc: Option<DictionaryText<'a>>,
}

impl<'a> KeyColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let text = |name| DictionaryText::of(batch.column_by_name(name));
        Some(Self {
            subject: text(SUBJECT)?,
            session: text(SESSION),
            model: text(MODEL),
            param: text(PARAM),
            desc: text(DESC),
        })
    }

    /// # Errors
    /// A row without a subject.
    fn session(&self, row: usize) -> Result<Session, ModelError> {
        let subject = self.subject.value(row).ok_or(ModelError::EmptySubject)?;
        Session::from_store(subject, self.session.and_then(|column| column.value(row)))
    }

    /// `None` for a row of a tissue.
    fn map(&self, row: usize) -> Option<MapSource> {
        let word = |column: Option<DictionaryText<'a>>| column.and_then(|column| column.value(row));
        let word_or_unknown = |column| word(column).unwrap_or(UNKNOWN).to_owned();
        Some(MapSource {
            param: word(self.param)?.to_owned(),
            model: word_or_unknown(self.model),
            desc: word_or_unknown(self.desc),
        })
    }

    fn same_session(&self, first: usize, second: usize) -> bool {
        self.subject.same(first, second) && self.session.is_none_or(|column| column.same(first, second))
    }

    fn same_map(&self, first: usize, second: usize) -> bool {
        self.same_session(first, second)
            && [self.model, self.param, self.desc]
                .into_iter()
                .flatten()
                .all(|column| column.same(first, second))
    }
}
