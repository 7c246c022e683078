//! What the tables of a cache are, as each of its databases tells it: segments may disagree.

use std::collections::BTreeMap;

use na_model::{TableKind, TableName};

use crate::db::schema::setting;
use crate::error::CacheError;
use crate::read::book::Book;
use crate::read::cached_unit::CachedTableInfo;

/// The kinds of tables that `parcellate` does not write, by the database that has them.
#[derive(Debug, Clone, Default)]
pub struct CachedKinds(Vec<BTreeMap<TableName, TableKind>>);

impl CachedKinds {
    pub(crate) fn of(books: &[Book]) -> Result<Self, CacheError> {
        let kinds = books
            .iter()
            .map(|book| book.database.json_setting::<BTreeMap<TableName, TableKind>>(setting::TABLE_KINDS));
        Ok(Self(kinds.collect::<Result<_, _>>()?))
    }

    /// The kind of a unit's table. `None` if it is `parcellate`'s.
    #[must_use]
    pub fn get(&self, info: &CachedTableInfo) -> Option<&TableKind> {
        self.0.get(info.book)?.get(&info.table)
    }

    /// The kinds by table; of several, the newest database's.
    pub(crate) fn newest(self) -> BTreeMap<TableName, TableKind> {
        self.0.into_iter().flatten().collect()
    }
}
