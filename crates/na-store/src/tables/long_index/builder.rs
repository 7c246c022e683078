//! Builds the index of a long table.

use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::ops::Range;
use std::path::Path;

use foldhash::HashMap;
use na_cache::RegionColumns;
use na_model::{MapSource, Region, RegionKey, Session};

use crate::error::StoreError;
use crate::format::parquet_reader::ParquetReader;
use crate::tables::long_index::index::{LongIndex, RowRange};
use crate::tables::long_index::key_columns::{KeyColumns, key_indices};

/// Builds an index of row groups, and of tables that no file has yet.
#[derive(Default)]
pub(crate) struct IndexBuilder {
    pub(crate) index: LongIndex,
    sessions: HashMap<Session, usize>,
    maps: HashMap<Option<MapSource>, usize>,
    regions: HashMap<Region, usize>,
    region_lists: HashMap<Vec<usize>, usize>,
    /// The region lists of the index that row ranges are added from, as indices there, and here.
    carried: HashMap<usize, usize>,
}

impl IndexBuilder {
    pub(super) fn add_group(
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
            let session =
                columns.session(rows.start).map_err(|error| StoreError::damaged(file.path(), error))?;
            let key = (session, columns.map(rows.start));
            self.add_rows_of(row_group, rows.clone(), key, &regions, rows);
        }
        Ok(())
    }

    /// Turns to another index, of which row ranges follow.
    pub(crate) fn turn_to_index(&mut self) {
        self.carried.clear();
    }

    /// Adds a row range of another index, which is of the file at `path`, as one of `row_group`. Successive ranges are of the same
    /// index, unless [`IndexBuilder::turn_to_index`] is between them.
    pub(crate) fn add_row_range(
        &mut self,
        of: &LongIndex,
        range: &RowRange,
        row_group: usize,
        path: &Path,
    ) -> Result<(), StoreError> {
        let (Some(session), Some(map)) = (of.sessions.get(range.session), of.maps.get(range.map)) else {
            return Err(StoreError::damaged(path, "rows without a session or a map"));
        };
        let region_list = match self.carried.get(&range.region_list) {
            Some(known) => *known,
            None => self.carry(of, range.region_list, path)?,
        };
        self.add_rows(row_group, range.rows.clone(), session.clone(), map.clone(), region_list);
        Ok(())
    }

    /// Adds a region list of another index.
    fn carry(&mut self, of: &LongIndex, region_list: usize, path: &Path) -> Result<usize, StoreError> {
        let regions = of.region_lists.get(region_list).and_then(|list| {
            list.iter().map(|region| of.regions.get(*region).cloned()).collect::<Option<Vec<Region>>>()
        });
        let regions = regions.ok_or_else(|| StoreError::damaged(path, "rows without regions"))?;
        let carried = self.region_list(regions);
        self.carried.insert(region_list, carried);
        Ok(carried)
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

    /// Adds rows of one map of one session, whose regions some columns tell.
    pub(crate) fn add_rows_of(
        &mut self,
        row_group: usize,
        rows: Range<usize>,
        key: (Session, Option<MapSource>),
        regions: &RegionColumns<'_>,
        rows_of_columns: Range<usize>,
    ) {
        let region_list = match self.index.row_ranges.last() {
            // As a rule a range has the regions of the one before it.
            Some(last) if self.has_region_list(regions, &rows_of_columns, last.region_list) => {
                last.region_list
            }
            _ => self.region_list(rows_of_columns.map(|row| regions.region(row))),
        };
        self.add_rows(row_group, rows, key.0, key.1, region_list);
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
