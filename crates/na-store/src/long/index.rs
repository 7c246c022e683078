//! Which rows of a long table are whose.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch};
use arrow::datatypes::{Int32Type, Schema};
use na_cache::RegionColumns;
use na_model::columns::REGION_COLUMNS;
use na_model::{MapSource, Region, RegionSet, Session, UNKNOWN};

use crate::error::StoreError;
use crate::long::origin::{ColumnOrigin, WrittenColumn, written_columns};
use crate::long::replaced::ReplacedMaps;
use crate::table_file::TableFile;

const KEYS: [&str; 5] = ["subject_code", "session_id", "model", "param", "desc"];

/// Rows that follow each other and are of one map of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) row_group: usize,
    pub(crate) rows: Range<usize>,
    /// Places in [`LongIndex::sessions`], [`LongIndex::maps`] and [`LongIndex::layouts`].
    pub(crate) session: usize,
    pub(crate) map: usize,
    pub(crate) layout: usize,
}

/// The keys of a long table, a few numbers a session and map instead of a row a region.
#[derive(Debug, Default, Clone)]
pub(crate) struct LongIndex {
    pub(crate) sessions: Vec<Session>,
    pub(crate) maps: Vec<Option<MapSource>>,
    pub(crate) regions: Vec<Region>,
    /// Lists of regions as runs have them: places in [`LongIndex::regions`].
    pub(crate) layouts: Vec<Vec<usize>>,
    pub(crate) runs: Vec<Run>,
}

impl LongIndex {
    pub(crate) fn read(file: &TableFile) -> Result<Self, StoreError> {
        let mut builder = IndexBuilder::default();
        for row_group in 0..file.row_groups().len() {
            builder.add_group(file, row_group)?;
        }
        Ok(builder.index)
    }

    /// The regions of a layout.
    pub(crate) fn regions_of_layout(&self, layout: usize) -> RegionSet {
        let regions = self.layouts.get(layout).into_iter().flatten();
        RegionSet::new(regions.filter_map(|region| self.regions.get(*region)).cloned())
    }

    /// The sessions that have rows left when some leave.
    pub(crate) fn sessions_that_stay(&self, leaving: &ReplacedMaps) -> HashSet<Session> {
        let stays = |run: &&Run| {
            let key = self.sessions.get(run.session).zip(self.maps.get(run.map));
            key.is_some_and(|(session, map)| !leaving.contains(session, map))
        };
        let sessions: HashSet<usize> = self.runs.iter().filter(stays).map(|run| run.session).collect();
        sessions.into_iter().filter_map(|session| self.sessions.get(session)).cloned().collect()
    }

    /// Rows for each session and map.
    pub(crate) fn rows(&self) -> HashMap<(&Session, &Option<MapSource>), usize> {
        let mut rows = HashMap::new();
        for run in &self.runs {
            if let (Some(session), Some(map)) = (self.sessions.get(run.session), self.maps.get(run.map)) {
                *rows.entry((session, map)).or_default() += run.rows.len();
            }
        }
        rows
    }
}

/// Where the columns are that say whose a row is, and of which region: a session list may have some of these names.
pub(crate) fn key_places(schema: &Schema) -> Vec<usize> {
    let is_key = |column: &WrittenColumn<'_>| match column.origin {
        ColumnOrigin::Table => REGION_COLUMNS.contains(&column.written),
        ColumnOrigin::Store => KEYS.contains(&column.written),
        _ => false,
    };
    written_columns(schema).into_iter().filter(is_key).map(|column| column.place).collect()
}

/// An index that is being made, out of row groups and of tables that are in no file yet.
#[derive(Default)]
pub(crate) struct IndexBuilder {
    pub(crate) index: LongIndex,
    sessions: HashMap<Session, usize>,
    maps: HashMap<Option<MapSource>, usize>,
    regions: HashMap<Region, usize>,
    layouts: HashMap<Vec<usize>, usize>,
}

impl IndexBuilder {
    fn add_group(&mut self, file: &TableFile, row_group: usize) -> Result<(), StoreError> {
        let batch = file.read_keyed_at(row_group, &key_places(file.schema()))?;
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
    pub(crate) fn add_run(&mut self, of: &LongIndex, run: &Run) {
        let (Some(session), Some(map), Some(layout)) =
            (of.sessions.get(run.session), of.maps.get(run.map), of.layouts.get(run.layout))
        else {
            return;
        };
        let layout = self.layout(layout.iter().filter_map(|place| of.regions.get(*place)).cloned());
        self.add_rows(run.row_group, run.rows.clone(), session.clone(), map.clone(), layout);
    }

    /// Regions that the table has, in whatever run.
    pub(crate) fn add_regions<'a>(&mut self, regions: impl IntoIterator<Item = &'a Region>) {
        for region in regions {
            place(&mut self.regions, &mut self.index.regions, region.clone());
        }
    }

    /// The place of a list of regions in [`LongIndex::layouts`].
    pub(crate) fn layout(&mut self, regions: impl IntoIterator<Item = Region>) -> usize {
        let place_of = |region| place(&mut self.regions, &mut self.index.regions, region);
        let layout: Vec<usize> = regions.into_iter().map(place_of).collect();
        place(&mut self.layouts, &mut self.index.layouts, layout)
    }

    /// Rows of one map of one session, with the regions of a layout.
    pub(crate) fn add_rows(
        &mut self,
        row_group: usize,
        rows: Range<usize>,
        session: Session,
        map: Option<MapSource>,
        layout: usize,
    ) {
        let session = place(&mut self.sessions, &mut self.index.sessions, session);
        let map = place(&mut self.maps, &mut self.index.maps, map);
        self.index.runs.push(Run { row_group, rows, session, map, layout });
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
        let layout = match self.index.runs.last() {
            // As a rule a run has the regions of the one before it.
            Some(last) if self.has_layout(columns, &rows, last.layout) => last.layout,
            _ => self.layout(rows.clone().map(|row| columns.regions.region(row))),
        };
        self.add_rows(row_group, rows, session, map, layout);
        Ok(())
    }

    fn has_layout(&self, columns: &KeyColumns<'_>, rows: &Range<usize>, layout: usize) -> bool {
        let regions: Option<Vec<&Region>> = self
            .index
            .layouts
            .get(layout)
            .and_then(|layout| layout.iter().map(|region| self.index.regions.get(*region)).collect());
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
            subject: text("subject_code")?,
            session: text("session_id"),
            model: text("model"),
            param: text("param"),
            desc: text("desc"),
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
