//! Whose files the long tables of a store are made of, and of which atlas: values of two programs, or of two atlases, are not comparable,
//! and a table has one of each.

use std::collections::BTreeMap;

use na_cache::{CachedKinds, CachedUnit};
use na_model::{InputName, TableKind, TableName};

use crate::error::StoreError;
use crate::merge::known_regions::Contradiction;
use crate::tables::existing_store::store::ExistingStore;

/// The input of each long table, with the atlas that was chosen for it.
#[derive(Debug, Clone, Default)]
pub struct TableInputs(BTreeMap<TableName, TableInput>);

/// Whose files a table is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TableInput {
    input: InputName,
    /// `None` if none was chosen for the table.
    atlas: Option<String>,
}

impl TableInputs {
    /// Those of a store, and of the units of the cache that adds to it.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn of(
        store: Option<&ExistingStore>,
        units: &[CachedUnit],
        kinds: &CachedKinds,
    ) -> Result<Self, StoreError> {
        let mut inputs = BTreeMap::new();
        if let Some(store) = store {
            for table in store.long_tables()? {
                let kind = store.table_kind(table)?;
                let input = kind.map(|TableKind { input, atlas, .. }| TableInput { input, atlas });
                inputs.extend(input.map(|input| (table.clone(), input)));
            }
        }
        for (table, input) in units.iter().flat_map(|unit| of_unit(unit, kinds)) {
            inputs.entry(table.clone()).or_insert(input);
        }
        Ok(Self(inputs))
    }

    /// The input that a table is known to be of. `None` if it is not known, or is this one.
    #[must_use]
    pub fn other(&self, table: &TableName, input: &InputName) -> Option<&InputName> {
        self.0.get(table).map(|known| &known.input).filter(|known| *known != input)
    }

    /// The atlas that a table is known to be of. `None` if it is not known, or is this one.
    #[must_use]
    pub fn other_atlas(&self, table: &TableName, atlas: Option<&str>) -> Option<&str> {
        let known = self.0.get(table).and_then(|known| known.atlas.as_deref());
        known.filter(|known| atlas.is_some_and(|atlas| atlas != *known))
    }

    /// The tables of which an atlas was chosen, each with its input and the atlas.
    pub fn atlases(&self) -> impl Iterator<Item = (&TableName, &InputName, &str)> {
        self.0.iter().filter_map(|(table, known)| Some((table, &known.input, known.atlas.as_deref()?)))
    }

    /// Adds a unit's tables: all of them, or none if one is known to be of another input or atlas.
    ///
    /// # Errors
    /// The first such table.
    pub(crate) fn add(&mut self, unit: &CachedUnit, kinds: &CachedKinds) -> Result<(), Contradiction> {
        for (place, (table, TableInput { input, atlas })) in of_unit(unit, kinds).enumerate() {
            let problem = if let Some(other) = self.other(table, &input) {
                format!(
                    "it is a table of {input}, and {table} of the store is one of {other}: values of two programs are not mixed; another \
                     --output takes the others"
                )
            } else if let Some(other) = self.other_atlas(table, atlas.as_deref()) {
                let atlas = atlas.unwrap_or_default();
                format!(
                    "it is of the atlas {atlas}, and {table} of the store is of {other}: a table has one atlas; another --output takes the others"
                )
            } else {
                continue;
            };
            return Err(Contradiction { table: place, problem });
        }
        self.0.extend(of_unit(unit, kinds).map(|(table, input)| (table.clone(), input)));
        Ok(())
    }
}

/// The tables of a unit, each with whose files it is made of.
fn of_unit<'u>(
    unit: &'u CachedUnit,
    kinds: &'u CachedKinds,
) -> impl Iterator<Item = (&'u TableName, TableInput)> {
    unit.tables.iter().map(|info| {
        let atlas = kinds.get(info).and_then(|kind| kind.atlas.clone());
        (&info.table, TableInput { input: unit.unit.kind.input.clone(), atlas })
    })
}
