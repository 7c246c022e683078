//! The columns of features: regions by name, and which row of a long table goes into which.

use std::collections::{BTreeSet, HashMap, HashSet};

use na_model::Region;

use crate::long::index::LongIndex;
use crate::session_columns::{SESSION, SUBJECT};

/// The names of a table's regions as columns, one for each of [`LongIndex::regions`]: the label, or the index where
/// there is no label. A label that the atlas gives to several indices becomes `label#index`.
pub(crate) fn column_names(regions: &[Region]) -> Vec<String> {
    let mut indices: HashMap<&str, HashSet<Option<i64>>> = HashMap::new();
    for region in regions {
        if let Some(label) = region.label.as_deref() {
            indices.entry(label).or_default().insert(region.index);
        }
    }
    let repeats = |label: &str| {
        indices.get(label).is_some_and(|indices| indices.len() > 1) || [SUBJECT, SESSION].contains(&label)
    };
    regions
        .iter()
        .map(|region| match (region.label.as_deref(), region.index) {
            (Some(label), Some(index)) if repeats(label) => format!("{label}#{index}"),
            (Some(label), None) if repeats(label) => format!("{label}#"),
            (Some(label), _) => label.to_owned(),
            (None, Some(index)) => index.to_string(),
            (None, None) => "unknown".to_owned(),
        })
        .collect()
}

/// The columns of one source's features, and for each layout of its runs the column of each row.
#[derive(Debug, Default)]
pub(crate) struct SourceRegions {
    /// In name order.
    pub(crate) names: Vec<String>,
    columns_of_layout: HashMap<usize, Vec<usize>>,
}

impl SourceRegions {
    pub(crate) fn of(index: &LongIndex, names: &[String], layouts: &BTreeSet<usize>) -> Self {
        let regions = |layout: &usize| index.layouts.get(*layout).into_iter().flatten();
        let name = |region: &usize| names.get(*region).map_or("", String::as_str);
        let sorted: BTreeSet<&str> = layouts.iter().flat_map(regions).map(name).collect();
        let places: HashMap<&str, usize> =
            sorted.iter().enumerate().map(|(place, name)| (*name, place)).collect();
        let columns = |layout: &usize| {
            regions(layout).map(|region| places.get(name(region)).copied().unwrap_or_default()).collect()
        };
        Self {
            columns_of_layout: layouts.iter().map(|layout| (*layout, columns(layout))).collect(),
            names: sorted.into_iter().map(str::to_owned).collect(),
        }
    }

    pub(crate) fn columns(&self, layout: usize) -> &[usize] {
        self.columns_of_layout.get(&layout).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_repeats_is_told_apart_by_its_index() {
        let region = |index, label: Option<&str>| Region { index, label: label.map(str::to_owned) };
        let names = column_names(&[
            region(Some(1), Some("a")),
            region(Some(2), Some("b")),
            region(Some(3), Some("b")),
            region(Some(4), None),
            region(None, Some("c")),
        ]);
        assert_eq!(names, ["a", "b#2", "b#3", "4", "c"]);
    }
}
