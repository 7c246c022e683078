//! Pivots a long table to wide: the row to take for each session and region of a feature.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::take::take;
use foldhash::HashMap;
use na_model::{MapSource, MeasurementUnit, Region, Session, TableKind};

use crate::format::fields::with_unit;
use crate::tables::key_columns::key_fields;
use crate::tables::long_index::index::{LongIndex, RowRange};
use crate::tables::region_columns::{SourceRegions, column_names};

/// Marks a session that has no row of a region.
const NO_ROW: u32 = u32::MAX;

/// One map of a long table as its features see it: regions are columns, and each session has its row ranges.
pub(crate) struct MapPivot {
    pub(crate) map: Option<MapSource>,
    pub(crate) regions: SourceRegions,
    /// By subject and session: the rows of a feature's file are in this order.
    pub(crate) row_ranges: BTreeMap<Session, Vec<RowRange>>,
}

/// Which of the rows that were read some sessions take, region by region.
pub(crate) struct RowPicks {
    pub(crate) sessions: Vec<Session>,
    /// For each region, for each session: the index of a row. [`NO_ROW`] if the session does not have the region.
    rows: Vec<u32>,
    /// Further rows of cells that have one: such a row is taken if the first is null.
    further: Vec<(usize, u32)>,
}

impl MapPivot {
    /// The pivots of all maps of a table of a kind, in the order in which its index has the maps.
    pub(crate) fn all(kind: &TableKind, index: &LongIndex) -> Vec<Self> {
        let is_column = |region: &Region| {
            region.label.as_ref().is_none_or(|label| !kind.no_regions.contains(label.as_str()))
        };
        let names = column_names(&index.regions).into_iter().zip(&index.regions);
        let names: Vec<Option<String>> =
            names.map(|(name, region)| is_column(region).then_some(name)).collect();
        let mut row_ranges_of_map: BTreeMap<usize, Vec<&RowRange>> = BTreeMap::new();
        for range in &index.row_ranges {
            row_ranges_of_map.entry(range.map).or_default().push(range);
        }
        row_ranges_of_map.into_iter().map(|(map, ranges)| Self::of(index, &names, map, &ranges)).collect()
    }

    fn of(index: &LongIndex, names: &[Option<String>], map: usize, row_ranges: &[&RowRange]) -> Self {
        let region_lists = row_ranges.iter().map(|range| range.region_list).collect();
        let mut by_session: BTreeMap<Session, Vec<RowRange>> = BTreeMap::new();
        for range in row_ranges {
            if let Some(session) = index.sessions.get(range.session) {
                by_session.entry(session.clone()).or_default().push(RowRange::clone(range));
            }
        }
        Self {
            map: index.maps.get(map).cloned().flatten(),
            regions: SourceRegions::of(index, names, &region_lists),
            row_ranges: by_session,
        }
    }

    /// Picks the rows of the wanted sessions. `starts` says at which of the rows that were read each row group begins.
    ///
    /// # Errors
    /// Rows that were not read or have no region; more rows than 32 bits count.
    pub(crate) fn pick_rows(
        &self,
        wanted: impl Fn(&Session) -> bool,
        starts: &HashMap<usize, usize>,
    ) -> Result<RowPicks, ArrowError> {
        let present: Vec<(&Session, &Vec<RowRange>)> =
            self.row_ranges.iter().filter(|(session, _)| wanted(session)).collect();
        let n_sessions = present.len();
        let mut rows = vec![NO_ROW; n_sessions * self.regions.names.len()];
        let mut further = Vec::new();
        for (session, (_, row_ranges)) in present.iter().enumerate() {
            for range in *row_ranges {
                let columns = self.regions.columns(range.region_list);
                let start = starts.get(&range.row_group).filter(|_| columns.len() == range.rows.len());
                let start = start.ok_or_else(|| does_not_fit(range))?;
                for (row, column) in (start + range.rows.start..).zip(columns) {
                    let Some(column) = column else { continue };
                    let cell = column * n_sessions + session;
                    let row = row_index(row).ok_or_else(|| does_not_fit(range))?;
                    match rows.get_mut(cell) {
                        Some(free) if *free == NO_ROW => *free = row,
                        Some(_) => further.push((cell, row)),
                        None => return Err(does_not_fit(range)),
                    }
                }
            }
        }
        Ok(RowPicks {
            sessions: present.into_iter().map(|(session, _)| session.clone()).collect(),
            rows,
            further,
        })
    }
}

/// `None` for rows beyond what [`NO_ROW`] leaves of 32 bits.
fn row_index(row: usize) -> Option<u32> {
    u32::try_from(row).ok().filter(|row| *row != NO_ROW)
}

fn does_not_fit(range: &RowRange) -> ArrowError {
    ArrowError::ComputeError(format!("rows {:?} of row group {} do not fit", range.rows, range.row_group))
}

impl RowPicks {
    /// The rows to take: the first row of each cell, or the first with a value.
    pub(crate) fn rows_for(&self, values: &ArrayRef) -> Cow<'_, [u32]> {
        if self.further.is_empty() {
            return (&self.rows).into();
        }
        let is_null =
            |row: u32| usize::try_from(row).map_or(true, |row| row >= values.len() || values.is_null(row));
        let mut rows = self.rows.clone();
        for (cell, row) in &self.further {
            if let Some(first) = rows.get_mut(*cell).filter(|first| is_null(**first)) {
                *first = *row;
            }
        }
        rows.into()
    }

    /// The values of a region, one a session.
    pub(crate) fn region(
        &self,
        values: &ArrayRef,
        rows: &[u32],
        region: usize,
    ) -> Result<ArrayRef, ArrowError> {
        let n_sessions = self.sessions.len();
        let rows = rows.get(region * n_sessions..(region + 1) * n_sessions);
        let rows = rows.ok_or_else(|| ArrowError::ComputeError(format!("no region {region}")))?;
        take(values, &indices_or_null(rows), None)
    }
}

fn indices_or_null(rows: &[u32]) -> UInt32Array {
    let nulls = rows.contains(&NO_ROW).then(|| rows.iter().map(|row| *row != NO_ROW).collect::<NullBuffer>());
    UInt32Array::new(rows.to_vec().into(), nulls)
}

/// The columns of a feature: the key columns, then its regions, all with the metric's type, each with its unit.
pub(crate) fn feature_schema(
    kind: &TableKind,
    metric: &str,
    regions: &[String],
    data_type: &DataType,
) -> SchemaRef {
    let region = |name: &String| {
        let unit = kind.unit_of_region(metric, name).filter(|_| *data_type != DataType::Boolean);
        with_unit(Field::new(name, data_type.clone(), true), unit.map(MeasurementUnit::as_str))
    };
    let fields = key_fields().into_iter().chain(regions.iter().map(region));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
