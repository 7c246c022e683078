//! Whose files the long tables of a store are made of: a table has one input, as values of two programs are not comparable.

use std::collections::BTreeMap;

use na_cache::CachedUnit;
use na_model::{InputName, TableName};

use crate::error::StoreError;
use crate::merge::known_regions::Contradiction;
use crate::tables::existing_store::store::ExistingStore;

/// The input of each long table.
#[derive(Debug, Clone, Default)]
pub struct TableInputs(BTreeMap<TableName, InputName>);

impl TableInputs {
    /// Those of a store, and of the units of the cache that adds to it.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn of(store: Option<&ExistingStore>, units: &[CachedUnit]) -> Result<Self, StoreError> {
        let mut inputs = BTreeMap::new();
        if let Some(store) = store {
            for table in store.long_tables()? {
                inputs.extend(store.table_kind(table)?.map(|kind| (table.clone(), kind.input)));
            }
        }
        for unit in units {
            for info in &unit.tables {
                inputs.entry(info.table.clone()).or_insert_with(|| unit.unit.kind.input.clone());
            }
        }
        Ok(Self(inputs))
    }

    /// The input that a table is known to be of. `None` if it is not known, or is this one.
    #[must_use]
    pub fn other(&self, table: &TableName, input: &InputName) -> Option<&InputName> {
        self.0.get(table).filter(|known| *known != input)
    }

    /// Adds a unit's tables: all of them, or none if one is known to be of another input.
    ///
    /// # Errors
    /// The first such table.
    pub(crate) fn add(&mut self, unit: &CachedUnit) -> Result<(), Contradiction> {
        let input = &unit.unit.kind.input;
        for (table, info) in unit.tables.iter().enumerate() {
            if let Some(other) = self.other(&info.table, input) {
                let problem = format!(
                    "it is a table of {input}, and {} of the store is one of {other}: values of two programs are not mixed; another --output takes \
                     the others",
                    info.table
                );
                return Err(Contradiction { table, problem });
            }
        }
        self.0.extend(unit.tables.iter().map(|info| (info.table.clone(), input.clone())));
        Ok(())
    }
}
