//! A cache that the pandas package left: a row a region, complete sessions marked in `completed_sessions`.
//!
//! Nothing in it is changed. A session that was cut short has rows and no mark; one that was loaded again after a crash
//! has its rows twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use foldhash::{HashMap, HashMapExt};
use na_model::columns::{KEY_COLUMNS, SESSION, SUBJECT};
use na_model::{Modality, ReadAt, Session, TableName, TivFinding, Unit};
use rusqlite::types::Value;
use rusqlite::{Connection, Params, Row, params};

use crate::cancel::Cancel;
use crate::db::files::{cache_path, remove_files, size_bytes};
use crate::db::open_to_read::connect_to_read;
use crate::db::schema::is_pandas;
use crate::error::CacheError;
use crate::legacy::identifiers::{WrittenSession, as_text, quoted};
use crate::legacy::pandas_rows::PandasRows;
use crate::lock::owner_lock::OwnerLock;
use crate::read::status::CacheStatus;
use crate::write::encoded_unit::{EncodedTable, EncodedUnit};

/// A cache of the pandas package, open for reading.
#[derive(Debug)]
pub struct PandasCache {
    location: PathBuf,
    connection: Connection,
    tables: Vec<TableName>,
}

/// What can be taken over from a cache, and what cannot.
#[derive(Debug, Default)]
pub struct PandasUnits {
    /// Units that were complete.
    pub whole: Vec<PandasUnit>,
    /// A line about each other unit, with the reason.
    pub left_out: Vec<String>,
}

/// A unit that was complete.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "plain data")]
pub struct PandasUnit {
    pub unit: Unit,
    written: WrittenSession,
}

/// A complete unit as it was read.
#[derive(Debug)]
pub enum PandasRead {
    /// It can be taken over.
    Taken(TakenUnit),
    /// It cannot; the line names the unit and the reason.
    LeftOut(String),
}

/// A unit that can be taken over.
#[derive(Debug)]
#[expect(missing_docs, reason = "plain data: what a name does not say is documented")]
pub struct TakenUnit {
    pub unit: EncodedUnit,
    /// Age as the session list of that run had it, in the list's unit. `None` if it is missing.
    pub age: Option<f64>,
}

/// `None` if the pandas package did not leave it.
fn connect_if_of_pandas(location: &Path, cancel: &Cancel) -> Result<Option<Connection>, CacheError> {
    if !location.is_file() {
        return Ok(None);
    }
    let (connection, _) = connect_to_read(location, cancel)?;
    let is_pandas = is_pandas(&connection).map_err(|source| CacheError::sqlite(location, source))?;
    Ok(is_pandas.then_some(connection))
}

impl PandasCache {
    /// Opens the cache of an output folder. `None` if the pandas package did not leave it.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open_existing(output: &Path) -> Result<Option<Self>, CacheError> {
        Self::open_until(output, &Cancel::never())
    }

    /// The same. `cancel` ends a wait for a program that holds it.
    ///
    /// # Errors
    /// [`CacheError::Stopped`]; a file that cannot be read.
    pub fn open_until(output: &Path, cancel: &Cancel) -> Result<Option<Self>, CacheError> {
        let location = cache_path(output);
        let Some(connection) = connect_if_of_pandas(&location, cancel)? else { return Ok(None) };
        let sqlite = |source| CacheError::sqlite(&location, source);
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let names = rows(&connection, sql, [], |row| row.get::<_, String>(0)).map_err(sqlite)?;
        let mut tables: Vec<TableName> =
            names.iter().filter_map(|name| TableName::parse(name).ok()).collect();
        tables.sort_unstable();
        for (index, table) in tables.iter().enumerate() {
            index_rows(&connection, index, table).map_err(sqlite)?;
        }
        Ok(Some(Self { location, connection, tables }))
    }

    /// Whether the pandas package left the cache of an output folder. Its tables are not looked into.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn is_in(output: &Path) -> Result<bool, CacheError> {
        Ok(connect_if_of_pandas(&cache_path(output), &Cancel::never())?.is_some())
    }

    /// Counts what is complete.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn status(&self) -> Result<CacheStatus, CacheError> {
        let whole = self.units()?.whole;
        let n_of = |modality| whole.iter().filter(|unit| unit.unit.modality() == modality).count();
        Ok(CacheStatus {
            fresh: false,
            location: self.location.clone(),
            size_bytes: size_bytes(&self.location),
            anatomical_sessions: n_of(Modality::Anatomical),
            diffusion_sessions: n_of(Modality::Diffusion),
            tables: self.tables.clone(),
        })
    }

    /// The units that are complete, and lines about those that are not.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn units(&self) -> Result<PandasUnits, CacheError> {
        let mut units = PandasUnits::default();
        let mut seen: HashMap<Unit, WrittenSession> = HashMap::new();
        for modality in Modality::ALL {
            let marked = self.marked(modality)?;
            let with_rows = self.with_rows(modality)?;
            for written in marked.union(&with_rows) {
                let name = format!("{written} {modality}");
                let unit = match written.clean() {
                    Ok(session) => Unit::of_parcellate(session, modality),
                    Err(problem) => {
                        units.left_out.push(format!("{name}: {problem}"));
                        continue;
                    }
                };
                if !marked.contains(written) {
                    units.left_out.push(format!("{name}: it was cut short and is not complete"));
                } else if !with_rows.contains(written) {
                    units.left_out.push(format!("{name}: it is marked as complete and has no rows"));
                } else if let Some(other) = seen.insert(unit.clone(), written.clone()) {
                    units.left_out.push(format!("{name}: it is the same session as {other}"));
                } else {
                    units.whole.push(PandasUnit { unit, written: written.clone() });
                }
            }
        }
        Ok(units)
    }

    /// All sessions that the cache names, complete or not.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn mentioned_sessions(&self) -> Result<BTreeSet<Session>, CacheError> {
        let mut sessions = BTreeSet::new();
        for modality in Modality::ALL {
            let written = self.marked(modality)?.into_iter().chain(self.with_rows(modality)?);
            sessions.extend(written.filter_map(|written| written.clean().ok()));
        }
        Ok(sessions)
    }

    /// The atlas. `None` if rows name several, or a table has no such column.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn atlas_name(&self) -> Result<Option<String>, CacheError> {
        let mut names: BTreeSet<Option<String>> = BTreeSet::new();
        for table in &self.tables {
            let sql = format!("SELECT DISTINCT atlas_name FROM main.{}", quoted(&table.to_string()));
            if self.connection.prepare(&sql).is_err() {
                return Ok(None);
            }
            names.extend(rows(&self.connection, &sql, [], |row| row.get(0)).map_err(|e| self.sqlite(e))?);
        }
        Ok(if names.len() == 1 { names.pop_first().flatten() } else { None })
    }

    /// Reads a unit, each row once.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn read(&self, unit: &PandasUnit) -> Result<PandasRead, CacheError> {
        let mut tables = Vec::new();
        let mut tiv = None;
        let mut age = None;
        for (index, table) in self.tables_of(unit.unit.modality()) {
            let rows = self.rows_of(unit, index, table).map_err(|source| self.sqlite(source))?;
            tiv = tiv.or_else(|| rows.volume());
            age = age.or_else(|| rows.age());
            let batches = match rows.batches(table) {
                Ok(batches) => batches,
                Err(problem) => {
                    return Ok(PandasRead::LeftOut(format!("{}: {table}: {problem}", unit.unit)));
                }
            };
            for (map, batch) in batches {
                tables.push(EncodedTable::encode(table.clone(), map, &batch)?);
            }
        }
        let unit = EncodedUnit {
            unit: unit.unit.clone(),
            read_at: ReadAt::UNKNOWN,
            tiv: tiv.map_or(TivFinding::Kept, TivFinding::Measured),
            tables,
            sources: Vec::new(),
        };
        Ok(PandasRead::Taken(TakenUnit { unit, age }))
    }

    /// Deletes the cache, once everything in it is elsewhere.
    ///
    /// # Errors
    /// [`CacheError::LockLost`]; a file that cannot be deleted.
    pub fn remove(self, lock: &OwnerLock) -> Result<(), CacheError> {
        lock.ownership().check()?;
        let location = self.location.clone();
        drop(self);
        remove_files(&location)
    }

    /// The tables of a modality, with the number of their index.
    fn tables_of(&self, modality: Modality) -> impl Iterator<Item = (usize, &TableName)> {
        self.tables.iter().enumerate().filter(move |(_, table)| table.modality() == modality)
    }

    /// Sessions that are marked as complete.
    fn marked(&self, modality: Modality) -> Result<BTreeSet<WrittenSession>, CacheError> {
        let [subject, session] = KEY_COLUMNS.map(as_text);
        let sql = format!("SELECT {subject}, {session} FROM completed_sessions WHERE modality = ?1");
        let marked = rows(&self.connection, &sql, [modality.as_str()], WrittenSession::from_row);
        Ok(marked.map_err(|source| self.sqlite(source))?.into_iter().collect())
    }

    fn with_rows(&self, modality: Modality) -> Result<BTreeSet<WrittenSession>, CacheError> {
        let mut all = BTreeSet::new();
        for (index, _) in self.tables_of(modality) {
            let sql = format!("SELECT DISTINCT subject, session FROM rows_{index}");
            let sessions = rows(&self.connection, &sql, [], WrittenSession::from_row);
            all.extend(sessions.map_err(|source| self.sqlite(source))?);
        }
        Ok(all)
    }

    fn rows_of(&self, unit: &PandasUnit, index: usize, table: &TableName) -> rusqlite::Result<PandasRows> {
        let sql = format!(
            "SELECT t.* FROM rows_{index} AS r JOIN main.{} AS t ON t.rowid = r.row_id
             WHERE r.subject IS ?1 AND r.session IS ?2 ORDER BY r.row_id",
            quoted(&table.to_string())
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let WrittenSession { subject, session } = &unit.written;
        let rows = statement.query_map(params![subject, session], |row| {
            (0..names.len()).map(|column| row.get::<_, Value>(column)).collect::<Result<Vec<_>, _>>()
        })?;
        Ok(PandasRows { rows: rows.collect::<Result<_, _>>()?, names })
    }

    fn sqlite(&self, source: rusqlite::Error) -> CacheError {
        CacheError::sqlite(&self.location, source)
    }
}

/// Indexes a table in a temporary one: the package has no index, and each session would be a scan of the whole table.
fn index_rows(connection: &Connection, index: usize, table: &TableName) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "CREATE TEMP TABLE rows_{index} AS SELECT {} AS subject, {} AS session, rowid AS row_id FROM main.{};
         CREATE INDEX temp.of_session_{index} ON rows_{index} (subject, session, row_id);",
        as_text(SUBJECT),
        as_text(SESSION),
        quoted(&table.to_string())
    ))
}

fn rows<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare(sql)?.query_map(parameters, read)?.collect()
}
