//! The region of each row of a table: one rule for files, caches and stores.

use std::borrow::Cow;
use std::ops::Range;

use arrow_array::{
    Array, RecordBatch,
    cast::AsArray,
    types::{Float64Type, Int32Type, Int64Type},
};
use arrow_schema::DataType;
use na_model::{Region, RegionKey, RegionSet};

/// The columns of a batch that name regions. An index that a table holds as doubles or as text, because other files of it
/// do, is read as the same number.
#[derive(Debug)]
pub struct RegionColumns<'a> {
    rows: usize,
    index: Option<&'a dyn Array>,
    labels: Vec<&'a dyn Array>,
    hemispheres: Vec<(&'a str, &'a dyn Array)>,
}

impl<'a> RegionColumns<'a> {
    /// Finds the columns of a batch that the table's key names; text may be dictionary-encoded.
    #[must_use]
    pub fn of(batch: &'a RecordBatch, key: &'a RegionKey) -> Self {
        let column = |name: &str| batch.column_by_name(name).map(AsRef::as_ref);
        let hemisphere = |name: &'a String| Some((name.as_str(), column(name)?));
        Self {
            rows: batch.num_rows(),
            index: key.index.as_deref().and_then(column),
            labels: key.labels.iter().filter_map(|name| column(name)).collect(),
            hemispheres: key.hemispheres.iter().filter_map(hemisphere).collect(),
        }
    }

    /// The region of a row.
    #[must_use]
    pub fn region(&self, row: usize) -> Region {
        Region {
            index: self.index.and_then(|column| integer(column, row)),
            label: self.label(row).map(Cow::into_owned),
            hemisphere: self.hemisphere(row).map(Cow::into_owned),
        }
    }

    /// Whether a range of rows has exactly these regions, in this order.
    pub fn are<'r>(&self, rows: Range<usize>, regions: impl ExactSizeIterator<Item = &'r Region>) -> bool {
        rows.len() == regions.len() && rows.zip(regions).all(|(row, region)| self.is(row, region))
    }

    fn is(&self, row: usize, region: &Region) -> bool {
        self.index.and_then(|column| integer(column, row)) == region.index
            && self.label(row).as_deref() == region.label.as_deref()
            && self.hemisphere(row).as_deref() == region.hemisphere.as_deref()
    }

    fn label(&self, row: usize) -> Option<Cow<'a, str>> {
        self.labels.iter().find_map(|column| word(*column, row))
    }

    fn hemisphere(&self, row: usize) -> Option<Cow<'a, str>> {
        self.hemispheres.iter().find_map(|(name, column)| {
            word(*column, row).filter(|cell| Region::hemisphere_in(name, cell).is_some())
        })
    }

    /// The regions of all rows, in the order of rows.
    pub fn regions(&self) -> impl Iterator<Item = Region> {
        (0..self.rows).map(|row| self.region(row))
    }

    /// The regions of all rows, each once.
    #[must_use]
    pub fn set(&self) -> RegionSet {
        RegionSet::new(self.regions())
    }
}

/// A cell as text. `None` if it is null or of a type that names nothing.
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

/// A cell as a whole number. `None` if it is null or no whole number.
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
    // Beyond 2^53 not every whole number is a double.
    let is_whole = number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    is_whole.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
    use arrow_cast::cast;

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
        let regions =
            RegionColumns::of(&batch, &RegionKey::default()).regions().collect::<Vec<_>>().into_iter();
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
    fn rows_are_of_the_regions_that_all_their_columns_give() {
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("index", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef, true),
            ("label", text(&["a", "b", ""]), true),
            ("hemi", text(&["L", "", "R"]), true),
        ])
        .unwrap();
        let key = RegionKey::default();
        let columns = RegionColumns::of(&batch, &key);
        let regions: Vec<Region> = columns.regions().collect();
        assert!(columns.are(0..3, regions.iter()));
        assert!(columns.are(1..3, regions[1..].iter()));
        assert!(!columns.are(0..2, regions.iter()) && !columns.are(0..3, regions[..2].iter()));
        for row in 0..3 {
            let others = [
                Region { index: Some(7), ..regions[row].clone() },
                Region { label: Some("x".to_owned()), ..regions[row].clone() },
                Region { hemisphere: Some("left".to_owned()), ..regions[row].clone() },
            ];
            for other in others {
                let mut changed = regions.clone();
                changed[row] = other;
                assert!(!columns.are(0..3, changed.iter()), "{changed:?}");
            }
        }
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
