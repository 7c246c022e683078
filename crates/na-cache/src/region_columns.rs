//! Which region each row of a table is: one rule for files, caches and stores.

use std::borrow::Cow;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use na_model::{Region, RegionSet};

/// The columns of a batch that name regions. Numbers that a table holds as doubles or as text, because other files of it
/// do, are the numbers that they were.
#[derive(Debug)]
pub struct RegionColumns<'a> {
    rows: usize,
    index: Option<&'a dyn Array>,
    labels: Vec<&'a dyn Array>,
    hemispheres: Vec<(&'static str, &'a dyn Array)>,
}

impl<'a> RegionColumns<'a> {
    /// The columns of a batch; text may be in dictionaries.
    #[must_use]
    pub fn of(batch: &'a RecordBatch) -> Self {
        let column = |name| batch.column_by_name(name).map(AsRef::as_ref);
        let hemisphere = |name: &'static str| Some((name, column(name)?));
        Self {
            rows: batch.num_rows(),
            index: column(Region::INDEX_COLUMN),
            labels: Region::LABEL_COLUMNS.into_iter().filter_map(column).collect(),
            hemispheres: Region::HEMISPHERE_COLUMNS.into_iter().filter_map(hemisphere).collect(),
        }
    }

    /// The region of a row.
    #[must_use]
    pub fn region(&self, row: usize) -> Region {
        let label = self.labels.iter().find_map(|column| word(*column, row));
        let hemisphere = self.hemispheres.iter().find_map(|(name, column)| {
            let cell = word(*column, row)?;
            Region::hemisphere_in(name, &cell).map(str::to_owned)
        });
        Region {
            index: self.index.and_then(|column| integer(column, row)),
            label: label.map(Cow::into_owned),
            hemisphere,
        }
    }

    /// The regions of all rows, in their order.
    pub fn regions(&self) -> impl Iterator<Item = Region> {
        (0..self.rows).map(|row| self.region(row))
    }

    /// The regions of all rows, each once.
    #[must_use]
    pub fn set(&self) -> RegionSet {
        RegionSet::new(self.regions())
    }
}

/// A cell as text: none where it is null, or of a type that names nothing.
fn word(column: &dyn Array, row: usize) -> Option<Cow<'_, str>> {
    if let Some(dictionary) = column.as_dictionary_opt::<Int32Type>() {
        return word(dictionary.values().as_ref(), dictionary.key(row)?);
    }
    if row >= column.len() || column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Utf8 => Some(column.as_string_opt::<i32>()?.value(row).into()),
        DataType::Int64 | DataType::Float64 => Some(integer(column, row)?.to_string().into()),
        _ => None,
    }
}

/// A cell as a whole number: none where it is null, or no whole number.
fn integer(column: &dyn Array, row: usize) -> Option<i64> {
    if let Some(dictionary) = column.as_dictionary_opt::<Int32Type>() {
        return integer(dictionary.values().as_ref(), dictionary.key(row)?);
    }
    if row >= column.len() || column.is_null(row) {
        return None;
    }
    match column.data_type() {
        DataType::Int64 => Some(column.as_primitive_opt::<Int64Type>()?.value(row)),
        DataType::Float64 => whole(column.as_primitive_opt::<Float64Type>()?.value(row)),
        DataType::Utf8 => {
            let text = column.as_string_opt::<i32>()?.value(row);
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        _ => None,
    }
}

fn whole(number: f64) -> Option<i64> {
    // Beyond this, doubles are no longer all the whole numbers.
    let is_whole = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    is_whole.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
    use arrow::compute::cast;

    use super::*;

    fn text(cells: &[&str]) -> ArrayRef {
        Arc::new(
            cells.iter().map(|cell| Some(*cell).filter(|cell| !cell.is_empty())).collect::<StringArray>(),
        )
    }

    fn regions(columns: &[(&str, ArrayRef)]) -> Vec<(Option<i64>, Option<String>, Option<String>)> {
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.iter().map(|(name, array)| (*name, Arc::clone(array), true)),
        )
        .unwrap();
        let regions = RegionColumns::of(&batch).regions().collect::<Vec<_>>().into_iter();
        regions.map(|region| (region.index, region.label, region.hemisphere)).collect()
    }

    fn is(index: i64, label: &str, hemisphere: &str) -> (Option<i64>, Option<String>, Option<String>) {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        (Some(index), given(label), given(hemisphere))
    }

    #[test]
    fn a_row_is_named_by_its_label_or_else_by_its_name() {
        let columns = [
            ("index", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
            ("name", text(&["x", "y", ""])),
            ("label", text(&["a", "", ""])),
        ];
        assert_eq!(regions(&columns), [is(1, "a", ""), is(2, "y", ""), is(3, "", "")]);
    }

    #[test]
    fn its_hemisphere_is_in_the_first_column_that_says_one() {
        let columns = [
            ("index", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
            ("structure", text(&["CORTEX_LEFT", "CORTEX_RIGHT", "BRAIN_STEM"])),
            ("hemi", text(&["L", "", ""])),
        ];
        assert_eq!(regions(&columns), [is(1, "", "L"), is(2, "", "CORTEX_RIGHT"), is(3, "", "")]);
    }

    #[test]
    fn an_index_is_the_same_number_in_whatever_type_its_table_holds_it() {
        for index in [
            Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef,
            Arc::new(Float64Array::from(vec![1.0, 2.0])),
            text(&["1", "2.0"]),
        ] {
            let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            let labels = cast(&text(&["a", "b"]), &dictionary).unwrap();
            assert_eq!(regions(&[("index", index), ("label", labels)]), [is(1, "a", ""), is(2, "b", "")]);
        }
    }
}
