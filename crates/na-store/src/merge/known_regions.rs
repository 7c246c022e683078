//! The regions of a store's tables, to which units come one after the other: what contradicts them stays out.

use std::collections::{BTreeMap, BTreeSet};

use na_model::{Region, RegionSet, TableName};

/// The regions of long tables.
#[derive(Debug, Clone, Default)]
pub struct KnownRegions(BTreeMap<TableName, RegionSet>);

/// A table that is of another atlas than its long table, or of another version of the atlas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// Which of the tables of its unit.
    pub table: usize,
    /// What is wrong, and the way out.
    pub problem: String,
}

impl KnownRegions {
    /// Regions that are known.
    #[must_use]
    pub fn new(regions: BTreeMap<TableName, RegionSet>) -> Self {
        Self(regions)
    }

    /// Adds regions, whether they contradict those that are known or not.
    pub fn extend(&mut self, tables: &BTreeMap<TableName, RegionSet>) {
        for (table, regions) in tables {
            self.0.entry(table.clone()).or_default().extend(regions);
        }
    }

    /// Adds the regions of a unit's tables: all of them, or none if one contradicts what is known.
    ///
    /// # Errors
    /// The first contradiction.
    pub fn add(&mut self, tables: &[(&TableName, &RegionSet)]) -> Result<(), Contradiction> {
        let mut coming: BTreeMap<&TableName, RegionSet> = BTreeMap::new();
        for (index, (name, regions)) in tables.iter().enumerate() {
            // As a rule a table has the same regions as the store's.
            if !coming.contains_key(*name) && self.0.get(*name) == Some(*regions) {
                continue;
            }
            let known = coming.entry(name).or_insert_with(|| self.0.get(*name).cloned().unwrap_or_default());
            if let Some((there, here)) = known.disagreement(regions) {
                let is_of_table_itself = !known.as_slice().contains(there);
                let problem = problem(there, here, is_of_table_itself);
                return Err(Contradiction { table: index, problem });
            }
            let other_names = if name.is_of_globals() { None } else { has_other_names(known, regions) };
            if let Some(problem) = other_names {
                return Err(Contradiction { table: index, problem });
            }
            known.extend(regions);
        }
        let coming: Vec<(TableName, RegionSet)> =
            coming.into_iter().map(|(table, regions)| (table.clone(), regions)).collect();
        self.0.extend(coming);
        Ok(())
    }
}

/// Regions of a table without numbers from which on their names tell whether they are of one atlas.
const FEWEST_NAMES: usize = 10;

/// What is wrong with regions that have no numbers, of which less than nine in ten have the names that are known: each would be a region
/// of its own. A hemisphere in front of a name, as FreeSurfer writes it, does not count: a unit may have one of two. `None` if they
/// are of one atlas, or too few to tell.
fn has_other_names(known: &RegionSet, coming: &RegionSet) -> Option<String> {
    let names = |regions: &'_ RegionSet| -> Option<BTreeSet<String>> {
        let name =
            |region: &Region| region.label.as_deref().filter(|_| region.index.is_none()).map(without_side);
        regions.as_slice().iter().map(name).collect()
    };
    let (known, coming) = (names(known)?, names(coming)?);
    let (fewer, shared) = (known.len().min(coming.len()), known.intersection(&coming).count());
    if fewer < FEWEST_NAMES || shared * 10 >= fewer * 9 {
        return None;
    }
    let here = coming.difference(&known).next()?;
    let there = known.difference(&coming).next()?;
    Some(format!(
        "only {shared} of its {} regions are known by their names to the store, which has {there:?} where {here:?} is new; the atlas is another \
         one, or another version of it: were versions of its program mixed? Another --output takes the others",
        coming.len()
    ))
}

fn without_side(label: &str) -> String {
    label.strip_prefix("lh_").or_else(|| label.strip_prefix("rh_")).unwrap_or(label).to_owned()
}

fn problem(there: &Region, here: &Region, is_of_table_itself: bool) -> String {
    let (there, here) = (describe(there), describe(here));
    if is_of_table_itself {
        format!("its region {here} is also {there}: spell its hemisphere in one way")
    } else {
        format!(
            "its region {here} is {there} in the store; the atlas is another one, or another version of it: were versions of its program mixed?"
        )
    }
}

fn describe(region: &Region) -> String {
    let name = match (region.index, region.label.as_deref()) {
        (Some(index), Some(label)) => format!("{index} {label:?}"),
        (None, Some(label)) => format!("{label:?} without index"),
        (Some(index), None) => format!("{index} without label"),
        (None, None) => "without index and label".to_owned(),
    };
    match &region.hemisphere {
        Some(hemisphere) => format!("{name} in hemisphere {hemisphere:?}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions(labels: impl Iterator<Item = String>, index: impl Fn(usize) -> Option<i64>) -> RegionSet {
        let region =
            |(n, label): (usize, String)| Region { index: index(n), label: Some(label), hemisphere: None };
        RegionSet::new(labels.enumerate().map(region))
    }

    #[test]
    fn names_tell_an_atlas_only_where_nothing_else_does_and_they_are_enough() {
        let parcels = |side: &str, from: usize, n: usize| {
            (from..from + n).map(|n| format!("{side}parcel-{n}")).collect::<Vec<_>>()
        };
        let table = TableName::parse("anatomical_x").unwrap();
        let admits = |known: Vec<String>, coming: Vec<String>, has_index: bool| {
            let index = |n: usize| has_index.then(|| i64::try_from(n).unwrap());
            let far = |n: usize| has_index.then(|| i64::try_from(n + 1_000).unwrap());
            let mut all = KnownRegions::default();
            all.add(&[(&table, &regions(known.into_iter(), index))]).unwrap();
            all.add(&[(&table, &regions(coming.into_iter(), far))]).map_err(|error| error.problem)
        };
        assert_eq!(admits(parcels("", 0, 20), parcels("", 2, 20), false), Ok(()));
        let problem = admits(parcels("", 0, 20), parcels("", 3, 20), false).unwrap_err();
        assert!(problem.contains("only 17 of its 20 regions") && problem.contains("versions"), "{problem}");
        assert_eq!(
            admits(parcels("lh_", 0, 20), parcels("rh_", 0, 20), false),
            Ok(()),
            "the other hemisphere"
        );
        assert_eq!(admits(parcels("", 0, 30), parcels("", 10, 12), false), Ok(()), "some of them");
        assert_eq!(admits(parcels("", 0, 9), parcels("", 9, 9), false), Ok(()), "few");
        assert_eq!(admits(parcels("", 0, 20), parcels("", 20, 20), true), Ok(()), "numbers tell them apart");
    }
}
