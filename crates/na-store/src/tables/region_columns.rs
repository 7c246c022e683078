//! The columns of features: regions by name, and which row of a long table goes into which.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use na_model::columns::KEY_COLUMNS;
use na_model::{Region, matched_regions};

use crate::tables::long_index::LongIndex;

/// The names of a table's regions as columns, one for each of [`LongIndex::regions`]; regions that are one have one
/// name. It is the label, or the index where there is no label. Where several regions have one label, it is
/// `label#hemisphere` if that tells the region apart, or else `label#index`. A name that another column has already
/// gives way to the next free `label#number`. The set of regions decides, not its order.
pub(crate) fn column_names(regions: &[Region]) -> Vec<String> {
    let matched = matched_regions(regions);
    let region_at = |place: &usize| regions.get(*place);
    let distinct: BTreeSet<&Region> = matched.iter().filter_map(region_at).collect();
    let mut groups: BTreeMap<Stem<'_>, Vec<&Region>> = BTreeMap::new();
    for region in &distinct {
        groups.entry(Stem::of(region)).or_default().push(region);
    }
    let mut names = Names { taken: KEY_COLUMNS.map(str::to_owned).into(), of: HashMap::new() };
    // What needs nothing to tell it apart comes first: a label may look like another with an index.
    for (stem, group) in &groups {
        if let [region] = group.as_slice() {
            names.give(region, stem.to_string());
        }
    }
    for (stem, group) in &groups {
        for (region, part) in told_apart(group) {
            names.give(region, format!("{stem}#{part}"));
        }
    }
    // A number behind a label is read as an index: what has none gets one that is nobody's.
    let indices: HashSet<i64> = regions.iter().filter_map(|region| region.index).collect();
    for (stem, group) in &groups {
        let mut numbers = (1..).filter(|number| !indices.contains(number));
        for region in group {
            while !names.of.contains_key(region) {
                let number = numbers.next().unwrap_or_default();
                names.give(region, format!("{stem}#{number}"));
            }
        }
    }
    let name = |place: &usize| region_at(place).and_then(|region| names.of.get(region)).cloned();
    matched.iter().map(|place| name(place).unwrap_or_default()).collect()
}

/// What a region is called by itself: labels before indices.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stem<'a> {
    Label(&'a str),
    Index(i64),
    Unknown,
}

impl<'a> Stem<'a> {
    fn of(region: &'a Region) -> Self {
        let index = region.index.map_or(Self::Unknown, Self::Index);
        region.label.as_deref().map_or(index, Self::Label)
    }
}

impl fmt::Display for Stem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(label) => f.write_str(label),
            Self::Index(index) => write!(f, "{index}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// What tells regions of one label apart, for those that it does. A hemisphere that is part of a structure's name does so
/// only where the index does not.
fn told_apart<'a>(group: &[&'a Region]) -> Vec<(&'a Region, String)> {
    let mut hemispheres: HashMap<&str, usize> = HashMap::new();
    let mut indices: HashMap<i64, usize> = HashMap::new();
    for region in group {
        region.hemisphere.iter().for_each(|name| *hemispheres.entry(name).or_default() += 1);
        region.index.iter().for_each(|index| *indices.entry(*index).or_default() += 1);
    }
    let part = |region: &&'a Region| {
        let hemisphere = region.hemisphere.as_deref().filter(|name| hemispheres.get(name) == Some(&1));
        let index = region.index.filter(|index| indices.get(index) == Some(&1));
        let plain = hemisphere.filter(|name| Region::is_plain_hemisphere(name)).map(str::to_owned);
        let index = index.map(|index| index.to_string());
        Some((*region, plain.or(index).or(hemisphere.map(str::to_owned))?))
    };
    group.iter().filter_map(part).collect()
}

/// Names on their way to regions.
struct Names<'a> {
    taken: HashSet<String>,
    of: HashMap<&'a Region, String>,
}

impl<'a> Names<'a> {
    /// Gives a region a name, unless it has one, or something else has this one.
    fn give(&mut self, region: &'a Region, name: String) {
        if !self.of.contains_key(region) && self.taken.insert(name.clone()) {
            self.of.insert(region, name);
        }
    }
}

/// The columns of one source's features, and for each layout of its runs the column of each row.
#[derive(Debug, Default)]
pub(crate) struct SourceRegions {
    /// In name order.
    pub(crate) names: Vec<String>,
    columns_of_list: HashMap<usize, Vec<usize>>,
}

impl SourceRegions {
    pub(crate) fn of(index: &LongIndex, names: &[String], region_lists: &BTreeSet<usize>) -> Self {
        let regions = |region_list: &usize| index.region_lists.get(*region_list).into_iter().flatten();
        let name = |region: &usize| names.get(*region).map_or("", String::as_str);
        let sorted: BTreeSet<&str> = region_lists.iter().flat_map(regions).map(name).collect();
        let places: HashMap<&str, usize> =
            sorted.iter().enumerate().map(|(place, name)| (*name, place)).collect();
        let columns = |region_list: &usize| {
            regions(region_list).map(|region| places.get(name(region)).copied().unwrap_or_default()).collect()
        };
        Self {
            columns_of_list: region_lists
                .iter()
                .map(|region_list| (*region_list, columns(region_list)))
                .collect(),
            names: sorted.into_iter().map(str::to_owned).collect(),
        }
    }

    pub(crate) fn columns(&self, region_list: usize) -> &[usize] {
        self.columns_of_list.get(&region_list).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regions with labels and hemispheres; index 0 and empty texts are not given.
    fn names(regions: &[(i64, &str, &str)]) -> Vec<String> {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let regions: Vec<Region> = regions
            .iter()
            .map(|(index, label, hemisphere)| Region {
                index: Some(*index).filter(|index| *index != 0),
                label: given(label),
                hemisphere: given(hemisphere),
            })
            .collect();
        let names = column_names(&regions);
        // The order in which they are met decides nothing.
        let mut reversed: Vec<Region> = regions;
        reversed.reverse();
        let mut of_reversed = column_names(&reversed);
        of_reversed.reverse();
        assert_eq!(names, of_reversed);
        names
    }

    #[test]
    fn a_label_that_repeats_is_told_apart_by_its_index() {
        let regions = [(1, "a", ""), (2, "b", ""), (3, "b", ""), (4, "", ""), (0, "c", "")];
        assert_eq!(names(&regions), ["a", "b#2", "b#3", "4", "c"]);
    }

    #[test]
    fn a_label_of_two_hemispheres_is_told_apart_by_them_as_they_are_written() {
        assert_eq!(names(&[(1, "V1", "L"), (1, "V1", "R"), (2, "V2", "L")]), ["V1#L", "V1#R", "V2"]);
        assert_eq!(names(&[(1, "V1", "lh"), (181, "V1", "rh")]), ["V1#lh", "V1#rh"]);
        assert_eq!(names(&[(1, "V1", "L"), (2, "V1", "R"), (3, "V1", "R")]), ["V1#L", "V1#2", "V1#3"]);
        assert_eq!(names(&[(7, "", "L"), (7, "", "R")]), ["7#L", "7#R"]);
    }

    #[test]
    fn a_structure_tells_regions_apart_only_where_the_index_does_not() {
        assert_eq!(names(&[(1, "V1", "CORTEX_LEFT"), (181, "V1", "CORTEX_RIGHT")]), ["V1#1", "V1#181"]);
        assert_eq!(
            names(&[(1, "V1", "CORTEX_LEFT"), (1, "V1", "CORTEX_RIGHT")]),
            ["V1#CORTEX_LEFT", "V1#CORTEX_RIGHT"]
        );
        assert_eq!(names(&[(1, "a", "CORTEX_LEFT"), (2, "b", "CORTEX_LEFT")]), ["a", "b"]);
    }

    #[test]
    fn no_name_meets_another_column_s() {
        assert_eq!(names(&[(1, "P1", ""), (2, "P1", ""), (3, "P1#1", "")]), ["P1#4", "P1#2", "P1#1"]);
        assert_eq!(names(&[(1, "4", ""), (4, "", "")]), ["4", "4#4"]);
        assert_eq!(
            names(&[(5, "subject_code", ""), (6, "session_id", "")]),
            ["subject_code#5", "session_id#6"]
        );
    }

    #[test]
    fn a_region_without_index_or_hemisphere_is_the_one_of_its_label() {
        assert_eq!(names(&[(1, "a", ""), (0, "a", ""), (2, "b", "L"), (2, "b", "")]), ["a", "a", "b", "b"]);
        assert_eq!(names(&[(1, "a", ""), (2, "a", ""), (0, "a", "")]), ["a#1", "a#2", "a#3"]);
        // 3 is the index of another region.
        assert_eq!(
            names(&[(1, "a", ""), (2, "a", ""), (0, "a", ""), (3, "b", "")]),
            ["a#1", "a#2", "a#4", "b"]
        );
    }
}
