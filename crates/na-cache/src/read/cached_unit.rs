//! The units of a cache, without their tables' rows.

use foldhash::{HashMap, HashMapExt};
use na_model::{MapSource, ReadAt, SourceFile, TableName, TivFinding, Unit, UnitKind};
use rusqlite::Row;

use crate::db::database::Database;
use crate::error::CacheError;
use crate::read::row_conversions::{count, map, session, tiv_finding, word};
use crate::read::sealed_part::SealKey;

/// A committed unit, without its tables' rows.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct CachedUnit {
    /// The number of its database.
    pub(crate) book: usize,
    /// Its row in `units`.
    pub(crate) key: i64,
    pub unit: Unit,
    /// When its files were read.
    pub read_at: ReadAt,
    pub tiv: TivFinding,
    /// Sorted by table and map.
    pub tables: Vec<CachedTableInfo>,
    /// Where several databases have some of it: what each of them has, the oldest first.
    pub(crate) versions: Vec<CachedUnit>,
}

/// A table of a unit, without its rows.
///
/// Sorts by table, then map: the order of the fields is that of the maps in exported files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CachedTableInfo {
    /// The long table that it feeds.
    pub table: TableName,
    /// `None` for an anatomical table.
    pub map: Option<MapSource>,
    /// One row a region.
    pub n_rows: usize,
    /// When its file was read.
    pub read_at: ReadAt,
    /// Which rows of a part it has. `None` if its rows are a blob of the database.
    pub seal: Option<SealKey>,
    /// Its row in `column_sets`.
    pub(crate) column_set: i64,
    /// Its row in `region_sets`.
    pub(crate) region_set: i64,
    /// Its row in `tables`.
    pub(crate) id: i64,
    /// The number of its database.
    pub(crate) book: usize,
}

/// Columns of `units` for [`unit`], of which schema 2 has fewer.
const FINDING_AND_TIME: &str = "tiv_finding, read_at";
const FINDING_AND_TIME_2: &str =
    "iif(tiv IS NULL, 'unknown', 'measured'), CAST(unixepoch(committed_at, 'subsec') * 1000000 AS INTEGER)";

/// All units of a database, which has this number.
pub(crate) fn by_session_and_kind(database: &Database, book: usize) -> Result<Vec<CachedUnit>, CacheError> {
    some_units(database, book, "", "subject_code, session_id, modality, input <> 'parcellate', input")
}

/// Units of a kind that were committed to the owner's database after another, in the order of their commits.
pub(crate) fn committed_after(
    database: &Database,
    kind: &UnitKind,
    after: Option<&CachedUnit>,
    at_most: usize,
) -> Result<Vec<CachedUnit>, CacheError> {
    let (after, modality) = (after.map_or(i64::MIN, |unit| unit.key), kind.modality.as_str());
    // Neither has a quotation mark.
    let input = kind.input.as_str();
    let which = format!(
        "WHERE unit IN (SELECT unit FROM units WHERE unit > {after} AND modality = '{modality}' AND input = '{input}'
                        ORDER BY unit LIMIT {at_most})"
    );
    some_units(database, 0, &which, "unit")
}

fn some_units(
    database: &Database,
    book: usize,
    which: &str,
    order: &str,
) -> Result<Vec<CachedUnit>, CacheError> {
    let is_old = database.is_schema_2();
    let input = database.input_column();
    let finding_and_time = if is_old { FINDING_AND_TIME_2 } else { FINDING_AND_TIME };
    let mut units = database.query(
        &format!(
            "SELECT subject_code, session_id, modality, tiv, unit, {finding_and_time}, {input} AS input FROM units {which}
             ORDER BY {order}"
        ),
        unit,
    )?;
    let read_at = if is_old { "0" } else { "read_at" };
    let seal = if database.has_parts() { "seal" } else { "NULL" };
    let tables = database.query(
        &format!(
            "SELECT unit, table_name, model, param, \"desc\", n_rows, column_set, region_set, id, {read_at}, {seal}
             FROM tables INDEXED BY tables_of_unit {which}"
        ),
        table,
    )?;
    let mut by_unit: HashMap<i64, Vec<CachedTableInfo>> = HashMap::new();
    for (unit, info) in tables {
        by_unit.entry(unit).or_default().push(info);
    }
    for unit in &mut units {
        unit.book = book;
        // A unit may have no tables.
        unit.tables = by_unit.remove(&unit.key).unwrap_or_default();
        unit.tables.iter_mut().for_each(|info| info.book = book);
        if is_old {
            unit.tables.iter_mut().for_each(|info| info.read_at = unit.read_at);
        }
        unit.tables.sort_unstable();
        unit.tables.shrink_to_fit();
    }
    Ok(units)
}

fn unit(row: &Row<'_>) -> rusqlite::Result<CachedUnit> {
    Ok(CachedUnit {
        book: 0,
        key: row.get(4)?,
        unit: Unit::new(session(row)?, UnitKind::new(word(row, 2)?, word(row, 7)?)),
        read_at: ReadAt(row.get(6)?),
        tiv: tiv_finding(row.get_ref(5)?.as_str()?, row.get(3)?),
        tables: Vec::new(),
        versions: Vec::new(),
    })
}

/// A table, with the row of its unit.
fn table(row: &Row<'_>) -> rusqlite::Result<(i64, CachedTableInfo)> {
    let info = CachedTableInfo {
        table: word(row, 1)?,
        map: map(row, 2)?,
        n_rows: count(row, 5)?,
        read_at: ReadAt(row.get(9)?),
        seal: row.get::<_, Option<i64>>(10)?.map(SealKey),
        column_set: row.get(6)?,
        region_set: row.get(7)?,
        id: row.get(8)?,
        book: 0,
    };
    Ok((row.get(0)?, info))
}

/// The files that a unit was read from.
pub(crate) fn sources(database: &Database, unit: &CachedUnit) -> Result<Vec<SourceFile>, CacheError> {
    let connection = database.connection()?;
    let text: String = connection
        .prepare_cached("SELECT sources FROM units WHERE unit = ?1")
        .and_then(|mut statement| statement.query_row([unit.key], |row| row.get(0)))
        .map_err(|source| database.sqlite(source))?;
    serde_json::from_str(&text).map_err(|error| database.damaged(error))
}
