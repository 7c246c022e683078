//! The regions of an atlas, as a table lists them.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

/// One parcel: a row of a TSV.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Region {
    /// Its number in the atlas image, where the table gives one.
    pub index: Option<i64>,
    /// Its name, where the table gives one.
    pub label: Option<String>,
}

/// The regions of a table, in the order they were first met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegionSet(Vec<Region>);

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
        Self(regions)
    }

    /// The regions.
    #[must_use]
    pub fn as_slice(&self) -> &[Region] {
        &self.0
    }

    /// Adds another set's regions behind this one's.
    pub fn extend(&mut self, other: &Self) {
        if self != other {
            *self = Self::new(self.0.drain(..).chain(other.0.iter().cloned()));
        }
    }

    /// A region of `other` whose index has another label here. A label may have several indices (an atlas may use
    /// one name for both hemispheres), an index only one label; where a label is unique on both sides, its index must
    /// be the same. A set agrees with itself, whatever its table says.
    #[must_use]
    pub fn disagreement<'a>(&'a self, other: &'a Self) -> Option<(&'a Region, &'a Region)> {
        if self == other {
            return None;
        }
        let mut by_index = HashMap::new();
        for region in &self.0 {
            if let Some(index) = region.index {
                by_index.entry(index).or_insert(region);
            }
        }
        let other_index = other.0.iter().find_map(|region| {
            let here: &Region = by_index.get(&region.index?)?;
            (here.label != region.label).then_some((here, region))
        });
        other_index.or_else(|| {
            let (here, there) = (self.unique_labels(), other.unique_labels());
            other.0.iter().find_map(|region| {
                let label = region.label.as_deref()?;
                let (here, _) = (here.get(label)?.as_ref()?, there.get(label)?.as_ref()?);
                (here.index.is_some() && region.index.is_some() && here.index != region.index)
                    .then_some((*here, region))
            })
        })
    }

    /// Labels and their region; none where a label has several.
    fn unique_labels(&self) -> HashMap<&str, Option<&Region>> {
        let mut labels: HashMap<&str, Option<&Region>> = HashMap::new();
        for region in &self.0 {
            if let Some(label) = region.label.as_deref() {
                labels.entry(label).and_modify(|first| *first = None).or_insert(Some(region));
            }
        }
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(regions: &[(i64, &str)]) -> RegionSet {
        RegionSet::new(regions.iter().map(|(i, l)| Region { index: Some(*i), label: Some((*l).to_owned()) }))
    }

    #[test]
    fn an_index_has_one_label_and_a_unique_label_one_index() {
        let store = set(&[(1, "a"), (2, "b"), (3, "b")]);
        assert_eq!(store.disagreement(&set(&[(1, "a"), (3, "b")])), None);
        assert_eq!(store.disagreement(&set(&[(4, "d")])), None);
        assert!(store.disagreement(&set(&[(2, "c")])).is_some());
        assert!(store.disagreement(&set(&[(5, "a")])).is_some());
        let one_index_twice = set(&[(1, "a"), (1, "b")]);
        assert_eq!(one_index_twice.disagreement(&one_index_twice.clone()), None);
    }

    #[test]
    fn extending_keeps_the_order_and_adds_what_is_new() {
        let mut store = set(&[(2, "b"), (1, "a")]);
        store.extend(&set(&[(1, "a"), (3, "c")]));
        assert_eq!(store, set(&[(2, "b"), (1, "a"), (3, "c")]));
        assert_eq!(set(&[(1, "a"), (2, "b"), (1, "a"), (2, "c")]), set(&[(1, "a"), (2, "b"), (2, "c")]));
    }
}
