//! The forms in which long tables occur in a cache, known without decoding a blob.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use na_model::{RegionSet, TableKind, TableName};
use rusqlite::Connection;

use crate::db::database::Database;
use crate::db::schema::setting;
use crate::error::CacheError;
use crate::read::cached_unit::{CachedTableInfo, CachedUnit};
use crate::read::column_sets::ColumnSets;

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
    database: &Database,
    column_sets: &ColumnSets,
    units: impl IntoIterator<Item = &'a CachedUnit>,
) -> Result<Vec<TableForm>, CacheError> {
    let mut keys: BTreeMap<&TableName, Vec<(i64, i64)>> = BTreeMap::new();
    for info in units.into_iter().flat_map(|unit| &unit.tables) {
        let keys = keys.entry(&info.table).or_default();
        let key = (info.column_set, info.region_set);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    // Those of tables that `parcellate` does not write.
    let mut kinds: BTreeMap<TableName, TableKind> = database.json_setting(setting::TABLE_KINDS)?;
    let connection = database.connection()?;
    let mut forms = Vec::new();
    for (table, keys) in keys {
        let kind = kinds.remove(table).unwrap_or_else(|| TableKind::of_parcellate(table));
        let kind = Arc::new(kind);
        for (columns, regions) in keys {
            forms.push(TableForm {
                table: table.clone(),
                kind: Arc::clone(&kind),
                columns: column_sets.get(database, &connection, columns)?,
                regions: region_set(database, &connection, regions)?,
            });
        }
    }
    Ok(forms)
}

/// The regions of each table of a unit.
pub(crate) fn regions_of<'u>(
    database: &Database,
    unit: &'u CachedUnit,
) -> Result<Vec<(&'u CachedTableInfo, RegionSet)>, CacheError> {
    let connection = database.connection()?;
    let tables = unit.tables.iter();
    tables.map(|info| Ok((info, region_set(database, &connection, info.region_set)?))).collect()
}

fn region_set(database: &Database, connection: &Connection, key: i64) -> Result<RegionSet, CacheError> {
    let text: String = connection
        .prepare_cached("SELECT regions FROM region_sets WHERE region_set = ?1")
        .and_then(|mut statement| statement.query_row([key], |row| row.get(0)))
        .map_err(|source| database.sqlite(source))?;
    serde_json::from_str(&text).map_err(|error| database.damaged(error))
}
