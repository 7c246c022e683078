//! One row a region: a row that repeats another is left out, one that contradicts another is an error.

use std::collections::hash_map::Entry;
use std::fmt;
use std::path::Path;

use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, cast::AsArray, types::Int64Type};
use arrow_cast::display::array_value_to_string;
use arrow_schema::DataType;
use arrow_select::filter::filter_record_batch;
use foldhash::{HashMap, HashMapExt};
use na_model::columns::{HEMISPHERE_COLUMNS, INDEX};

use crate::unit_error::{UnitError, shorten};

/// Rows between two checks whether to stop.
const ROWS_BETWEEN_CHECKS: usize = 1 << 12;

/// The table with one row for each region, and a note if rows were left out.
///
/// # Errors
/// Two rows of one region that differ, with both lines; a request to stop.
pub(super) fn without_repeats(
    path: &Path,
    batch: RecordBatch,
    region_column: &str,
    should_stop: &dyn Fn() -> bool,
) -> Result<(RecordBatch, Option<String>), UnitError> {
    let regions = Regions::of(&batch, region_column);
    // As a rule the atlas' indices rise: then no region repeats.
    if regions.index.is_some_and(|index| index.null_count() == 0 && index.values().is_sorted_by(|a, b| a < b))
    {
        return Ok((batch, None));
    }
    let mut first_rows: HashMap<RegionKey, usize> = HashMap::with_capacity(batch.num_rows());
    let mut is_kept = Vec::with_capacity(batch.num_rows());
    let mut repeat = None;
    for row in 0..batch.num_rows() {
        if row % ROWS_BETWEEN_CHECKS == 0 && should_stop() {
            return Err(UnitError::Stopped);
        }
        match first_rows.entry(regions.key(row)) {
            Entry::Vacant(entry) => {
                entry.insert(row);
                is_kept.push(true);
            }
            Entry::Occupied(first) if are_equal(&batch, *first.get(), row) => {
                repeat.get_or_insert((*first.get(), row));
                is_kept.push(false);
            }
            Entry::Occupied(first) => return Err(contradiction(path, first.key(), *first.get(), row)),
        }
    }
    drop(first_rows);
    let Some((first, again)) = repeat else { return Ok((batch, None)) };
    let n_repeats = is_kept.iter().filter(|is_kept| !**is_kept).count();
    let note = format!(
        "{}: rows that repeat others were left out: {n_repeats}, e.g. line {} is line {} again",
        path.display(),
        line(again),
        line(first)
    );
    let batch = filter_record_batch(&batch, &BooleanArray::from(is_kept))
        .map_err(|error| UnitError::form(path, error.to_string(), "columns of one length"))?;
    Ok((batch, Some(note)))
}

/// The columns that name regions.
struct Regions<'a> {
    index: Option<&'a Int64Array>,
    label: Option<&'a ArrayRef>,
    hemisphere: Option<&'a ArrayRef>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RegionKey {
    index: Option<i64>,
    label: Option<String>,
    hemisphere: Option<String>,
}

impl<'a> Regions<'a> {
    fn of(batch: &'a RecordBatch, region_column: &str) -> Self {
        Self {
            index: batch.column_by_name(INDEX).and_then(|column| column.as_primitive_opt::<Int64Type>()),
            label: batch.column_by_name(region_column),
            hemisphere: HEMISPHERE_COLUMNS.iter().find_map(|name| batch.column_by_name(name)),
        }
    }

    fn key(&self, row: usize) -> RegionKey {
        RegionKey {
            index: self.index.filter(|index| index.is_valid(row)).map(|index| index.value(row)),
            label: self.label.and_then(|label| word(label, row)),
            hemisphere: self.hemisphere.and_then(|hemisphere| word(hemisphere, row)),
        }
    }
}

/// A cell as text; `None` if it has no value.
fn word(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Utf8 => Some(column.as_string::<i32>().value(row).to_owned()),
        _ => array_value_to_string(column, row).ok().filter(|text| !text.is_empty()),
    }
}

fn are_equal(batch: &RecordBatch, first: usize, second: usize) -> bool {
    batch.columns().iter().all(|column| column.slice(first, 1).to_data() == column.slice(second, 1).to_data())
}

/// The header is line 1.
fn line(row: usize) -> usize {
    row + 2
}

#[cold]
fn contradiction(path: &Path, region: &RegionKey, first: usize, second: usize) -> UnitError {
    let found = format!("another row of {region} than line {}, with other values", line(first));
    let expected = match region {
        RegionKey { index: None, label: None, .. } => "a label or an index in each row",
        _ => "one row a region: delete the wrong one, or write the file again",
    };
    UnitError::line(path, line(second), found, expected)
}

impl fmt::Display for RegionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.index, &self.label) {
            (Some(index), Some(label)) => write!(f, "region {index} {:?}", shorten(label.as_bytes()))?,
            (Some(index), None) => write!(f, "region {index}")?,
            (None, Some(label)) => write!(f, "region {:?}", shorten(label.as_bytes()))?,
            (None, None) => f.write_str("a region without label and index")?,
        }
        match &self.hemisphere {
            Some(hemisphere) => write!(f, " ({})", shorten(hemisphere.as_bytes())),
            None => Ok(()),
        }
    }
}
