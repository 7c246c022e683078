//! The keys of a long table, and where the rows of each are.

use std::ops::Range;

use foldhash::{HashMap, HashMapExt};
use na_model::{MapSource, Region, RegionSet, Session};

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
#[derive(Debug, Default, Clone, PartialEq, Eq)]
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
    /// The regions of a region list.
    pub(crate) fn regions_of_list(&self, region_list: usize) -> RegionSet {
        let regions = self.region_lists.get(region_list).into_iter().flatten();
        RegionSet::new(regions.filter_map(|region| self.regions.get(*region)).cloned())
    }

    /// The row ranges of a row group, as indices in [`LongIndex::row_ranges`].
    pub(crate) fn row_range_indices_of(&self, row_group: usize) -> Range<usize> {
        let first = self.row_ranges.partition_point(|range| range.row_group < row_group);
        first..self.row_ranges.partition_point(|range| range.row_group <= row_group)
    }

    /// The row ranges of a row group.
    pub(crate) fn row_ranges_of(&self, row_group: usize) -> &[RowRange] {
        self.row_ranges.get(self.row_range_indices_of(row_group)).unwrap_or(&[])
    }

    /// The number of rows of a row group.
    pub(crate) fn n_rows_of(&self, row_group: usize) -> usize {
        self.row_ranges_of(row_group).last().map_or(0, |range| range.rows.end)
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

    /// Whether another index has the same rows in a row group.
    pub(crate) fn has_rows_of(&self, other: &Self, row_group: usize) -> bool {
        let (own, others) = (self.row_ranges_of(row_group), other.row_ranges_of(row_group));
        own.len() == others.len()
            && own.iter().zip(others).all(|(own, of)| {
                own.rows == of.rows
                    && self.sessions.get(own.session) == other.sessions.get(of.session)
                    && self.maps.get(own.map) == other.maps.get(of.map)
                    && self.regions_by_row(own.region_list).eq(other.regions_by_row(of.region_list))
            })
    }

    /// The regions of a region list, row by row. `None` for one that the index does not have.
    fn regions_by_row(&self, region_list: usize) -> impl Iterator<Item = Option<&Region>> {
        let regions = self.region_lists.get(region_list).into_iter().flatten();
        regions.map(|region| self.regions.get(*region))
    }
}
