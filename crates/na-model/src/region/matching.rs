//! Which regions of a table are one, where some of its files tell less of them than others.

use foldhash::{HashMap, HashMapExt, HashSet};

use super::Region;

/// For each region of a table, the position of the region that it is: its own, or where its file left its index, label
/// or hemisphere out, that of the only one it can be. A region that can be several stays one of its own. The order of
/// the regions decides nothing but the positions.
#[must_use]
pub fn matched_regions(regions: &[Region]) -> Vec<usize> {
    let positions = Positions::of(regions);
    let all_fuller: Vec<Vec<usize>> = regions.iter().map(|region| positions.fuller(region)).collect();
    let is_fullest = |position: &usize| all_fuller.get(*position).is_some_and(Vec::is_empty);
    let fullest = all_fuller.iter().map(|fuller| only(fuller.iter().copied().filter(is_fullest)));
    fullest.enumerate().map(|(position, fullest)| fullest.unwrap_or(position)).collect()
}

/// The positions of regions, by what their files give.
struct Positions<'r> {
    regions: &'r [Region],
    by_index: HashMap<i64, Vec<usize>>,
    by_label: HashMap<&'r str, Vec<usize>>,
    /// As a rule all files give the same: then none can tell more than another.
    kinds: HashSet<Given>,
}

impl<'r> Positions<'r> {
    fn of(regions: &'r [Region]) -> Self {
        let mut by_index: HashMap<i64, Vec<usize>> = HashMap::new();
        let mut by_label: HashMap<&str, Vec<usize>> = HashMap::new();
        for (position, region) in regions.iter().enumerate() {
            if let Some(index) = region.index {
                by_index.entry(index).or_default().push(position);
            }
            if let Some(label) = region.label.as_deref() {
                by_label.entry(label).or_default().push(position);
            }
        }
        let kinds = regions.iter().map(given).collect();
        Self { regions, by_index, by_label, kinds }
    }

    /// The positions of the regions that tell more than this one.
    fn fuller(&self, region: &Region) -> Vec<usize> {
        if !self.kinds.iter().any(|kind| is_more(*kind, given(region))) {
            return Vec::new();
        }
        let positions = match (region.label.as_deref(), region.index) {
            (Some(label), _) => self.by_label.get(label),
            (None, Some(index)) => self.by_index.get(&index),
            (None, None) => None,
        };
        let is_fuller =
            |position: &usize| self.regions.get(*position).is_some_and(|other| tells_more(other, region));
        positions.into_iter().flatten().copied().filter(is_fuller).collect()
    }
}

/// The one position there is. `None` if there are several or none.
fn only(mut positions: impl Iterator<Item = usize>) -> Option<usize> {
    let only = positions.next()?;
    positions.next().is_none().then_some(only)
}

/// Whether index, label and hemisphere are given.
type Given = [bool; 3];

fn given(region: &Region) -> Given {
    [region.index.is_some(), region.label.is_some(), region.hemisphere.is_some()]
}

fn is_more(kind: Given, than: Given) -> bool {
    kind != than && kind.iter().zip(than).all(|(given, needed)| *given || !needed)
}

/// Whether a region says all that another says, and more.
fn tells_more(fuller: &Region, region: &Region) -> bool {
    fn holds<T: PartialEq>(fuller: &Option<T>, value: &Option<T>) -> bool {
        value.is_none() || fuller == value
    }
    fuller != region
        && holds(&fuller.index, &region.index)
        && holds(&fuller.label, &region.label)
        && holds(&fuller.hemisphere, &region.hemisphere)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(index: i64, label: &str, hemisphere: &str) -> Region {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Region {
            index: Some(index).filter(|index| *index != 0),
            label: given(label),
            hemisphere: given(hemisphere),
        }
    }

    #[test]
    fn a_region_whose_file_tells_less_is_the_only_one_that_it_can_be() {
        let regions = [
            region(1, "V1", "L"),
            region(181, "V1", "R"),
            region(2, "a", ""),
            region(0, "a", ""),
            region(1, "V1", ""),
            region(0, "V1", "R"),
            region(0, "V1", ""),
            region(2, "", ""),
        ];
        assert_eq!(matched_regions(&regions), [0, 1, 2, 2, 0, 1, 6, 2]);
        let mut reversed = regions.clone();
        reversed.reverse();
        assert_eq!(matched_regions(&reversed), [5, 1, 6, 7, 5, 5, 6, 7]);
    }

    #[test]
    fn what_leads_to_one_region_over_another_is_that_region() {
        let regions = [region(0, "V1", ""), region(1, "V1", ""), region(1, "V1", "L")];
        assert_eq!(matched_regions(&regions), [2, 2, 2]);
    }
}
