//! The regions of a table, and whether those of another are of the same atlas.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};
use serde::{Deserialize, Serialize};

use super::Region;

/// The regions of a table, in the order they were first met. The tables of an atlas share one list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Region>", into = "Vec<Region>")]
pub struct RegionSet(Arc<Vec<Region>>);

impl From<Vec<Region>> for RegionSet {
    fn from(regions: Vec<Region>) -> Self {
        Self(Arc::new(regions))
    }
}

impl From<RegionSet> for Vec<Region> {
    fn from(set: RegionSet) -> Self {
        Arc::unwrap_or_clone(set.0)
    }
}

impl RegionSet {
    /// A set of regions; repetitions are dropped.
    #[must_use]
    pub fn new(regions: impl IntoIterator<Item = Region>) -> Self {
        let mut regions: Vec<Region> = regions.into_iter().collect();
        // An atlas counts its regions up, as a rule: then none is there twice.
        if !regions.is_sorted_by(|first, second| first.index < second.index) {
            let mut seen = HashSet::new();
            regions.retain(|region| seen.insert(region.clone()));
        }
        regions.into()
    }

    /// The regions.
    #[must_use]
    pub fn as_slice(&self) -> &[Region] {
        &self.0
    }

    /// Adds another set's regions behind this one's.
    pub fn extend(&mut self, other: &Self) {
        if self != other {
            *self = Self::new(self.0.iter().chain(other.0.iter()).cloned());
        }
    }

    /// A region of `other` that is another one here, and the one it is here. A label may have several indices (an
    /// atlas may use one name for both hemispheres), an index of a hemisphere only one label; where a label is unique
    /// on both sides, by itself or in its hemisphere, its index must be the same; and a region's hemisphere is spelled
    /// in one way, within `other` too. What a table does not give disagrees with nothing. A set agrees with itself,
    /// whatever its table says.
    #[must_use]
    pub fn disagreement<'a>(&'a self, other: &'a Self) -> Option<(&'a Region, &'a Region)> {
        if self == other {
            return None;
        }
        let (here, there) = (Lookup::of(&self.0), Lookup::of(&other.0));
        other.0.iter().find_map(|region| {
            let is_here = || here.relabelled(region).or_else(|| here.spelled_otherwise(region));
            let found = is_here().or_else(|| there.spelled_otherwise(region));
            found.or_else(|| here.moved(region, &there)).map(|known| (known, region))
        })
    }
}

/// Regions by what names them.
struct Lookup<'a> {
    by_index: HashMap<i64, Vec<&'a Region>>,
    by_label: HashMap<&'a str, Vec<&'a Region>>,
}

impl<'a> Lookup<'a> {
    fn of(regions: &'a [Region]) -> Self {
        let mut lookup = Self { by_index: HashMap::new(), by_label: HashMap::new() };
        for region in regions {
            if let Some(index) = region.index {
                lookup.by_index.entry(index).or_default().push(region);
            }
            if let Some(label) = region.label.as_deref() {
                lookup.by_label.entry(label).or_default().push(region);
            }
        }
        lookup
    }

    fn with_index_of(&self, region: &Region) -> &[&'a Region] {
        region.index.and_then(|index| self.by_index.get(&index)).map_or(&[], Vec::as_slice)
    }

    fn with_label_of(&self, region: &Region) -> &[&'a Region] {
        region.label.as_deref().and_then(|label| self.by_label.get(label)).map_or(&[], Vec::as_slice)
    }

    /// The region that has this one's index with another label.
    fn relabelled(&self, region: &Region) -> Option<&'a Region> {
        let mut first = None;
        for known in self.with_index_of(region).iter().filter(|known| known.is_beside(region)) {
            if known.may_be(region) {
                return None;
            }
            first = first.or(Some(*known));
        }
        first
    }

    /// The region that is this one with its side spelled otherwise.
    fn spelled_otherwise(&self, region: &Region) -> Option<&'a Region> {
        region.hemisphere.as_ref()?;
        let known = self.with_label_of(region).iter().chain(self.with_index_of(region)).copied();
        known.into_iter().find(|known| known.is_spelled_otherwise(region))
    }

    /// The region that has this one's label, unique on both sides, with another index.
    fn moved(&self, region: &Region, others: &Self) -> Option<&'a Region> {
        let here = only_beside(self.with_label_of(region), region)?;
        only_beside(others.with_label_of(region), here)?;
        only_beside(others.with_label_of(region), region)?;
        let indices = here.index.zip(region.index);
        indices.filter(|(here, there)| here != there).map(|_| here)
    }
}

/// The only one of some regions that can be in a region's hemisphere.
fn only_beside<'a>(regions: &[&'a Region], region: &Region) -> Option<&'a Region> {
    let mut beside = regions.iter().filter(|known| known.is_beside(region));
    let first = beside.next()?;
    beside.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(regions: &[(i64, &str)]) -> RegionSet {
        RegionSet::new(regions.iter().map(|(index, label)| Region {
            index: Some(*index),
            label: Some((*label).to_owned()),
            hemisphere: None,
        }))
    }

    /// Regions with hemispheres; index 0 and an empty hemisphere are not given.
    fn sided(regions: &[(i64, &str, &str)]) -> RegionSet {
        RegionSet::new(regions.iter().map(|(index, label, hemisphere)| Region {
            index: Some(*index).filter(|index| *index != 0),
            label: Some((*label).to_owned()),
            hemisphere: Some((*hemisphere).to_owned()).filter(|hemisphere| !hemisphere.is_empty()),
        }))
    }

    #[test]
    fn an_index_has_one_label_and_a_unique_label_one_index() {
        let store = set(&[(1, "a"), (2, "b"), (3, "b")]);
        assert_eq!(store.disagreement(&set(&[(1, "a"), (3, "b")])), None);
        assert_eq!(store.disagreement(&set(&[(4, "d")])), None);
        assert!(store.disagreement(&set(&[(2, "c")])).is_some());
        assert!(store.disagreement(&set(&[(5, "a")])).is_some());
    }

    #[test]
    fn an_index_of_two_labels_agrees_with_itself_also_when_other_regions_came() {
        let one_index_twice = set(&[(1, "a"), (1, "b")]);
        assert_eq!(one_index_twice.disagreement(&one_index_twice.clone()), None);
        let mut store = one_index_twice.clone();
        store.extend(&set(&[(2, "c")]));
        assert_eq!(store.disagreement(&one_index_twice), None);
        assert!(store.disagreement(&set(&[(1, "c")])).is_some());
    }

    #[test]
    fn an_index_has_one_label_in_each_hemisphere() {
        let store = sided(&[(1, "V1", "L"), (1, "V1", "R"), (2, "x", "L"), (2, "y", "R")]);
        assert_eq!(store.disagreement(&sided(&[(2, "y", "R"), (1, "V1", "L")])), None);
        assert!(store.disagreement(&sided(&[(2, "y", "L")])).is_some());
        let store = sided(&[(1, "V1", "L"), (181, "V1", "R")]);
        assert_eq!(store.disagreement(&sided(&[(181, "V1", "R")])), None);
        assert!(store.disagreement(&sided(&[(2, "V1", "L"), (181, "V1", "R")])).is_some());
        assert!(store.disagreement(&sided(&[(2, "V1", "L")])).is_some());
        assert_eq!(sided(&[(1, "V1", "L")]).disagreement(&sided(&[(181, "V1", "R")])), None);
    }

    #[test]
    fn a_region_s_hemisphere_is_spelled_in_one_way() {
        let store = sided(&[(1, "V1", "L"), (1, "V1", "R"), (2, "V2", "L")]);
        assert!(store.disagreement(&sided(&[(1, "V1", "left")])).is_some());
        assert!(store.disagreement(&sided(&[(0, "V2", "lh")])).is_some());
        assert_eq!(store.disagreement(&sided(&[(3, "V3", "left"), (4, "V4", "lh")])), None);
        let both = sided(&[(1, "V1", "L"), (1, "V1", "left")]);
        assert!(RegionSet::default().disagreement(&both).is_some());
    }

    #[test]
    fn what_a_table_does_not_give_disagrees_with_nothing() {
        let store = sided(&[(1, "V1", "L"), (181, "V1", "R"), (3, "a", "")]);
        for region in [(1, "V1", ""), (181, "V1", ""), (0, "V1", ""), (0, "V1", "R"), (3, "a", "L")] {
            assert_eq!(store.disagreement(&sided(&[region])), None, "{region:?}");
        }
        let both = sided(&[(1, "V1", "L"), (181, "V1", "R")]);
        assert_eq!(sided(&[(1, "V1", "")]).disagreement(&both), None);
        assert!(store.disagreement(&sided(&[(4, "a", "L")])).is_some());
        let nameless = RegionSet::new([Region { index: Some(3), label: None, hemisphere: None }]);
        assert_eq!((store.disagreement(&nameless), nameless.disagreement(&store)), (None, None));
    }

    #[test]
    fn extending_keeps_the_order_and_adds_what_is_new() {
        let mut store = set(&[(2, "b"), (1, "a")]);
        store.extend(&set(&[(1, "a"), (3, "c")]));
        assert_eq!(store, set(&[(2, "b"), (1, "a"), (3, "c")]));
        assert_eq!(set(&[(1, "a"), (2, "b"), (1, "a"), (2, "c")]), set(&[(1, "a"), (2, "b"), (2, "c")]));
    }
}
