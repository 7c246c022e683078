//! The regions of a store's tables, to which units come one after the other: what contradicts them stays out.

use std::collections::BTreeMap;

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
            known.extend(regions);
        }
        let coming: Vec<(TableName, RegionSet)> =
            coming.into_iter().map(|(table, regions)| (table.clone(), regions)).collect();
        self.0.extend(coming);
        Ok(())
    }
}

fn problem(there: &Region, here: &Region, is_of_table_itself: bool) -> String {
    let (there, here) = (describe(there), describe(here));
    if is_of_table_itself {
        format!("its region {here} is also {there}: spell its hemisphere in one way")
    } else {
        format!(
            "its region {here} is {there} in the store; the atlas is another one, or another version of it"
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
