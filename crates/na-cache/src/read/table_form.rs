//! The forms in which long tables occur in a cache, known without decoding a blob.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use foldhash::HashSet;
use na_model::{RegionSet, TableKind, TableName};

use crate::error::CacheError;
use crate::read::book::{Book, book};
use crate::read::cached_kinds::CachedKinds;
use crate::read::cached_unit::{CachedTableInfo, CachedUnit};

/// A form in which a long table occurs in the cache: columns with types, and regions.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "plain data")]
pub struct TableForm {
    pub table: TableName,
    pub kind: Arc<TableKind>,
    pub columns: SchemaRef,
    pub regions: RegionSet,
}

/// The forms of every long table, in the order of tables and then of the first unit that has each.
pub(crate) fn forms<'a>(
    books: &[Book],
    units: impl IntoIterator<Item = &'a CachedUnit>,
) -> Result<Vec<TableForm>, CacheError> {
    let mut keys: BTreeMap<&TableName, (Vec<_>, HashSet<_>)> = BTreeMap::new();
    for info in units.into_iter().flat_map(|unit| &unit.tables) {
        let key = (info.book, info.column_set, info.region_set);
        let (in_order, known) = keys.entry(&info.table).or_default();
        if known.insert(key) {
            in_order.push(key);
        }
    }
    let mut kinds = CachedKinds::of(books)?.newest();
    let mut forms = Vec::new();
    for (table, (keys, _)) in keys {
        let kind = kinds.remove(table).unwrap_or_else(|| TableKind::of_parcellate(table));
        let kind = Arc::new(kind);
        let mut of_table: Vec<TableForm> = Vec::new();
        for (number, columns, regions) in keys {
            let book = book(books, number)?;
            let connection = book.database.connection()?;
            let (columns, regions) =
                (book.columns(&connection, columns)?, book.regions(&connection, regions)?);
            // Each database has sets of its own, and most are alike.
            if !of_table.iter().any(|form| form.columns == columns && form.regions == regions) {
                of_table.push(TableForm { table: table.clone(), kind: Arc::clone(&kind), columns, regions });
            }
        }
        forms.append(&mut of_table);
    }
    Ok(forms)
}

/// The regions of each table of a unit.
pub(crate) fn regions_of<'u>(
    books: &[Book],
    unit: &'u CachedUnit,
) -> Result<Vec<(&'u CachedTableInfo, RegionSet)>, CacheError> {
    let regions = |info: &'u CachedTableInfo| {
        let book = book(books, info.book)?;
        Ok((info, book.regions(&*book.database.connection()?, info.region_set)?))
    };
    unit.tables.iter().map(regions).collect()
}
