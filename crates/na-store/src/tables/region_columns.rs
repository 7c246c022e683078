//! The columns of features: the name of each region, and the column of each row of a long table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use foldhash::{HashMap, HashMapExt, HashSet};
use na_model::columns::KEY_COLUMNS;
use na_model::{Region, matched_regions};

use crate::tables::long_index::index::LongIndex;

/// Names a table's regions as columns, one name for each of [`LongIndex::regions`]. Regions that match have one name.
///
/// It is the label, or the index of a region without a label. Of several regions with one label it is `label#hemisphere` if
/// that tells the region apart, or else `label#index`. If another column has that name, it is the next free `label#number`.
/// The set of regions decides, not its order.
pub(crate) fn column_names(regions: &[Region]) -> Vec<String> {
    let matched = matched_regions(regions);
    let distinct: BTreeSet<&Region> = matched.iter().filter_map(|index| regions.get(*index)).collect();
    // Groups are named by stem, and the regions of one in their derived order: names hang on both.
    let mut groups: BTreeMap<Stem<'_>, Vec<&Region>> = BTreeMap::new();
    for region in &distinct {
        groups.entry(Stem::of(region)).or_default().push(region);
    }
    let mut names =
        RegionNames { taken: KEY_COLUMNS.map(str::to_owned).into_iter().collect(), of: HashMap::new() };
    // A stem of one region comes first: it may look like another stem with an index.
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
    // A number behind a label is read as an index: a region without one gets a number that is no region's.
    let indices: HashSet<i64> = regions.iter().filter_map(|region| region.index).collect();
    for (stem, group) in &groups {
        let mut numbers = (1..).filter(|number| !indices.contains(number));
        for region in group {
            if !names.of.contains_key(region) {
                numbers.any(|number| names.give(region, format!("{stem}#{number}")));
            }
        }
    }
    let name = |index: &usize| names.of.get(regions.get(*index)?).cloned();
    // Every region has a name. Without one there would be none at all, and no region list would have columns: no value is ever
    // written under a wrong name.
    matched.iter().map(name).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// The name of a region by itself. Labels come before indices.
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

/// The hemisphere or index that tells each region from the others with its label; regions without one are left out. A
/// hemisphere that is part of a structure's name does so only if the index does not.
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

/// The names that regions got so far.
struct RegionNames<'a> {
    taken: HashSet<String>,
    of: HashMap<&'a Region, String>,
}

impl<'a> RegionNames<'a> {
    /// Gives a name to a region without one. `false` if the region has one, or another column has this one.
    fn give(&mut self, region: &'a Region, name: String) -> bool {
        let is_free = !self.of.contains_key(region) && self.taken.insert(name.clone());
        if is_free {
            self.of.insert(region, name);
        }
        is_free
    }
}

/// The columns of one source's features, and for each region list of its rows the column of each row.
#[derive(Debug, Default)]
pub(crate) struct SourceRegions {
    /// In name order.
    pub(crate) names: Vec<String>,
    columns_of_list: HashMap<usize, Vec<Option<usize>>>,
}

impl SourceRegions {
    /// The columns of these region lists. `names` has a name for each of [`LongIndex::regions`], or `None` if it is no column.
    pub(crate) fn of(index: &LongIndex, names: &[Option<String>], region_lists: &BTreeSet<usize>) -> Self {
        let names_of = |region_list: &usize| -> Option<Vec<Option<&str>>> {
            let regions = index.region_lists.get(*region_list)?.iter();
            regions.map(|region| names.get(*region).map(Option::as_deref)).collect()
        };
        let lists: Vec<(usize, Vec<Option<&str>>)> =
            region_lists.iter().filter_map(|list| Some((*list, names_of(list)?))).collect();
        let names = in_name_order(lists.iter().flat_map(|(_, names)| names).flatten().copied());
        let columns: HashMap<&str, usize> = names.iter().copied().zip(0..).collect();
        let columns_of = |names: &[Option<&str>]| -> Option<Vec<Option<usize>>> {
            let column = |name: &Option<&str>| name.map(|name| columns.get(name).copied().ok_or(()));
            names.iter().map(|name| column(name).transpose().ok()).collect()
        };
        let columns_of_list =
            lists.iter().filter_map(|(list, names)| Some((*list, columns_of(names)?))).collect();
        Self { names: names.iter().map(|name| (*name).to_owned()).collect(), columns_of_list }
    }

    /// The column of each row, `None` for a row that is no region. Empty for a region list that is not one of these.
    pub(crate) fn columns(&self, region_list: usize) -> &[Option<usize>] {
        self.columns_of_list.get(&region_list).map_or(&[], Vec::as_slice)
    }
}

/// The order of a feature's columns in its file: names in byte order, each once.
fn in_name_order<'n>(names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    names.collect::<BTreeSet<_>>().into_iter().collect()
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
