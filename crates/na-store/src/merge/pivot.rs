//! Which row of a long table is which session's and region's value of a feature.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use na_model::{MapSource, MeasurementUnit, Session, TableKind};

use crate::format::fields::with_unit;
use crate::tables::key_columns::key_fields;
use crate::tables::long_index::{LongIndex, RowRange};
use crate::tables::region_columns::{SourceRegions, column_names};

/// No row for this session and region.
const NOWHERE: u32 = u32::MAX;

/// One map's part of a long table.
pub(crate) struct Source {
    pub(crate) map: Option<MapSource>,
    pub(crate) regions: SourceRegions,
    /// Its runs by session, sessions sorted.
    pub(crate) row_ranges: BTreeMap<Session, Vec<RowRange>>,
}

/// Some sessions of a source, and where their values are among the rows read.
pub(crate) struct RowPicks {
    pub(crate) sessions: Vec<Session>,
    /// For each region, for each session: a place among the rows read.
    rows: Vec<u32>,
    /// Further rows of a region that has one already: taken where the first is null.
    further: Vec<(usize, u32)>,
}

impl Source {
    /// The sources of a table.
    pub(crate) fn all(index: &LongIndex) -> Vec<Self> {
        let names = column_names(&index.regions);
        let mut row_ranges_of_map: BTreeMap<usize, Vec<&RowRange>> = BTreeMap::new();
        for range in &index.row_ranges {
            row_ranges_of_map.entry(range.map).or_default().push(range);
        }
        let source = |(map, row_ranges): (usize, Vec<&RowRange>)| {
            let region_lists = row_ranges.iter().map(|range| range.region_list).collect();
            let mut by_session: BTreeMap<Session, Vec<RowRange>> = BTreeMap::new();
            for range in row_ranges {
                if let Some(session) = index.sessions.get(range.session) {
                    by_session.entry(session.clone()).or_default().push(range.clone());
                }
            }
            Self {
                map: index.maps.get(map).cloned().flatten(),
                regions: SourceRegions::of(index, &names, &region_lists),
                row_ranges: by_session,
            }
        };
        row_ranges_of_map.into_iter().map(source).collect()
    }

    /// The places of some sessions' values, where each row group starts at `starts` among the rows read.
    pub(crate) fn places(
        &self,
        wanted: impl Fn(&Session) -> bool,
        starts: &HashMap<usize, usize>,
    ) -> RowPicks {
        let present: Vec<(&Session, &Vec<RowRange>)> =
            self.row_ranges.iter().filter(|(session, _)| wanted(session)).collect();
        let n_sessions = present.len();
        let mut rows = vec![NOWHERE; n_sessions * self.regions.names.len()];
        let mut further = Vec::new();
        for (place, (_, row_ranges)) in present.iter().enumerate() {
            for range in *row_ranges {
                let Some(start) = starts.get(&range.row_group) else { continue };
                let columns = self.regions.columns(range.region_list);
                for (row, column) in (start + range.rows.start..).zip(columns) {
                    let cell = column * n_sessions + place;
                    let row = u32::try_from(row).unwrap_or(NOWHERE);
                    match rows.get_mut(cell) {
                        Some(free) if *free == NOWHERE => *free = row,
                        Some(_) => further.push((cell, row)),
                        None => {}
                    }
                }
            }
        }
        RowPicks {
            sessions: present.into_iter().map(|(session, _)| session.clone()).collect(),
            rows,
            further,
        }
    }
}

impl RowPicks {
    /// The rows to take: a region's first, or the first that is not null.
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

    /// A region's values, one a session, out of those read.
    pub(crate) fn region(
        &self,
        values: &ArrayRef,
        rows: &[u32],
        region: usize,
    ) -> Result<ArrayRef, ArrowError> {
        let n_sessions = self.sessions.len();
        let rows = rows.get(region * n_sessions..(region + 1) * n_sessions);
        let rows = rows.ok_or_else(|| ArrowError::ComputeError(format!("no region {region}")))?;
        take(values, &indices(rows), None)
    }
}

fn indices(rows: &[u32]) -> UInt32Array {
    let nulls =
        rows.contains(&NOWHERE).then(|| rows.iter().map(|row| *row != NOWHERE).collect::<NullBuffer>());
    UInt32Array::new(rows.to_vec().into(), nulls)
}

/// The columns of a feature: whose a row is, then its regions, all of the metric's type and unit.
pub(crate) fn feature_schema(
    kind: &TableKind,
    metric: &str,
    regions: &[String],
    data_type: &DataType,
) -> SchemaRef {
    let unit = kind.unit_of(metric).filter(|_| *data_type != DataType::Boolean);
    let region = |name: &String| {
        with_unit(Field::new(name, data_type.clone(), true), unit.map(MeasurementUnit::as_str))
    };
    let fields = key_fields().into_iter().chain(regions.iter().map(region));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
