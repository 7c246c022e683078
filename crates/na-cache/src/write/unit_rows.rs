//! Writes units into the database of a transaction: rows of units and tables, blobs, and the sets that tables share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};
use foldhash::HashMap;
use na_model::{ReadAt, RegionSet, SourceFile, SourceKind, TableKind, TableName, TivFinding, Unit};
use rusqlite::{OptionalExtension, Transaction, params};

use crate::db::schema::setting;
use crate::format::column_set::columns_to_text;
use crate::read::row_conversions::{not_storable, tiv_word, to_json};
use crate::write::encoded_unit::{EncodedTable, EncodedUnit};
use crate::write::unit_row::UnitRow;

/// Sets that are remembered: the tables of a workflow have one or two column sets and region sets.
const MOST_RECENT: usize = 32;

/// Writes units into one database, and remembers what it stored of what they have in common.
#[derive(Default)]
pub(crate) struct UnitRows {
    columns: Recent<SchemaRef>,
    regions: Recent<RegionSet>,
    /// The kinds of tables that are recorded.
    kinds: HashMap<TableName, Arc<TableKind>>,
}

/// Sets that were stored recently, with their keys: what all sessions have in common is not even looked up again.
struct Recent<T>(VecDeque<(T, i64)>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Clone + PartialEq> Recent<T> {
    fn key(&mut self, set: &T, store: impl FnOnce() -> rusqlite::Result<i64>) -> rusqlite::Result<i64> {
        if let Some((_, key)) = self.0.iter().find(|(known, _)| known == set) {
            return Ok(*key);
        }
        let key = store()?;
        self.0.truncate(MOST_RECENT - 1);
        self.0.push_front((set.clone(), key));
        Ok(key)
    }
}

impl UnitRows {
    /// Writes a unit. Tables that the cache has of it and that were not read again stay, with what is recorded of their
    /// files.
    pub(crate) fn write(
        &mut self,
        transaction: &Transaction<'_>,
        unit: &EncodedUnit,
    ) -> rusqlite::Result<()> {
        let earlier = UnitRow::of(transaction, &unit.unit)?;
        let read_at = earlier.as_ref().map_or(unit.read_at, |earlier| unit.read_at.after(earlier.read_at));
        let mut sources = unit.sources.clone();
        sources.iter_mut().for_each(|source| source.read_at = read_at);
        let mut tiv = unit.tiv;
        if let Some(earlier) = &earlier {
            let mut staying: Vec<SourceFile> =
                earlier.sources.iter().filter(|source| stays(source, unit)).cloned().collect();
            match tiv {
                TivFinding::Kept => tiv = earlier.tiv,
                _ => staying.iter_mut().for_each(|source| source.tiv = None),
            }
            sources.append(&mut staying);
            // The index allows one row of the unit: no kind of input has this name.
            transaction
                .prepare_cached("UPDATE units SET input = '' WHERE unit = ?1")?
                .execute([earlier.key])?;
        }
        let key =
            insert_unit(transaction, &UnitValues { unit: &unit.unit, read_at, tiv, sources: &sources })?;
        unit.tables.iter().try_for_each(|table| self.write_table(transaction, key, read_at, table))?;
        earlier.map_or(Ok(()), |earlier| replace_unit(transaction, earlier.key, key))
    }

    fn write_table(
        &mut self,
        transaction: &Transaction<'_>,
        unit: i64,
        read_at: ReadAt,
        table: &EncodedTable,
    ) -> rusqlite::Result<()> {
        let column_set = self.columns.key(&table.columns, || store_columns(transaction, &table.columns))?;
        let region_set = self.regions.key(&table.regions, || store_regions(transaction, &table.regions))?;
        if self.kinds.get(&table.table).is_none_or(|known| *known != table.kind) {
            record_kind(transaction, &table.table, &table.kind)?;
            self.kinds.insert(table.table.clone(), Arc::clone(&table.kind));
        }
        let map = table.map.as_ref();
        let id = transaction
            .prepare_cached(
                "INSERT INTO tables
                     (unit, table_name, model, param, \"desc\", n_rows, column_set, region_set, read_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .insert(params![
                unit,
                table.table.to_string(),
                map.map(|map| &map.model),
                map.map(|map| &map.param),
                map.map(|map| &map.desc),
                i64::try_from(table.n_rows).map_err(not_storable)?,
                column_set,
                region_set,
                read_at.0,
            ])?;
        let mut insert = transaction.prepare_cached("INSERT INTO blobs VALUES (?1, ?2)")?;
        insert.execute(params![id, table.data]).map(drop)
    }
}

/// Records what a table is, unless its name alone says so.
fn record_kind(transaction: &Transaction<'_>, table: &TableName, kind: &TableKind) -> rusqlite::Result<()> {
    let recorded: Option<String> = transaction
        .query_row("SELECT value FROM settings WHERE key = ?1", [setting::TABLE_KINDS], |row| row.get(0))
        .optional()?;
    let mut kinds: BTreeMap<TableName, TableKind> = match &recorded {
        Some(text) => serde_json::from_str(text).map_err(not_storable)?,
        None => BTreeMap::new(),
    };
    let before = match *kind == TableKind::of_parcellate(table) {
        true => kinds.remove(table),
        false => kinds.insert(table.clone(), kind.clone()),
    };
    if before.as_ref() == kinds.get(table) {
        return Ok(());
    }
    let text = to_json(&kinds)?;
    transaction
        .execute("INSERT OR REPLACE INTO settings VALUES (?1, ?2)", [setting::TABLE_KINDS, &text])
        .map(drop)
}

/// The columns of `units` that are not given by the schema.
struct UnitValues<'a> {
    unit: &'a Unit,
    read_at: ReadAt,
    tiv: TivFinding,
    sources: &'a [SourceFile],
}

/// The key of the new row.
fn insert_unit(transaction: &Transaction<'_>, values: &UnitValues<'_>) -> rusqlite::Result<i64> {
    let session = &values.unit.session;
    let (finding, volume) = tiv_word(values.tiv);
    transaction
        .prepare_cached(
            "INSERT INTO units (subject_code, session_id, modality, tiv, sources, committed_at, tiv_finding, read_at,
                 input)
             VALUES (?1, ?2, ?3, ?4, ?5, strftime('%Y-%m-%dT%H:%M:%fZ'), ?6, ?7, ?8)",
        )?
        .insert(params![
            session.subject.as_str(),
            session.id_str(),
            values.unit.modality().as_str(),
            volume,
            to_json(&values.sources)?,
            finding,
            values.read_at.0,
            values.unit.kind.input.as_str(),
        ])
}

/// Moves the tables that only the earlier row has to the new one, and deletes the earlier row.
fn replace_unit(transaction: &Transaction<'_>, earlier: i64, new: i64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE tables SET unit = ?2 WHERE unit = ?1 AND NOT EXISTS (
                 SELECT 1 FROM tables AS new WHERE new.unit = ?2 AND new.table_name = tables.table_name
                 AND new.model IS tables.model AND new.param IS tables.param AND new.\"desc\" IS tables.\"desc\")",
        )?
        .execute([earlier, new])?;
    transaction.prepare_cached("DELETE FROM units WHERE unit = ?1")?.execute([earlier]).map(drop)
}

/// Whether a file that was read before still counts beside the files of a unit that is read again.
fn stays(source: &SourceFile, unit: &EncodedUnit) -> bool {
    if source.kind == SourceKind::Tiv {
        return unit.tiv == TivFinding::Kept && unit.sources.iter().all(|new| new.path != source.path);
    }
    let read_before = source.table_name();
    let is_read_again =
        |table: &EncodedTable| read_before.as_ref() == Some(&table.table) && source.map == table.map;
    !unit.tables.iter().any(is_read_again)
}

fn store_columns(transaction: &Transaction<'_>, columns: &Schema) -> rusqlite::Result<i64> {
    let text = columns_to_text(columns).map_err(not_storable)?;
    store_set(transaction, "column_set", "columns", &text)
}

fn store_regions(transaction: &Transaction<'_>, regions: &RegionSet) -> rusqlite::Result<i64> {
    store_set(transaction, "region_set", "regions", &to_json(regions)?)
}

/// The key of a set, which is stored once.
fn store_set(transaction: &Transaction<'_>, name: &str, column: &str, text: &str) -> rusqlite::Result<i64> {
    let stored = transaction
        .prepare_cached(&format!("SELECT {name} FROM {name}s WHERE {column} = ?1"))?
        .query_row([text], |row| row.get(0))
        .optional()?;
    match stored {
        Some(key) => Ok(key),
        None => {
            transaction.prepare_cached(&format!("INSERT INTO {name}s ({column}) VALUES (?1)"))?.insert([text])
        }
    }
}
