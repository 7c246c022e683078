//! Caches that the pandas package left: a row a region, a session that is complete marked in `completed_sessions`.
//!
//! Nothing in them is changed. A session that was cut short has rows and no mark; one that was loaded again after a
//! crash has its rows twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, NullArray, RecordBatch, StringArray};
use na_model::columns::{AGE, HEMISPHERE_COLUMNS, INDEX, LABEL_COLUMNS};
use na_model::{
    MapSource, MetricKind, Modality, ReadAt, Region, Session, SessionId, SubjectCode, TableName, TivFinding,
    UNKNOWN, Unit, metric_kind,
};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

use crate::open::{files, remove_files};
use crate::reading::connect_to_read;
use crate::schema::is_pandas;
use crate::{Cache, CacheError, CacheStatus, Cancel, EncodedTable, EncodedUnit, OwnerLock};

/// A cache of the pandas package, open for reading.
#[derive(Debug)]
pub struct PandasCache {
    location: PathBuf,
    connection: Connection,
    tables: Vec<TableName>,
}

/// Identifiers as they stand in the cache.
pub(crate) type Written = (Option<String>, Option<String>);

/// What can be taken over from a cache, and what cannot.
#[derive(Debug, Default)]
pub struct PandasUnits {
    /// Units that were complete.
    pub whole: Vec<PandasUnit>,
    /// Lines about the others: which, and why.
    pub left_out: Vec<String>,
}

/// A unit that was complete.
#[derive(Debug, Clone)]
pub struct PandasUnit {
    /// Which.
    pub unit: Unit,
    written: Written,
}

/// A unit as it was read.
#[derive(Debug)]
pub struct TakenUnit {
    /// Its tables.
    pub unit: EncodedUnit,
    /// What the session list of then said of age.
    pub age: Option<f64>,
}

/// What the package takes age from, in its order.
const AGE_COLUMNS: [&str; 4] = [AGE, "Age@Scan", "age", "Age"];

impl PandasCache {
    /// Opens the cache of an output folder, if the pandas package left it.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open_existing(output: &Path) -> Result<Option<Self>, CacheError> {
        let location = Cache::path_in(output);
        if !location.is_file() {
            return Ok(None);
        }
        let (connection, _) = connect_to_read(&location, &Cancel::never())?;
        let sqlite = |source| CacheError::sqlite(&location, source);
        if !is_pandas(&connection).map_err(sqlite)? {
            return Ok(None);
        }
        let names = texts(&connection, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name");
        let names = names.map_err(sqlite)?.into_iter().flatten();
        let mut tables: Vec<TableName> = names.filter_map(|name| TableName::parse(&name).ok()).collect();
        tables.sort_unstable();
        for (place, table) in tables.iter().enumerate() {
            // The tables have no index; the rows of a session would be looked for in all of them each time.
            let rows = format!(
                "CREATE TEMP TABLE rows_{place} AS SELECT {} AS subject, {} AS session, rowid AS place FROM main.{};
                 CREATE INDEX temp.of_session_{place} ON rows_{place} (subject, session, place);",
                as_written("subject_code"),
                as_written("session_id"),
                quoted(&table.to_string())
            );
            connection.execute_batch(&rows).map_err(sqlite)?;
        }
        Ok(Some(Self { location, connection, tables }))
    }

    /// Counts what is complete.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn status(&self) -> Result<CacheStatus, CacheError> {
        let whole = self.units()?.whole;
        let of = |modality| whole.iter().filter(|unit| unit.unit.modality == modality).count();
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let [file, log, _, _] = files(&self.location);
        Ok(CacheStatus {
            fresh: false,
            location: self.location.clone(),
            size_bytes: size(&file) + size(&log),
            anatomical_sessions: of(Modality::Anatomical),
            diffusion_sessions: of(Modality::Diffusion),
            tables: self.tables.clone(),
        })
    }

    /// The units that are complete, and those that are not.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn units(&self) -> Result<PandasUnits, CacheError> {
        let mut units = PandasUnits::default();
        let mut seen: HashMap<Unit, Written> = HashMap::new();
        for modality in Modality::ALL {
            let marked = self.marked(modality)?;
            let with_rows = self.with_rows(modality)?;
            for written in marked.union(&with_rows) {
                let name = format!("{} {modality}", described(written));
                let unit = match session(written) {
                    Ok(session) => Unit::new(session, modality),
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
                    let other = described(&other);
                    units.left_out.push(format!("{name}: it is the same session as {other}"));
                } else {
                    units.whole.push(PandasUnit { unit, written: written.clone() });
                }
            }
        }
        Ok(units)
    }

    /// All sessions that it names, complete or not.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn mentioned_sessions(&self) -> Result<BTreeSet<Session>, CacheError> {
        let mut sessions = BTreeSet::new();
        for modality in Modality::ALL {
            let written = self.marked(modality)?.into_iter().chain(self.with_rows(modality)?);
            sessions.extend(written.filter_map(|written| session(&written).ok()));
        }
        Ok(sessions)
    }

    /// The atlas, where every row says the same.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn atlas_name(&self) -> Result<Option<String>, CacheError> {
        let mut named = BTreeSet::new();
        for table in &self.tables {
            let sql = format!("SELECT DISTINCT atlas_name FROM main.{}", quoted(&table.to_string()));
            // Tables of an atlas without the column do not say it.
            if self.connection.prepare(&sql).is_err() {
                return Ok(None);
            }
            named.extend(
                texts(&self.connection, &sql).map_err(|source| CacheError::sqlite(&self.location, source))?,
            );
        }
        Ok(if named.len() == 1 { named.into_iter().next().flatten() } else { None })
    }

    /// Reads a unit, each row once. The inner error says why it cannot be taken over.
    ///
    /// # Errors
    /// A cache that cannot be read.
    pub fn read(&self, unit: &PandasUnit) -> Result<Result<TakenUnit, String>, CacheError> {
        let mut tables = Vec::new();
        let mut tiv = None;
        let mut age = None;
        let of_modality = self.tables.iter().enumerate();
        for (place, table) in of_modality.filter(|(_, table)| table.modality() == unit.unit.modality) {
            let rows = self.rows(place, table, unit)?;
            tiv = tiv.or_else(|| rows.volume());
            age = age.or_else(|| rows.age());
            for (map, batch) in match rows.batches(table) {
                Ok(batches) => batches,
                Err(problem) => return Ok(Err(format!("{}: {table}: {problem}", unit.unit))),
            } {
                tables.push(EncodedTable::encode(table.clone(), map, &batch)?);
            }
        }
        let tiv = tiv.map_or(TivFinding::Kept, TivFinding::Measured);
        let read_at = ReadAt::UNKNOWN;
        let unit = EncodedUnit { unit: unit.unit.clone(), read_at, tiv, tables, sources: Vec::new() };
        Ok(Ok(TakenUnit { unit, age }))
    }

    /// Deletes the cache, once what it held is elsewhere.
    ///
    /// # Errors
    /// A file that cannot be deleted.
    pub fn remove(self, lock: &OwnerLock) -> Result<(), CacheError> {
        lock.ownership().check()?;
        let location = self.location.clone();
        drop(self);
        remove_files(&location)
    }

    fn marked(&self, modality: Modality) -> Result<BTreeSet<Written>, CacheError> {
        let [subject, session] = ["subject_code", "session_id"].map(as_written);
        self.written(
            &format!("SELECT {subject}, {session} FROM completed_sessions WHERE modality = ?1"),
            Some(modality),
        )
    }

    fn with_rows(&self, modality: Modality) -> Result<BTreeSet<Written>, CacheError> {
        let mut all = BTreeSet::new();
        let tables = self.tables.iter().enumerate();
        for (place, _) in tables.filter(|(_, table)| table.modality() == modality) {
            all.extend(self.written(&format!("SELECT DISTINCT subject, session FROM rows_{place}"), None)?);
        }
        Ok(all)
    }

    fn written(&self, sql: &str, modality: Option<Modality>) -> Result<BTreeSet<Written>, CacheError> {
        let read = || {
            let mut statement = self.connection.prepare(sql)?;
            let parameters = rusqlite::params_from_iter(modality.map(Modality::as_str));
            let rows = statement.query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<rusqlite::Result<BTreeSet<Written>>>()
        };
        read().map_err(|source| CacheError::sqlite(&self.location, source))
    }

    fn rows(&self, place: usize, table: &TableName, unit: &PandasUnit) -> Result<Rows, CacheError> {
        let sql = format!(
            "SELECT t.* FROM rows_{place} AS r JOIN main.{} AS t ON t.rowid = r.place
             WHERE r.subject IS ?1 AND r.session IS ?2 ORDER BY r.place",
            quoted(&table.to_string())
        );
        let read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            let names: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
            let (subject, session) = &unit.written;
            let rows = statement.query_map(params![subject, session], |row| {
                (0..names.len()).map(|column| row.get::<_, Value>(column)).collect::<Result<Vec<_>, _>>()
            })?;
            Ok(Rows { rows: rows.collect::<Result<_, _>>()?, names })
        };
        read().map_err(|source| CacheError::sqlite(&self.location, source))
    }
}

/// The rows of a unit in one table.
struct Rows {
    names: Vec<String>,
    rows: Vec<Vec<Value>>,
}

/// The tables of a unit, by map.
type Batches = Vec<(Option<MapSource>, RecordBatch)>;

impl Rows {
    fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| column == name)
    }

    /// What the session list said of age, under the first name that the package takes it from.
    fn age(&self) -> Option<f64> {
        let place = AGE_COLUMNS.into_iter().find_map(|name| self.place(name))?;
        self.rows.iter().find_map(|row| number(row.get(place)?)).filter(|age| age.is_finite())
    }

    fn volume(&self) -> Option<f64> {
        let place = self.place("tiv")?;
        let volumes = self.rows.iter().filter_map(|row| number(row.get(place)?));
        volumes.filter(|volume| volume.is_finite() && *volume > 0.0).take(1).next()
    }

    /// The columns of the files themselves, a batch for each map. Behind what the package adds stand the session list's.
    fn batches(&self, table: &TableName) -> Result<Batches, String> {
        let added = table.added_columns();
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let starts = |name: &&str| matches!(*name, "modality" | "workflow" | "subject_code");
        let first = names.windows(added.len()).position(|window| window == added);
        let first = first.or_else(|| names.iter().position(starts)).unwrap_or(names.len());
        let own = names.into_iter().enumerate().take(first).filter(|(_, name)| !added.contains(name));
        let own: Vec<(usize, &str)> = own.collect();
        let text = |row: &[Value], name: &str| match self.place(name).and_then(|place| row.get(place)) {
            Some(Value::Text(text)) => Some(text.clone()),
            Some(Value::Integer(number)) => Some(number.to_string()),
            Some(Value::Real(number)) => Some(number.to_string()),
            _ => None,
        };
        let mut by_map: BTreeMap<Option<MapSource>, Vec<&Vec<Value>>> = BTreeMap::new();
        let mut regions: HashMap<(Option<MapSource>, Region), &Vec<Value>> = HashMap::new();
        for row in &self.rows {
            let map = match table {
                TableName::Anatomical(_) => None,
                TableName::Diffusion(_) => Some(MapSource {
                    model: text(row, "model").unwrap_or_else(|| UNKNOWN.to_owned()),
                    param: text(row, "param").ok_or("a row has no param")?,
                    desc: text(row, "desc").unwrap_or_else(|| UNKNOWN.to_owned()),
                }),
            };
            let hemisphere = |name: &str| Region::hemisphere_in(name, &text(row, name)?).map(str::to_owned);
            let region = Region {
                index: text(row, INDEX).and_then(|index| index.parse().ok()),
                label: LABEL_COLUMNS.into_iter().find_map(|name| text(row, name)),
                hemisphere: HEMISPHERE_COLUMNS.into_iter().find_map(hemisphere),
            };
            match regions.insert((map.clone(), region.clone()), row) {
                Some(other) if other == row => continue,
                Some(_) => {
                    let index = region.index.map(|index| index.to_string());
                    let words: Vec<String> =
                        [index, region.label, region.hemisphere].into_iter().flatten().collect();
                    return Err(format!("two rows of region {} differ", words.join(" ")));
                }
                None => by_map.entry(map).or_default().push(row),
            }
        }
        let batch = |rows: &[&Vec<Value>]| {
            let columns = own.iter().map(|(place, name)| {
                let values: Vec<&Value> = rows.iter().filter_map(|row| row.get(*place)).collect();
                Ok((*name, column(name, &values)?, true))
            });
            let columns = columns.collect::<Result<Vec<_>, String>>()?;
            RecordBatch::try_from_iter_with_nullable(columns).map_err(|error| error.to_string())
        };
        by_map.into_iter().map(|(map, rows)| Ok((map, batch(&rows)?))).collect()
    }
}

/// A column in the type that all its values have.
fn column(name: &str, values: &[&Value]) -> Result<ArrayRef, String> {
    let kind = metric_kind(name);
    let is = |test: fn(&Value) -> bool| values.iter().all(|value| test(value));
    if is(|value| matches!(value, Value::Null)) {
        return Ok(Arc::new(NullArray::new(values.len())));
    }
    if kind == Some(MetricKind::Flag) {
        let flags = values.iter().map(|value| flag(value));
        let flags = flags.collect::<Result<BooleanArray, _>>();
        return Ok(Arc::new(
            flags.map_err(|()| format!("the column {name} holds what is neither true nor false"))?,
        ));
    }
    if is(|value| matches!(value, Value::Null | Value::Integer(_))) {
        let integers = values.iter().map(|value| match value {
            Value::Integer(integer) => Some(*integer),
            _ => None,
        });
        return Ok(Arc::new(integers.collect::<Int64Array>()));
    }
    if is(|value| matches!(value, Value::Null | Value::Integer(_) | Value::Real(_))) {
        return Ok(Arc::new(values.iter().map(|value| number(value)).collect::<Float64Array>()));
    }
    if kind == Some(MetricKind::Number) {
        return Err(format!("the column {name} holds text among its numbers"));
    }
    let texts = values.iter().map(|value| match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(integer) => Some(integer.to_string()),
        Value::Real(number) => Some(format!("{number:?}")),
        Value::Null | Value::Blob(_) => None,
    });
    Ok(Arc::new(texts.collect::<StringArray>()))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Real(number) => Some(*number),
        #[expect(clippy::cast_precision_loss, reason = "SQLite keeps whole doubles as integers")]
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}

/// A flag as the first session of a table made its column: of whole numbers, of doubles where all were missing, of text.
fn flag(value: &Value) -> Result<Option<bool>, ()> {
    match value {
        Value::Null => Ok(None),
        Value::Integer(0) => Ok(Some(false)),
        Value::Integer(1) => Ok(Some(true)),
        Value::Real(number) if *number == 0.0 => Ok(Some(false)),
        Value::Real(number) if *number == 1.0 => Ok(Some(true)),
        Value::Text(word) => match word.as_str() {
            "True" | "1" | "1.0" => Ok(Some(true)),
            "False" | "0" | "0.0" => Ok(Some(false)),
            _ => Err(()),
        },
        _ => Err(()),
    }
}

fn texts(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<Option<String>>> {
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn described((subject, session): &Written) -> String {
    let subject = subject.as_deref().unwrap_or("(no subject)");
    session.as_deref().map_or_else(|| subject.to_owned(), |session| format!("{subject} {session}"))
}

/// An identifier as text. Where one of a column was missing, pandas made whole numbers doubles: `7.0` is `7`.
pub(crate) fn as_written(column: &str) -> String {
    format!(
        "CASE WHEN typeof({column}) = 'real' AND {column} = CAST({column} AS INTEGER)
         THEN CAST(CAST({column} AS INTEGER) AS TEXT) ELSE CAST({column} AS TEXT) END"
    )
}

/// The session that identifiers mean, by the one rule that cleans them.
pub(crate) fn session((subject, session): &Written) -> Result<Session, String> {
    let subject = SubjectCode::clean(subject.as_deref().unwrap_or_default()).map_err(|e| e.to_string())?;
    let id = SessionId::clean(session.as_deref().unwrap_or_default()).map_err(|e| e.to_string())?;
    Ok(Session::new(subject, id))
}
