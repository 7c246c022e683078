//! Which rows of a long table are whose.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch};
use arrow::datatypes::{Int32Type, Schema};
use na_cache::RegionColumns;
use na_model::columns::{DESC, MODEL, PARAM, REGION_COLUMNS, SESSION, SUBJECT};
use na_model::{MapSource, Region, RegionSet, Session, UNKNOWN};

use crate::error::StoreError;
use crate::format::column_origin::{ColumnOrigin, WrittenColumn, written_columns};
use crate::format::parquet_reader::ParquetReader;

const KEYS: [&str; 5] = [SUBJECT, SESSION, MODEL, PARAM, DESC];

/// Rows that follow each other and are of one map of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowRange {
    pub(crate) row_group: usize,
    pub(crate) rows: Range<usize>,
    /// Places in [`LongIndex::sessions`], [`LongIndex::maps`] and [`LongIndex::region_lists`].
    pub(crate) session: usize,
    pub(crate) map: usize,
    pub(crate) region_list: usize,
}

/// The keys of a long table, a few numbers a session and map instead of a row a region.
#[derive(Debug, Default, Clone)]
pub(crate) struct LongIndex {
    pub(crate) sessions: Vec<Session>,
    pub(crate) maps: Vec<Option<MapSource>>,
    pub(crate) regions: Vec<Region>,
    /// Lists of regions as runs have them: places in [`LongIndex::regions`].
    pub(crate) region_lists: Vec<Vec<usize>>,
    pub(crate) row_ranges: Vec<RowRange>,
}

impl LongIndex {
    pub(crate) fn read(file: &ParquetReader) -> Result<Self, StoreError> {
        let mut builder = IndexBuilder::default();
        for row_group in 0..file.row_groups().len() {
            builder.add_group(file, row_group)?;
        }
        Ok(builder.index)
    }

    /// The regions of a layout.
    pub(crate) fn regions_of_list(&self, region_list: usize) -> RegionSet {
        let regions = self.region_lists.get(region_list).into_iter().flatten();
        RegionSet::new(regions.filter_map(|region| self.regions.get(*region)).cloned())
    }

    /// The row ranges of a row group: an index has them in the order of the file.
    pub(crate) fn row_ranges_of(&self, row_group: usize) -> &[RowRange] {
        let first = self.row_ranges.partition_point(|range| range.row_group < row_group);
        let ranges = self.row_ranges.get(first..).unwrap_or(&[]);
        ranges.get(..ranges.partition_point(|range| range.row_group == row_group)).unwrap_or(&[])
    }

    /// Rows for each session and map.
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

/// Where the columns are that say whose a row is, and of which region: a session list may have some of these names.
pub(crate) fn key_indices(schema: &Schema) -> Vec<usize> {
    let is_key = |column: &WrittenColumn<'_>| match column.origin {
        ColumnOrigin::Table => REGION_COLUMNS.contains(&column.written),
        ColumnOrigin::Store => KEYS.contains(&column.written),
        _ => false,
    };
    written_columns(schema).into_iter().filter(is_key).map(|column| column.index).collect()
}

/// An index that is being made, out of row groups and of tables that are in no file yet.
#[derive(Default)]
pub(crate) struct IndexBuilder {
    pub(crate) index: LongIndex,
    sessions: HashMap<Session, usize>,
    maps: HashMap<Option<MapSource>, usize>,
    regions: HashMap<Region, usize>,
    region_lists: HashMap<Vec<usize>, usize>,
}

impl IndexBuilder {
    fn add_group(&mut self, file: &ParquetReader, row_group: usize) -> Result<(), StoreError> {
        let batch = file.read_dictionaries_at(row_group, &key_indices(file.schema()))?;
        let columns =
            KeyColumns::of(&batch).ok_or_else(|| StoreError::damaged(file.path(), "no session columns"))?;
        let mut start = 0;
        while start < batch.num_rows() {
            let end = (start + 1..batch.num_rows()).find(|row| !columns.same_map(start, *row));
            let rows = start..end.unwrap_or(batch.num_rows());
            start = rows.end;
            self.run(&columns, row_group, rows).map_err(|error| StoreError::damaged(file.path(), error))?;
        }
        Ok(())
    }

    /// A run of another index.
    pub(crate) fn add_row_range(&mut self, of: &LongIndex, range: &RowRange) {
        let (Some(session), Some(map), Some(region_list)) =
            (of.sessions.get(range.session), of.maps.get(range.map), of.region_lists.get(range.region_list))
        else {
            return;
        };
        let region_list =
            self.region_list(region_list.iter().filter_map(|place| of.regions.get(*place)).cloned());
        self.add_rows(range.row_group, range.rows.clone(), session.clone(), map.clone(), region_list);
    }

    /// Regions that the table has, in whatever run.
    pub(crate) fn add_regions<'a>(&mut self, regions: impl IntoIterator<Item = &'a Region>) {
        for region in regions {
            place(&mut self.regions, &mut self.index.regions, region.clone());
        }
    }

    /// The place of a list of regions in [`LongIndex::region_lists`].
    pub(crate) fn region_list(&mut self, regions: impl IntoIterator<Item = Region>) -> usize {
        let place_of = |region| place(&mut self.regions, &mut self.index.regions, region);
        let region_list: Vec<usize> = regions.into_iter().map(place_of).collect();
        place(&mut self.region_lists, &mut self.index.region_lists, region_list)
    }

    /// Rows of one map of one session, with the regions of a layout.
    pub(crate) fn add_rows(
        &mut self,
        row_group: usize,
        rows: Range<usize>,
        session: Session,
        map: Option<MapSource>,
        region_list: usize,
    ) {
        let session = place(&mut self.sessions, &mut self.index.sessions, session);
        let map = place(&mut self.maps, &mut self.index.maps, map);
        self.index.row_ranges.push(RowRange { row_group, rows, session, map, region_list });
    }

    fn run(
        &mut self,
        columns: &KeyColumns<'_>,
        row_group: usize,
        rows: Range<usize>,
    ) -> Result<(), na_model::ModelError> {
        let first = rows.start;
        let subject = columns.subject.value(first).unwrap_or_default();
        let session = Session::from_store(subject, columns.session.and_then(|c| c.value(first)))?;
        let map = columns.param.and_then(|param| param.value(first)).map(|param| {
            let word = |column: Option<Text<'_>>| {
                column.and_then(|column| column.value(first)).unwrap_or(UNKNOWN).to_owned()
            };
            MapSource { model: word(columns.model), param: param.to_owned(), desc: word(columns.desc) }
        });
        let region_list = match self.index.row_ranges.last() {
            // As a rule a run has the regions of the one before it.
            Some(last) if self.has_region_list(columns, &rows, last.region_list) => last.region_list,
            _ => self.region_list(rows.clone().map(|row| columns.regions.region(row))),
        };
        self.add_rows(row_group, rows, session, map, region_list);
        Ok(())
    }

    fn has_region_list(&self, columns: &KeyColumns<'_>, rows: &Range<usize>, region_list: usize) -> bool {
        let regions: Option<Vec<&Region>> =
            self.index.region_lists.get(region_list).and_then(|region_list| {
                region_list.iter().map(|region| self.index.regions.get(*region)).collect()
            });
        regions.is_some_and(|regions| columns.regions.are(rows.clone(), regions.into_iter()))
    }
}

/// The place of a value in a list of all that were met.
fn place<T: Clone + Eq + std::hash::Hash>(
    places: &mut HashMap<T, usize>,
    list: &mut Vec<T>,
    value: T,
) -> usize {
    match places.entry(value) {
        Entry::Occupied(known) => *known.get(),
        Entry::Vacant(new) => {
            list.push(new.key().clone());
            *new.insert(list.len() - 1)
        }
    }
}

#[derive(Clone, Copy)]
struct Text<'a>(&'a DictionaryArray<Int32Type>);

impl<'a> Text<'a> {
    fn of(column: Option<&'a ArrayRef>) -> Option<Self> {
        column.and_then(|column| column.as_dictionary_opt::<Int32Type>()).map(Self)
    }

    fn value(self, row: usize) -> Option<&'a str> {
        let values = self.0.values().as_string_opt::<i32>()?;
        let key = self.0.key(row)?;
        (key < values.len() && values.is_valid(key)).then(|| values.value(key))
    }

    /// Keys decide within a row group, save where a dictionary holds a value twice.
    fn same(self, first: usize, second: usize) -> bool {
        self.0.key(first) == self.0.key(second) || self.value(first) == self.value(second)
    }
}

/// Whose the rows of a batch are, whose keys are dictionaries: ranges of rows that follow each other.
pub(crate) fn sessions_of_rows(
    batch: &RecordBatch,
    path: &std::path::Path,
) -> Result<Vec<(Session, Range<usize>)>, StoreError> {
    let columns = KeyColumns::of(batch).ok_or_else(|| StoreError::damaged(path, "no session columns"))?;
    let mut sessions = Vec::new();
    let mut start = 0;
    while start < batch.num_rows() {
        let end = (start + 1..batch.num_rows()).find(|row| !columns.same_session(start, *row));
        let rows = start..end.unwrap_or(batch.num_rows());
        let subject = columns.subject.value(start).unwrap_or_default();
        let id = columns.session.and_then(|column| column.value(start));
        let session = Session::from_store(subject, id).map_err(|error| StoreError::damaged(path, error))?;
        start = rows.end;
        sessions.push((session, rows));
    }
    Ok(sessions)
}

struct KeyColumns<'a> {
    subject: Text<'a>,
    session: Option<Text<'a>>,
    model: Option<Text<'a>>,
    param: Option<Text<'a>>,
    desc: Option<Text<'a>>,
    regions: RegionColumns<'a>,
}

impl<'a> KeyColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let text = |name| Text::of(batch.column_by_name(name));
        Some(Self {
            subject: text(SUBJECT)?,
            session: text(SESSION),
            model: text(MODEL),
            param: text(PARAM),
            desc: text(DESC),
            regions: RegionColumns::of(batch),
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
