//! Rows of one session before they are written: an array for a column that differs by region, a constant for one that does not.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, StringArray,
    cast::AsArray,
    new_null_array,
    types::{Int32Type, Int64Type},
};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};
use na_model::MapSource;

use crate::format::arrays::{as_type, joined};
use crate::format::column_encoder::LARGEST_TEXT;
use crate::format::text_rows::{is_text, most_text_bytes, row_by_row, text_bytes};
use crate::tables::scalar::Scalar;

/// About the rows of a row group: enough to compress well, and little memory.
pub(crate) const ROW_GROUP: usize = 32 * 1024;

/// A column of a session's rows.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    Array(ArrayRef),
    /// One value in all rows.
    Constant(Scalar),
}

/// Rows of one session, with all columns of the table.
#[derive(Debug, Clone)]
pub(crate) struct SessionRows {
    pub(crate) rows: usize,
    pub(crate) columns: Vec<Column>,
}

/// The rows of a map of a session.
pub(crate) struct MapRows {
    pub(crate) map: Option<MapSource>,
    pub(crate) rows: SessionRows,
}

/// Sorts maps as a file has them: by model, param and description.
pub(crate) fn in_map_order(mut maps: Vec<MapRows>) -> Vec<MapRows> {
    maps.sort_by(|first, second| first.map.cmp(&second.map));
    maps
}

pub(crate) fn without_maps(maps: Vec<MapRows>) -> Vec<SessionRows> {
    maps.into_iter().map(|map| map.rows).collect()
}

impl Column {
    /// Bytes of text, each row counted with all of its own.
    fn text_bytes(&self, rows: usize) -> usize {
        match self {
            Self::Constant(Scalar::Text(text)) => text.len().saturating_mul(rows),
            Self::Constant(_) => 0,
            Self::Array(array) => text_bytes(array),
        }
    }
}

impl Column {
    /// No fewer than [`Column::text_bytes`], and quicker to know.
    fn most_text_bytes(&self, rows: usize) -> usize {
        match self {
            Self::Constant(_) => self.text_bytes(rows),
            Self::Array(array) => most_text_bytes(array),
        }
    }
}

impl SessionRows {
    /// No fewer than [`SessionRows::text_bytes`], and quicker to know.
    pub(crate) fn most_text_bytes(&self) -> usize {
        self.columns.iter().map(|column| column.most_text_bytes(self.rows)).sum()
    }

    /// Bytes of text in all columns, each row counted with all of its own.
    pub(crate) fn text_bytes(&self) -> usize {
        self.columns.iter().map(|column| column.text_bytes(self.rows)).sum()
    }
}

/// One column of many sessions as one array, text row by row.
pub(crate) fn column(
    rows: &[SessionRows],
    index: usize,
    data_type: &DataType,
) -> Result<ArrayRef, ArrowError> {
    if rows.is_empty() {
        return Ok(new_null_array(data_type, 0));
    }
    let parts = |data_type| column_parts(rows, index, data_type);
    match data_type {
        DataType::Utf8 => joined_text(&parts(data_type)?),
        DataType::Utf8View => joined_views(&parts(&DataType::Utf8)?),
        _ => joined(&parts(data_type)?),
    }
}

/// One column of many sessions, a part for each. Text may come as dictionaries: a value that repeats is in memory once.
pub(crate) fn column_parts(
    rows: &[SessionRows],
    index: usize,
    data_type: &DataType,
) -> Result<Vec<ArrayRef>, ArrowError> {
    rows.iter()
        .map(|of_session| match of_session.columns.get(index) {
            Some(Column::Array(array)) => as_part(array, data_type),
            Some(Column::Constant(value)) => repeat(value, of_session.rows, data_type),
            None => Err(ArrowError::InvalidArgumentError(format!("rows without column {index}"))),
        })
        .collect()
}

fn as_part(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    let stays = *data_type == DataType::Utf8 && is_text(array);
    if stays { Ok(Arc::clone(array)) } else { as_type(array, data_type) }
}

/// Splits a list into parts of about a row group each. `size` gives the rows of an item, and the bytes of its text.
pub(crate) fn row_groups_of<T>(items: &[T], size: impl Fn(&T) -> (usize, usize)) -> Vec<&[T]> {
    let (mut groups, mut rest) = (Vec::new(), items);
    while !rest.is_empty() {
        let (group, behind) = rest.split_at(length_of_row_group(rest, &size));
        groups.push(group);
        rest = behind;
    }
    groups
}

/// Whether rows with so many bytes of text are more than a row group takes.
pub(crate) fn is_over_a_row_group(n_rows: usize, text: usize) -> bool {
    n_rows > ROW_GROUP || text > LARGEST_TEXT
}

/// How many of the first items fit into one row group, at least one.
fn length_of_row_group<T>(items: &[T], size: &impl Fn(&T) -> (usize, usize)) -> usize {
    let (mut n_rows, mut n_text) = (0, 0);
    for (index, item) in items.iter().enumerate() {
        let (rows, text) = size(item);
        (n_rows, n_text) = (n_rows + rows, n_text + text);
        if index > 0 && is_over_a_row_group(n_rows, n_text) {
            return index;
        }
    }
    items.len()
}

/// Whether a column of doubles gets integers that no double holds.
pub(crate) fn loses_digits(rows: &[SessionRows], index: usize, data_type: &DataType) -> bool {
    let has_others = |of_session: &SessionRows| match of_session.columns.get(index) {
        Some(Column::Array(array)) => array
            .as_primitive_opt::<Int64Type>()
            .is_some_and(|integers| integers.iter().flatten().any(is_no_double)),
        _ => false,
    };
    *data_type == DataType::Float64 && rows.iter().any(has_others)
}

/// Whether no double has this value.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "whether it does is the question"
)]
pub(crate) fn is_no_double(value: i64) -> bool {
    value as f64 as i128 != i128::from(value)
}

/// Joins parts of text, plain or dictionary-encoded, into one array row by row.
fn joined_text(parts: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
    let most: usize = parts.iter().map(most_text_bytes).sum();
    if i32::try_from(most).is_err() {
        let bytes = parts.iter().map(text_bytes).sum();
        i32::try_from(bytes).map_err(|_| ArrowError::OffsetOverflowError(bytes))?;
    }
    let text = |part: &ArrayRef| match is_text(part) {
        true => row_by_row(part),
        false => Ok(new_null_array(&DataType::Utf8, part.len())),
    };
    joined(&parts.iter().map(text).collect::<Result<Vec<ArrayRef>, ArrowError>>()?)
}

/// The same as views: each word is in memory once a part.
fn joined_views(parts: &[ArrayRef]) -> Result<ArrayRef, ArrowError> {
    let views = parts.iter().map(|part| cast(part, &DataType::Utf8View));
    joined(&views.collect::<Result<Vec<_>, ArrowError>>()?)
}

/// A value in each of some rows; null if the type cannot hold it. Text repeats as a dictionary.
fn repeat(value: &Scalar, rows: usize, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    Ok(match (value, data_type) {
        (Scalar::Text(text), DataType::Utf8) if rows == 1 => Arc::new(StringArray::from_iter_values([text])),
        (Scalar::Text(text), DataType::Utf8) => {
            let keys = Int32Array::from_value(0, rows);
            let words = StringArray::from_iter_values([text]);
            Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(words))?)
        }
        (Scalar::Double(value), DataType::Float64) => Arc::new(Float64Array::from_value(*value, rows)),
        (Scalar::Integer(value), DataType::Int64) => Arc::new(Int64Array::from_value(*value, rows)),
        _ => new_null_array(data_type, rows),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_repeats_is_there_once_until_a_reader_wants_it_row_by_row() {
        let same =
            SessionRows { rows: 400, columns: vec![Column::Constant(Scalar::text(&"x".repeat(50_000)))] };
        let each: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
        let rows = [same, SessionRows { rows: 2, columns: vec![Column::Array(each)] }];
        let parts = column_parts(&rows, 0, &DataType::Utf8).unwrap();
        let held: usize = parts.iter().map(|part| part.get_array_memory_size()).sum();
        assert!(held < 60_000, "{held}");
        assert_eq!(rows[0].text_bytes(), 400 * 50_000);
        assert_eq!(rows[1].text_bytes(), 1);
        let read = column(&rows, 0, &DataType::Utf8).unwrap();
        let read: &StringArray = read.as_string();
        assert_eq!((read.len(), read.value(399).len(), read.value(400)), (402, 50_000, "a"));
        assert!(read.is_null(401));
    }

    #[test]
    fn text_that_no_array_holds_is_an_error() {
        let rows = SessionRows {
            rows: 1 << 16,
            columns: vec![Column::Constant(Scalar::text(&"x".repeat(1 << 16)))],
        };
        assert!(column(&[rows], 0, &DataType::Utf8).is_err());
    }

    #[test]
    fn integers_that_no_double_holds_are_told_from_others() {
        assert!(!is_no_double(1 << 53) && !is_no_double(-5) && !is_no_double(i64::MIN));
        assert!(
            is_no_double((1 << 53) + 1) && is_no_double(i64::MAX) && is_no_double(202_507_271_541_123_457)
        );
    }
}
