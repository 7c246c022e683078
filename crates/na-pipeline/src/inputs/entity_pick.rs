//! Which of several files is a table.

use std::collections::BTreeMap;

use na_model::{Choices, TableName};

/// Which file to take if several answer to one table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityPick {
    /// Entities with the value that a file must have; `None` is a file without the entity.
    pub wanted: Vec<(String, Option<String>)>,
    /// The choices that each table of the store was made with.
    pub remembered: BTreeMap<TableName, Choices>,
}

impl EntityPick {
    /// The value of an entity that is chosen. `None` if none is, or files without it.
    pub(crate) fn value(&self, entity: &str) -> Option<String> {
        self.wanted.iter().find(|(name, _)| name == entity)?.1.clone()
    }
}
